"""Change an order by another order: a stop is placed anew before the old one is cancelled."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

from ccxt_nt.errors import Missing, VenueError
from ccxt_nt.orders.case import Awaited, Case
from ccxt_nt.orders.desk import Change
from ccxt_nt.orders.inquiry import OrderKey
from ccxt_nt.orders.legs import Leg
from ccxt_nt.orders.office import REFUSALS, Office
from ccxt_nt.orders.resolver import Found, Traded
from ccxt_nt.orders.story import ChangeRefused
from ccxt_nt.values import OrderKind, OrderRow, OrderStatus, Ticket

_ENDED = (OrderStatus.CANCELED, OrderStatus.EXPIRED)
_GONE = (*_ENDED, OrderStatus.REJECTED)

type End = Callable[[Case, str | None], Awaitable[str | None]]


class Replacing:
    """Cancel and replace, in the order that leaves no stop missing."""

    def __init__(self, office: Office, *, end: End) -> None:
        self._office = office
        self._cases = office.cases
        self._end = end

    async def replace(self, case: Case, change: Change) -> None:
        """Give an order other terms by way of a new order at the venue."""
        old_id = case.ledger.venue_order_id
        if old_id is None:
            self._refuse(case, "the venue has not told its id yet")
        elif case.is_waiting:
            await self._stop(case, old_id, change)
        else:
            await self._plain(case, old_id, change)

    # ---- stops: place first, then cancel ----

    async def _stop(self, case: Case, old_id: str, change: Change) -> None:
        if not await self._still_waits(case, old_id):
            self._refuse(case, "the stop fired, or is over")
            return
        ticket = self._next_ticket(case, change, quantity=change.quantity)
        case.is_replacing = True
        try:
            new_id = await self._put(case, ticket, old_id, total=change.quantity)
            if new_id is None:
                return
            if case.ledger.legs[new_id].status in _GONE:
                case.ledger.revert(old_id)
                self._refuse(case, "the new stop did not stay; the old one does")
                return
            await self._end(case, old_id)
            old = case.ledger.legs[old_id]
            if case.ledger.became(old) or old.status in (OrderStatus.TRIGGERED, OrderStatus.FILLED):
                await self._take_back(case, old_id, new_id)
                await self._end_all_but_one(case)
        finally:
            case.is_replacing = False
            self._cases.settle(case)

    async def _still_waits(self, case: Case, old_id: str) -> bool:
        """Ask whether a stop waits, where its firing is not pushed."""
        stops = self._office.desk.profile.stops
        if stops is None or stops.watch_params is not None:
            return True
        row = await self._ask(case, old_id)
        if row is None:
            return True  # the placement and the cancellation that follow will tell
        return row.status is OrderStatus.OPEN and case.is_waiting

    async def _ask(self, case: Case, venue_order_id: str) -> OrderRow | None:
        """Ask for one leg of an order; None where the venue knows it no more."""
        key = self._cases.key(case, venue_order_id)
        try:
            row = await self._office.resolver.row(key, patience=self._office.patience)
        except Missing:
            return None
        self._cases.take_order(row)
        return row

    async def _take_back(self, case: Case, old_id: str, new_id: str) -> None:
        self._office.note(f"{case.client_order_id}: the old stop fired; cancelling the new one")
        await self._end(case, new_id)
        if case.ledger.legs[new_id].status is OrderStatus.CANCELED:
            case.ledger.revert(old_id)

    async def _end_all_but_one(self, case: Case) -> None:
        """Where both stops fired before either was gone: keep one of what they became, or none."""
        for leg in list(case.ledger.legs.values()):
            if leg.status is None or case.ledger.is_unlinked(leg):
                await self._ask(case, leg.venue_order_id)
        ledger, legs = case.ledger, case.ledger.legs.values()
        alive = [
            leg
            for leg in legs
            if leg.status is OrderStatus.OPEN and leg.replaced_by not in ledger.legs
        ]
        kept = 0 if any(leg.status is OrderStatus.FILLED for leg in legs) else 1
        for leg in sorted(alive, key=_worth)[kept:]:
            await self._end(case, leg.venue_order_id)

    # ---- others: cancel first, then place what is left ----

    async def _plain(self, case: Case, old_id: str, change: Change) -> None:
        case.is_replacing = True
        try:
            refused = await self._end(case, old_id)
            if refused is not None:
                self._refuse(case, refused)
                return
            await self._place_rest(case, old_id, change)
        finally:
            case.is_replacing = False
            self._cases.settle(case)

    async def _place_rest(self, case: Case, old_id: str, change: Change) -> None:
        """Send what is left as a new order, if the old one definitely ended without it."""
        left = change.quantity - case.ledger.filled - case.ledger.missing
        if left <= 0 or case.ledger.legs[old_id].status not in _ENDED:
            self._refuse(case, "it filled, or fired, before it could be replaced")
            return
        ticket = self._next_ticket(case, change, quantity=left)
        if case.has_fired and ticket.kind.is_limit:  # its trigger is behind it
            ticket = replace(ticket, kind=OrderKind.LIMIT, trigger_price=None)
        await self._put(case, ticket, old_id, total=change.quantity)  # else what filled stays

    # ---- both ----

    async def _put(self, case: Case, ticket: Ticket, old_id: str, *, total: Decimal) -> str | None:
        """Send a replacement once and put its terms into force; its id, or None if it is not there.

        A stream may tell of it before its answer comes: its terms are in force from then on.
        """
        terms = replace(
            ticket,
            quantity=total,
            kind=case.ticket.kind,
            trigger_price=ticket.trigger_price or case.ticket.trigger_price,
        )
        case.awaited = Awaited(
            client_id=ticket.client_order_id,
            old_id=old_id,
            terms=terms,
            waits=ticket.kind.is_trigger,
        )
        try:
            new_id = await self._place(case, ticket, old_id)
            if new_id == old_id:
                self._refuse(case, "the venue took the new order for the old one; that one stays")
                return None
            if new_id is not None:
                self._cases.arrived(case, new_id)
            return new_id
        finally:
            case.awaited = None

    async def _place(self, case: Case, ticket: Ticket, old_id: str) -> str | None:
        """Send the new order once; None, told to the engine, if it definitely is not there."""
        office = self._office
        try:
            return await office.desk.place(ticket)
        except REFUSALS as e:
            if case.awaited is None:  # a stream told of it: the refusal was of something else
                return case.ledger.legs[old_id].replaced_by
            self._refuse(case, str(e))
            return None
        except VenueError as e:
            office.note(f"{case.client_order_id}: the new order's outcome is unknown: {e}")
        outcome = await office.resolver.outcome(
            lambda: self._key_of(case, ticket),
            sent=office.secs(),
            patience=office.patience,
            known=lambda: case.awaited is None,
        )
        match outcome:
            case Found(row=row):
                return row.venue_order_id
            case Traded(fills=fills):
                return fills[0].venue_order_id
            case None:  # a stream told of it meanwhile
                return case.ledger.legs[old_id].replaced_by
            case _:
                self._refuse(case, "the venue never had the new order")
                return None

    def _key_of(self, case: Case, ticket: Ticket) -> OrderKey:
        """Ask for the new order: by its own client id, and not by the old one's."""
        key = self._cases.key(case)
        mine = frozenset(case.ledger.legs)
        return replace(
            key,
            client_id=ticket.client_order_id,
            venue_order_id=None,
            likeness=None if key.likeness is None else ticket,
            others=key.others | mine,
        )

    def _next_ticket(self, case: Case, change: Change, *, quantity: Decimal) -> Ticket:
        return replace(
            case.ticket,
            client_order_id=self._cases.next_name(case),
            quantity=quantity,
            price=change.price,
            trigger_price=change.trigger_price,
        )

    def _refuse(self, case: Case, reason: str) -> None:
        self._cases.say(case, ChangeRefused(reason=reason))


def _worth(leg: Leg) -> tuple[bool, str]:
    """Sort what went out already before what waits for its trigger."""
    return leg.last is not None and leg.last.kind.is_trigger, leg.venue_order_id
