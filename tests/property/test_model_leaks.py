"""Every planted look-ahead is found, and none in what we ship."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import NAMES, WARMUP, batch
from morningstar_strategy.model.learning.labels import LabelConfig, Labels, label
from morningstar_strategy.model.learning.leaks import (
    Finding,
    future_shock,
    label_horizon,
    look_ahead,
    prefix_invariance,
    responds,
)
from tests.rows import HOUR_NS, SMALL, sigma_of, walk

DAY_NS: Final = 24 * HOUR_NS
COUNT: Final = 120
CUTS: Final = (41, 56, 77, 90)
seeds = st.integers(0, 2**32 - 1)


def returns(bars: BarWindow) -> FloatArray:
    return np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))


def mean_of(values: FloatArray, before: int, after: int) -> FloatArray:
    """Average each row's neighbours, as far as the series has them."""
    count = len(values)
    spans = ((max(t - before, 0), min(t + after + 1, count)) for t in range(count))
    return np.array([values[a:b].mean() for a, b in spans])


# ---- features that know no future


def momentum(bars: BarWindow) -> FloatArray:
    return mean_of(returns(bars), 5, 0)


def decayed(bars: BarWindow) -> FloatArray:
    out, value = np.empty(len(bars)), 0.0
    for t, r in enumerate(returns(bars)):
        value += 0.1 * (r - value)
        out[t] = value
    return out


def day_so_far(bars: BarWindow) -> FloatArray:
    day, top = bars.ts_event // DAY_NS, bars.high.copy()
    for t in range(1, len(bars)):
        if day[t] == day[t - 1]:
            top[t] = max(top[t], top[t - 1])
    return bars.close / top


# ---- features that do


def full_sample_z_score(bars: BarWindow) -> FloatArray:
    values = returns(bars)
    return (values - values.mean()) / values.std()


def full_sample_range(bars: BarWindow) -> FloatArray:
    return (bars.close - bars.low.min()) / (bars.high.max() - bars.low.min())


def full_sample_bins(bars: BarWindow) -> FloatArray:
    edges = np.quantile(bars.volume, np.linspace(0.1, 0.9, 9))
    return np.searchsorted(edges, bars.volume).astype(np.float64)


def full_sample_rank(bars: BarWindow) -> FloatArray:
    return np.argsort(np.argsort(bars.close)) / len(bars)


def centred_window(bars: BarWindow) -> FloatArray:
    return mean_of(returns(bars), 2, 2)


def next_return(bars: BarWindow) -> FloatArray:
    values = np.full(len(bars), np.nan)
    values[:-1] = returns(bars)[1:]
    return values


def filled_backwards(bars: BarWindow) -> FloatArray:
    values, at = bars.volume.copy(), np.arange(len(bars))
    source = np.minimum(at + at % 2, len(bars) - 1)  # every second value is taken from the next
    filled: FloatArray = values[source]
    return filled


def close_of_the_unfinished_day(bars: BarWindow) -> FloatArray:
    day = bars.ts_event // DAY_NS
    last = np.searchsorted(day, day, side="right") - 1
    final: FloatArray = bars.close[last]
    return bars.close / final


def high_of_the_whole_day(bars: BarWindow) -> FloatArray:
    day = bars.ts_event // DAY_NS
    top = {d: bars.high[day == d].max() for d in np.unique(day)}
    return bars.close / np.array([top[d] for d in day], dtype=np.float64)


def decayed_backwards(bars: BarWindow) -> FloatArray:
    out, value = np.empty(len(bars)), 0.0
    for t in range(len(bars) - 1, -1, -1):
        value += 0.1 * (returns(bars)[t] - value)
        out[t] = value
    return out


def trend_through_everything(bars: BarWindow) -> FloatArray:
    at = np.arange(len(bars))
    slope, level = np.polyfit(at, np.log(bars.close), 1)
    residual: FloatArray = np.log(bars.close) - slope * at - level
    return residual


def volume_share_of_the_total(bars: BarWindow) -> FloatArray:
    return bars.volume / bars.volume.sum()


def one_leaking_column_of_forty(bars: BarWindow) -> FloatArray:
    table = batch(bars)
    table[:, 17] = next_return(bars)
    return table


PLANTED: Final = (
    full_sample_z_score,
    full_sample_range,
    full_sample_bins,
    full_sample_rank,
    centred_window,
    next_return,
    filled_backwards,
    close_of_the_unfinished_day,
    high_of_the_whole_day,
    decayed_backwards,
    trend_through_everything,
    volume_share_of_the_total,
)
CLEAN: Final = (momentum, decayed, day_so_far)


@pytest.mark.parametrize("compute", PLANTED)
@settings(max_examples=10)
@given(seed=seeds)
def test_a_feature_that_knows_the_future_is_found(
    compute: Callable[[BarWindow], FloatArray], seed: int
) -> None:
    found = look_ahead(compute, walk(seed, COUNT), CUTS)
    assert found is not None
    assert found.detector in {"prefix_invariance", "future_shock"}


@pytest.mark.parametrize("compute", PLANTED)
def test_each_detector_alone_finds_all_but_what_it_cannot_see(
    compute: Callable[[BarWindow], FloatArray],
) -> None:
    bars = extremes_first(walk(1, COUNT))
    prefix = prefix_invariance(compute, bars, CUTS)
    shock = future_shock(compute, bars, CUTS[0])  # no odd row before it waits for an even one
    assert (prefix is None) == (compute is full_sample_range)
    assert (shock is None) == (compute is filled_backwards)


