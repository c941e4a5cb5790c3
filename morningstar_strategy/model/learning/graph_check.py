"""What every model graph must look like before anything is done with it."""

from collections.abc import Iterator, Sequence
from typing import Final

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has none
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from morningstar_strategy.model.heads import OUTPUTS, QUANTILES, RAW_OUTPUTS

__all__ = ["OPSETS", "bars_shape", "check", "parse", "parse_raw", "shape_of", "width_of"]

OPSETS: Final = {"": 20, "ai.onnx.ml": 3}  # the only operators, at the only versions
_IR_VERSIONS: Final = (9, 10)
_INPUTS: Final = (("bars",), ("bars", "alt", "alt_mask"))
_WIDTHS: Final = {"signal": 3, "regime": 2, "mfe_q": len(QUANTILES), "mae_q": len(QUANTILES)}


def parse(graph: bytes) -> ModelProto:
    """Read a graph; raise ValueError for bytes that are none."""
    try:
        model = onnx.load_model_from_string(graph)
    except DecodeError as e:
        raise ValueError(f"graph must be an ONNX model, were {len(graph)} other bytes") from e
    if not model.graph.node:
        raise ValueError("graph must have nodes, had none")
    return model


def parse_raw(graph: bytes, name: str) -> ModelProto:
    """Read a checked raw graph; raise ValueError where it is not one."""
    model = parse(graph)
    found = tuple(each.name for each in model.graph.output)
    if found != RAW_OUTPUTS:
        raise ValueError(f"{name} must have the outputs of a raw graph, had {', '.join(found)}")
    _check(model)
    return model


def check(graph: bytes) -> None:
    """Raise ValueError, in one sentence, for anything but a sound raw or finished graph."""
    _check(parse(graph))


def bars_shape(model: ModelProto) -> tuple[int, int]:
    """Return window and features of the bars that a graph wants."""
    for given in model.graph.input:
        if given.name == "bars" and len(shape := shape_of(given)) == 3:
            return int(shape[1]), int(shape[2])
    raise ValueError("graph must have an input bars of [batch, window, features], had none")


def shape_of(value: ValueInfoProto) -> tuple[int, ...]:
    """Return the sizes of an input or output, 0 where any size will do."""
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


def width_of(output: str) -> tuple[int, ...]:
    """Return the shape of one row of an output."""
    return (_WIDTHS[output],) if output in _WIDTHS else ()


def _check(model: ModelProto) -> None:
    if model.ir_version not in _IR_VERSIONS:
        raise ValueError(f"ir_version must be in {_IR_VERSIONS}, was {model.ir_version}")
    nodes = list(_nodes(model.graph))
    _check_operators(model, nodes)
    for each in _tensors(model.graph, nodes):
        if each.data_location == TensorProto.EXTERNAL:
            raise ValueError(f"graph must hold all its data, {each.name} lies outside")
    _check_inputs(model.graph.input)
    _check_outputs(model.graph.output)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as e:
        raise ValueError(f"graph must be sound: {str(e).strip().splitlines()[0]}") from e


def _check_operators(model: ModelProto, nodes: Sequence[NodeProto]) -> None:
    versions = {each.domain: each.version for each in model.opset_import}
    foreign = {*versions, *(each.domain for each in nodes)} - set(OPSETS)
    if foreign:
        raise ValueError(f"graph must only use operators of ONNX, used some of {min(foreign)}")
    if len(model.functions):
        raise ValueError(f"graph must have no functions, had {model.functions[0].name}")
    for domain, version in versions.items():
        if version != OPSETS[domain]:
            name = domain or "ai.onnx"
            raise ValueError(f"opset of {name} must be {OPSETS[domain]}, was {version}")


def _check_inputs(given: Sequence[ValueInfoProto]) -> None:
    names = tuple(each.name for each in given)
    if names not in _INPUTS:
        raise ValueError(f"inputs must be bars, or bars, alt and alt_mask, were {', '.join(names)}")
    for each in given:
        rank = 3 if each.name == "bars" else 2
        _check_float(each)
        shape = shape_of(each)
        if len(shape) != rank or shape[0] or not all(shape[1:]):
            raise ValueError(f"{each.name} must be a table of any batch size, was {list(shape)}")
    if len(given) == 3 and (alt := shape_of(given[1])) != (mask := shape_of(given[2])):
        raise ValueError(f"alt_mask must have the shape of alt, {list(alt)}, was {list(mask)}")


def _check_outputs(given: Sequence[ValueInfoProto]) -> None:
    names = tuple(each.name for each in given)
    if names not in (RAW_OUTPUTS, OUTPUTS):
        raise ValueError(f"outputs must be {', '.join(OUTPUTS)}, or raw, were {', '.join(names)}")
    for each in given:
        _check_float(each)
        if shape_of(each) != (0, *width_of(each.name)):
            wanted = ["batch", *width_of(each.name)]
            raise ValueError(f"{each.name} must be {wanted}, was {list(shape_of(each))}")


def _check_float(value: ValueInfoProto) -> None:
    kind = value.type.tensor_type.elem_type
    if kind != TensorProto.FLOAT:
        name = TensorProto.DataType.Name(kind)
        raise ValueError(f"{value.name} must be FLOAT, was {name}")


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Give every node, those inside branches and loops too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: GraphProto, nodes: Sequence[NodeProto]) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in nodes:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            yield from attribute.g.initializer
