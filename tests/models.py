"""Small sound model bundles and the bars to ask them about."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import NAMES, WARMUP, batch, index_of
from morningstar_strategy.model import drift
from morningstar_strategy.model.bundle import Draft, feature_spec, publish
from morningstar_strategy.model.drift import DriftReference
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.judging.findings import Metric
from morningstar_strategy.model.learning.labels import LabelConfig

HOUR_NS: Final = 3_600_000_000_000
START: Final = datetime(2024, 1, 1, tzinfo=UTC)  # the bars of `market` begin a while before
START_NS: Final = 1_704_067_200_000_000_000
DRIFT_WINDOW: Final = 400
ALT: Final = 3  # numbers of alternative data in a bundle that knows them
_NONE: Final = "0" * 64


def market(count: int, *, seed: int = 1, strange: bool = False) -> BarWindow:
    """Return hourly bars with holes between them.

    A `strange` market has jumps, and its middle third trends as the tame one never does.
    """
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, 4e-3, count)
    if strange:
        moves[rng.integers(0, count, count // 400)] *= 8.0
        moves[count // 3 : 2 * count // 3] += 1.2e-3
    close = 100.0 * np.exp(np.cumsum(moves))
    open_ = np.concatenate((close[:1], close[:-1]))
    above, below = np.abs(rng.normal(0.0, 2e-3, (2, count)))
    return BarWindow(
        ts_event=START_NS + np.cumsum(1 + (rng.random(count) < 0.01)) * HOUR_NS,
        open=open_,
        high=np.maximum(open_, close) * (1.0 + above),
        low=np.minimum(open_, close) * (1.0 - below),
        close=close,
        volume=rng.lognormal(0.0, 1.0, count),
    )


@cache
def tame_features() -> FloatArray:
    """Return the vectors of a long tame market."""
    return batch(market(6_000, seed=99))[WARMUP - 1 :]


@cache
def tame_reference() -> DriftReference:
    """Return how a tame market's features are distributed."""
    return drift.fit([tame_features()], window=DRIFT_WINDOW)


def tiny_graph(window: int = 1, *, seed: int = 3, alt: bool = False) -> bytes:
    """Return a finished graph whose every output depends on every vector of the window."""
    rng = np.random.default_rng(seed)
    wide = window * len(NAMES)
    constants = {
        "centre": tame_features().mean(axis=0),
        "spread": tame_features().std(axis=0) + 1e-6,
        "low": np.array(-4.0),
        "high": np.array(4.0),
        "weights": rng.normal(0.0, 0.6 / np.sqrt(wide), (wide, 4)),
        "bias": np.array([0.2, 0.0, -1.0, 0.0]),
        "alt_weights": rng.normal(0.0, 0.5, (ALT, 4)),
        "one": np.array(1.0),
        "horizon": np.array(np.log(24.0)),
        "two": np.array(2.0),
        "tenth": np.array(0.1),
        "mfe": np.array([[0.3, 0.7, 1.3, 1.9]]),
        "mae": np.array([[0.2, 0.6, 1.2, 1.8]]),
    }
    node = helper.make_node
    nodes = [
        node("Sub", ["bars", "centre"], ["centred"]),
        node("Div", ["centred", "spread"], ["scaled"]),
        node("Clip", ["scaled", "low", "high"], ["clipped"]),
        node("Flatten", ["clipped"], ["flat_bars"], axis=1),
        node("Gemm", ["flat_bars", "weights", "bias"], ["linear"]),
        *_alternative(alt=alt),
        node("Split", ["logits"], ["z0", "z1", "z2", "z3"], axis=1, num_outputs=4),
        *(node("Sigmoid", [f"z{at}"], [f"p{at}"]) for at in range(3)),
        node("Sub", ["one", "p1"], ["down"]),
        node("Mul", ["p0", "p1"], ["long"]),
        node("Mul", ["p0", "down"], ["short"]),
        node("Sub", ["one", "p0"], ["neither"]),
        node("Concat", ["short", "neither", "long"], ["signal"], axis=1),
        node("Sub", ["one", "p2"], ["calm"]),
        node("Concat", ["calm", "p2"], ["regime"], axis=1),
        node("Slice", ["bars", "from", "to", "axes"], ["sigma_3"]),
        node("Reshape", ["sigma_3", "column"], ["sigma"]),
        node("Log", ["sigma"], ["ln_sigma"]),
        node("Mul", ["two", "ln_sigma"], ["ln_variance"]),
        node("Mul", ["tenth", "z3"], ["tilt"]),
        node("Add", ["ln_variance", "tilt"], ["tilted"]),
        node("Add", ["tilted", "horizon"], ["ln_rv_column"]),
        node("Reshape", ["ln_rv_column", "flat"], ["ln_rv"]),
        node("Exp", ["tilt"], ["stretch"]),
        node("Mul", ["mfe", "stretch"], ["mfe_q"]),
        node("Mul", ["mae", "stretch"], ["mae_q"]),
    ]
    at = index_of("volatility_96")
    integers = {"from": [-1, at], "to": [2**31 - 1, at + 1], "axes": [1, 2], "column": [-1, 1]}
    tensors = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in constants.items()]
    tensors += [
        numpy_helper.from_array(np.array(a, np.int64), n)
        for n, a in (integers | {"flat": [-1]}).items()
    ]
    data: bytes = _model(nodes, tensors, window, alt=alt).SerializeToString()
    return data


