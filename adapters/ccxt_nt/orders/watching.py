"""Private streams: how the client sees its account."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from ccxt_nt.errors import VenueError
from ccxt_nt.health import HealthBoard
from ccxt_nt.line.client import Line
from ccxt_nt.line.streams import Backoff, Care, Stream, StreamState
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.gaps import Gaps
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.rounds import Ears, Rounds
from ccxt_nt.parsing import Unreadable, balance_rows, fill_row, order_row
from ccxt_nt.profiles import Profile

# `Any` in this module: ccxt's answers have no types

_LIVE_SECS = 10.0  # a new stream is waited for so long
_PURSE_SECS = 0.5  # between two questions for balances
_LATE_SECS = 5.0  # after which a stream that did not tell what a question told is held to be deaf


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
        self._ears = ears
        self._rng = rng
        self._now_ms = now_ms
        self._streams: dict[str, Stream] = {}
        self._covered: dict[str, asyncio.Task[None]] = {}
        self._gaps = Gaps(board)
        self._rounds = Rounds(
            cases,
            inquiry,
            board,
            ears,
            self._gaps,
            live=self._live_names,
            tell=line.tell,
            rng=rng,
            now_ms=now_ms,
            secs=secs,
            every_secs=every_secs,
        )
        self._purse = asyncio.Event()  # balances are to be asked for
        self._tasks: list[asyncio.Task[None]] = []

    # ---- life ----

    async def start(self, symbols: tuple[str, ...]) -> None:
        """Subscribe, wait until the venue said yes, then look at everything once."""
        for symbol in symbols:
            self._rounds.follow(symbol)
        self._open_common()
        if self._line.profile.watch_orders_per_symbol:
            await asyncio.gather(*(self.cover(symbol) for symbol in symbols))
        await self._until_live(list(self._streams.values()))
        await self.round()
        self._tasks = [
            asyncio.create_task(self._rounds.run(), name="rounds"),
            asyncio.create_task(self._ask_for_balances(), name="balances"),
        ]

    async def stop(self) -> None:
        """End the rounds and the streams; it may be started again."""
        tasks = [*self._tasks, *self._covered.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(stream.stop() for stream in self._streams.values()))
        self._gaps.close(self._streams)
        self._tasks.clear()
        self._covered.clear()
        self._streams.clear()

    async def round(self) -> None:
        """Look at the whole account once; raises VenueError if it could not be seen."""
        await self._rounds.round()

    async def cover(self, symbol: str) -> None:
        """Make sure that a symbol's orders are watched, before one is sent."""
        self._rounds.follow(symbol)
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
            on_gap=lambda reason: self._gaps.lost(name, reason),
            on_live=lambda: self._subscribed(name),
            on_bad=lambda e: self._bad(name, e),
            care=care,
            tell=self._line.tell,
        )
        self._streams[name] = stream
        self._gaps.opened(name)
        stream.start()
        return stream

    def _subscribed(self, name: str) -> None:
        self._gaps.lost(name, "subscribed, the account is not compared yet")
        self._rounds.wake()

    def _live_names(self) -> list[str]:
        live = StreamState.LIVE
        return [name for name, stream in self._streams.items() if stream.state is live]

    def _bad(self, name: str, e: Exception) -> None:
        self._ears.note(f"{name}: something was not understood, asking: {self._line.tell(e)}")
        self._rounds.wake()

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
        for name in self._streams.keys() - set(self._live_names()):
            self._gaps.late(name, f"not subscribed after {_LIVE_SECS} s")

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

    async def _is_deaf(self) -> bool:
        """Say whether a question told something that the streams should have told before."""
        now = asyncio.get_running_loop().time()
        surprised = self._rounds.surprised
        if surprised is None or now - surprised < _LATE_SECS:
            return False
        self._rounds.surprised = None
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
