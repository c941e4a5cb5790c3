"""What an exporter wrote: made bare, and held against the network that it came from."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from morningstar_strategy.core.bars import IntArray
from morningstar_strategy.model.heads import RAW_OUTPUTS, Float32Array
from morningstar_strategy.model.learning import dataset
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.hybrid_settings import HybridSettings

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["PARITY", "bare", "check_parity", "samples"]

PARITY: Final = 1e-5  # of the value, or of 1 where it is less
_BATCHES: Final = (1, 2, 7, 257)


def bare(model: "ModelProto") -> bytes:
    """Drop what only tells where the graph was made: source lines, stacks and inner shapes."""
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return bytes(model.SerializeToString(deterministic=True))


def samples(
    family: HybridSettings, panel: Panel, rows: IntArray
) -> Iterator[dict[str, Float32Array]]:
    """Give the graph's inputs in batches of several sizes, taken from the rows."""
    for size in _BATCHES:
        some = np.resize(rows, size)
        inputs = {"bars": dataset.windows(panel, some, family.window)}
        if (alternative := family.alternative) is not None:
            inputs["alt"] = alternative.values[some]
            inputs["alt_mask"] = alternative.known[some].astype(np.float32)
        yield inputs


def check_parity(
    graph: bytes, inputs: Mapping[str, Float32Array], answer: Mapping[str, Float32Array]
) -> None:
    """Raise ValueError where the graph answers otherwise than the network did."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    found = session.run(list(RAW_OUTPUTS), dict(inputs))
    for name, values in zip(RAW_OUTPUTS, found, strict=True):
        wanted = answer[name]
        if values.shape != wanted.shape:
            raise ValueError(f"{name} of the graph must be {wanted.shape}, was {values.shape}")
        apart = float(np.max(np.abs(values - wanted) / np.maximum(1.0, np.abs(wanted))))
        if not apart <= PARITY:
            raise ValueError(f"{name} of the graph must be the network's, was {apart:.1e} off")
