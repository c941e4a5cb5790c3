"""What the engine asks for, carried out: each order sent once, each outcome made definite."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ccxt_nt.errors import (
    Closed,
    Missing,
    Rejected,
    Throttled,
    Unauthorised,
    Unsupported,
    VenueError,
    WouldTake,
)
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.desk import Change
from ccxt_nt.orders.inquiry import OrderKey
from ccxt_nt.orders.office import Office
from ccxt_nt.orders.replacing import Replacing
from ccxt_nt.orders.resolver import Absent, Found, Patience, Traded
from ccxt_nt.orders.story import CancelRefused, ChangeRefused
from ccxt_nt.orders.story import Rejected as Refusal
from ccxt_nt.profiles import Amend
from ccxt_nt.values import OrderRow, OrderStatus

_REFUSALS = (Rejected, Unauthorised, Unsupported)  # it did not happen
_UNCHANGED_LOOKS = 4  # after which an amendment of unknown outcome is held not to have happened


class Acts:
    """Submit, cancel, change; of one order one at a time, in the order of asking."""

    def __init__(self, office: Office) -> None:
        self._desk = office.desk
        self._resolver = office.resolver
        self._cases = office.cases
        self._office = office
        self._replacing = Replacing(office, end=self._end)

    # ---- submit ----

    async def submit(self, case: Case, *, ready: Callable[[], Awaitable[None]]) -> None:
        """Send an order once, when its streams are ready, and find out what became of it."""
        async with case.turn:
            try:
                await ready()
            except VenueError as e:  # nothing was sent
                self._cases.say(case, Refusal(reason=f"not sent: {e}", would_take=False))
                return
            await self._send(case)
            await self._look_after_trigger(case)

    async def _send(self, case: Case) -> None:
        case.is_sent = True
        patience = self._office.patience
        try:
            venue_order_id = await self._desk.place(case.ticket)
        except _REFUSALS as e:
            if case.ledger.legs:  # a stream told of it: the refusal was of something else
                await self._settle(case, patience)
            else:
                refusal = Refusal(reason=str(e), would_take=isinstance(e, WouldTake))
                self._cases.say(case, refusal)
        except Throttled as e:
            self._office.note(f"{case.client_order_id}: {e}; asking whether it is there")
            await self._settle(case, patience.brief())
        except VenueError as e:
            self._office.note(f"{case.client_order_id}: outcome unknown, left in flight: {e}")
            await self._settle(case, patience)
        else:
            self._cases.placed(case, venue_order_id)

    async def _look_after_trigger(self, case: Case) -> None:
        """End a trigger order that the price overtook on its way: it waits for the wrong side."""
        if case.told.closed or not case.ledger.legs or not case.is_waiting:
            return
        try:
            if not await self._desk.was_overtaken(case.ticket):
                return
        except VenueError as e:
            self._office.note(f"{case.client_order_id}: whether it came in time is unknown: {e}")
            return
        row = await self._after_cancel(self._cases.key(case))
        if row is not None:
            self._cases.take_order(row)
        if case.is_waiting and not case.is_over:
            self._office.note(f"{case.client_order_id}: the price overtook its trigger, ending it")
            await self._end(case, None)

    async def _settle(self, case: Case, patience: Patience) -> None:
        """Ask what became of an order that was sent a moment ago."""
        outcome = await self._resolver.outcome(
            lambda: self._cases.key(case),
            sent=self._office.secs(),
            patience=patience,
            known=lambda: bool(case.ledger.legs),
        )
        if isinstance(outcome, Found) and self._cases.is_of_another(case, outcome.row):
            await self._settle(case, patience)  # it was claimed in the same moment
            return
        match outcome:
            case Found(row=row):
                self._cases.placed(case, row.venue_order_id)
                self._cases.take_order(row)
            case Traded(fills=fills):
                for fill in fills:
                    self._cases.placed(case, fill.venue_order_id)
                    self._cases.take_fill(fill)
            case Absent(looks=looks, waited_secs=waited):
                if not case.ledger.legs:
                    reason = f"the venue never had it: {looks} looks in {waited:.1f} s"
                    self._cases.say(case, Refusal(reason=reason))
            case None:
                pass  # a stream told of it meanwhile

    # ---- cancel ----

    async def cancel(self, case: Case) -> None:
        """End an order; tells the engine of its end, or that it cannot be ended."""
        async with case.turn:
            if case.told.closed:
                return
            if case.is_sent and not case.ledger.legs and not self._desk.profile.cancel_by_client_id:
                await self._settle(case, self._office.patience)
            refused = await self._end(case, None)
            if refused is not None and not case.told.closed:
                self._cases.say(case, CancelRefused(reason=refused))

    async def cancel_many(self, cases: list[Case]) -> None:
        """End several orders: asked for together where the venue can, then each made sure of."""
        if self._desk.profile.batch_cancel and len(cases) > 1:
            asked = await self._ask_to_end_together(cases)
            secs = self._office.confirm_secs  # the streams tell of their ends meanwhile
            await asyncio.gather(*(case.over_within(secs) for case in asked))
        await asyncio.gather(*(self.cancel(case) for case in cases))

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

    async def _end(self, case: Case, venue_order_id: str | None) -> str | None:
        """Cancel an order or one leg of it until that is definite; the venue's refusal, if any."""
        attempt = 0
        while True:
            key = self._cases.key(case, venue_order_id)
            refused = await self._ask_to_end(key)
            if venue_order_id is None and await case.over_within(self._office.confirm_secs):
                return None
            row = await self._after_cancel(key)
            if row is None:
                if venue_order_id is None:
                    self._cases.gone(case)
                return None
            self._cases.take_order(row)
            if row.status is not OrderStatus.OPEN:
                return None
            if refused is not None:
                return refused
            await self._pause(attempt)
            attempt += 1

    async def _ask_to_end(self, key: OrderKey) -> str | None:
        try:
            await self._desk.cancel(key)
        except (Missing, Closed):
            return None  # ask what it is then
        except _REFUSALS as e:
            return str(e)
        except VenueError as e:
            self._office.note(f"{key.venue_order_id}: cancellation unknown: {e}")
        return None

    async def _after_cancel(self, key: OrderKey) -> OrderRow | None:
        """Ask for the row after a cancellation; None if the venue knows it no more."""
        try:
            return await self._resolver.row(key, patience=self._office.patience)
        except (Missing, Closed):
            return None

    # ---- change ----

    async def change(self, case: Case, change: Change) -> None:
        """Give an order other terms; tells the engine of them, or that they were refused."""
        async with case.turn:
            if case.told.closed:
                return
            if case.is_over:
                self._cases.say(case, ChangeRefused(reason="the order is over"))
                return
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
        except _REFUSALS as e:
            self._cases.say(case, ChangeRefused(reason=str(e)))
        except (Missing, Closed) as e:
            row = await self._after_cancel(key)
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
            self._cases.follow(case, key.venue_order_id, new_id, waits=key.waiting)
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
            row = await self._after_cancel(key) or await self._after_cancel(by_client)
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
            await self._pause(attempt)
            attempt += 1

    async def _pause(self, attempt: int) -> None:
        longest = min(self._office.patience.most_secs, 0.2 * 2.0 ** min(attempt, 20))
        await self._office.sleep(longest * self._office.rng.uniform(0.5, 1.0))


def _shows(row: OrderRow, change: Change) -> bool:
    """Say whether a row has the terms that were asked for."""
    return (
        row.quantity == change.quantity
        and (change.price is None or row.price == change.price)
        and (change.trigger_price is None or row.trigger_price == change.trigger_price)
    )
