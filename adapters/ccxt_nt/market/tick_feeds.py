"""Trades and quotes of one instrument."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ccxt_nt import conversion, parsing
from ccxt_nt.conversion import Instrument
from ccxt_nt.errors import VenueError
from ccxt_nt.line.complaints import Complaints
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.line.streams import Care
from ccxt_nt.market.book_feed import Top, fetch_book, top_of
from ccxt_nt.market.feeds import Station
from ccxt_nt.market.tape import Tape, in_order
from ccxt_nt.parsing import Unreadable
from ccxt_nt.values import MarketRow, QuoteRow, TradeRow

# `Any` in this module: ccxt's answers have no types

_PROBE_TRADES: Final = 5


class TradeFeed:
    """The trades of one instrument, each once; what a reconnection missed is fetched."""

    def __init__(self, station: Station, market: MarketRow, instrument: Instrument) -> None:
        self._station = station
        self._market = market
        self._instrument = instrument
        self._tape = Tape(start_ns=station.venue_ns)
        self._complaints = Complaints(f"trades {instrument.id}", station.log)
        self._was_lost = False
        self._filling: asyncio.Task[None] | None = None
        secs = station.line.profile.staleness.trades_secs
        self.stream = station.stream(
            "watch_trades",
            market.symbol,
            sink=self._take,
            on_gap=self._lose,
            on_live=self._recover,
            care=Care(silent_secs=secs, missed=self._missed),
        )

    def start(self) -> None:
        """Subscribe."""
        self.stream.start()

    async def stop(self) -> None:
        """Unsubscribe."""
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.gather(self._filling, return_exceptions=True)
        await self._station.close(self.stream)

    def _take(self, trades: Sequence[Any]) -> None:
        rows: list[TradeRow] = []
        fault: Unreadable | None = None
        for each in trades:
            try:
                rows.append(read_trade(self._station, self._market, each))
            except Unreadable as e:
                fault = e
        self._emit(self._tape.take(rows))
        if fault is not None:
            raise fault

    def _lose(self) -> None:
        self._was_lost = True
        self._tape.hold()

    def _recover(self) -> None:
        if self._was_lost and (self._filling is None or self._filling.done()):
            self._was_lost = False
            self._filling = asyncio.create_task(self._fill(), name=f"fill {self.stream.name}")

    async def _fill(self) -> None:
        """Fetch what was missed; where that fails, say what was pushed since."""
        rows: list[TradeRow] = []
        try:
            rows = await self._history(self._station.line.profile.paging.trades)
        except VenueError as e:
            self._station.log(f"{self.stream.name}: trades of a gap are missing: {e}")
        finally:
            self._emit(self._tape.release(rows))

    async def _history(self, limit: int) -> list[TradeRow]:
        answer = await self._station.line.ask(
            "fetch_trades", self._market.symbol, None, limit, urgency=Urgency.BACKGROUND
        )
        return read_trades(self._station, self._market, answer)

    async def _missed(self) -> bool:
        if self._tape.is_holding:
            return False
        recent = await self._history(_PROBE_TRADES)
        return any(not self._tape.knows(row) for row in recent)

    def _emit(self, rows: Iterable[TradeRow]) -> None:
        for row in rows:
            try:
                trade = conversion.trade(row, self._instrument, ts_init=self._station.now_ns())
            except ValueError as e:  # one trade that cannot be expressed must not cost the others
                self._complaints.add(str(e))
                continue
            self._station.emit(trade)


def read_trades(station: Station, market: MarketRow, answer: object) -> list[TradeRow]:
    """Read a list of trades, oldest first; what cannot be read is left out and logged."""
    rows: list[TradeRow] = []
    for each in answer if isinstance(answer, list) else ():
        try:
            rows.append(read_trade(station, market, each))
        except Unreadable as e:
            station.log(f"trades of {market.symbol}: left out: {e} in {each!r:.100}")
    return in_order(rows)


def read_trade(station: Station, market: MarketRow, trade: Any) -> TradeRow:
    """Read one trade of the tape, also where its id is found in the raw answer only."""
    key = station.line.profile.trade_id_key
    if key is not None and isinstance(trade, dict) and not trade.get("id"):
        raw = trade.get("info")
        trade = {**trade, "id": raw.get(key) if isinstance(raw, dict) else None}
    row = parsing.trade_row(trade, symbol=market.symbol)
    station.expect_timely(row.ts_event)
    return row


class QuoteFeed:
    """The top of the book as the venue pushes it."""

    def __init__(self, station: Station, market: MarketRow, instrument: Instrument) -> None:
        self._station = station
        self._market = market
        self._instrument = instrument
        self._last: QuoteRow | None = None
        self._asked: Top | None = None
        self.stream = station.stream(
            "watch_bids_asks",
            [market.symbol],
            sink=self._take,
            care=Care(silent_secs=station.line.profile.staleness.book_secs, missed=self._missed),
        )

    def start(self) -> None:
        """Subscribe."""
        self.stream.start()

    async def stop(self) -> None:
        """Unsubscribe."""
        await self._station.close(self.stream)

    def _take(self, tickers: Mapping[str, Any]) -> None:
        ticker = tickers.get(self._market.symbol)
        if ticker is None:
            return
        row = parsing.quote_row(
            ticker, symbol=self._market.symbol, received_ns=self._station.venue_ns
        )
        self._station.expect_timely(row.ts_event)
        self._tell(row)

    def _tell(self, row: QuoteRow) -> None:
        last = self._last
        if last is not None and _top(row) == _top(last):
            return
        # A time that is not yet reached was wrong: what comes after it is not late
        if last is not None and row.ts_event < last.ts_event <= self._station.venue_ns:
            return
        self._last = row
        ts_init = self._station.now_ns()
        self._station.emit(conversion.quote(row, self._instrument, ts_init=ts_init))

    async def _missed(self) -> bool:
        """Look whether the top moved, and tell it where it did: a new stream may begin silent."""
        last, asked_ns = self._last, self._station.venue_ns
        row = await fetch_book(self._station, self._market, 1)
        now, before = top_of(row), self._asked
        self._asked = now
        # Not every venue pushes a first quote: before there was one only a change can be missed
        known = before if last is None else _top(last)
        if self._last is not last or known is None or now == known:
            return False
        bid, ask = now
        if bid is not None and ask is not None:
            # What is pushed later is not late; some venues tell a book's time to the second
            ts_event = max(min(row.ts_event, asked_ns), 0 if last is None else last.ts_event)
            told = QuoteRow(
                symbol=row.symbol,
                bid=bid[0],
                ask=ask[0],
                bid_quantity=bid[1],
                ask_quantity=ask[1],
                ts_event=ts_event,
            )
            self._tell(told)
        return True


def _top(row: QuoteRow) -> Top:
    return (row.bid, row.bid_quantity), (row.ask, row.ask_quantity)
