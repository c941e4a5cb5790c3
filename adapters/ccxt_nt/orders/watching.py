"""Private streams and rounds of questions: how the client sees its account, and how well."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from ccxt_nt.errors import Unauthorised, VenueError
from ccxt_nt.health import HealthBoard
from ccxt_nt.line.client import Line
from ccxt_nt.line.streams import Backoff, Care, Stream, StreamState
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.reconcile import Known, Picture, look
from ccxt_nt.parsing import Unreadable, balance_rows, fill_row, order_row
from ccxt_nt.profiles import Profile
from ccxt_nt.values import BalanceRow, Health, OrderRow, PositionRow

# `Any` in this module: ccxt's answers have no types

_OVERLAP_MS = 60_000  # fills are asked for again so far back
_LIVE_SECS = 10.0  # a new stream is waited for so long
_PURSE_SECS = 0.5  # between two questions for balances
_LATE_SECS = 5.0  # after which a stream that did not tell what a question told is held to be deaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Who hears of the account."""

    on_balances: Callable[[tuple[BalanceRow, ...]], None]
    on_positions: Callable[[tuple[PositionRow, ...]], None]
    note: Callable[[str], None]


class Watching:
    """The streams of one account, and the rounds that find what they missed."""

    def __init__(
        self,
        line: Line,
        cases: Cases,
        inquiry: Inquiry,
        board: HealthBoard,
        ears: Ears,
        *,
        rng: Random,
        now_ms: Callable[[], int],
        secs: Callable[[], float],
        every_secs: float,
    ) -> None:
        self._line = line
        self._cases = cases
        self._inquiry = inquiry
        self._board = board
        self._ears = ears
        self._rng = rng
        self._now_ms = now_ms
        self._secs = secs
        self._every_secs = every_secs
        self._streams: dict[str, Stream] = {}
        self._covered: dict[str, asyncio.Task[None]] = {}
        self._unseen: dict[str, int] = {}  # streams that may have missed something, and since
        self._fresh: set[str] = set()  # streams of which nothing can have been missed yet
        self._gaps = 0  # counts them
        self._began = False
        self._since_ms: dict[str, int] = {}  # by symbol: fills before were all had
        self._surprised: float | None = None  # when a question told what no stream had told
        self._wake = asyncio.Event()
        self._purse = asyncio.Event()  # balances are to be asked for
        self._tasks: list[asyncio.Task[None]] = []

    # ---- life ----

    async def start(self, symbols: tuple[str, ...]) -> None:
        """Subscribe, wait until the venue said yes, then look at everything once."""
        for symbol in symbols:
            self.follow(symbol)
        self._open_common()
        if self._line.profile.watch_orders_per_symbol:
            await asyncio.gather(*(self.cover(symbol) for symbol in symbols))
        await self._until_live(list(self._streams.values()))
        await self.round()
        self._tasks = [
            asyncio.create_task(self._rounds(), name="rounds"),
            asyncio.create_task(self._ask_for_balances(), name="balances"),
        ]

    async def stop(self) -> None:
        """End the rounds and the streams; it may be started again."""
        tasks = [*self._tasks, *self._covered.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(stream.stop() for stream in self._streams.values()))
        for name in self._streams:
            self._board.remove(name)
        self._tasks.clear()
        self._covered.clear()
        self._streams.clear()
        self._unseen.clear()
        self._fresh.clear()

    def follow(self, symbol: str) -> None:
        """Look after a symbol's fills from now on."""
        self._since_ms.setdefault(symbol, self._now_ms() - _OVERLAP_MS)

    async def cover(self, symbol: str) -> None:
        """Make sure that a symbol's orders are watched, before one is sent."""
        self.follow(symbol)
        if not self._line.profile.watch_orders_per_symbol:
            return
        if symbol not in self._covered:
            self._covered[symbol] = asyncio.create_task(self._cover(symbol), name=f"cover {symbol}")
        await asyncio.shield(self._covered[symbol])

    # ---- streams ----

    def _open_common(self) -> None:
        profile = self._line.profile
        if not profile.watch_orders_per_symbol:
            self._open_orders(None)
        if profile.watch_fills:
            fills = dict(profile.type_params)
            self._open("watch_my_trades", None, None, None, fills, sink=self._fills)
        self._open("watch_balance", {**profile.type_params}, sink=self._balances)

    async def _cover(self, symbol: str) -> None:
        opened = self._open_orders(symbol)
        await self._until_live(opened)

    def _open_orders(self, symbol: str | None) -> list[Stream]:
        profile = self._line.profile
        params = {} if symbol else dict(profile.type_params)
        args = (symbol, None, None)
        streams = [self._open("watch_orders", *args, params, sink=self._orders)]
        stops = profile.stops
        if stops is not None and stops.watch_params is not None:
            waiting = {**params, **stops.watch_params}
            streams.append(self._open("watch_orders", *args, waiting, sink=self._orders, tag="*"))
        return streams

    def _open(
        self, method: str, *args: object, sink: Callable[[Any], None], tag: str = ""
    ) -> Stream:
        channel = self._line.channel(method, *args)
        name = channel.name + tag
        care = Care(silent_secs=self._line.profile.staleness.private_secs, missed=self._is_deaf)
        stream = Stream(
            channel,
            sink=sink,
            backoff=Backoff(rng=self._rng),
            on_gap=lambda reason: self._lost(name, reason),
            on_live=lambda: self._live(name),
            on_bad=lambda e: self._bad(name, e),
            care=care,
            tell=self._line.tell,
        )
        self._streams[name] = stream
        self._fresh.add(name)
        self._lost(name, "not subscribed yet")
        stream.start()
        return stream

    def _lost(self, name: str, reason: str) -> None:
        self._gaps += 1
        self._unseen[name] = self._gaps
        self._board.set(name, self._without(name), reason)

    def _live(self, name: str) -> None:
        self._gaps += 1
        self._unseen[name] = self._gaps
        reason = "subscribed, the account is not compared yet"
        self._board.set(name, self._without(name), reason)
        self._wake.set()

    def _without(self, name: str) -> Health:
        """Judge a stream that is not up: before its first order there is nothing to miss."""
        return Health.DEGRADED if name in self._fresh else Health.BLIND

    def _bad(self, name: str, e: Exception) -> None:
        self._ears.note(f"{name}: something was not understood, asking: {self._line.tell(e)}")
        self._wake.set()

    async def _until_live(self, streams: list[Stream]) -> None:
        """Wait for the venue's yes; whoever does not get it is looked after by the rounds."""
        deadline = asyncio.get_running_loop().time() + _LIVE_SECS
        while any(stream.state is not StreamState.LIVE for stream in streams):
            if asyncio.get_running_loop().time() >= deadline:
                self._give_up([s.name for s in streams if s.state is not StreamState.LIVE])
                return
            await asyncio.sleep(0.01)

    def _give_up(self, late: list[str]) -> None:
        """Go on without streams: orders will be sent that they would not tell of."""
        self._ears.note(f"not subscribed after {_LIVE_SECS} s: {', '.join(late)}")
        for name in self._fresh & self._unseen.keys():
            if self._streams[name].state is not StreamState.LIVE:
                self._fresh.discard(name)
                self._lost(name, f"not subscribed after {_LIVE_SECS} s")

    # ---- what they bring ----

    def _orders(self, answer: Any) -> None:
        _take_each(answer, self._order)

    def _order(self, told: Any) -> None:
        row = order_row(told, self._profile, received_ns=self._now_ms() * 1_000_000)
        if self._cases.knows(row.symbol):
            self._cases.take_order(row)

    def _fills(self, answer: Any) -> None:
        _take_each(answer, self._fill)

    def _fill(self, told: Any) -> None:
        row = fill_row(told, self._profile)
        if self._cases.knows(row.symbol):
            self._cases.take_fill(row)

    def _balances(self, answer: Any) -> None:
        try:
            self._ears.on_balances(balance_rows(answer, self._profile))
        except Unreadable:  # some venues push a total only: then the whole is asked for
            self._purse.set()

    async def _ask_for_balances(self) -> None:
        while True:
            await self._purse.wait()
            await asyncio.sleep(_PURSE_SECS)
            self._purse.clear()
            try:
                self._ears.on_balances(await self._inquiry.balances())
            except VenueError as e:
                self._ears.note(f"balances cannot be had, the next look brings them: {e}")

    @property
    def _profile(self) -> Profile:
        return self._line.profile

    # ---- rounds ----

    async def _rounds(self) -> None:
        backoff = Backoff(rng=self._rng, first_secs=0.5, most_secs=5.0)
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
            return Health.BLIND, f"a look at it failed: {self._line.tell(e)}"
        return None

    async def round(self) -> None:
        """Look at the whole account once; raises VenueError if it could not be seen."""
        self._wake.clear()
        seen = {
            name: gap
            for name, gap in self._unseen.items()
            if self._streams[name].state is StreamState.LIVE
        }
        for symbol in self._cases.symbols:
            self.follow(symbol)  # orders of others change positions too
        began, began_ms = self._secs(), self._now_ms()
        open_keys = tuple(self._cases.key(case) for case in self._cases.alive)
        known = Known(open=open_keys, fills_since_ms=dict(self._since_ms))
        picture = await look(self._inquiry, known, product=self._profile.product)
        if not self._began:  # what filled before is in the balances and positions already
            self._began = True
            self._cases.past |= {fill.trade_id for fill in picture.fills}
        before = self._cases.news
        self._absorb(picture, began, began_ms)
        if self._cases.news != before and not seen:
            self._surprised = asyncio.get_running_loop().time()
        self._board.set("account", Health.HEALTHY)
        for name, gap in seen.items():
            if self._unseen.get(name) == gap:  # nothing was lost while we looked
                del self._unseen[name]
                self._fresh.discard(name)
                self._board.set(name, Health.HEALTHY)

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
            self._since_ms[symbol] = min(last_ms, began_ms) - _OVERLAP_MS
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

    async def _is_deaf(self) -> bool:
        """Say whether a question told something that the streams should have told before."""
        now = asyncio.get_running_loop().time()
        surprised = self._surprised
        if surprised is None or now - surprised < _LATE_SECS:
            return False
        self._surprised = None
        return all(
            stream.last_data is None or stream.last_data < surprised
            for stream in self._streams.values()
        )


def _take_each(answer: Any, take: Callable[[Any], None]) -> None:
    """Take every row of an answer; the first complaint is raised once all were taken."""
    complaints = []
    for each in answer if isinstance(answer, list) else [answer]:
        try:
            take(each)
        except ValueError as e:
            complaints.append(e)
    if complaints:
        raise complaints[0]
