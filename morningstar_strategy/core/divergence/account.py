"""The highest rung: funding, and the equity as it was marked."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.curves import exposures
from morningstar_strategy.core.divergence.aligning import Aligned, Pair, align
from morningstar_strategy.core.divergence.decisions import Compared
from morningstar_strategy.core.divergence.reading import Told
from morningstar_strategy.core.divergence.telling import alone, first_of, found_of
from morningstar_strategy.core.divergence.values import Cause, Found, Rung, Step
from morningstar_strategy.core.fields import money
from morningstar_strategy.core.records import Kind, Record

__all__ = ["ROUNDING", "amount", "compare_equity", "held_at", "paired_fundings"]

_ZERO: Final = Decimal(0)
ROUNDING: Final = Decimal("1e-6")  # of money, that is no difference


def compare_equity(a: Told, b: Told, *, slack_ns: int) -> Compared:
    """Compare what was paid as funding, and every mark that both runs took at one moment."""
    aligned = paired_fundings(a, b, slack_ns=slack_ns)
    found = [each for pair in aligned.pairs for each in _funding(pair, a, b)]
    marks = [*_marks(a, b)]
    found += [mark for mark in marks if mark is not None]
    return Compared(
        found=tuple(found),
        compared=len(aligned.pairs) + len(marks),
        outside_a=aligned.outside_a,
        outside_b=aligned.outside_b,
        says=_unmarked(a, b) if not marks else "",
    )


def _unmarked(a: Told, b: Told) -> str:
    """Say why no mark of the equity was compared."""
    silent = [each.side.name for each in (a, b) if not each.marks]
    if silent:
        return f"{' and '.join(silent)} marked no equity"
    return "the equity was never marked at one and the same moment"


def paired_fundings(a: Told, b: Told, *, slack_ns: int) -> Aligned:
    """Pair the payments of funding by instrument and time."""
    return align(a.fundings, b.fundings, sides=(a.side, b.side), slack_ns=slack_ns)


def amount(step: Step, name: str) -> Decimal:
    """Give an exact number of a funding step."""
    record = Record(
        ts_event=step.ts_event,
        kind=Kind.FUNDING,
        instrument_id=step.instrument_id,
        fields=step.fields,
    )
    return money(record, name)


def held_at(told: Told, name: str, ts_event: int) -> Decimal:
    """Give the signed quantity held of an instrument just before a moment, by its fills."""
    return sum(
        (order.filled for order in told.by_instrument.get(name, ()) if order.last_ns < ts_event),
        _ZERO,
    )


def _funding(pair: Pair, a: Told, b: Told) -> list[Found]:
    match pair:
        case (Step() as ours, Step() as theirs):
            return _paid(ours, theirs)
        case (Step() as step, None):
            lacking = b
        case (None, Step() as step):
            lacking = a
        case _:
            return []
    said = alone(Rung.EQUITY, Cause.FUNDING, pair, (a, b), "a payment of funding").says
    held = held_at(lacking, step.instrument_id, step.ts_event)
    return [_of(step, said, inherits=held == 0)]


def _paid(ours: Step, theirs: Step) -> list[Found]:
    step = first_of(ours, theirs)
    paid = [amount(each, "amount") for each in (ours, theirs)]
    if abs(paid[0] - paid[1]) <= ROUNDING:
        return []
    names = [name for name in ("rate", "price") if amount(ours, name) != amount(theirs, name)]
    said = ", ".join(
        f"{name} {amount(ours, name):f} → {amount(theirs, name):f}" for name in (*names, "amount")
    )
    return [_of(step, f"funding: {said}", inherits=not names)]


def _of(step: Step, said: str, *, inherits: bool) -> Found:
    told = found_of(Rung.EQUITY, Cause.FUNDING, step, said)
    return Found(
        rung=told.rung,
        natural=told.natural,
        instrument_id=told.instrument_id,
        ts_event=told.ts_event,
        seq=told.seq,
        says=told.says,
        inherits=inherits,
    )


def _marks(a: Told, b: Told) -> Iterator[Found | None]:
    """Compare the marks of one moment; a gap between the two is told where it changes.

    Runs that did not begin together are held to the gap of their first common mark.
    """
    theirs = _numbered(b)
    gap = _ZERO if a.side.start_ns == b.side.start_ns else None
    places = {id(record): seq for seq, record in enumerate(a.side.records)}
    for key, ours in _numbered(a).items():
        other = theirs.get(key)
        if other is None:
            continue
        apart = money(other, "equity") - money(ours, "equity")
        if gap is None:
            gap = apart
        if abs(apart - gap) <= ROUNDING:
            yield None
            continue
        gap = apart
        yield _marked(ours, other, places[id(ours)])


def _numbered(told: Told) -> dict[tuple[int, int], Record]:
    """Name marks by their moment and how many came before them in it."""
    counts: Counter[int] = Counter()
    found = {}
    for mark in told.marks:
        found[mark.ts_event, counts[mark.ts_event]] = mark
        counts[mark.ts_event] += 1
    return found


def _marked(ours: Record, theirs: Record, seq: int) -> Found:
    apart = exposures(ours) != exposures(theirs)
    return Found(
        rung=Rung.EQUITY,
        natural=Cause.DATA if apart else Cause.RISK_STATE,
        instrument_id="",
        ts_event=ours.ts_event,
        seq=seq,
        says=f"equity {money(ours, 'equity'):f} → {money(theirs, 'equity'):f}",
    )
