"""The engine's questions about the past and the present, answered by REST."""

from collections.abc import Coroutine
from typing import Any

from nautilus_trader.live import (
    BarsResponse,
    BookResponse,
    FundingRatesResponse,
    InstrumentResponse,
    InstrumentsResponse,
    RequestBars,
    RequestBookSnapshot,
    RequestFundingRates,
    RequestInstrument,
    RequestInstruments,
    RequestQuotes,
    RequestTrades,
    TradesResponse,
)
from nautilus_trader.live.clients import MarketDataClient
from nautilus_trader.model import BarType, InstrumentId, Venue

from ccxt_nt import conversion
from ccxt_nt.conversion import Instrument
from ccxt_nt.errors import Unsupported
from ccxt_nt.line.client import Line
from ccxt_nt.market import book_conversion
from ccxt_nt.market.book_feed import fetch_book
from ccxt_nt.market.expressing import expressed
from ccxt_nt.market.feeds import Station
from ccxt_nt.market.history import History
from ccxt_nt.market.timeframes import timeframe_of
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.values import MarketRow, Product


class DataRequests(MarketDataClient):
    """Every answer is made in a task of its own: a long one must not hold up the next command."""

    _venue: Venue
    _provider: CcxtInstrumentProvider
    _line: Line
    _station: Station
    _history: History

    def _of(self, instrument_id: InstrumentId) -> tuple[MarketRow, Instrument]:
        market = self._provider.market(instrument_id)
        return market, self._provider.instrument(market.symbol)

    def _timeframe(self, bar_type: BarType) -> str:
        return timeframe_of(bar_type, self._line.timeframes, self._line.profile.timeframes)

    def _spawn(self, answering: Coroutine[Any, Any, None], request: object) -> None:
        self.create_task(answering, type(request).__name__)

    async def _request_instruments(self, request: RequestInstruments) -> None:
        self._handle_response(
            InstrumentsResponse(
                self.client_id,
                self._venue,
                self._provider.list_all(),
                request.request_id,
                self.clock.timestamp_ns(),
                request.start_ns,
                request.end_ns,
                request.params,
            )
        )

    async def _request_instrument(self, request: RequestInstrument) -> None:
        _, instrument = self._of(request.instrument_id)
        self._handle_response(
            InstrumentResponse(
                self.client_id,
                request.instrument_id,
                instrument,
                request.request_id,
                self.clock.timestamp_ns(),
                request.start_ns,
                request.end_ns,
                request.params,
            )
        )

    async def _request_bars(self, request: RequestBars) -> None:
        self._spawn(self._answer_bars(request), request)

    async def _answer_bars(self, request: RequestBars) -> None:
        bar_type = request.bar_type
        market, instrument = self._of(bar_type.instrument_id)
        timeframe = self._timeframe(bar_type)  # before the interval: ticks have none
        interval_ns = int(bar_type.spec.get_interval_ns())
        rows = await self._history.bars(
            market,
            timeframe,
            interval_ns,
            start_ns=request.start_ns,
            end_ns=request.end_ns,
            limit=request.limit,
        )
        now_ns = self.clock.timestamp_ns()
        bars = expressed(
            rows,
            lambda row: conversion.bar(
                row, bar_type, instrument, interval_ns=interval_ns, ts_init=now_ns
            ),
            opened=lambda row: row.open_ns,
            log=lambda text: self._station.log(f"bars {bar_type}: {text}"),
        )
        self._handle_response(
            BarsResponse(
                self.client_id,
                bar_type,
                bars,
                request.request_id,
                now_ns,
                request.start_ns,
                request.end_ns,
                request.params,
            )
        )

    async def _request_trades(self, request: RequestTrades) -> None:
        self._spawn(self._answer_trades(request), request)

    async def _answer_trades(self, request: RequestTrades) -> None:
        market, instrument = self._of(request.instrument_id)
        rows = await self._history.trades(
            market, start_ns=request.start_ns, end_ns=request.end_ns, limit=request.limit
        )
        now_ns = self.clock.timestamp_ns()
        trades = expressed(
            rows,
            lambda row: conversion.trade(row, instrument, ts_init=now_ns),
            opened=lambda row: row.ts_event,
            log=lambda text: self._station.log(f"trades {instrument.id}: {text}"),
        )
        self._handle_response(
            TradesResponse(
                self.client_id,
                request.instrument_id,
                trades,
                request.request_id,
                now_ns,
                request.start_ns,
                request.end_ns,
                request.params,
            )
        )

    async def _request_book_snapshot(self, request: RequestBookSnapshot) -> None:
        self._spawn(self._answer_book_snapshot(request), request)

    async def _answer_book_snapshot(self, request: RequestBookSnapshot) -> None:
        market, instrument = self._of(request.instrument_id)
        depth = request.depth or self._station.line.settings.book_depth
        row = await fetch_book(self._station, market, depth)
        now_ns = self.clock.timestamp_ns()
        self._handle_response(
            BookResponse(
                self.client_id,
                request.instrument_id,
                book_conversion.book(row, instrument, depth=depth, ts_init=now_ns),
                request.request_id,
                now_ns,
                None,
                None,
                request.params,
            )
        )

    async def _request_funding_rates(self, request: RequestFundingRates) -> None:
        self._spawn(self._answer_funding_rates(request), request)

    async def _answer_funding_rates(self, request: RequestFundingRates) -> None:
        market, instrument = self._of(request.instrument_id)
        if market.product is Product.SPOT:
            raise Unsupported(f"{request.instrument_id} is spot and pays no funding")
        rows = await self._history.funding(
            market,
            instrument,
            start_ns=request.start_ns,
            end_ns=request.end_ns,
            limit=request.limit,
        )
        self._handle_response(
            FundingRatesResponse(
                self.client_id,
                request.instrument_id,
                rows,
                request.request_id,
                self.clock.timestamp_ns(),
                request.start_ns,
                request.end_ns,
                request.params,
            )
        )

    async def _request_quotes(self, request: RequestQuotes) -> None:
        raise Unsupported(f"{self._station.line.profile.key} keeps no history of quotes")
