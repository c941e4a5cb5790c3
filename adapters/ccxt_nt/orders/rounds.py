"""Rounds of questions: what the streams missed is found by looking at the whole account."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from ccxt_nt.errors import Unauthorised, VenueError
from ccxt_nt.health import HealthBoard
from ccxt_nt.line.streams import Backoff
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.gaps import Gaps
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.reconcile import Known, Picture, look
from ccxt_nt.values import BalanceRow, Health, OrderRow, PositionRow

_OVERLAP_MS = 60_000  # fills are asked for again so far back
_LONGEST_MS = 3_600_000  # and of an idle symbol no further, or the question grows for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Who hears of the account."""

    on_balances: Callable[[tuple[BalanceRow, ...]], None]
    on_positions: Callable[[tuple[PositionRow, ...]], None]
    note: Callable[[str], None]


class Rounds:
    """Looks at an account after a loss, and from time to time."""

    def __init__(
        self,
        cases: Cases,
        inquiry: Inquiry,
        board: HealthBoard,
        ears: Ears,
        gaps: Gaps,
        *,
        live: Callable[[], list[str]],
        tell: Callable[[BaseException], str],
        rng: Random,
        now_ms: Callable[[], int],
        secs: Callable[[], float],
        every_secs: float,
    ) -> None:
        self._cases = cases
        self._inquiry = inquiry
        self._board = board
        self._ears = ears
        self._gaps = gaps
        self._live = live  # names of the streams that are up
        self._tell = tell  # an exception without keys
        self._rng = rng
        self._now_ms = now_ms
        self._secs = secs
        self._every_secs = every_secs
        self._began = False
        self._since_ms: dict[str, int] = {}  # by symbol: fills before were all had
        self._wake = asyncio.Event()
        self.surprised: float | None = None  # when a question told what no stream had told

    def follow(self, symbol: str) -> None:
        """Look after a symbol's fills from now on."""
        self._since_ms.setdefault(symbol, self._now_ms() - _OVERLAP_MS)

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Look for ever."""
        # Whoever looks often wants to know soon
        most_secs = min(5.0, max(0.5, self._every_secs / 3))
        backoff = Backoff(rng=self._rng, first_secs=min(0.5, most_secs / 2), most_secs=most_secs)
        wait_secs = self._every_secs
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_secs):
                    await self._wake.wait()
            complaint = await self._try_round()
            if complaint is None:
                backoff.reset()
                wait_secs = self._every_secs
            else:
                self._board.set("account", *complaint)
                wait_secs = backoff.next_secs()

    async def _try_round(self) -> tuple[Health, str] | None:
        """Look once; how bad it is if that failed, and why."""
        try:
            await self.round()
        except Unauthorised as e:
            return Health.BLIND, f"somebody must act: {e}"
        except VenueError as e:
            return Health.DEGRADED, f"could not be looked at: {e}"
        except Exception as e:  # for a reason of ours, which the next look may not meet again
            return Health.BLIND, f"a look at it failed: {self._tell(e)}"
        return None

    async def round(self) -> None:
        """Look at the whole account once; raises VenueError if it could not be seen."""
        self._wake.clear()
        seen = self._gaps.before_look(self._live())
        for symbol in self._cases.symbols:
            self.follow(symbol)  # orders of others change positions too
        began, began_ms = self._secs(), self._now_ms()
        open_keys = tuple(self._cases.key(case) for case in self._cases.alive)
        known = Known(open=open_keys, fills_since_ms=dict(self._since_ms))
        picture = await look(self._inquiry, known, product=self._inquiry.profile.product)
        if not self._began:  # what filled before is in the balances and positions already
            self._began = True
            self._cases.past |= {fill.trade_id for fill in picture.fills}
        before = self._cases.news
        self._absorb(picture, began, began_ms)
        if self._cases.news != before and not seen:
            self.surprised = asyncio.get_running_loop().time()
        self._board.set("account", Health.HEALTHY)
        self._gaps.after_look(seen)

    def _absorb(self, picture: Picture, began: float, began_ms: int) -> None:
        for row in (*picture.listing.rows, *picture.asked):
            if self._cases.knows(row.symbol):
                self._absorb_order(row, began)
        for fill in picture.fills:
            try:
                self._cases.take_fill(fill)
            except ValueError as e:
                self._ears.note(f"fill {fill.trade_id} is left out: {e}")
        for key in picture.gone:
            self._cases.missed(key)
        for complaint in picture.listing.complaints:
            self._ears.note(f"an open order could not be read: {complaint}")
        for symbol in self._since_ms:
            last_ms = max(
                (f.ts_event // 1_000_000 for f in picture.fills if f.symbol == symbol),
                default=began_ms,
            )
            since_ms = max(min(last_ms, began_ms), began_ms - _LONGEST_MS)
            self._since_ms[symbol] = since_ms - _OVERLAP_MS
        self._follow_positions(picture)
        self._ears.on_balances(picture.balances)
        self._ears.on_positions(picture.positions)

    def _follow_positions(self, picture: Picture) -> None:
        """Look after the fills of whatever is held: somebody may close it by hand."""
        for position in picture.positions:
            if self._cases.knows(position.symbol):
                self.follow(position.symbol)

    def _absorb_order(self, row: OrderRow, began: float) -> None:
        try:
            self._cases.take_order(row)
            self._cases.compare(row, asked=began)
        except ValueError as e:
            self._ears.note(f"order {row.venue_order_id} is left out: {e}")
