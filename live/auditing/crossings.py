"""Criterion two: every bar that crossed an exit of an open plan was acted on."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from live.auditing.findings import Criterion, Finding, Verdict, moment, span
from live.auditing.lives import Level, Life, lives_of
from live.auditing.session import Asked, PriceBar, Session
from morningstar_strategy.core.ledger import Role

__all__ = ["Crossing", "Outcome", "crossings", "crossings_of", "judge_crossings", "unseen_of"]

_NO_BARS: Final = (
    "there are no bars to look at: the journal holds none (a live node writes them), and no "
    "catalog was named with --catalog"
)


class Outcome(StrEnum):
    """What came of a crossing."""

    ACTED = "acted"
    MISSED = "missed"
    AWAITED = "awaited"  # the session ended before the time to act was over
    UNDECIDED = "undecided"  # nobody can say whether the take profit had an order of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The first bar that crossed an exit, and what came of it."""

    life: Life
    level: Level
    bar: PriceBar
    outcome: Outcome


def crossings(session: Session, asked: Asked) -> Finding:
    """Count the crossings of a session and list those that were missed."""
    if not session.bars:
        return Finding(criterion=Criterion.CROSSINGS, verdict=Verdict.UNKNOWN, says=_NO_BARS)
    end_ns = max((record.ts_event for record in session.records), default=0)
    lives = [life for life in lives_of(session.records) if life.opened_ns is not None]
    found = crossings_of(
        lives,
        session.bars,
        interval_ns=session.interval_ns,
        end_ns=end_ns,
        tolerance_bars=asked.crossing_bars,
    )
    return judge_crossings(
        found, unseen=unseen_of(lives, session.bars), bars_from=session.bars_from
    )


def unseen_of(lives: Iterable[Life], bars: Mapping[str, tuple[PriceBar, ...]]) -> tuple[str, ...]:
    """Say of which plans the crossings cannot be known, and why."""
    found = set()
    for life in lives:
        if life.instrument_id not in bars:
            found.add(f"there are no bars of {life.instrument_id}")
        if life.direction is None:
            found.add(f"the direction of plan {life.plan_id} is not on record")
    return tuple(sorted(found))


def judge_crossings(found: Sequence[Crossing], *, unseen: Sequence[str], bars_from: str) -> Finding:
    """Make a finding of crossings; `unseen` says what could not be looked at."""
    missed = [each for each in found if each.outcome is Outcome.MISSED]
    undecided = [each for each in found if each.outcome is Outcome.UNDECIDED]
    verdict = Verdict.UNKNOWN if undecided or unseen else Verdict.PASS
    stops = sum(each.level.role is Role.STOP for each in found)
    says = f"{len(found)} crossings ({stops} of stops), {len(missed)} missed"
    if not found:
        says = "none happened: no bar crossed an exit of an open plan, so this proves nothing"
    return Finding(
        criterion=Criterion.CROSSINGS,
        verdict=Verdict.FAIL if missed else verdict,
        says=says,
        evidence={
            "crossings": len(found),
            "stops": stops,
            "take_profits": len(found) - stops,
            "missed": len(missed),
            "awaited": sum(each.outcome is Outcome.AWAITED for each in found),
            "undecided": len(undecided),
            "vacuous": not found,
            "bars_from": bars_from,
        },
        faults=(
            *(_missed(each) for each in missed),
            *(_undecided(each) for each in undecided),
            *unseen,
        ),
    )


def _missed(crossing: Crossing) -> str:
    flat_ns = crossing.life.flat_ns
    late = "never" if flat_ns is None else f"{span(flat_ns - crossing.bar.ts_event)} later"
    return f"{_where(crossing)}; the plan was closed {late}"


def _undecided(crossing: Crossing) -> str:
    return f"{_where(crossing)}; the plan has fewer take profit orders than prices"


