"""Give an order other terms, in the way its venue has."""

from dataclasses import replace

from ccxt_nt.errors import Closed, Missing, VenueError
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.desk import Change
from ccxt_nt.orders.ending import Ending
from ccxt_nt.orders.inquiry import OrderKey
from ccxt_nt.orders.office import REFUSALS, Office
from ccxt_nt.orders.replacing import Replacing
from ccxt_nt.orders.story import ChangeRefused
from ccxt_nt.profiles import Amend
from ccxt_nt.values import OrderRow

_UNCHANGED_LOOKS = 4  # after which an amendment of unknown outcome is held not to have happened


class Changing:
    """Changes: in one step where the venue has one, else by another order."""

    def __init__(self, office: Office, ending: Ending) -> None:
        self._office = office
        self._desk = office.desk
        self._cases = office.cases
        self._ending = ending
        self._replacing = Replacing(office, end=ending.end)

    async def change(self, case: Case, change: Change) -> None:
        """Change an order that is not over; tells the engine its terms, or why they stay."""
        match self._desk.amends(waiting=case.is_waiting):
            case Amend.NONE:
                reason = f"{self._desk.profile.key} has no tested way to change this order"
                self._cases.say(case, ChangeRefused(reason=reason))
            case Amend.ATOMIC:
                await self._amend(case, change)
            case Amend.REPLACE:
                await self._replacing.replace(case, change)

    async def _amend(self, case: Case, change: Change) -> None:
        key = self._cases.key(case)
        try:
            new_id = await self._desk.amend(key, case.ticket, change)
        except REFUSALS as e:
            self._cases.say(case, ChangeRefused(reason=str(e)))
        except (Missing, Closed) as e:
            row = await self._ending.ask(key)
            if row is not None:
                self._cases.take_order(row)
            if not case.told.closed:
                self._cases.say(case, ChangeRefused(reason=str(e)))
        except VenueError as e:
            self._office.note(f"{case.client_order_id}: change unknown, asking: {e}")
            await self._settle_change(case, key, change)
        else:
            self._changed(case, key, new_id, change)

    def _changed(self, case: Case, key: OrderKey, new_id: str, change: Change) -> None:
        if key.venue_order_id is not None and new_id != key.venue_order_id:
            self._cases.replaced(case, key.venue_order_id, new_id, waits=key.waiting)
        terms = replace(
            case.ticket,
            quantity=change.quantity,
            price=change.price,
            trigger_price=change.trigger_price,
        )
        self._cases.update(case, terms)

    async def _settle_change(self, case: Case, key: OrderKey, change: Change) -> None:
        """Ask until the order shows the new terms, or has shown the old ones long enough."""
        began, looks, attempt = self._office.secs(), 0, 0
        by_client = replace(key, venue_order_id=None) if key.client_id else key
        while not case.told.closed:
            row = await self._ending.ask(key) or await self._ending.ask(by_client)
            if row is None:
                self._cases.gone(case)
                return
            if _shows(row, change):
                self._changed(case, key, row.venue_order_id, change)
                self._cases.take_order(row)
                return
            self._cases.take_order(row)
            looks += 1
            waited = self._office.secs() - began
            if looks >= _UNCHANGED_LOOKS and waited >= self._office.patience.brief().settle_secs:
                reason = f"the venue shows the old terms after {waited:.1f} s"
                self._cases.say(case, ChangeRefused(reason=reason))
                return
            await self._office.pause(attempt)
            attempt += 1


def _shows(row: OrderRow, change: Change) -> bool:
    """Say whether a row has the terms that were asked for."""
    return (
        row.quantity == change.quantity
        and (change.price is None or row.price == change.price)
        and (change.trigger_price is None or row.trigger_price == change.trigger_price)
    )
