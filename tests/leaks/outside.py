"""Planted leaks of series from outside: joined before anybody could know them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector
from backtests.leaks.outside import Join, known_at
from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import Timeline
from tests.leaks.planting import Plant, named
from tests.rows import HOUR_NS, START_NS

__all__ = ["OUTSIDE"]

_COUNT: Final = 60
_STEP_NS: Final = 4 * HOUR_NS
_LAG_NS: Final = 6 * HOUR_NS
_REVISED_NS: Final = 30 * HOUR_NS
_CLOCK_NS: Final = 8 * HOUR_NS  # of a clock in the east


def _number(at: int, value: float, lag_ns: int) -> External:
    ts_event = START_NS + at * _STEP_NS
    return External(
        source="flow",
        symbol="",
        ts_event=ts_event,
        ts_known=ts_event + lag_ns,
        trust=Trust.NUMBER,
        value=value,
    )


def _series() -> tuple[External, ...]:
    """Tell a number every four hours, six hours late, and every third one anew a day later."""
    values = np.random.default_rng(5).normal(0.0, 1.0, _COUNT).tolist()
    told = [_number(at, value, _LAG_NS) for at, value in enumerate(values)]
    anew = [_number(at, value + 0.5, _REVISED_NS) for at, value in enumerate(values) if at % 3 == 0]
    return (*told, *anew)


_TOLD: Final = _series()
_STAMPS: Final[IntArray] = START_NS + np.arange(12, _COUNT * 4, dtype=np.int64) * HOUR_NS
_CUTS: Final = tuple(START_NS + hours * HOUR_NS for hours in (58, 101, 154))


def _columns(told: Sequence[External]) -> tuple[IntArray, IntArray, FloatArray]:
    """Give when rows were known, what they speak of, and what they say, in the order of time."""
    rows = sorted(told, key=lambda each: (each.ts_known, each.ts_event))
    known = np.array([each.ts_known for each in rows], dtype=np.int64)
    spoken = np.array([each.ts_event for each in rows], dtype=np.int64)
    return known, spoken, np.array([each.value for each in rows], dtype=np.float64)


def _last(moments: IntArray, values: FloatArray, stamps: IntArray) -> FloatArray:
    order = np.argsort(moments, kind="stable")
    places = np.searchsorted(moments[order], stamps, "right") - 1
    found: FloatArray = np.where(places >= 0, values[order][np.maximum(places, 0)], 0.0)
    return found


def as_known(told: Sequence[External], stamps: IntArray) -> FloatArray:
    values, known = Timeline(told).column("flow", stamps)
    return np.column_stack((values, known))


def joined_by_event_time(told: Sequence[External], stamps: IntArray) -> FloatArray:
    _, spoken, values = _columns(told)
    return _last(spoken, values, stamps)[:, None]


def filled_backwards(told: Sequence[External], stamps: IntArray) -> FloatArray:
    """Fill what is not known yet with what comes next."""
    known, _, values = _columns(told)
    places = np.minimum(np.searchsorted(known, stamps, "left"), len(known) - 1)
    return values[places][:, None]


def revised_values(told: Sequence[External], stamps: IntArray) -> FloatArray:
    """Keep the last word on every day, as known when the first was."""
    final = {each.ts_event: each.value for each in sorted(told, key=lambda each: each.ts_known)}
    first = {each.ts_event: each for each in sorted(told, key=lambda each: -each.ts_known)}
    rows = [replace(each, value=final[each.ts_event]) for each in first.values()]
    known, _, values = _columns(rows)
    return _last(known, values, stamps)[:, None]


def shifted_by_a_time_zone(told: Sequence[External], stamps: IntArray) -> FloatArray:
    """Read the local time of a clock in the east as if it were that of the bars."""
    known, _, values = _columns(told)
    return _last(known - _CLOCK_NS, values, stamps)[:, None]


def drawn_through_the_points(told: Sequence[External], stamps: IntArray) -> FloatArray:
    known, _, values = _columns(told)
    line: FloatArray = np.interp(stamps, known, values)
    return line[:, None]


def nearest_point(told: Sequence[External], stamps: IntArray) -> FloatArray:
    known, _, values = _columns(told)
    places = np.abs(stamps[:, None] - known[None, :]).argmin(axis=1)
    return values[places][:, None]


def scaled_by_the_whole_series(told: Sequence[External], stamps: IntArray) -> FloatArray:
    known, _, values = _columns(told)
    return ((_last(known, values, stamps) - values.mean()) / values.std())[:, None]


def known_a_moment_too_early(told: Sequence[External], stamps: IntArray) -> FloatArray:
    """Take the row that comes next: a place is off by one."""
    known, _, values = _columns(told)
    places = np.minimum(np.searchsorted(known, stamps, "right"), len(known) - 1)
    return values[places][:, None]


def _plant(join: Join, *, leaks: bool = True) -> Plant:
    return Plant(
        name=f"series {named(join)}",
        detector=Detector.KNOWN_AT if leaks else None,
        find=partial(known_at, join, _TOLD, _STAMPS, _CUTS, names=("flow", "flow known")),
    )


OUTSIDE: Final = (
    _plant(joined_by_event_time),
    _plant(filled_backwards),
    _plant(revised_values),
    _plant(shifted_by_a_time_zone),
    _plant(drawn_through_the_points),
    _plant(nearest_point),
    _plant(scaled_by_the_whole_series),
    _plant(known_a_moment_too_early),
    _plant(as_known, leaks=False),
)
