"""The parts of an execution client, put together around one account."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from ccxt_nt.errors import VenueError
from ccxt_nt.execution.scribe import Scribe
from ccxt_nt.health import HealthBoard
from ccxt_nt.ids import codec
from ccxt_nt.line.client import Line
from ccxt_nt.line.clock import VenueClock
from ccxt_nt.orders.acts import Acts
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.desk import Desk, Terms
from ccxt_nt.orders.fetching import Fetcher
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.office import Office
from ccxt_nt.orders.resolver import Patience, Resolver
from ccxt_nt.orders.rounds import Ears
from ccxt_nt.orders.story import Rejected, Saying
from ccxt_nt.orders.watching import Watching

HOW_TO_KEEP: Final = (
    "the engine holds it to be rejected while the venue has it: it made that up from silence;"
    " give the node `execution_engine_config()`"
)
_TICK_SECS: Final = 0.1  # how often it is looked whether time made something due


@dataclass(slots=True, kw_only=True)
class Tools:
    """What every part works with."""

    rng: Random
    note: Callable[[str], None]
    scribe: Scribe
    board: HealthBoard
    ears: Ears
    secs: Callable[[], float] = time.monotonic
    clock: VenueClock = field(default_factory=VenueClock)

    def now_ms(self) -> int:
        """Tell the venue's time."""
        return self.clock.now_ms


class Parts:
    """Cases, and those who act on them; made before the lines are open, used after."""

    def __init__(self, account: Line, orders: Line, tools: Tools, *, settle_secs: float) -> None:
        row = account.profile
        self._tools = tools
        self.codec = codec(row.codec)
        self.desk = Desk(row, orders)
        self.inquiry = Inquiry(row, account, now_ms=tools.now_ms)
        self.cases = Cases(
            row,
            self.codec,
            say=self._say,
            announce=tools.scribe.announce,
            pending=tools.scribe.is_pending,
            can_reduce=tools.scribe.can_reduce,
            on_ghost=self._bury,
            on_want=lambda: self.fetcher.want(),
            note=tools.note,
            secs=tools.secs,
            rng=tools.rng,
            check=tools.scribe.check,
            knows=tools.scribe.knows,
        )
        self.fetcher = Fetcher(
            self.cases,
            self.inquiry,
            rng=tools.rng,
            note=tools.note,
            on_orphan=tools.scribe.announce_fill,
        )
        self.acts = Acts(self._office(settle_secs))
        self.watching = self._watching(account)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lasting: list[asyncio.Task[None]] = []

    def _watching(self, account: Line) -> Watching:
        tools = self._tools
        return Watching(
            account,
            self.cases,
            self.inquiry,
            tools.board,
            tools.ears,
            rng=tools.rng,
            now_ms=tools.now_ms,
            secs=tools.secs,
            every_secs=account.settings.reconcile_secs,
        )

    def _office(self, settle_secs: float) -> Office:
        tools = self._tools
        return Office(
            desk=self.desk,
            inquiry=self.inquiry,
            resolver=Resolver(
                self.inquiry, secs=tools.secs, sleep=asyncio.sleep, rng=tools.rng, note=tools.note
            ),
            cases=self.cases,
            patience=Patience(settle_secs=settle_secs),
            secs=tools.secs,
            sleep=asyncio.sleep,
            rng=tools.rng,
            note=tools.note,
        )

    def _bury(self, case: Case, venue_order_id: str | None) -> None:
        """End what must not be there: an order, or one leg of it."""
        leg = venue_order_id
        act = self.acts.cancel(case) if leg is None else self.acts.end_leg(case, leg)
        self.spawn(act, f"bury {leg or case.client_order_id}")

    def _say(self, case: Case, saying: Saying) -> None:
        """Tell the engine, unless it gave up on the order: then it is ended, and told apart."""
        if self._tools.scribe.is_dead(case.client_order_id) and not isinstance(saying, Rejected):
            self._tools.note(f"{case.client_order_id}: {HOW_TO_KEEP}")
            self.cases.bury(case)
            return
        self._tools.scribe.say(case, saying)

    # ---- life ----

    async def start(self, symbols: tuple[str, ...], terms: Terms) -> None:
        """Begin to watch; returns once the account was seen whole."""
        self.desk.terms = terms
        self._lasting = [
            asyncio.create_task(self._guard(self.fetcher.run(), "fetch fills")),
            asyncio.create_task(self._guard(self._tick(), "tick")),
        ]
        await self.watching.start(symbols)

    async def stop(self, *, patience_secs: float) -> None:
        """Let acts under way end, then end everything."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_secs)
        for case in self.cases:
            if case.is_sent and not case.told.closed and not case.ledger.legs:
                self._tools.note(f"{case.client_order_id}: stopped before its outcome was known")
        ending = [*self._tasks, *self._lasting]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await self.watching.stop()

    def spawn(self, act: Awaitable[None], name: str) -> None:
        """Carry something out beside everything else; what it raises is noted."""
        task = asyncio.create_task(self._guard(act, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, act: Awaitable[None], name: str) -> None:
        try:
            await act
        except VenueError as e:
            self._tools.note(f"{name}: {e}")
        except Exception as e:  # an act that fails must not fail silently
            self._tools.note(f"{name} failed for a reason of ours: {type(e).__name__}: {e}")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECS)
            self.cases.advance()
