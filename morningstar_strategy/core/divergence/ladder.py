"""Compares two runs rung by rung up to the first that differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from morningstar_strategy.core.divergence.account import compare_equity
from morningstar_strategy.core.divergence.bars import compare_bars
from morningstar_strategy.core.divergence.bridge import Bridge, build_bridge
from morningstar_strategy.core.divergence.causes import Causes, moment_of
from morningstar_strategy.core.divergence.decisions import (
    Compared,
    compare_commands,
    compare_predictions,
    compare_reviews,
    compare_rulings,
)
from morningstar_strategy.core.divergence.execution import compare_fills, compare_orders
from morningstar_strategy.core.divergence.quality import Quality, quality_of
from morningstar_strategy.core.divergence.reading import Told, read
from morningstar_strategy.core.divergence.settings import (
    Changed,
    changed_settings,
    changed_versions,
)
from morningstar_strategy.core.divergence.values import (
    RUNGS,
    Difference,
    DivergenceError,
    Found,
    Rung,
    RungResult,
    Side,
    Standing,
    utc,
)

__all__ = ["LIVE_SLACK_NS", "Divergence", "diverge"]

LIVE_SLACK_NS: Final = 5_000_000_000  # between a simulation, which takes no time, and a venue
_DECISIONS: Final = RUNGS[1:5]
_TOLD: Final = "told, not compared"
_DECIDED: Final = "compared from the commands up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """What became of a comparison; `differences` are those of the one rung that differs."""

    a: Side
    b: Side
    rungs: tuple[RungResult, ...]
    differences: tuple[Difference, ...]
    settings: tuple[Changed, ...]
    versions: tuple[Changed, ...]
    bridge: Bridge
    quality: tuple[Quality, Quality]
    notes: tuple[str, ...]

    @property
    def first(self) -> Rung | None:
        """Give the rung on which the runs part, None where they do not."""
        parted = (each.rung for each in self.rungs if each.standing is Standing.DIFFERS)
        return next(parted, None)

    @property
    def same(self) -> bool:
        """Say whether nothing differs in the common time."""
        return self.first is None


def diverge(a: Side, b: Side, *, slack_ns: int | None = None) -> Divergence:
    """Compare two runs; times within `slack_ns` count as the same.

    Without it, two simulations must agree to the nanosecond and others within five seconds. Raises
    DivergenceError for runs that have no time, no currency or nothing to compare in common,
    RecordError for a record that cannot be read.
    """
    _check_common(a, b)
    _check_currency(a, b)
    if slack_ns is None:
        slack_ns = 0 if a.simulated and b.simulated else LIVE_SLACK_NS
    told = read(a), read(b)
    bars, data = compare_bars(a, b)
    above = _above(told, slack_ns)
    if bars.compared == 0 and not any(each.compared for each in above.values()):
        raise DivergenceError(
            f"{a.name} and {b.name} have nothing in common that could be compared"
        )
    outer, inner = _outer(data, above), _inner(above)
    settings, versions = changed_settings(a, b), changed_versions(a, b)
    causes = Causes(*told, settings=settings, versions=versions, outer=outer, inner=inner)
    first = _first(data, above)
    chosen = data if first is Rung.DATA else above[first].found if first is not None else ()
    return Divergence(
        a=a,
        b=b,
        rungs=(bars, *(_result(rung, above[rung], told, first) for rung in RUNGS[1:])),
        differences=tuple(causes.of(found) for found in sorted(chosen, key=moment_of)),
        settings=settings,
        versions=versions,
        bridge=build_bridge(*told, causes, slack_ns=slack_ns),
        quality=(quality_of(told[0]), quality_of(told[1])),
        notes=_notes(a, b),
    )


def _above(told: tuple[Told, Told], slack_ns: int) -> dict[Rung, Compared]:
    """Compare every rung above the data."""
    return {
        Rung.PREDICTIONS: compare_predictions(*told),
        Rung.REVIEWS: compare_reviews(*told, slack_ns=slack_ns),
        Rung.COMMANDS: compare_commands(*told, slack_ns=slack_ns),
        Rung.RULINGS: compare_rulings(*told),
        Rung.ORDERS: compare_orders(*told, slack_ns=slack_ns),
        Rung.FILLS: compare_fills(*told, slack_ns=slack_ns),
        Rung.EQUITY: compare_equity(*told, slack_ns=slack_ns),
    }


def _check_currency(a: Side, b: Side) -> None:
    if a.currency and b.currency and a.currency != b.currency:
        raise DivergenceError(
            f"currency of {a.name} is {a.currency}, of {b.name} {b.currency}: their money cannot "
            "be compared"
        )


def _check_common(a: Side, b: Side) -> None:
    for early, late in ((a, b), (b, a)):
        if early.end_ns < late.start_ns:
            raise DivergenceError(
                f"{early.name} ends at {utc(early.end_ns)}, before {late.name} begins at "
                f"{utc(late.start_ns)}: they have no time in common"
            )
    known = [_instruments(side) for side in (a, b)]
    if all(known) and not known[0] & known[1]:
        raise DivergenceError(
            f"{a.name} and {b.name} have no instrument in common: {_some(known[0])} against "
            f"{_some(known[1])}"
        )


def _instruments(side: Side) -> set[str]:
    told = {record.instrument_id for record in side.records}
    return (told | {*(side.bars or ())}) - {""}


def _traded(side: Side) -> set[str]:
    told = side.settings.get("data.instruments")
    return {f"{name}" for name in told} if isinstance(told, list) else set()


def _some(names: set[str]) -> str:
    few = sorted(names)[:3]
    return ", ".join(few) + (" and more" if len(names) > len(few) else "")


def _outer(data: Sequence[Found], above: dict[Rung, Compared]) -> tuple[Found, ...]:
    return tuple(data) or above[Rung.PREDICTIONS].found


def _inner(above: dict[Rung, Compared]) -> tuple[Found, ...]:
    rungs = RUNGS[RUNGS.index(Rung.REVIEWS) :]
    return tuple(found for rung in rungs for found in above[rung].found)


def _first(data: Sequence[Found], above: dict[Rung, Compared]) -> Rung | None:
    """Find the rung that differs first.

    What was seen and forecast owes nothing to what a run did, so any difference of it comes first.
    All other rungs act on each other as time goes by: there the earliest difference decides.
    """
    if data:
        return Rung.DATA
    if above[Rung.PREDICTIONS].found:
        return Rung.PREDICTIONS
    earliest = min(_inner(above), key=moment_of, default=None)
    return None if earliest is None else earliest.rung


def _result(
    rung: Rung, compared: Compared, told: tuple[Told, Told], first: Rung | None
) -> RungResult:
    standing = _how(rung, compared, told, first)
    judged = standing is not Standing.UNJUDGED
    return RungResult(
        rung=rung,
        standing=standing,
        compared=compared.compared if judged else 0,
        differing=len(compared.found) if judged else 0,
        outside_a=compared.outside_a,
        outside_b=compared.outside_b,
        says=compared.says if judged else "",
    )


def _how(rung: Rung, compared: Compared, told: tuple[Told, Told], first: Rung | None) -> Standing:
    if first is not None and RUNGS.index(rung) > RUNGS.index(first):
        return Standing.UNJUDGED
    if rung is first:
        return Standing.DIFFERS
    if rung in _DECISIONS and not all(each.side.has_decisions for each in told):
        return Standing.UNRECORDED
    if compared.says and not compared.found:  # why nothing could be laid beside each other
        return Standing.UNRECORDED
    return Standing.UNTIL if compared.found else Standing.SAME


def _notes(a: Side, b: Side) -> tuple[str, ...]:
    """Say what lies outside what the two have in common, and what to know of either."""
    notes = []
    for early, late in ((a, b), (b, a)):
        if early.start_ns < late.start_ns:
            notes.append(f"{early.name} begins earlier, at {utc(early.start_ns)}: {_TOLD}")
        if early.end_ns > late.end_ns:
            notes.append(f"{early.name} goes on longer, to {utc(early.end_ns)}: {_TOLD}")
        if alone := _traded(early) - _traded(late):
            notes.append(f"{early.name} alone trades {_some(alone)}: {_DECIDED}")
        notes += [f"{early.name}: {remark}" for remark in early.remarks]
    return tuple(notes)
