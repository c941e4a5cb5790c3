"""One order at the venue as facts tell it: its fills by trade id, and the venue's own words."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from ccxt_nt.values import FillRow, OrderRow, OrderStatus

_RANK: Final = (  # a status is only ever replaced by a later one of these
    OrderStatus.OPEN,
    OrderStatus.TRIGGERED,
    OrderStatus.REJECTED,
    OrderStatus.EXPIRED,
    OrderStatus.CANCELED,
    OrderStatus.FILLED,
)
_ZERO: Final = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Leg:
    """One order at the venue: the order itself, what it fired, or what replaced it."""

    venue_order_id: str
    fills: dict[str, FillRow] = field(default_factory=dict)  # by trade id
    status: OrderStatus | None = None  # as the venue told it; None before any row
    told_filled: Decimal = _ZERO
    largest: Decimal | None = None  # the largest quantity it ever had
    last: OrderRow | None = None  # the latest row
    client_id: str | None = None  # as the venue has it; not every row of an order tells it
    fired_id: str | None = None  # the order that it became when its trigger was reached
    replaced_by: str | None = None  # the order that was sent in its stead

    @property
    def counted(self) -> Decimal:
        """Sum the fills."""
        return sum((fill.quantity for fill in self.fills.values()), _ZERO)

    @property
    def filled(self) -> Decimal:
        """Sum the fills, never above the quantity."""
        return self.counted if self.largest is None else min(self.counted, self.largest)

    @property
    def surplus(self) -> Decimal:
        """Count what fills exceed the quantity by: above zero, the venue contradicts itself."""
        return self.counted - self.filled

    @property
    def missing(self) -> Decimal:
        """Count what the venue says is filled and no fill explains."""
        return max(_ZERO, self.told_filled - self.counted)

    def take_fill(self, fill: FillRow) -> bool:
        """Remember a fill; False for one known or one too many, which only enriches or warns."""
        known = self.fills.get(fill.trade_id)
        self.fills[fill.trade_id] = fill if known is None else max(known, fill, key=_detail)
        return known is None and self.surplus == 0

    def take_row(self, row: OrderRow) -> None:
        """Join a row to what is known."""
        self.status = row.status if self.status is None else max(self.status, row.status, key=rank)
        self.told_filled = max(self.told_filled, _told(row))
        if row.quantity is not None:
            self.largest = max(self.largest or _ZERO, row.quantity)
        self.client_id = row.client_order_id or self.client_id
        self.fire(row.fired_id)
        if self.last is None or _is_newer(row, self.last):
            self.last = row

    def join(self, other: "Leg") -> None:
        """Take over what another record of the same order knows."""
        for fill in other.fills.values():
            self.take_fill(fill)
        if other.status is not None:
            self.status = (
                other.status if self.status is None else max(self.status, other.status, key=rank)
            )
        self.told_filled = max(self.told_filled, other.told_filled)
        if other.largest is not None:
            self.largest = max(self.largest or _ZERO, other.largest)
        if other.last is not None and (self.last is None or _is_newer(other.last, self.last)):
            self.last = other.last
        self.client_id = other.client_id or self.client_id
        self.fire(other.fired_id)
        self.replaced_by = other.replaced_by or self.replaced_by

    def fire(self, fired_id: str | None) -> None:
        """Note what it became, whoever told it first."""
        self.fired_id = max(filter(None, (self.fired_id, fired_id)), default=None)


def rank(status: OrderStatus) -> int:
    """Order statuses by how final they are."""
    return _RANK.index(status)


def _told(row: OrderRow) -> Decimal:
    """Read how much a row says is filled; a filled order without a sum is filled whole."""
    if row.filled is not None:
        return row.filled
    return row.quantity or _ZERO if row.status is OrderStatus.FILLED else _ZERO


def _is_newer(row: OrderRow, other: OrderRow) -> bool:
    mine, theirs = _moment(row), _moment(other)
    return mine > theirs or (mine == theirs and repr(row) > repr(other))


def _moment(row: OrderRow) -> tuple[int, int, Decimal]:
    return row.updated_ns, rank(row.status), row.filled or _ZERO


def _detail(fill: FillRow) -> tuple[bool, bool, bool, str]:
    """Prefer the telling of a fill that says most."""
    known = fill.fee is not None, fill.is_maker is not None, fill.client_order_id is not None
    return *known, repr(fill)
