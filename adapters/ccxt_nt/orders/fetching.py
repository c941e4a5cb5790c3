"""Fetch what a stream left out: fills, their fees, and orders that only their fills tell of."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from random import Random

from ccxt_nt.errors import Closed, Missing, VenueError
from ccxt_nt.line.streams import Backoff
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.inquiry import Inquiry, OrderKey
from ccxt_nt.values import FillRow

_GRACE_SECS = 0.3  # a stream has so long to bring a fill by itself
_AT_ONCE_SECS = 0.02  # where it brings no fees, they are asked for as soon as a burst is over
_ORPHAN_LOOKS = 5  # after which a fill is told without the order it is of


class Fetcher:
    """The one task that asks for fills whenever they are wanted, until they are there."""

    def __init__(
        self,
        cases: Cases,
        inquiry: Inquiry,
        *,
        rng: Random,
        note: Callable[[str], None],
        on_orphan: Callable[[FillRow], None],
    ) -> None:
        self._cases = cases
        self._inquiry = inquiry
        self._backoff = Backoff(rng=rng, first_secs=0.3, most_secs=15.0)
        self._note = note
        self._on_orphan = on_orphan
        self._wanted = asyncio.Event()
        self._looks: dict[str, int] = {}  # for an order, by its id

    def want(self) -> None:
        """Wake up: something is missing."""
        self._wanted.set()

    async def run(self) -> None:
        """Fetch for ever."""
        while True:
            await self._wanted.wait()
            carries_fee = self._inquiry.profile.fills_carry_fee
            await asyncio.sleep(_GRACE_SECS if carries_fee else _AT_ONCE_SECS)
            self._wanted.clear()
            self._backoff.reset()
            while self._is_wanting:
                try:
                    await self.fetch()
                except (VenueError, ValueError) as e:
                    self._note(f"fills are wanted and cannot be had: {e}")
                except Exception as e:  # for a reason of ours: the next look may not meet it again
                    self._note(f"a look for fills failed: {type(e).__name__}: {e}")
                if self._is_wanting:
                    await self._pause()

    async def _pause(self) -> None:
        """Wait before the next look; what was not wanted before is asked for soon."""
        clock, wants = asyncio.get_running_loop(), self._wants
        until = clock.time() + self._backoff.next_secs()
        while (left := until - clock.time()) > 0:
            await asyncio.sleep(min(left, _GRACE_SECS))
            if self._wants - wants:
                self._backoff.reset()
                return

    @property
    def _wants(self) -> frozenset[str]:
        cases = self._cases
        doubted = (case.client_order_id for case in (*cases.suspects, *cases.mute))
        return frozenset((*cases.wanted, *cases.orphans, *doubted))

    @property
    def _is_wanting(self) -> bool:
        return bool(self._wants)

    async def fetch(self) -> None:
        """Ask once for all that is wanted now; what failed first is raised when all was asked."""
        complaints: list[Exception] = []
        for question in self._questions():
            try:
                await question
            except (VenueError, ValueError) as e:
                complaints.append(e)
        if complaints:
            raise complaints[0]

    def _questions(self) -> Iterator[Awaitable[None]]:
        for symbol, since_ms in self._cases.wanted.items():
            yield self._ask_for_fills(symbol, since_ms)
        for case in self._cases.suspects:
            yield self._ask_whether_fired(case)
        for case in self._cases.overdue:
            yield self._ask_what_became(case)
        for venue_order_id, fill in list(self._cases.orphans.items()):
            yield self._ask_for(venue_order_id, fill)

    async def _ask_for_fills(self, symbol: str, since_ms: int) -> None:
        closed_before = self._cases.unsure(symbol)
        for fill in await self._inquiry.fills(symbol, since_ms=since_ms):
            self._cases.take_fill(fill)
        self._cases.checked(closed_before)

    async def _ask_whether_fired(self, case: Case) -> None:
        try:
            self._cases.take_order(await self._inquiry.find(self._cases.key(case)))
        except (Missing, Closed):
            self._note(f"{case.client_order_id}: is not found; a trigger order may have fired")
        self._cases.asked(case)

    async def _ask_what_became(self, case: Case) -> None:
        """Ask for a market order; one that is not found is left to the rounds, which look twice."""
        with suppress(Missing, Closed):
            self._cases.take_order(await self._inquiry.find(self._cases.key(case)))

    async def _ask_for(self, venue_order_id: str, fill: FillRow) -> None:
        key = OrderKey(
            symbol=fill.symbol, client_id=fill.client_order_id, venue_order_id=venue_order_id
        )
        try:
            self._cases.take_order(await self._inquiry.find(key))
        except (Missing, Closed):
            looks = self._looks[venue_order_id] = self._looks.get(venue_order_id, 0) + 1
            if looks >= _ORPHAN_LOOKS:
                del self._looks[venue_order_id]
                for each in self._cases.orphaned(venue_order_id):
                    self._on_orphan(each)
