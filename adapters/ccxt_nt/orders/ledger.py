"""What is known of our orders: fills by trade id, the venue's own words, and what is missing.

Facts may come twice, late and in any order: the same facts always end in the same state.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ccxt_nt.orders.legs import Leg
from ccxt_nt.values import FillRow, OrderRow, OrderStatus

__all__ = ["Ledger", "Ledgers", "Leg", "News"]

_CLOSED: Final = frozenset(
    {OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.CANCELED, OrderStatus.FILLED}
)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one fact changed."""

    status: OrderStatus | None = None  # the new status of the whole, if it changed
    missing: Decimal = _ZERO  # filled according to the venue, fills not yet known
    is_newer: bool = False  # price, quantity or trigger of the row replace the earlier ones


class Ledger:
    """One order of ours, or one that somebody else placed (`client_order_id` is None)."""

    __slots__ = ("client_order_id", "legs")

    def __init__(self, client_order_id: str | None = None) -> None:
        self.client_order_id = client_order_id
        self.legs: dict[str, Leg] = {}

    @property
    def is_external(self) -> bool:
        """Say whether somebody else placed it, as far as is known."""
        return self.client_order_id is None

    @property
    def current(self) -> Leg | None:
        """Find the leg that is in force: one that lives, else the one that filled."""
        return max(self.legs.values(), key=self._weight, default=None)

    def _weight(self, leg: Leg) -> tuple[int, bool, int, str]:
        """Weigh what a leg says of the whole; equals are weighed by what is known, and age."""
        created = 0 if leg.last is None else leg.last.created_ns
        return self._force(leg), leg.last is not None, created, leg.venue_order_id

    def _force(self, leg: Leg) -> int:
        if leg.status is OrderStatus.TRIGGERED:
            return 0  # what it became counts
        is_full = leg.status is OrderStatus.FILLED
        if leg.next_id in self.legs:
            return 3 if is_full else 1  # a stop may have filled before its replacement was there
        if leg.status in _CLOSED:
            return 4 if is_full else 2
        return 5

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

    @property
    def is_settled(self) -> bool:
        """Say whether it is closed and every fill is known."""
        return self.is_closed and self.missing == 0

    def absorb_fill(self, fill: FillRow) -> bool:
        """Take in a fill; True where it is new and the order has room for it."""
        return self._leg(fill.venue_order_id).take_fill(fill)

    def absorb_order(self, row: OrderRow) -> News:
        """Take in what the venue says of the order, and tell what that changed."""
        before = self.status
        leg = self._leg(row.venue_order_id)
        newer = leg.take_row(row)
        if row.fired_id is not None:
            self.follow(row.venue_order_id, row.fired_id)
        after = self.status
        return News(
            status=after if after is not before else None,
            missing=self.missing,
            is_newer=newer and leg is self.current,
        )

    def follow(self, venue_order_id: str, next_id: str) -> None:
        """Note that an order became another: it fired, or it was replaced."""
        leg = self._leg(venue_order_id)
        leg.next_id = next_id if leg.next_id is None else max(leg.next_id, next_id)
        self._leg(next_id)

    def know(self, venue_order_id: str) -> None:
        """Note that the venue calls this order so."""
        self._leg(venue_order_id)

    def join(self, other: "Ledger") -> None:
        """Take over everything that another ledger of the same order knows."""
        for leg in other.legs.values():
            self._leg(leg.venue_order_id).join(leg)

    def _leg(self, venue_order_id: str) -> Leg:
        if venue_order_id not in self.legs:
            self.legs[venue_order_id] = Leg(venue_order_id=venue_order_id)
        return self.legs[venue_order_id]


