"""Mark price, index price and funding of one perpetual."""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from ccxt_nt import conversion, parsing
from ccxt_nt.conversion import Instrument
from ccxt_nt.errors import VenueError
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.line.streams import Care
from ccxt_nt.market.feeds import Station
from ccxt_nt.parsing import Unreadable
from ccxt_nt.values import Health, MarketRow, MarkRow

# `Any` in this module: ccxt's answers have no types

_MARK_SECS: Final = 3.0  # between two questions where there is no stream
_FUNDING_SECS: Final = 60.0


class MarkOutput(Enum):
    """Which price of a perpetual is told."""

    MARK = "mark"
    INDEX = "index"


class MarkFeed:
    """Mark and index price, pushed or asked for; each is told when it changed."""

    def __init__(self, station: Station, market: MarketRow, instrument: Instrument) -> None:
        self.outputs: set[MarkOutput] = set()
        self._station = station
        self._market = market
        self._instrument = instrument
        self._told: dict[MarkOutput, object] = {}
        method = station.line.profile.mark_stream
        self._row: MarkRow | None = None
        secs = station.line.profile.staleness.trades_secs
        self.stream = (
            station.stream(
                method,
                market.symbol,
                sink=self._take,
                care=Care(silent_secs=secs, missed=self._missed),
            )
            if method is not None
            else None
        )
        self._poll = Poll(
            station, station.line.profile.mark_call, market, self._take, secs=_MARK_SECS
        )

    def start(self) -> None:
        """Subscribe, or begin to ask."""
        if self.stream is not None:
            self.stream.start()
        else:
            self._poll.start()

    async def stop(self) -> None:
        """Unsubscribe, or ask no more."""
        await self._poll.stop()
        if self.stream is not None:
            await self._station.close(self.stream)

    def again(self, output: MarkOutput) -> None:
        """Tell the next value whether it changed or not, as for a new subscriber."""
        self.outputs.add(output)
        self._told.pop(output, None)

    def _take(self, told: Any) -> None:
        row = read_mark(self._station, self._market, told)
        self._row = row
        ts_init = self._station.now_ns()
        if self._is_news(MarkOutput.MARK, row.mark):
            self._station.emit(conversion.mark_price(row, self._instrument, ts_init=ts_init))
        if self._is_news(MarkOutput.INDEX, row.index):
            self._station.emit(conversion.index_price(row, self._instrument, ts_init=ts_init))

    async def _missed(self) -> bool:
        """Ask for the price, and tell it where it moved: a new stream may begin silent."""
        line = self._station.line
        told = await line.ask(
            line.profile.mark_call, self._market.symbol, urgency=Urgency.BACKGROUND
        )
        row = read_mark(self._station, self._market, told)
        if self._row is not None and row.mark == self._row.mark:
            return False
        self._take(told)
        return True

    def _is_news(self, output: MarkOutput, value: object) -> bool:
        if output not in self.outputs or value is None or self._told.get(output) == value:
            return False
        self._told[output] = value
        return True


class FundingFeed:
    """The funding rate that is paid next, asked for once a minute, told when it changed."""

    def __init__(self, station: Station, market: MarketRow, instrument: Instrument) -> None:
        self._station = station
        self._market = market
        self._instrument = instrument
        self._told: object = None
        self._poll = Poll(station, "fetch_funding_rate", market, self._take, secs=_FUNDING_SECS)

    def start(self) -> None:
        """Begin to ask."""
        self._poll.start()

    async def stop(self) -> None:
        """Ask no more."""
        await self._poll.stop()

    def _take(self, told: Any) -> None:
        row = read_mark(self._station, self._market, told)
        value = (row.funding_rate, row.next_funding_ns)
        if row.funding_rate is None or value == self._told:
            return
        self._told = value
        update = conversion.funding_rate(
            row,
            self._instrument,
            ts_init=self._station.now_ns(),
            interval_mins=interval_mins(told.get("interval")),
        )
        self._station.emit(update)


class Poll:
    """One question asked again and again; failures are noted on the board, and asked again."""

    def __init__(
        self,
        station: Station,
        method: str,
        market: MarketRow,
        take: Callable[[Any], None],
        *,
        secs: float,
    ) -> None:
        self._station = station
        self._method = method
        self._market = market
        self._take = take
        self._secs = secs
        self._task: asyncio.Task[None] | None = None
        self._part = f"{method} {market.symbol}"

    def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.create_task(self._run(), name=self._part)

    async def stop(self) -> None:
        """Ask no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._station.board.remove(self._part)

    async def _run(self) -> None:
        station = self._station
        while True:
            try:
                answer = await station.line.ask(
                    self._method, self._market.symbol, urgency=Urgency.BACKGROUND
                )
                self._take(answer)
            except (VenueError, ValueError) as e:
                station.board.set(self._part, Health.DEGRADED, str(e))
            else:
                station.board.set(self._part, Health.HEALTHY)
            await asyncio.sleep(self._secs * station.rng.uniform(0.9, 1.1))


def read_mark(station: Station, market: MarketRow, told: Any) -> MarkRow:
    """Read mark, index or funding, also where ccxt leaves them in the raw answer."""
    if not isinstance(told, dict):
        raise Unreadable("mark", told, "must be a mapping")
    raw = told.get("info")
    if isinstance(raw, dict):
        keys = station.line.profile.mark_keys
        told = {**told, **{name: raw[key] for name, key in keys.items() if key in raw}}
    return parsing.mark_row(told, symbol=market.symbol, received_ns=station.venue_ns)


def interval_mins(told: object) -> int | None:
    """Read how long a funding period is: ccxt says 8h."""
    if isinstance(told, str) and told.endswith("h") and told[:-1].isdigit():
        return int(told[:-1]) * 60
    return None
