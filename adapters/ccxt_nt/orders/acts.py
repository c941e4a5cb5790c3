"""What the engine asks for, carried out: of one order one act at a time, in the order of asking."""

import asyncio
from collections.abc import Awaitable, Callable

from ccxt_nt.errors import VenueError
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.changing import Changing
from ccxt_nt.orders.desk import Change
from ccxt_nt.orders.ending import Ending
from ccxt_nt.orders.office import Office
from ccxt_nt.orders.sending import Sending
from ccxt_nt.orders.story import CancelRefused, ChangeRefused, Rejected

_PRICE_LOOKS = 5  # whether the price overtook a trigger on its way


class Acts:
    """Submit, cancel, change."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._desk = office.desk
        self._cases = office.cases
        self._sending = Sending(office)
        self._ending = Ending(office)
        self._changing = Changing(office, self._ending)

    async def submit(self, case: Case, *, ready: Callable[[], Awaitable[None]]) -> None:
        """Send an order once, when its streams are ready, and find out what became of it."""
        async with case.turn:
            try:
                await ready()
            except Exception as e:  # nothing was sent, for whatever reason
                named = "" if isinstance(e, VenueError) else f"{type(e).__name__}: "
                self._cases.say(case, Rejected(reason=f"not sent: {named}{e}"))
                return
            await self._sending.send(case)
            await self._look_after_trigger(case)

    async def cancel(self, case: Case) -> None:
        """End an order; tells the engine of its end, or that it cannot be ended."""
        async with case.turn:
            if case.told.closed:
                return
            if case.is_sent and not case.ledger.legs and not self._desk.profile.cancel_by_client_id:
                await self._sending.settle(case, self._office.patience)
            refused = await self._ending.end(case)
            if refused is not None and not case.told.closed:
                self._cases.say(case, CancelRefused(reason=refused))

    async def end_leg(self, case: Case, venue_order_id: str) -> None:
        """End one order at the venue that is not needed any more."""
        async with case.turn:
            if case.told.closed or case.ledger.venue_order_id != venue_order_id:
                await self._ending.end(case, venue_order_id)

    async def cancel_many(self, cases: list[Case]) -> None:
        """End several orders: asked for together where the venue can, then each made sure of."""
        await self._ending.ask_together(cases)
        await asyncio.gather(*(self.cancel(case) for case in cases))

    async def change(self, case: Case, change: Change) -> None:
        """Give an order other terms; tells the engine of them, or that they were refused."""
        async with case.turn:
            if case.told.closed:
                return
            if case.is_over:
                self._cases.say(case, ChangeRefused(reason="the order is over"))
                return
            await self._changing.change(case, change)
            await self._look_after_trigger(case)

    # ---- triggers that came too late ----

    async def _look_after_trigger(self, case: Case) -> None:
        """End a trigger order that the price overtook on its way: it waits for the wrong side."""
        if case.told.closed or not case.ledger.legs or not case.is_waiting:
            return
        if not await self._was_overtaken(case):
            return
        row = await self._ending.ask(self._cases.key(case))
        if row is not None:
            self._cases.take_order(row)
        if case.is_waiting and not case.is_over:
            self._office.note(f"{case.client_order_id}: the price overtook its trigger, ending it")
            await self._ending.end(case)

    async def _was_overtaken(self, case: Case) -> bool:
        for attempt in range(_PRICE_LOOKS):
            try:
                return await self._desk.was_overtaken(case.ticket)
            except VenueError as e:
                if attempt == 0:
                    note = (
                        f"{case.client_order_id}: whether it came in time is unknown, asking: {e}"
                    )
                    self._office.note(note)
            await self._office.pause(attempt)
            if case.is_over or not case.is_waiting:
                return False
        self._office.note(f"{case.client_order_id}: the venue tells no price, watch this trigger")
        return False