def _alternative(*, alt: bool) -> list[NodeProto]:
    node = helper.make_node
    if not alt:
        return [node("Identity", ["linear"], ["logits"])]
    return [
        node("Mul", ["alt", "alt_mask"], ["told"]),
        node("MatMul", ["told", "alt_weights"], ["more"]),
        node("Add", ["linear", "more"], ["logits"]),
    ]


def _model(
    nodes: list[NodeProto], tensors: list[TensorProto], window: int, *, alt: bool
) -> ModelProto:
    def value(name: str, *shape: int) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

    inputs = [value("bars", window, len(NAMES))]
    if alt:
        inputs += [value("alt", ALT), value("alt_mask", ALT)]
    outputs = [
        value("signal", 3),
        value("ln_rv"),
        value("regime", 2),
        value("mfe_q", 4),
        value("mae_q", 4),
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    opset = helper.make_opsetid("", 20)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)


def draft(**changes: object) -> Draft:
    """Return what a trainer would state of a tiny bundle, with some of it changed."""
    told: dict[str, object] = {
        "model_id": "tiny-1h-20240101-00000000",
        "family": "tiny",
        "interval": "1h",
        "window": 1,
        "instruments": ("BTCUSDT-PERP.BINANCE",),
        "created": START,
        "life_days": 3_650,
        "labels": LabelConfig(),
        "features": feature_spec(tame_reference()),
        "train_start": START - timedelta(days=900),
        "train_end": START,
        "test_start": START - timedelta(days=300),
        "test_end": START,
        "data_sha256": _NONE,
        "data_licence": "made up",
        "synthetic": False,
        "recipe": {"seed": 3},
        "seed": 3,
        "trials": 1,
        "code_sha256": _NONE,
        "versions": {"onnx": "1"},
        "calibration": {"touch": (0.0, 1.0)},
        "metrics": (
            Metric(
                family="tiny",
                head="touch",
                name="log_loss",
                value=0.6,
                baseline="prior",
                baseline_value=0.7,
                skill_percent=14.3,
                error_percent=1.0,
                t=3.0,
                count=100,
            ),
        ),
        "direction_edge": "none",
        "plain_words": ("It forecasts nothing; it is made up.",),
        "tolerance": 1e-3,
    }
    return Draft.model_validate(told | changes)


def golden(window: int = 1, *, count: int = 8) -> Float32Array:
    """Return windows of a tame market."""
    rows = tame_features()[: count * window]
    return rows.reshape(count, window, len(NAMES)).astype(np.float32)


def tiny_bundle(
    folder: Path, *, window: int = 1, alt: bool = False, graph_seed: int = 3, **changes: object
) -> Path:
    """Publish a sound small bundle whose draft states some things otherwise; return its folder."""
    publish(
        folder,
        graph=tiny_graph(window, seed=graph_seed, alt=alt),
        draft=draft(window=window, **changes),
        golden=golden(window),
        card="# Tiny\n",
    )
    return folder