class Ledgers:
    """All orders of a client: ours by client order id, everybody's by the venue's id."""

    def __init__(self, decode: Callable[[str], str | None]) -> None:
        self._decode = decode  # from the venue's client id to the engine's, None if not ours
        self._ours: dict[str, Ledger] = {}
        self._by_venue: dict[str, Ledger] = {}
        self._named: dict[str, set[str]] = {}  # decoded client id -> venue ids seen with it

    def __iter__(self) -> Iterator[Ledger]:
        return iter(self._ours.values())

    def externals(self) -> tuple[Ledger, ...]:
        """List the orders that somebody else placed, as far as is known."""
        seen = {id(ledger): ledger for ledger in self._by_venue.values() if ledger.is_external}
        return tuple(seen.values())

    def by_client(self, client_order_id: str) -> Ledger | None:
        """Find one of our orders."""
        return self._ours.get(client_order_id)

    def by_venue(self, venue_order_id: str) -> Ledger | None:
        """Find any order by the venue's id."""
        return self._by_venue.get(venue_order_id)

    def expect(self, client_order_id: str) -> Ledger:
        """Open the ledger of an order of ours, before it is sent."""
        ledger = self._ours.setdefault(client_order_id, Ledger(client_order_id))
        for venue_order_id in self._named.get(client_order_id, ()):
            self._adopt(ledger, self._by_venue[venue_order_id])
        return ledger

    def acknowledge(self, client_order_id: str, venue_order_id: str) -> Ledger:
        """Note the venue's id of an order of ours."""
        ledger = self.expect(client_order_id)
        ledger.know(venue_order_id)
        self._claim(ledger, venue_order_id)
        return ledger

    def follow(self, venue_order_id: str, next_id: str) -> Ledger:
        """Note that an order became another: it fired, or it was replaced."""
        ledger = self._find(venue_order_id, None)
        self._claim(ledger, next_id)
        ledger = self._by_venue[venue_order_id]
        if self._by_venue[next_id] is ledger:
            ledger.follow(venue_order_id, next_id)
        return ledger

    def absorb_order(self, row: OrderRow) -> tuple[Ledger, News]:
        """Take in what the venue says of an order, whoever placed it."""
        ledger = self._find(row.venue_order_id, row.client_order_id)
        if row.fired_from is not None:
            self.follow(row.fired_from, row.venue_order_id)
        if row.fired_id is not None:
            self.follow(row.venue_order_id, row.fired_id)
        ledger = self._by_venue[row.venue_order_id]
        return ledger, ledger.absorb_order(row)

    def absorb_fill(self, fill: FillRow) -> tuple[Ledger, bool]:
        """Take in a fill, whoever's order it is of; True where it is new."""
        ledger = self._find(fill.venue_order_id, fill.client_order_id)
        return ledger, ledger.absorb_fill(fill)

    def disown(self, ledger: Ledger) -> None:
        """Take an order for nobody's whose client id only looked like one of ours."""
        if ledger.client_order_id is not None:
            self._ours.pop(ledger.client_order_id, None)
            ledger.client_order_id = None

    def forget(self, client_order_id: str) -> None:
        """Drop an order of ours that is over."""
        ledger = self._ours.pop(client_order_id, None)
        for venue_order_id in [] if ledger is None else list(ledger.legs):
            self._by_venue.pop(venue_order_id, None)
        self._named.pop(client_order_id, None)

    def _find(self, venue_order_id: str, venue_client_id: str | None) -> Ledger:
        """Find or open the ledger of a venue's order, joining what turns out to be one order."""
        ledger = self._by_venue.get(venue_order_id)
        if ledger is None:
            ledger = self._by_venue[venue_order_id] = Ledger()
            ledger.know(venue_order_id)
        decoded = None if venue_client_id is None else self._decode(venue_client_id)
        if decoded is not None:
            self._named.setdefault(decoded, set()).add(venue_order_id)
            if decoded in self._ours:
                self._claim(self._ours[decoded], venue_order_id)
        return self._by_venue[venue_order_id]

    def _claim(self, ledger: Ledger, venue_order_id: str) -> None:
        """Make a venue's order part of a ledger; what is ours never becomes another's."""
        known = self._by_venue.get(venue_order_id)
        if known is None:
            ledger.know(venue_order_id)
            self._by_venue[venue_order_id] = ledger
        elif known is not ledger:
            first, second = (known, ledger) if ledger.is_external else (ledger, known)
            self._adopt(first, second)

    def _adopt(self, ledger: Ledger, other: Ledger) -> None:
        if other is ledger or not other.is_external:
            return
        ledger.join(other)
        for venue_order_id in other.legs:
            self._by_venue[venue_order_id] = ledger
