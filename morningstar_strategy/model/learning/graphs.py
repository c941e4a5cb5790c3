"""Model graphs: checked, calibrated, averaged and run, whatever family they come from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from morningstar_strategy.model.heads import OUTPUTS, RAW_OUTPUTS, Float32Array
from morningstar_strategy.model.learning.calibration import Calibration, Platt

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto
    from onnxruntime import InferenceSession

    from morningstar_strategy.model.learning.sketch import Sketch

__all__ = ["Calibration", "Platt", "check", "finish", "mean", "run", "run_raw", "window_of"]

_END: Final = 2**31 - 1  # of a slice that goes to the last row


def check(graph: bytes) -> None:
    """Raise ValueError, in one sentence, for bytes that are no sound raw or finished graph."""
    from morningstar_strategy.model.learning import graph_check

    graph_check.check(graph)


def window_of(graph: bytes) -> int:
    """Return the number of bars that a graph looks at."""
    from morningstar_strategy.model.learning.graph_check import bars_shape, parse

    return bars_shape(parse(graph))[0]


def finish(raw: bytes, calibration: Calibration) -> bytes:
    """Turn the logits of a raw graph into calibrated probabilities."""
    from morningstar_strategy.model.learning.graph_check import parse_raw
    from morningstar_strategy.model.learning.sketch import Sketch

    model = parse_raw(raw, "raw")
    sketch = Sketch("finish/")
    touch = _probability(sketch, "touch_logit", calibration.touch)
    up = _probability(sketch, "direction_logit", calibration.direction)
    turbulent = _probability(sketch, "turbulent_logit", calibration.turbulent)
    long = sketch.add("Mul", touch, up)
    short = sketch.add("Mul", touch, _complement(sketch, up))
    flat = _complement(sketch, touch)
    sketch.add("Concat", short, flat, long, axis=1, output="signal")
    sketch.add("Concat", _complement(sketch, turbulent), turbulent, axis=1, output="regime")
    model.graph.node.extend(sketch.nodes)
    model.graph.initializer.extend(sketch.constants)
    return _sealed(model, model.graph.input, OUTPUTS)


def mean(first: bytes, second: bytes) -> bytes:
    """Average what two raw graphs say, logit by logit and quantile by quantile.

    Of two windows the shorter ends at the same bar as the longer.
    Raises ValueError for graphs that want other features or other alternative data.
    """
    from onnx import compose, helper

    from morningstar_strategy.model.learning.graph_check import bars_shape, parse_raw
    from morningstar_strategy.model.learning.sketch import Sketch, model_of

    models = {"first/": parse_raw(first, "first"), "second/": parse_raw(second, "second")}
    inputs = _joint_inputs(*models.values())
    sketch = Sketch("mean/")
    nodes, constants = [], []
    for prefix, model in models.items():
        _feed(sketch, model, prefix, bars_shape(model)[0])
        part = compose.add_prefix(model, prefix).graph
        nodes += part.node
        constants += part.initializer
    feeding = len(sketch.nodes)
    for name in RAW_OUTPUTS:
        total = sketch.add("Add", f"first/{name}", f"second/{name}")
        sketch.add("Mul", total, sketch.constant(0.5), output=name)
    nodes = [*sketch.nodes[:feeding], *nodes, *sketch.nodes[feeding:]]
    graph = helper.make_graph(nodes, "mean", [], [], [*constants, *sketch.constants])
    return _sealed(model_of(graph), inputs.values(), RAW_OUTPUTS)


def run_raw(
    raw: bytes, bars: Float32Array | Iterable[Float32Array], *, threads: int = 1, batch: int = 4096
) -> dict[str, Float32Array]:
    """Run a raw graph, like `run`; raise ValueError where it is not raw."""
    outputs = run(raw, bars, threads=threads, batch=batch)
    if tuple(outputs) != RAW_OUTPUTS:
        raise ValueError(f"raw must have the outputs of a raw graph, had {', '.join(outputs)}")
    return outputs


def run(
    graph: bytes,
    bars: Float32Array | Iterable[Float32Array],
    *,
    threads: int = 1,
    batch: int = 4096,
) -> dict[str, Float32Array]:
    """Run a graph over bars [N, window, features], or over blocks of them one after another.

    Alternative data are taken as absent. Raises ValueError for a block of another shape or type
    and for one that is not finite.
    """
    session = _session(graph, threads)
    shapes = {each.name: each.shape[1:] for each in session.get_inputs()}
    parts: dict[str, list[Float32Array]] = {
        each.name: [np.empty((0, *each.shape[1:]), np.float32)] for each in session.get_outputs()
    }
    for block in _blocks(bars, batch):
        feeds = _feeds(block, shapes)
        for name, values in zip(parts, session.run(None, feeds), strict=True):
            parts[name].append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _probability(sketch: "Sketch", logit: str, platt: Platt) -> str:
    """Draw the calibrated probability, shape [batch, 1]."""
    column = sketch.add("Unsqueeze", logit, sketch.constant([1], np.int64))
    sloped = sketch.add("Mul", column, sketch.constant(platt.slope))
    return sketch.add("Sigmoid", sketch.add("Add", sloped, sketch.constant(platt.offset)))


def _complement(sketch: "Sketch", probability: str) -> str:
    return sketch.add("Sub", sketch.constant(1.0), probability)


def _joint_inputs(first: "ModelProto", second: "ModelProto") -> "dict[str, ValueInfoProto]":
    """Give the inputs of both: the longer bars, and the alternative data of either."""
    from morningstar_strategy.model.learning.graph_check import bars_shape, shape_of

    (_, features), (_, others) = bars_shape(first), bars_shape(second)
    if others != features:
        raise ValueError(f"second must want {features} features, wanted {others}")
    joint = {each.name: each for each in first.graph.input}
    for each in second.graph.input:
        known = joint.setdefault(each.name, each)
        if each.name != "bars" and shape_of(known) != shape_of(each):
            raise ValueError(
                f"second must want {shape_of(known)[1]} columns of {each.name}, "
                f"wanted {shape_of(each)[1]}"
            )
    longer = max(first, second, key=bars_shape)
    return joint | {each.name: each for each in longer.graph.input if each.name == "bars"}


def _feed(sketch: "Sketch", model: "ModelProto", prefix: str, window: int) -> None:
    """Draw what one part of a mean is given of the joint inputs."""
    for each in model.graph.input:
        if each.name == "bars":
            limits = (sketch.constant([at], np.int64) for at in (-window, _END, 1))
            sketch.add("Slice", "bars", *limits, output=prefix + "bars")
        else:
            sketch.add("Identity", each.name, output=prefix + each.name)


def _sealed(
    model: "ModelProto", inputs: "Iterable[ValueInfoProto]", outputs: Iterable[str]
) -> bytes:
    """Give the bytes of a checked graph with these inputs and outputs, of one named batch size."""
    from morningstar_strategy.model.learning.graph_check import check as check_graph
    from morningstar_strategy.model.learning.graph_check import shape_of, width_of
    from morningstar_strategy.model.learning.sketch import serialized, tensor

    taken = [tensor(each.name, *shape_of(each)[1:]) for each in inputs]
    graph = model.graph
    for values in (graph.input, graph.output, graph.value_info):
        del values[:]
    graph.input.extend(taken)
    graph.output.extend(tensor(name, *width_of(name)) for name in outputs)
    sealed = serialized(model)
    check_graph(sealed)
    return sealed


def _session(graph: bytes, threads: int) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _blocks(bars: Float32Array | Iterable[Float32Array], batch: int) -> Iterator[Float32Array]:
    for block in (bars,) if isinstance(bars, np.ndarray) else bars:
        for start in range(0, len(block), batch):
            yield block[start : start + batch]


def _feeds(block: Float32Array, shapes: Mapping[str, list[int]]) -> dict[str, Float32Array]:
    window = shapes["bars"]
    if block.dtype != np.float32 or list(block.shape[1:]) != window:
        raise ValueError(f"bars must be float32 of {window}, were {block.dtype} of {block.shape}")
    if not np.isfinite(block).all():
        raise ValueError(f"bars must be finite, were {block[~np.isfinite(block)][0]}")
    absent = {name: np.zeros((len(block), *shape), np.float32) for name, shape in shapes.items()}
    return absent | {"bars": block}
