"""Tasks and graphs that the tests of the model's families learn from and run."""

from collections.abc import Callable
from typing import Final

import numpy as np
from onnx import GraphProto, ModelProto, helper

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.model.heads import RAW_OUTPUTS, Float32Array
from morningstar_strategy.model.learning import baselines, dataset
from morningstar_strategy.model.learning.graph_check import width_of
from morningstar_strategy.model.learning.sketch import (
    SCORES,
    Sketch,
    dense,
    model_of,
    serialized,
    tensor,
)
from morningstar_strategy.model.learning.tasks import FitTask
from tests.rows import SMALL, panel

FEATURES: Final = 5  # of a toy


def fit_task(*, seed: int = 3, count: int = WARMUP + 500) -> FitTask:
    """Return a task to learn from three random walks."""
    walks = panel(1, 2, 3, count=count)
    rows = dataset.usable(walks, 1)
    simple = baselines.fit(walks, rows, SMALL)
    targets = baselines.targets(walks, rows, simple)
    return FitTask(panel=walks, rows=rows, targets=targets, baselines=simple, seed=seed)


def bars_of(task: FitTask) -> Float32Array:
    """Return what a graph of window 1 is given for the rows of a task."""
    return dataset.windows(task.panel, task.rows, 1)


def some_bars(seed: int, count: int, window: int) -> Float32Array:
    """Return random bars for a toy."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, window, FEATURES)).astype(np.float32)


def toy_weights(seed: int, window: int) -> tuple[FloatArray, FloatArray]:
    """Return the weights and the bias of a toy, in float64."""
    rng = np.random.default_rng(seed)
    weights = 0.3 * rng.standard_normal((window * FEATURES, SCORES))
    return weights, rng.standard_normal(SCORES)


def toy_model(
    seed: int = 0,
    window: int = 1,
    *,
    alternative: int = 0,
    change: Callable[[GraphProto], None] = lambda _: None,
) -> ModelProto:
    """Draw a raw graph that is linear in all its bars, changed before it is wrapped.

    `alternative` is the number of columns of alternative data, 0 for none.
    """
    sketch = Sketch()
    flat = sketch.add("Flatten", "bars")
    table = dense(sketch, flat, *toy_weights(seed, window))
    inputs = [tensor("bars", window, FEATURES)]
    if alternative:
        inputs += [tensor(name, alternative) for name in ("alt", "alt_mask")]
        masked = sketch.add("Mul", "alt", "alt_mask")
        extra = dense(sketch, masked, np.ones((alternative, SCORES)), np.zeros(SCORES))
        table = sketch.add("Add", table, extra)
    for index, name in enumerate(RAW_OUTPUTS[:4]):
        sketch.column(table, index, name)
    for start, name in ((4, "mfe_q"), (8, "mae_q")):
        columns = sketch.columns(table, list(range(start, start + 4)))
        sketch.add("Identity", columns, output=name)
    outputs = [tensor(name, *width_of(name)) for name in RAW_OUTPUTS]
    graph = helper.make_graph(sketch.nodes, "toy", inputs, outputs, sketch.constants)
    change(graph)
    return model_of(graph)


def toy(seed: int = 0, window: int = 1, *, alternative: int = 0) -> bytes:
    """Return the bytes of a toy."""
    return serialized(toy_model(seed, window, alternative=alternative))


def toy_scores(seed: int, window: int, bars: Float32Array) -> FloatArray:
    """Say in float64 what a toy says of bars, shape [N, SCORES]."""
    weights, bias = toy_weights(seed, window)
    flat = bars[:, -window:].astype(np.float64).reshape(len(bars), -1)
    scores: FloatArray = flat @ weights + bias
    return scores
