"""Laws of finished graphs: probabilities, whatever is put in, and the same in any company."""

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.model.heads import OUTPUTS, Float32Array
from morningstar_strategy.model.learning import graphs
from morningstar_strategy.model.learning.calibration import Calibration, Platt
from morningstar_strategy.model.learning.gbm import GbmFamily
from morningstar_strategy.model.learning.linear import LogisticFamily
from tests.fits import bars_of, fit_task, some_bars, toy

seeds = st.integers(0, 2**32 - 1)
offsets = st.floats(-20.0, 20.0)
slopes = st.floats(0.0, 1.0)
platts = st.builds(lambda offset, slope: Platt(offset=offset, slope=slope), offsets, slopes)
calibrations = st.builds(
    lambda a, b, c: Calibration(touch=a, direction=b, turbulent=c), platts, platts, platts
)


@cache
def fitted() -> tuple[bytes, ...]:
    """Give one finished graph of every kind that can be had without a network."""
    task = fit_task()
    small = GbmFamily(trees=20, leaf_rows=20, direction_trees=10, quantile_trees=10)
    trees = small.fit(task, lambda _: None)
    lines = LogisticFamily().fit(task, lambda _: None)
    raws = (trees, lines, graphs.mean(trees, lines))
    return tuple(graphs.finish(raw, Calibration()) for raw in raws)


@cache
def rows() -> Float32Array:
    return bars_of(fit_task())[:1_000]


@cache
def thousand() -> tuple[dict[str, Float32Array], ...]:
    return tuple(graphs.run(graph, rows()) for graph in fitted())


@settings(max_examples=100)
@given(seeds, calibrations, st.floats(0.01, 1_000.0))
def test_signal_and_regime_are_probabilities(
    seed: int, calibration: Calibration, scale: float
) -> None:
    bars = np.float32(scale) * some_bars(seed, 20, 1)
    outputs = graphs.run(graphs.finish(toy(seed), calibration), bars)
    for name in ("signal", "regime"):
        assert ((outputs[name] >= 0.0) & (outputs[name] <= 1.0)).all()
        np.testing.assert_allclose(outputs[name].sum(axis=1), 1.0, atol=1e-6)


@settings(max_examples=50)
@given(st.integers(0, 999), st.integers(0, 2))
def test_a_row_alone_is_forecast_as_among_a_thousand(row: int, kind: int) -> None:
    among = thousand()[kind]
    alone = graphs.run(fitted()[kind], rows()[row : row + 1])
    for name in OUTPUTS:
        np.testing.assert_allclose(alone[name][0], among[name][row], rtol=1e-6, atol=1e-6)


@settings(max_examples=50)
@given(seeds, st.integers(0, 2), st.floats(0.0, 1e6))
def test_quantiles_never_cross_nor_fall_below_zero(seed: int, kind: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    bars = (scale * rng.standard_normal((200, 1, 40))).astype(np.float32)
    outputs = graphs.run(fitted()[kind], bars)
    for name in ("mfe_q", "mae_q"):
        assert (np.diff(outputs[name], axis=1) >= 0.0).all()
        assert (outputs[name] >= 0.0).all()


@settings(max_examples=50)
@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_a_mean_does_not_depend_on_the_order_of_its_parts(seed: int, one: int, two: int) -> None:
    bars = some_bars(seed, 5, max(one, two))
    first, second = toy(seed, one), toy(seed // 2, two)
    ahead = graphs.run_raw(graphs.mean(first, second), bars)
    behind = graphs.run_raw(graphs.mean(second, first), bars)
    for name, values in ahead.items():
        np.testing.assert_allclose(behind[name], values, atol=1e-6)
