"""Laws of the labels: they know no more than they say, and both sides are treated alike."""

import math
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.model.learning.labels import NEVER, LabelConfig, Labels, label
from tests.rows import HOUR_NS, SMALL, START_NS, spliced, walk

COUNT: Final = 160
AHEAD: Final = ("touch", "up", "hit", "ret", "rv", "rv_long", "mfe", "mae", "t_end", "valid")
BEHIND: Final = ("rv_past", "scale", "barrier")
seeds = st.integers(0, 2**32 - 1)
configs = st.builds(
    LabelConfig,
    horizon=st.integers(1, 30),
    barrier_sigmas=st.floats(0.2, 3.0),
    min_barrier=st.sampled_from([0.0, 0.004, 0.02]),
    regime_horizon=st.integers(1, 40),
)


def drifting_sigma(bars: BarWindow) -> FloatArray:
    """Return a volatility that looks back only, NaN for the first five bars."""
    moves = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
    known = np.sqrt(np.cumsum(moves**2) / np.arange(1, len(bars) + 1)) + 1e-6
    known[:5] = np.nan
    return known


def labelled(bars: BarWindow, config: LabelConfig) -> Labels:
    return label(bars, drifting_sigma(bars), config)


@settings(max_examples=200)
@given(seeds, seeds, st.integers(0, COUNT - 1), configs)
def test_nothing_after_its_end_changes_a_label(
    seed: int, other: int, at: int, config: LabelConfig
) -> None:
    bars = walk(seed, COUNT, holes=True)
    shocked = spliced(bars, walk(other, COUNT), at)
    before, after = labelled(bars, config), labelled(shocked, config)
    known = before.t_end < bars.ts_event[at]
    for name in AHEAD:
        assert np.array_equal(getattr(before, name)[known], getattr(after, name)[known]), name
    for name in BEHIND:
        a, b = getattr(before, name)[:at], getattr(after, name)[:at]
        assert np.array_equal(a, b, equal_nan=True), name


@settings(max_examples=200)
@given(seeds, st.integers(1, COUNT - 1), configs)
def test_every_label_that_reaches_a_bar_moves_with_it(
    seed: int, at: int, config: LabelConfig
) -> None:
    bars = walk(seed, COUNT)
    before = labelled(bars, config)
    raised = bars.close.copy()
    raised[at] *= 5.0
    high = np.maximum(bars.high, raised)
    moved = BarWindow(
        ts_event=bars.ts_event,
        open=bars.open,
        high=high,
        low=bars.low,
        close=raised,
        volume=bars.volume,
    )
    after = label(moved, drifting_sigma(bars), config)
    rows = np.arange(COUNT)
    near = before.valid & (rows < at) & (at <= rows + config.horizon)
    far = before.valid & (rows < at) & (at <= rows + config.regime_horizon)
    assert (before.rv[near] != after.rv[near]).all()
    assert (before.mfe[near] != after.mfe[near]).all()
    assert (before.rv_long[far] != after.rv_long[far]).all()


@settings(max_examples=200)
@given(seeds, configs)
def test_mirrored_prices_swap_the_sides_and_nothing_else(seed: int, config: LabelConfig) -> None:
    bars = walk(seed, COUNT)
    mirrored = BarWindow(
        ts_event=bars.ts_event,
        open=1.0 / bars.open,
        high=1.0 / bars.low,
        low=1.0 / bars.high,
        close=1.0 / bars.close,
        volume=bars.volume,
    )
    sigma = drifting_sigma(bars)
    a, b = label(bars, sigma, config), label(mirrored, sigma, config)
    assert np.array_equal(a.touch, b.touch)
    assert np.array_equal(a.hit, b.hit)
    assert np.array_equal(np.where(a.touch == 1, 1 - a.up, a.up), b.up)
    for one, two in ((a.mfe, b.mae), (a.mae, b.mfe), (a.rv, b.rv), (a.rv_long, b.rv_long)):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose((1.0 + a.ret) * (1.0 + b.ret), np.where(a.valid, 1.0, np.nan))


@settings(max_examples=200)
@given(seeds, st.integers(-30, 30), configs)
def test_the_unit_of_price_is_no_matter(seed: int, power: int, config: LabelConfig) -> None:
    bars, factor = walk(seed, COUNT), 2.0**power
    other = BarWindow(
        ts_event=bars.ts_event,
        open=bars.open * factor,
        high=bars.high * factor,
        low=bars.low * factor,
        close=bars.close * factor,
        volume=bars.volume,
    )
    sigma = drifting_sigma(bars)
    a, b = label(bars, sigma, config), label(other, sigma, config)
    assert np.array_equal(a.up, b.up)
    for name in ("ret", "rv", "rv_long", "rv_past", "mfe", "mae"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-7, atol=1e-9)


@settings(max_examples=200)
@given(seeds, configs)
def test_a_touch_and_the_excursions_tell_one_story(seed: int, config: LabelConfig) -> None:
    row = labelled(walk(seed, COUNT), config)
    row = row.take(row.valid)
    reach, fall, slack = row.mfe * row.scale, row.mae * row.scale, 1e-12
    assert (reach[row.up == 1] >= row.barrier[row.up == 1] - slack).all()
    assert (fall[row.up == 0] >= row.barrier[row.up == 0] - slack).all()
    assert ((row.touch == 1) == (row.up >= 0)).all()
    assert (row.mfe >= 0.0).all()
    assert (row.mae >= 0.0).all()
    assert ((row.hit >= 1) & (row.hit <= config.horizon)).all()
    assert (row.ret[row.up == 1] > 0.0).all()
    assert (row.ret[row.up == 0] < 0.0).all()
    assert (np.abs(np.log1p(row.ret)) <= row.barrier + slack).all()


