"""Change an order by another order: a stop is placed anew before the old one is cancelled."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ccxt_nt.cases import Case
from ccxt_nt.desk import Change
from ccxt_nt.errors import Rejected, Unauthorised, Unsupported, VenueError
from ccxt_nt.resolver import Found, Traded
from ccxt_nt.story import ChangeRefused
from ccxt_nt.values import OrderStatus, Ticket

if TYPE_CHECKING:
    from ccxt_nt.acts import Office

type End = Callable[[Case, str | None], Awaitable[str | None]]


class Replacing:
    """Cancel and replace, in the order that leaves no stop missing."""

    def __init__(self, office: "Office", *, end: End) -> None:
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
        ticket = self._next_ticket(case, change, quantity=change.quantity)
        new_id = await self._place(case, ticket)
        if new_id is None:
            return
        self._cases.follow(case, old_id, new_id)
        self._cases.update(case, ticket)
        await self._end(case, old_id)
        if case.ledger.legs[old_id].status in (OrderStatus.TRIGGERED, OrderStatus.FILLED):
            self._office.note(f"{case.client_order_id}: the old stop fired; cancelling the new one")
            await self._end(case, new_id)

    # ---- others: cancel first, then place what is left ----

    async def _plain(self, case: Case, old_id: str, change: Change) -> None:
        case.is_replacing = True
        try:
            refused = await self._end(case, old_id)
            if refused is not None:
                self._refuse(case, refused)
                return
            left = change.quantity - case.ledger.filled - case.ledger.missing
            if left > 0 and case.ledger.legs[old_id].status is not OrderStatus.FILLED:
                await self._place_rest(case, old_id, change, left)
        finally:
            case.is_replacing = False
            self._cases.settle(case)

    async def _place_rest(self, case: Case, old_id: str, change: Change, left: Decimal) -> None:
        ticket = self._next_ticket(case, change, quantity=left)
        new_id = await self._place(case, ticket)
        if new_id is None:
            return  # the order is over: what filled of it stays
        self._cases.follow(case, old_id, new_id)
        self._cases.update(case, replace(ticket, quantity=change.quantity))

    # ---- both ----

    async def _place(self, case: Case, ticket: Ticket) -> str | None:
        """Send the new order once; None, told to the engine, if it definitely is not there."""
        office = self._office
        try:
            return await office.desk.place(ticket)
        except (Rejected, Unauthorised, Unsupported) as e:
            self._refuse(case, str(e))
            return None
        except VenueError as e:
            office.note(f"{case.client_order_id}: the new order's outcome is unknown: {e}")
        key = replace(
            self._cases.key(case), client_id=ticket.client_order_id, venue_order_id=None
        )
        if key.likeness is not None:
            key = replace(key, likeness=ticket)
        outcome = await office.resolver.outcome(key, sent=office.secs(), patience=office.patience)
        match outcome:
            case Found(row=row):
                return row.venue_order_id
            case Traded(fills=fills):
                return fills[0].venue_order_id
            case _:
                self._refuse(case, "the venue never had the new order")
                return None

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
