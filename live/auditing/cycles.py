"""Criterion five: every bar that closed was decided on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from live.auditing.findings import SECOND_NS, Criterion, Finding, Verdict, moment
from live.auditing.session import Asked, PriceBar, Session
from morningstar_strategy.core.records import Kind

__all__ = ["cycles"]

_NO_BARS: Final = (
    "the journal tells of no bars (a live node writes them), and no catalog was named with "
    "--catalog"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """The cycles of one instrument."""

    name: str
    expected: int
    decided: int
    warming: int
    faults: tuple[str, ...]


def cycles(session: Session, asked: Asked) -> Finding:
    """Compare the bars that were decided on with those that the clock says there were."""
    if not session.bars:
        return Finding(criterion=Criterion.CYCLES, verdict=Verdict.UNKNOWN, says=_NO_BARS)
    counted = [_count(session, name, asked) for name in session.instruments]
    least = _least(session, asked)
    faults = (
        *(fault for each in counted for fault in each.faults),
        *(
            f"{each.name} completed {each.decided} cycles, asked were more than {least}"
            for each in counted
            if each.decided <= least
        ),
    )
    word = "were decided on" if session.keeps_assessments else "were handed to the strategy"
    decided = sum(each.decided for each in counted)
    missing = sum(each.expected - each.decided for each in counted)
    return Finding(
        criterion=Criterion.CYCLES,
        verdict=Verdict.FAIL if faults else Verdict.PASS,
        says=f"{decided:,} of {decided + missing:,} bars {word}, {missing:,} missing",
        evidence={
            "decided": {each.name: each.decided for each in counted},
            "expected": {each.name: each.expected for each in counted},
            "warming": {each.name: each.warming for each in counted},
            "asked_more_than": least,
            "interval_secs": session.interval_ns // SECOND_NS,
            "bars_from": session.bars_from,
        },
        faults=faults,
    )


def _least(session: Session, asked: Asked) -> int:
    """Give how many cycles are too few; a short test has no room for as many."""
    room = asked.least_secs * SECOND_NS // session.interval_ns
    return max(min(asked.min_cycles, room - 2), 0)


def _count(session: Session, name: str, asked: Asked) -> _Counted:
    bars = session.bars.get(name, ())
    grid = _grid(session, bars)
    there = {bar.ts_event for bar in bars}
    absent = [ns for ns in grid if ns not in there]
    undecided, warming = _undecided(session, name, asked)
    faults = (
        *_stretches(name, "no bar", absent, session.interval_ns),
        *_stretches(name, "no decision", undecided, session.interval_ns),
    )
    expected = len(grid) - warming
    decided = expected - len(absent) - len(undecided)
    return _Counted(
        name=name, expected=expected, decided=max(decided, 0), warming=warming, faults=faults
    )


def _grid(session: Session, bars: Sequence[PriceBar]) -> range:
    """List the closes that the session saw.

    The bars at its two edges may be there or not: it was connecting, or already leaving.
    """
    step = session.interval_ns
    phase = bars[0].ts_event % step if bars else 0
    if session.simulated and session.handed:
        began = bars[0].ts_event if bars else session.start_ns  # some are listed later than others
        return range(began, session.end_ns + 1, step)
    times = [record.ts_event for record in session.records]
    start, end = min(times, default=0), max(times, default=0)
    first, last = start + (phase - start) % step, end - (end - phase) % step
    there = {bar.ts_event for bar in bars}
    first = first if first in there else first + step
    last = last if last in there else last - step
    return range(first, last + 1, step)


def _undecided(session: Session, name: str, asked: Asked) -> tuple[list[int], int]:
    """List bars that no assessment followed, after those that warm up, and count the latter."""
    if not session.keeps_assessments:
        return [], 0
    decided = {r.ts_event for r in session.of(Kind.ASSESSMENT) if r.instrument_id == name}
    bars = [bar for bar in session.bars.get(name, ()) if bar.traded]
    # The last may still have been considered when the session stopped
    last = bars[-1].ts_event if bars else 0
    before = [bar.ts_event for bar in bars if decided and bar.ts_event < min(decided)]
    warming = len(before) if session.simulated else min(len(before), asked.warmup_bars)
    left = [b.ts_event for b in bars[warming:] if b.ts_event not in decided and b.ts_event != last]
    return left, warming


def _stretches(name: str, what: str, absent: Iterable[int], step: int) -> tuple[str, ...]:
    """Name runs of bars that follow each other."""
    found: list[list[int]] = []
    for ns in absent:
        if found and ns - found[-1][-1] == step:
            found[-1].append(ns)
        else:
            found.append([ns])
    return tuple(
        f"{name} has {what} at {moment(run[0])}"
        + (f" and {len(run) - 1} after it" if len(run) > 1 else "")
        for run in found
    )