def slowly(bars: BarWindow, sigma: FloatArray, t: int, config: LabelConfig) -> tuple[float, ...]:
    """Label one bar as its definition reads, in prices instead of logarithms."""
    entry, h = bars.close[t], config.horizon
    scale = sigma[t] * math.sqrt(h)
    barrier = max(config.barrier_sigmas * scale, config.min_barrier)
    upper, lower = entry * math.exp(barrier), entry * math.exp(-barrier)
    up, hit, ret = -1, h, bars.close[t + h] / entry - 1.0
    for i in range(t + 1, t + h + 1):
        above, below = bars.high[i] >= upper, bars.low[i] <= lower
        if above or below:
            up, hit, ret = (-1, i - t, 0.0) if above and below else (int(above), i - t, 0.0)
            ret = {1: upper, 0: lower, -1: entry}[up] / entry - 1.0
            break
    ahead = slice(t + 1, t + h + 1)
    returns = np.log(bars.close[1:] / bars.close[:-1])  # item i is the return of bar i + 1
    long = config.regime_horizon
    return (
        up,
        hit,
        ret,
        float((returns[t : t + h] ** 2).sum()),
        float((returns[t : t + long] ** 2).sum()),
        float((returns[t - long : t] ** 2).sum()),
        max(0.0, math.log(max(bars.high[ahead]) / entry)) / scale,
        max(0.0, math.log(entry / min(bars.low[ahead]))) / scale,
    )


@settings(max_examples=50)
@given(seeds, configs)
def test_every_label_is_what_its_definition_reads(seed: int, config: LabelConfig) -> None:
    bars = walk(seed, COUNT, holes=True)
    sigma = drifting_sigma(bars)
    got = label(bars, sigma, config)
    long, reach = config.regime_horizon, config.reach
    wanted_valid = [max(5, long) <= t < COUNT - reach for t in range(COUNT)]
    assert got.valid.tolist() == wanted_valid
    names = ("up", "hit", "ret", "rv", "rv_long", "rv_past", "mfe", "mae")
    for t in np.flatnonzero(got.valid).tolist():
        row = [float(getattr(got, name)[t]) for name in names]
        np.testing.assert_allclose(row, slowly(bars, sigma, t, config), rtol=1e-7, atol=1e-11)
        assert got.t_end[t] == bars.ts_event[t + reach]


def still(*moves: tuple[int, float, float]) -> BarWindow:
    """Return 60 bars at 100 with a high and a low told for some of them."""
    flat = np.full(60, 100.0)
    high, low = flat.copy(), flat.copy()
    for at, top, floor in moves:
        high[at], low[at] = top, floor
    stamps = START_NS + np.arange(60, dtype=np.int64) * HOUR_NS
    return BarWindow(ts_event=stamps, open=flat, high=high, low=low, close=flat, volume=np.ones(60))


def test_a_bar_that_touches_both_barriers_is_never_a_win() -> None:
    both = label(still((33, 110.0, 90.0), (34, 110.0, 100.0)), np.full(60, 1e-3), SMALL)
    assert (both.touch[30], both.up[30], both.hit[30], both.ret[30]) == (0, -1, 3, 0.0)
    assert both.mfe[30] > 1.0
    assert both.mae[30] > 1.0
    first = label(still((33, 110.0, 100.0), (34, 110.0, 90.0)), np.full(60, 1e-3), SMALL)
    assert (first.touch[30], first.up[30], first.hit[30]) == (1, 1, 3)
    assert first.ret[30] == pytest.approx(math.exp(1e-3 * math.sqrt(6)) - 1.0)


def test_the_barrier_counts_from_the_next_bar_to_the_last_of_the_horizon() -> None:
    for at, touched in ((30, 0), (31, 1), (36, 1), (37, 0)):
        assert label(still((at, 110.0, 100.0)), np.full(60, 1e-3), SMALL).touch[30] == touched


def test_the_barrier_is_never_nearer_than_its_floor() -> None:
    config = LabelConfig(horizon=6, min_barrier=0.05, regime_horizon=20)
    got = label(still((31, 104.0, 100.0)), np.full(60, 1e-3), config)
    assert got.barrier[30] == 0.05
    assert got.touch[30] == 0


def test_a_series_too_short_for_its_labels_has_none() -> None:
    got = labelled(walk(1, 26), SMALL)
    assert not got.valid.any()
    assert (got.t_end == NEVER).all()
    assert np.isnan(got.rv).all()
    assert np.isfinite(got.scale[5:]).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon", 0),
        ("horizon", 10_001),
        ("regime_horizon", 0),
        ("barrier_sigmas", 0.0),
        ("barrier_sigmas", math.nan),
        ("min_barrier", -0.1),
        ("min_barrier", math.inf),
        ("regime_quantile", 1.0),
    ],
)
def test_a_configuration_out_of_bounds_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must be in .* was {value}"):
        LabelConfig(**{field: value})  # type: ignore[arg-type]  # one wrong value at a time


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf])
def test_a_volatility_that_is_none_is_refused(value: float) -> None:
    sigma = np.full(60, 1e-3)
    sigma[7] = value
    with pytest.raises(
        ValueError, match=f"sigma must be positive and finite, was {value} at bar 7"
    ):
        label(still(), sigma, SMALL)
    with pytest.raises(ValueError, match="sigma must have shape"):
        label(still(), sigma[:5], SMALL)


def test_labels_are_read_only() -> None:
    got = labelled(walk(1, COUNT), SMALL)
    with pytest.raises(ValueError, match="read-only"):
        got.touch[0] = 1
