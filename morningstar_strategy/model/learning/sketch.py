"""Draw graphs node by node: a table of scores becomes the outputs of a raw graph."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.heads import QUANTILES, RAW_OUTPUTS
from morningstar_strategy.model.learning.baselines import HAR_COLUMNS
from morningstar_strategy.model.learning.graph_check import OPSETS, width_of

__all__ = ["SCORES", "Sketch", "dense", "model_of", "raw_graph", "serialized", "tensor"]

_IR_VERSION: Final = 10

# Columns of the score table
_TOUCH, _DIRECTION, _ABOVE_HAR, _TURBULENT, _MFE = range(5)
_MAE: Final = _MFE + len(QUANTILES)
SCORES: Final = _MAE + len(QUANTILES)


class Sketch:
    """Collect nodes and constants under names that begin with one prefix."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._prefix = prefix

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Keep a constant and return its name."""
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def add(
        self,
        kind: str,
        *inputs: str,
        output: str | None = None,
        domain: str = "",
        **attributes: Any,  # whatever the operator takes: numbers, strings, lists of them
    ) -> str:
        """Add a node with one output and return the output's name."""
        name = f"{self._prefix}{kind.lower()}_{len(self.nodes)}"
        output = output or name
        node = helper.make_node(kind, inputs, [output], name=name, domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def columns(self, table: str, indices: list[int]) -> str:
        """Take columns of a table, shape [batch, columns]."""
        return self.add("Gather", table, self.constant(indices, np.int64), axis=1)

    def column(self, table: str, index: int, output: str | None = None) -> str:
        """Take one column of a table, shape [batch]."""
        return self.add("Gather", table, self.constant(index, np.int64), axis=1, output=output)


def raw_graph(
    features: int, har: FloatArray, scores: Callable[[Sketch, str], str], *, name: str
) -> bytes:
    """Draw the raw graph of a family that looks at the last bar only.

    `scores` draws [batch, features] -> [batch, SCORES]: three logits, what ln_rv is above the HAR
    forecast, and two sets of quantiles, which are made not to cross and not to be negative here.
    """
    sketch = Sketch()
    last = sketch.add("Squeeze", "bars", sketch.constant([1], np.int64))
    table = scores(sketch, last)
    sketch.column(table, _TOUCH, "touch_logit")
    sketch.column(table, _DIRECTION, "direction_logit")
    forecast = _har(sketch, last, har)
    sketch.add("Add", forecast, sketch.column(table, _ABOVE_HAR), output="ln_rv")
    sketch.column(table, _TURBULENT, "turbulent_logit")
    _quantiles(sketch, table, _MFE, "mfe_q")
    _quantiles(sketch, table, _MAE, "mae_q")
    graph = helper.make_graph(
        sketch.nodes,
        name,
        [tensor("bars", 1, features)],
        [tensor(each, *width_of(each)) for each in RAW_OUTPUTS],
        sketch.constants,
    )
    return serialized(model_of(graph))


def dense(sketch: Sketch, table: str, weights: FloatArray, bias: FloatArray) -> str:
    """Multiply a table with weights [K, N] and add a bias [N]."""
    return sketch.add("Gemm", table, sketch.constant(weights), sketch.constant(bias))


def model_of(graph: GraphProto) -> ModelProto:
    """Wrap a graph with the operator sets that every graph here is written in."""
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


def serialized(model: ModelProto) -> bytes:
    """Give the bytes of a model, the same for the same model."""
    return bytes(model.SerializeToString(deterministic=True))


def tensor(name: str, *shape: int) -> ValueInfoProto:
    """Describe a float32 input or output of any batch size."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])


def _har(sketch: Sketch, last: str, har: FloatArray) -> str:
    columns = sketch.columns(last, list(HAR_COLUMNS))
    weighted = sketch.add("Mul", columns, sketch.constant(har[:-1]))
    total = sketch.add("ReduceSum", weighted, sketch.constant([1], np.int64), keepdims=0)
    return sketch.add("Add", total, sketch.constant(har[-1]))


def _quantiles(sketch: Sketch, table: str, start: int, output: str) -> None:
    floor = sketch.constant(0.0)
    parts: list[str] = []
    for index in range(start, start + len(QUANTILES)):
        floor = sketch.add("Max", floor, sketch.columns(table, [index]))
        parts.append(floor)
    sketch.add("Concat", *parts, axis=1, output=output)
