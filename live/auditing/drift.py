"""Criterion three: fills, fees and funding explain the change of the balance to the cent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from live.auditing.findings import Criterion, Finding, Verdict
from live.auditing.lives import Life, lives_of
from live.auditing.session import Asked, PriceBar, Session
from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.costs import Position, signed_quantity
from morningstar_strategy.core.curves import exposures
from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.records import Kind, Record

__all__ = ["BalanceSums", "capital_drift"]

_ZERO: Final = Decimal(0)
_FAR: Final = Decimal("0.1")  # share by which a position may seem to differ as prices move


@dataclass(slots=True, kw_only=True)
class BalanceSums:
    """The sums of what moves a balance."""

    positions: dict[str, Position] = field(default_factory=dict)
    fees: Decimal = _ZERO
    slippage: Decimal = _ZERO
    funding: Decimal = _ZERO
    fills: int = 0
    fundings: int = 0

    @property
    def realized(self) -> Decimal:
        """Give what closed positions earned before fees, by average cost."""
        return sum((position.realized for position in self.positions.values()), _ZERO)

    @property
    def change(self) -> Decimal:
        """Give by how much the balance must have changed."""
        return self.realized - self.fees - self.slippage + self.funding

    def fill(self, name: str, quantity: Decimal, price: Decimal) -> None:
        """Book a fill of a signed quantity."""
        self.positions[name] = self.positions.get(name, Position()).filled(quantity, price)
        self.fills += 1

    def book(self, record: Record) -> None:
        """Book a fill or funding record."""
        if record.kind is Kind.FUNDING:
            self.funding += money(record, "amount")
            self.fundings += 1
        elif record.kind is Kind.FILL:
            self.fill(record.instrument_id, signed_quantity(record), money(record, "price"))
            self.fees += money(record, "fee")
            self.slippage += money(record, "slippage")


def capital_drift(session: Session, asked: Asked) -> Finding:
    """Compare what the records earned with what the balance changed by, between its marks."""
    marks = [at for at, record in enumerate(session.records) if record.kind is Kind.EQUITY]
    if len(marks) < 2:
        return _unknown(f"the journal has {len(marks)} marks of the equity; two are needed")
    first, last = session.records[marks[0]], session.records[marks[-1]]
    lives = lives_of(session.records)
    adopted = [life for life in lives if life.planned is None and life.opened_ns is not None]
    if nameless := [life for life in adopted if life.direction is None]:
        return _unknown(
            f"plan {nameless[0].plan_id} was adopted from an earlier journal and has not ended, "
            "so its cost is not on record"
        )
    sums = _booked(session.records, marks[0], marks[-1], adopted)
    begun, ended = money(first, "balance"), money(last, "balance")
    drift = ended - begun - sums.change
    faults = (
        *_drifted(drift, asked),
        *(fault for life in lives for fault in _overfilled(life)),
        *_misplaced(sums.positions, last, session.bars),
    )
    uncounted = [r for r in session.of(Kind.HEALTH) if text(r, "state") == "fee not counted"]
    return Finding(
        criterion=Criterion.CAPITAL_DRIFT,
        verdict=Verdict.FAIL if faults else Verdict.PASS,
        says=f"the balance changed by {ended - begun}, of which {_plain(drift)} is not explained",
        evidence={
            "balance_begin": f"{begun:f}",
            "balance_end": f"{ended:f}",
            "change": f"{ended - begun:f}",
            "realized": f"{sums.realized:f}",
            "fees": f"{sums.fees:f}",
            "slippage": f"{sums.slippage:f}",
            "funding": f"{sums.funding:f}",
            "drift": f"{drift:f}",
            "fills": sums.fills,
            "fundings": sums.fundings,
            "uncounted_fees": len(uncounted),
        },
        faults=faults,
    )


def _unknown(why: str) -> Finding:
    return Finding(criterion=Criterion.CAPITAL_DRIFT, verdict=Verdict.UNKNOWN, says=why)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else "0"


def _drifted(drift: Decimal, asked: Asked) -> tuple[str, ...]:
    if abs(drift) < asked.drift:
        return ()
    return (f"the balance differs by {_plain(drift)} from what fills, fees and funding amount to",)


def _booked(
    records: Sequence[Record], first: int, last: int, adopted: Sequence[Life]
) -> BalanceSums:
    """Book the records between two marks; what was held before the first keeps its cost."""
    before, sums = BalanceSums(), BalanceSums()
    began = {life.plan_id: life for life in adopted}
    for at, record in enumerate(records[: last + 1]):
        if record.kind is Kind.PLAN and text(record, "state") == "ACTIVE":
            _take_over(sums, began.pop(text(record, "order_id"), None), record)
        if at < first and record.kind is Kind.FILL:
            before.book(record)
            sums.positions = {
                name: Position(quantity=held.quantity, cost=held.cost)
                for name, held in before.positions.items()
            }
        elif at >= first:
            sums.book(record)
    return sums


def _take_over(sums: BalanceSums, life: Life | None, record: Record) -> None:
    """Begin with what an adopted plan held already."""
    if life is None:
        return
    sign = 1 if life.direction is Direction.LONG else -1
    quantity = sign * money(record, "open_quantity")
    sums.positions[life.instrument_id] = Position(
        quantity=quantity, cost=quantity * money(record, "entry_price")
    )


def _overfilled(life: Life) -> tuple[str, ...]:
    """Find fills that cannot all be true: more than was planned, or more out than in."""
    if life.planned is None:
        return ()
    found = []
    if life.entered > life.planned:
        found.append(
            f"plan {life.plan_id} of {life.planned} has entry fills of {life.entered}: "
            "a fill is booked twice"
        )
    if life.exited > life.entered:
        found.append(
            f"plan {life.plan_id} has exit fills of {life.exited} for {life.entered} entered: "
            "a fill is booked twice or one is lost"
        )
    return tuple(found)


def _misplaced(
    positions: Mapping[str, Position],
    mark: Record,
    bars: Mapping[str, tuple[PriceBar, ...]],
) -> tuple[str, ...]:
    """Compare the positions that the fills leave with those that the last mark shows."""
    shown = exposures(mark)
    found = []
    for name in sorted(positions.keys() | shown.keys()):
        held = positions.get(name, Position())
        price = held.cost / held.quantity if held.quantity else _ZERO
        if told := [bar.close for bar in bars.get(name, ()) if bar.ts_event <= mark.ts_event]:
            price = told[-1]
        expected, seen = held.quantity * price, shown.get(name, _ZERO)
        if abs(seen - expected) > _FAR * abs(expected):
            found.append(
                f"the fills leave a position of {held.quantity} in {name}, worth about "
                f"{_plain(expected)}, the last mark shows {_plain(seen)}"
            )
    return tuple(found)