def _where(crossing: Crossing) -> str:
    level, bar = crossing.level, crossing.bar
    name = "stop" if level.role is Role.STOP else f"take profit {level.number}"
    return (
        f"{crossing.life.instrument_id} plan {crossing.life.plan_id}: {name} {level.price} crossed "
        f"by the bar of {moment(bar.ts_event)} (low {bar.low}, high {bar.high})"
    )


def crossings_of(
    lives: Iterable[Life],
    bars: Mapping[str, tuple[PriceBar, ...]],
    *,
    interval_ns: int,
    end_ns: int,
    tolerance_bars: int,
) -> tuple[Crossing, ...]:
    """Find the first crossing of each exit while its plan was open."""
    found = (
        _first(life, level, bars.get(life.instrument_id, ()), interval_ns)
        for life in lives
        for level in life.levels
        if life.opened_ns is not None and level.quantity != 0  # no lot, so no order
    )
    reach_ns = tolerance_bars * interval_ns
    return tuple(
        Crossing(life=life, level=level, bar=bar, outcome=_outcome(life, level, bar, reach_ns, end))
        for life, level, bar, end in ((*each, end_ns) for each in found if each is not None)
    )


def _first(
    life: Life, level: Level, bars: Sequence[PriceBar], interval_ns: int
) -> tuple[Life, Level, PriceBar] | None:
    """Find the first bar that certainly crossed a level while it stood."""
    flat_ns = life.flat_ns
    until_ns = min(ns for ns in (level.to_ns, flat_ns, 2**63) if ns is not None)
    start = bisect_left(bars, level.from_ns, key=lambda bar: bar.ts_event)
    for bar in bars[start:]:
        opened_ns = bar.ts_event - interval_ns
        if opened_ns >= until_ns:
            return None
        if level.to_ns is not None and level.to_ns < bar.ts_event:
            return None  # it was moved within the bar: nobody knows what came first
        if _crosses(life, level, bar, whole=opened_ns >= level.from_ns):
            is_over = flat_ns is not None and flat_ns <= bar.ts_event
            if is_over and not _filled(life, level, after_ns=opened_ns, until_ns=bar.ts_event):
                return None  # it was closed for another reason within the bar
            return life, level, bar
    return None


def _crosses(life: Life, level: Level, bar: PriceBar, *, whole: bool) -> bool:
    """Say whether a bar reached a stop or passed a take profit.

    Of a bar that began before the exit stood only the close is certainly later. A limit that is
    touched need not fill, so a take profit must be passed.
    """
    high, low = (bar.high, bar.low) if whole else (bar.close, bar.close)
    sign = 0 if life.direction is None else life.direction.sign
    adverse, gain = (low, high) if sign > 0 else (high, low)
    if level.role is Role.STOP:
        return sign * (adverse - level.price) <= 0 and sign != 0
    return sign * (gain - level.price) > 0


def _outcome(life: Life, level: Level, bar: PriceBar, reach_ns: int, end_ns: int) -> Outcome:
    deadline_ns = bar.ts_event + reach_ns
    if life.flat_ns is not None and life.flat_ns <= deadline_ns:
        return Outcome.ACTED
    closes_part = level.quantity is not None
    if closes_part and _filled(life, level, after_ns=level.from_ns - 1, until_ns=deadline_ns):
        return Outcome.ACTED
    if deadline_ns > end_ns:
        return Outcome.AWAITED
    if closes_part and len(life.target_orders) < _targets_of(life):
        return Outcome.UNDECIDED
    return Outcome.MISSED


def _targets_of(life: Life) -> int:
    return sum(level.role is Role.TARGET for level in life.levels)


def _filled(life: Life, level: Level, *, after_ns: int, until_ns: int) -> bool:
    """Say whether a fill of the level's kind came in time; a take profit at no worse a price."""
    sign = 0 if life.direction is None else life.direction.sign
    return any(
        fill.role is level.role
        and after_ns < fill.ts_event <= until_ns
        and (level.role is Role.STOP or sign * (fill.price - level.price) >= 0)
        for fill in life.fills
    )
