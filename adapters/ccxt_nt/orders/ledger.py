"""What is known of our orders: fills by trade id, the venue's own words, and what is missing.

Facts may come twice, late and in any order: the same facts always end in the same state.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ccxt_nt.orders.legs import Leg
from ccxt_nt.values import FillRow, OrderRow, OrderStatus

__all__ = ["Ledger", "Leg", "News"]

_CLOSED: Final = frozenset(
    {OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.CANCELED, OrderStatus.FILLED}
)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one fact changed."""

    status: OrderStatus | None = None  # the new status of the whole, if it changed
    missing: Decimal = _ZERO  # filled according to the venue, fills not yet known


class Ledger:
    """One order of ours, or one that somebody else placed (`client_order_id` is None)."""

    __slots__ = (
        "_current",
        "_is_known",
        "_plain",
        "absorbed",
        "client_order_id",
        "is_told",
        "legs",
    )

    def __init__(self, client_order_id: str | None = None) -> None:
        self.client_order_id = client_order_id
        self.legs: dict[str, Leg] = {}
        self.is_told = False  # whether somebody else's was announced under its present id
        self.absorbed: list[Ledger] = []  # those that turned out to be of this order
        self._is_known = False  # whether what follows was read from the legs as they are
        self._current: Leg | None = None
        self._plain: dict[str, Leg] = {}  # orders that wait for no trigger, by client id

    @property
    def is_external(self) -> bool:
        """Say whether somebody else placed it, as far as is known."""
        return self.client_order_id is None

    @property
    def current(self) -> Leg | None:
        """Find the leg that is in force: one that lives, else the one that filled."""
        self._read()
        return self._current

    def _read(self) -> None:
        """Read the legs once after each change: an order may have been replaced very often."""
        if self._is_known:
            return
        self._is_known = True
        legs = self.legs.values()
        self._plain = {leg.client_id: leg for leg in legs if leg.client_id and _is_plain(leg)}
        self._current = max(legs, key=self._weight, default=None)

    def _weight(self, leg: Leg) -> tuple[int, bool, int, str]:
        """Weigh what a leg says of the whole; equals are weighed by what is known, and age."""
        created = 0 if leg.last is None else leg.last.created_ns
        return self._force(leg), leg.last is not None, created, leg.venue_order_id

    def _force(self, leg: Leg) -> int:
        if self.became(leg) is not None:
            return 0  # what it became counts
        if leg.status is OrderStatus.TRIGGERED:
            return 4 if self.is_unlinked(leg) else 0
        if leg.status is OrderStatus.FILLED:
            return 3  # a stop may have filled before its replacement was there
        if leg.replaced_by in self.legs:
            return 1
        return 2 if leg.status in _CLOSED else 5

    def became(self, leg: Leg) -> Leg | None:
        """Find what a trigger order became: the venue named it, or it has the same client id."""
        if leg.fired_id in self.legs:
            return self.legs[str(leg.fired_id)]
        if leg.last is None or not leg.last.kind.is_trigger or leg.client_id is None:
            return None
        self._read()
        return self._plain.get(leg.client_id)

    def is_unlinked(self, leg: Leg) -> bool:
        """Say whether a leg fired and nothing here can be what it became: that must be asked."""
        if leg.status is not OrderStatus.TRIGGERED or self.became(leg) is not None:
            return False
        legs = self.legs.values()
        explained = {each.fired_id for each in legs} | {each.replaced_by for each in legs}
        return not any(self._may_be_fired(each, explained) for each in legs)

    def _may_be_fired(self, leg: Leg, explained: set[str | None]) -> bool:
        """Say whether a leg came from nowhere: not as a trigger order, nor in another's stead."""
        if leg.status is OrderStatus.TRIGGERED or (leg.last and leg.last.kind.is_trigger):
            return False
        return leg.replaced_by not in self.legs and leg.venue_order_id not in explained

    @property
    def venue_order_id(self) -> str | None:
        """Name the order in force at the venue."""
        return None if self.current is None else self.current.venue_order_id

    @property
    def fills(self) -> tuple[FillRow, ...]:
        """List all fills, oldest first."""
        rows = (fill for leg in self.legs.values() for fill in leg.fills.values())
        return tuple(sorted(rows, key=lambda f: (f.ts_event, f.venue_order_id, f.trade_id)))

    @property
    def filled(self) -> Decimal:
        """Sum the fills of all legs."""
        return sum((leg.filled for leg in self.legs.values()), _ZERO)

    def filled_before(self, venue_order_id: str) -> Decimal:
        """Sum the fills of all other legs."""
        legs = self.legs.values()
        return sum((leg.filled for leg in legs if leg.venue_order_id != venue_order_id), _ZERO)

    @property
    def missing(self) -> Decimal:
        """Count what the venue says is filled and no fill explains: fetch the fills."""
        return sum((leg.missing for leg in self.legs.values()), _ZERO)

    @property
    def surplus(self) -> Decimal:
        """Count what fills exceed the quantity by: above zero, the venue contradicts itself."""
        return sum((leg.surplus for leg in self.legs.values()), _ZERO)

    @property
    def quantity(self) -> Decimal | None:
        """Give the quantity of the order in force, where the venue told one."""
        current = self.current
        return None if current is None or current.last is None else current.last.quantity

    @property
    def status(self) -> OrderStatus | None:
        """Say where the order stands; None before the venue told anything of it."""
        current = self.current
        if current is None:
            return None
        quantity = self.quantity
        if quantity is not None and current.filled >= quantity:
            return OrderStatus.FILLED
        return current.status

    @property
    def is_closed(self) -> bool:
        """Say whether nothing more will happen to it."""
        return self.status in _CLOSED

    def absorb_fill(self, fill: FillRow) -> bool:
        """Take in a fill; True where it is new and the order has room for it."""
        return self._leg(fill.venue_order_id).take_fill(fill)

    def absorb_order(self, row: OrderRow) -> News:
        """Take in what the venue says of the order, and tell what that changed."""
        before = self.status
        leg = self._leg(row.venue_order_id)
        leg.take_row(row)
        if row.fired_id is not None:
            self._leg(row.fired_id)
        after = self.status
        return News(
            status=after if after is not before else None,
            missing=self.missing,
        )

    def fire(self, venue_order_id: str, fired_id: str) -> None:
        """Note what a trigger order became."""
        self._leg(venue_order_id).fire(fired_id)
        self._leg(fired_id)

    def replace(self, venue_order_id: str, new_id: str) -> None:
        """Note that an order was sent in another's stead."""
        self._leg(venue_order_id).replaced_by = new_id
        self._leg(new_id)

    def revert(self, venue_order_id: str) -> None:
        """Note that an order, or what it became, is in force and not what was to replace it."""
        self._leg(venue_order_id).replaced_by = None

    def know(self, venue_order_id: str) -> None:
        """Note that the venue calls this order so."""
        self._leg(venue_order_id)

    def join(self, other: "Ledger") -> None:
        """Take over everything that another ledger of the same order knows."""
        self.absorbed.append(other)
        for leg in other.legs.values():
            self._leg(leg.venue_order_id).join(leg)

    def _leg(self, venue_order_id: str) -> Leg:
        """Find or begin a leg, to be changed."""
        self._is_known = False
        if venue_order_id not in self.legs:
            self.legs[venue_order_id] = Leg(venue_order_id=venue_order_id)
        return self.legs[venue_order_id]


def _is_plain(leg: Leg) -> bool:
    return leg.last is not None and not leg.last.kind.is_trigger