def extremes_first(bars: BarWindow) -> BarWindow:
    """Let prices rise bar after bar, but for both extremes, which the second bar has seen."""
    tilt = np.exp(0.05 * np.arange(len(bars)))
    prices = {name: getattr(bars, name) * tilt for name in ("open", "high", "low", "close")}
    prices["high"][1], prices["low"][1] = 2.0 * prices["high"].max(), 0.5 * prices["low"].min()
    return replace(bars, **prices)


@pytest.mark.parametrize("compute", CLEAN)
@settings(max_examples=25)
@given(seed=seeds, at=st.integers(1, COUNT - 1))
def test_a_feature_that_looks_back_is_not_suspected(
    compute: Callable[[BarWindow], FloatArray], seed: int, at: int
) -> None:
    bars = walk(seed, COUNT)
    assert look_ahead(compute, bars, (at,)) is None
    assert responds(compute, bars, at)


@settings(max_examples=10)
@given(seeds, st.integers(WARMUP, WARMUP + 99))
def test_our_features_know_no_future_and_are_alive(seed: int, at: int) -> None:
    bars = walk(seed, WARMUP + 100)
    assert look_ahead(batch, bars, (at,)) is None
    assert responds(batch, bars, at)


def test_one_bad_column_among_good_ones_is_named() -> None:
    bars = walk(3, WARMUP + 60)
    found = prefix_invariance(one_leaking_column_of_forty, bars, (WARMUP + 40,))
    assert found == Finding(
        detector="prefix_invariance",
        row=WARMUP + 39,
        columns=("17",),
        message=f"row {WARMUP + 39} changes in column 17 when the bars from {WARMUP + 40} on "
        "are removed",
    )
    assert str(found) == found.message


def test_a_dead_feature_does_not_respond() -> None:
    bars = walk(4, COUNT)
    assert not responds(lambda b: np.ones(len(b)), bars, 60)
    assert not responds(lambda b: np.roll(returns(b), 1), bars, 60)


# ---- labels


def honest(bars: BarWindow) -> Labels:
    return label(bars, sigma_of(bars), SMALL)


def looking_one_bar_too_far(bars: BarWindow) -> Labels:
    further = replace(SMALL, horizon=SMALL.regime_horizon + 1)
    scale = np.sqrt(SMALL.horizon / further.horizon)
    got, longer = honest(bars), label(bars, sigma_of(bars) * scale, further)
    return replace(got, mfe=np.where(longer.valid, longer.mfe, got.mfe))


def touch_one_bar_too_far(bars: BarWindow) -> Labels:
    wide = replace(SMALL, horizon=SMALL.regime_horizon, barrier_sigmas=3.0)
    got = label(bars, sigma_of(bars), wide)
    later = np.roll(got.touch, -1)
    later[-1] = -1
    return replace(got, touch=later)


def variance_one_bar_too_far(bars: BarWindow) -> Labels:
    got = honest(bars)
    return replace(got, rv_long=np.append(got.rv_long[1:], np.nan))


def understated_end(bars: BarWindow) -> Labels:
    got, step = honest(bars), int(bars.ts_event[1] - bars.ts_event[0])
    return replace(got, t_end=np.where(got.valid, got.t_end - step, got.t_end))


def end_of_the_signal_only(bars: BarWindow) -> Labels:
    got, rows = honest(bars), np.flatnonzero(honest(bars).valid)
    t_end = got.t_end.copy()
    t_end[rows] = bars.ts_event[rows + SMALL.horizon]  # forgets that the regime looks further
    return replace(got, t_end=t_end)


def scale_of_the_whole_series(bars: BarWindow) -> Labels:
    moves = returns(bars)
    return label(bars, np.full(len(bars), moves.std()), SMALL)


def variance_behind_that_includes_the_next_bar(bars: BarWindow) -> Labels:
    got = honest(bars)
    return replace(got, rv_past=np.append(got.rv_past[1:], np.nan))


LABEL_LEAKS: Final = (
    looking_one_bar_too_far,
    touch_one_bar_too_far,
    variance_one_bar_too_far,
    understated_end,
    end_of_the_signal_only,
    scale_of_the_whole_series,
    variance_behind_that_includes_the_next_bar,
)


@pytest.mark.parametrize("label_fn", LABEL_LEAKS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_label_that_knows_more_than_it_says_is_found(
    label_fn: Callable[[BarWindow], Labels], seed: int
) -> None:
    found = label_horizon(label_fn, walk(seed, WARMUP + 150), SMALL.reach)
    assert found is not None
    assert found.detector == "label_horizon"


@settings(max_examples=5)
@given(seeds, st.integers(1, 30), st.integers(1, 30))
def test_our_labels_know_what_they_say(seed: int, horizon: int, regime_horizon: int) -> None:
    config = LabelConfig(horizon=horizon, regime_horizon=regime_horizon)
    bars = walk(seed, WARMUP + 120, holes=True)
    assert label_horizon(lambda b: label(b, sigma_of(b), config), bars, config.reach) is None


def test_labels_that_reach_further_than_promised_are_found() -> None:
    found = label_horizon(honest, walk(5, WARMUP + 150), SMALL.reach - 1)
    assert found is not None
    assert found.columns == ("rv_long",)
    assert "rv_long of row" in found.message


# ---- the detectors refuse what proves nothing


def test_a_detector_that_would_look_at_nothing_says_so() -> None:
    bars = walk(6, COUNT)
    for cut in (0, COUNT):
        with pytest.raises(ValueError, match=rf"cuts must be in \[1, 119\], held {cut}"):
            prefix_invariance(momentum, bars, (cut,))
    with pytest.raises(ValueError, match=r"at must be in .* was 120"):
        future_shock(momentum, bars, COUNT)
    with pytest.raises(ValueError, match="compute must give 120 rows, gave 40"):
        prefix_invariance(lambda b: np.ones(len(NAMES)), bars, (9,))
