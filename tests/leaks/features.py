"""Planted leaks of features: rows made from bars that have not closed yet."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector
from backtests.leaks.rows import PLAIN, Reading, future_shock, prefix_invariance
from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray
from morningstar_strategy.core.features import batch
from tests.leaks.planting import Plant, named
from tests.rows import HOUR_NS, walk

__all__ = ["CLEAN", "COUNT", "CUTS", "DAY_NS", "FEATURES", "PLANTED", "filled_backwards"]
__all__ += ["full_sample_range", "momentum", "next_return"]
__all__ += ["one_leaking_column_of_forty", "returns"]

type Compute = Callable[[BarWindow], FloatArray]

DAY_NS: Final = 24 * HOUR_NS
COUNT: Final = 120
CUTS: Final = (41, 56, 77, 90)


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


def hour_that_still_runs(bars: BarWindow) -> FloatArray:
    """Resample to four hours and join the last one, whose close is not there yet."""
    block = (bars.ts_event - HOUR_NS) // (4 * HOUR_NS)
    last = np.searchsorted(block, block, side="right") - 1
    ahead: FloatArray = np.log(bars.close[last] / bars.close)
    return ahead


def target_of_the_hour(bars: BarWindow) -> FloatArray:
    """Encode the hour of the day as what it paid over all the days there are."""
    hour, paid = (bars.ts_event // HOUR_NS) % 24, next_return(bars)
    means = {h: float(np.nanmean(paid[hour == h])) for h in np.unique(hour).tolist()}
    return np.array([means[h] for h in hour.tolist()])


def hole_filled_from_both_sides(bars: BarWindow) -> FloatArray:
    at = np.arange(len(bars))
    there = (at % 3 != 1) | (at == len(bars) - 1)
    filled: FloatArray = np.interp(at, at[there], bars.volume[there])
    return filled


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
    hour_that_still_runs,
    target_of_the_hour,
    hole_filled_from_both_sides,
)
CLEAN: Final = (momentum, decayed, day_so_far)


def _at_the_open(bars: BarWindow) -> IntArray:
    """Say that a row is used as its bar opens."""
    return bars.ts_event - HOUR_NS + 1


_BARS: Final = walk(1, COUNT)
_EARLY: Final = Reading(used_at=_at_the_open)
_SHOCKED: Final = (
    full_sample_range,
    next_return,
    centred_window,
    trend_through_everything,
    high_of_the_whole_day,
)


def _found(compute: Compute) -> Plant:
    if compute in _SHOCKED:
        find = partial(future_shock, compute, _BARS, CUTS[0])
        return Plant(name=named(compute), detector=Detector.FUTURE_SHOCK, find=find)
    removed = partial(prefix_invariance, compute, _BARS, CUTS)
    return Plant(name=named(compute), detector=Detector.PREFIX_INVARIANCE, find=removed)


def _unsuspected(compute: Compute, reading: Reading = PLAIN) -> Plant:
    find = partial(future_shock, compute, _BARS, CUTS[1], reading)
    return Plant(name=named(compute), detector=None, find=find)


def momentum_of_the_bar_before(bars: BarWindow) -> FloatArray:
    return np.append(0.0, momentum(bars)[:-1])


FEATURES: Final = (
    *map(_found, PLANTED),
    Plant(
        name="one leaking column of forty",
        detector=Detector.PREFIX_INVARIANCE,
        find=lambda: prefix_invariance(one_leaking_column_of_forty, walk(3, 720), (700,)),
    ),
    Plant(
        name="a bar's own close before it closed",
        detector=Detector.FUTURE_SHOCK,
        find=partial(future_shock, momentum, _BARS, CUTS[1], _EARLY),
    ),
    *map(_unsuspected, CLEAN),
    _unsuspected(momentum_of_the_bar_before, _EARLY),
)
