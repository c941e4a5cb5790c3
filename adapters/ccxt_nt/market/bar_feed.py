"""Closed bars of one instrument and interval: pushed where whole, else from the history."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from nautilus_trader.model import Bar, BarType

from ccxt_nt import conversion, parsing
from ccxt_nt.conversion import Instrument
from ccxt_nt.errors import VenueError
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.market.bars import BarKeeper
from ccxt_nt.market.expressing import expressed
from ccxt_nt.market.feeds import Station
from ccxt_nt.parsing import Unreadable
from ccxt_nt.values import BarRow, MarketRow

# `Any` in this module: ccxt's answers have no types

_NS: Final = 1_000_000_000
_RETRY_NS: Final = 2 * _NS
_MS: Final = 1_000_000
_LONGEST_SECS: Final = 1.0  # of a sleep: clocks are set while one sleeps


class BarFeed:
    """The bars of one type, each told once, in order, after its close."""

    def __init__(
        self,
        station: Station,
        market: MarketRow,
        instrument: Instrument,
        *,
        bar_type: BarType,
        timeframe: str,
    ) -> None:
        profile = station.line.profile
        self._station = station
        self._market = market
        self._instrument = instrument
        self._bar_type = bar_type
        self._timeframe = timeframe
        self._interval_ns = int(bar_type.spec.get_interval_ns())
        self._was_lost = False
        self._woken = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._keeper = BarKeeper(
            interval_ns=self._interval_ns,
            confirm_ns=int(profile.bar_confirm_secs * _NS),
            now_ns=station.venue_ns,
            trusts_stream=profile.bar_pushes_final and not profile.bar_volume_in_quote,
            compares_volume=not profile.bar_volume_in_quote,
        )
        self.stream = station.stream(
            "watch_ohlcv",
            market.symbol,
            timeframe,
            sink=self._take,
            on_gap=self._lose,
            on_live=self._recover,
        )

    def start(self) -> None:
        """Subscribe, and begin to watch the clock."""
        self.stream.start()
        self._asking = asyncio.create_task(self._ask_when_due(), name=f"ask {self.stream.name}")

    async def stop(self) -> None:
        """Unsubscribe."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._station.close(self.stream)

    def _take(self, bars: Sequence[Any]) -> None:
        fault: Unreadable | None = None
        for each in bars:
            try:
                row = read_bar(each, self._market)
                self._station.expect_timely(row.open_ns)
                self._emit(self._keeper.hear(row))
            except Unreadable as e:
                fault = e
        if fault is not None:
            raise fault

    def _lose(self) -> None:
        self._was_lost = True
        self._keeper.gap(now_ns=self._station.venue_ns)

    def _recover(self) -> None:
        if self._was_lost:
            self._was_lost = False
            self._keeper.gap(now_ns=self._station.venue_ns)
            self._keeper.ask_now(now_ns=self._station.venue_ns)
            self._woken.set()

    async def _ask_when_due(self) -> None:
        while True:
            secs = (self._keeper.ask_ns - self._station.venue_ns) / _NS
            if secs > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(secs, _LONGEST_SECS)):
                        await self._woken.wait()
                self._woken.clear()
                continue
            await self._ask()

    async def _ask(self) -> None:
        station, keeper = self._station, self._keeper
        try:
            rows = await fetch_bars(
                station,
                self._market,
                self._timeframe,
                since_ns=keeper.since_ns,
                limit=station.line.profile.paging.bars,
            )
        except VenueError as e:
            station.log(f"{self.stream.name}: bars could not be asked for: {e}")
            keeper.failed(now_ns=station.venue_ns, retry_ns=_RETRY_NS)
            return
        self._emit(keeper.asked(rows, now_ns=station.venue_ns))

    def _emit(self, rows: Iterable[BarRow]) -> None:
        bars = expressed(
            tuple(rows),
            self._bar,
            opened=lambda row: row.open_ns,
            log=lambda text: self._station.log(f"bars {self._bar_type}: {text}"),
        )
        for bar in bars:
            self._station.emit(bar)

    def _bar(self, row: BarRow) -> Bar:
        return conversion.bar(
            row,
            self._bar_type,
            self._instrument,
            interval_ns=self._interval_ns,
            ts_init=self._station.now_ns(),
        )


async def fetch_bars(
    station: Station,
    market: MarketRow,
    timeframe: str,
    *,
    since_ns: int | None,
    limit: int,
    urgency: Urgency = Urgency.NORMAL,
) -> list[BarRow]:
    """Ask for one page of bars, oldest first; what cannot be read is left out and logged."""
    since_ms = None if since_ns is None else since_ns // _MS
    answer = await station.line.ask(
        "fetch_ohlcv", market.symbol, timeframe, since_ms, limit, urgency=urgency
    )
    rows, faults = list[BarRow](), list[str]()
    for each in answer if isinstance(answer, list) else ():
        try:
            rows.append(read_bar(each, market))
        except Unreadable as e:
            faults.append(f"{e} in {each!r:.100}")
    if faults:
        told = f"{len(faults)} of {len(answer)} cannot be read and are left out, first: {faults[0]}"
        station.log(f"bars of {market.symbol} {timeframe}: {told}")
    return sorted(rows, key=lambda row: row.open_ns)


def read_bar(bar: Any, market: MarketRow) -> BarRow:
    """Read one bar; Unreadable where its prices are finer than the instrument's."""
    row = parsing.bar_row(bar, market)
    finest = conversion.decimals(market.tick)
    if any(conversion.decimals(x) > finest for x in (row.open, row.high, row.low, row.close)):
        raise Unreadable("bar", bar, f"must have prices as fine as {market.tick}")
    return row
