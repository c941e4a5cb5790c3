"""End orders, or one leg of an order, until that is definite."""

import asyncio

from ccxt_nt.errors import Closed, Missing, Unsent, VenueError
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.inquiry import OrderKey
from ccxt_nt.orders.office import REFUSALS, Office
from ccxt_nt.values import OrderRow, OrderStatus

_UNLINKED_LOOKS = 8  # after which the venue is not asked any more what a trigger order became


class Ending:
    """Cancellation: asked for as often as it takes, for it can do no harm twice."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._desk = office.desk
        self._cases = office.cases

    async def end(self, case: Case, venue_order_id: str | None = None) -> str | None:
        """Cancel an order, or one leg of it, until that is definite; the venue's refusal, if any.

        An order goes on living in what it became: that is ended too.
        """
        attempt = 0
        while True:
            key = self._cases.key(case, venue_order_id)
            refused = await self._ask_to_end(key)
            if venue_order_id is None and await case.over_within(self._office.confirm_secs):
                return None
            row = await self.ask(key)
            if row is not None:
                self._cases.take_order(row)
            elif venue_order_id is None and case.ledger.venue_order_id == key.venue_order_id:
                self._cases.gone(case)
            is_alive = not case.is_over if venue_order_id is None else _is_open(row, venue_order_id)
            if not is_alive:
                return None
            if refused is not None and _is_open(row, key.venue_order_id):
                return refused
            if case.is_unlinked and attempt >= _UNLINKED_LOOKS:
                return "it fired, and the venue does not tell as what"
            await self._office.pause(attempt)
            attempt += 1

    async def ask(self, key: OrderKey) -> OrderRow | None:
        """Ask for an order that the venue had; None if it knows it no more."""
        try:
            return await self._office.resolver.row(key, patience=self._office.patience)
        except (Missing, Closed):
            return None

    async def ask_together(self, cases: list[Case]) -> None:
        """Ask for the end of several orders at once where the venue can, and wait a moment."""
        if not self._desk.profile.batch_cancel or len(cases) < 2:
            return
        asked = await self._ask_to_end_together(cases)
        secs = self._office.confirm_secs  # the streams tell of their ends meanwhile
        await asyncio.gather(*(case.over_within(secs) for case in asked))

    async def _ask_to_end_together(self, cases: list[Case]) -> list[Case]:
        """Ask for the end of plain orders, those of a symbol at once; give those asked for."""
        by_symbol: dict[str, dict[str, Case]] = {}
        for case in cases:
            leg_id = case.ledger.venue_order_id
            if leg_id is not None and not case.is_waiting and not case.is_over:
                by_symbol.setdefault(case.ticket.symbol, {})[leg_id] = case
        asked: list[Case] = []
        for symbol, named in by_symbol.items():
            try:
                await self._desk.cancel_many(symbol, list(named))
            except VenueError as e:  # each is asked for by itself next
                self._office.note(f"cancelling {len(named)} orders together: {e}")
            else:
                asked += named.values()
        return asked

    async def _ask_to_end(self, key: OrderKey) -> str | None:
        try:
            await self._desk.cancel(key)
        except (Missing, Closed):
            return None  # ask what it is then
        except Unsent as e:
            self._office.note(f"{key.venue_order_id}: cancelling it again: {e}")
        except REFUSALS as e:
            return str(e)
        except VenueError as e:
            self._office.note(f"{key.venue_order_id}: cancellation unknown: {e}")
        return None


def _is_open(row: OrderRow | None, venue_order_id: str | None) -> bool:
    """Say whether an order itself is there, and not what it became."""
    if row is None or row.status is not OrderStatus.OPEN:
        return False
    return venue_order_id in (None, row.venue_order_id)
