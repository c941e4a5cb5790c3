"""The engine's subscriptions turned into feeds."""

import asyncio
from collections.abc import Callable

from nautilus_trader.live import (
    SubscribeBars,
    SubscribeBookDeltas,
    SubscribeBookDepth,
    SubscribeCustomData,
    SubscribeFundingRates,
    SubscribeIndexPrices,
    SubscribeInstrument,
    SubscribeInstruments,
    SubscribeInstrumentStatus,
    SubscribeMarkPrices,
    SubscribeQuotes,
    SubscribeTrades,
    UnsubscribeBars,
    UnsubscribeBookDeltas,
    UnsubscribeBookDepth,
    UnsubscribeCustomData,
    UnsubscribeFundingRates,
    UnsubscribeIndexPrices,
    UnsubscribeInstrument,
    UnsubscribeInstruments,
    UnsubscribeMarkPrices,
    UnsubscribeQuotes,
    UnsubscribeTrades,
)
from nautilus_trader.model import BookType, InstrumentId

from ccxt_nt.conversion import HEALTH, health_data
from ccxt_nt.errors import Unsupported
from ccxt_nt.health import HealthBoard, HealthReport
from ccxt_nt.market.bar_feed import BarFeed
from ccxt_nt.market.book_feed import BookFeed, BookOutput
from ccxt_nt.market.feeds import Feed
from ccxt_nt.market.mark_feeds import FundingFeed, MarkFeed, MarkOutput
from ccxt_nt.market.requests import DataRequests
from ccxt_nt.market.tick_feeds import QuoteFeed, TradeFeed
from ccxt_nt.settings import Settings
from ccxt_nt.values import Product

type Key = tuple[str, str]  # kind of data, name of the instrument or bar type


class DataSubscriptions(DataRequests):
    """One feed for each thing subscribed to; what the venue does not have is refused."""

    board: HealthBoard
    _settings: Settings
    _feeds: dict[Key, Feed]
    _ending: dict[Key, asyncio.Task[None]]

    def _publish(self, report: HealthReport) -> None:
        now_ns = self.clock.timestamp_ns()
        venue = self._venue.value
        self._handle_data(health_data(report, venue=venue, source="data", now_ns=now_ns))

    # ---- feeds ----

    def _begin[F: Feed](self, key: Key, make: Callable[[], F]) -> F:
        """Give the feed of a key, begun if it is new."""
        known = self._feeds.get(key)
        if known is not None:
            return known  # type: ignore[return-value]  # a key always has one kind of feed
        feed = make()
        self._feeds[key] = feed
        ending = self._ending.get(key)
        if ending is None or ending.done():
            feed.start()
        else:
            self.create_task(self._begin_after(ending, key, feed), f"begin {key}")
        return feed

    async def _begin_after(self, ending: asyncio.Task[None], key: Key, feed: Feed) -> None:
        await asyncio.wait([ending])
        if self._feeds.get(key) is feed:
            feed.start()

    def _end(self, key: Key) -> None:
        feed = self._feeds.pop(key, None)
        if feed is not None:
            self._ending[key] = asyncio.create_task(feed.stop(), name=f"end {key}")

    def _refuse(self, what: str) -> None:
        raise Unsupported(f"{self._line.profile.key} has no {what} here")

    # ---- subscriptions ----

    async def _subscribe(self, command: SubscribeCustomData) -> None:
        if command.data_type.type_name != HEALTH:
            self._refuse(f"data {command.data_type.type_name}")
        self._publish(self.board.report)

    async def _unsubscribe(self, command: UnsubscribeCustomData) -> None:
        """Health is published whether anybody listens or not."""

    async def _subscribe_instruments(self, command: SubscribeInstruments) -> None:
        for instrument in self._provider.list_all():
            self._handle_instrument(instrument)

    async def _unsubscribe_instruments(self, command: UnsubscribeInstruments) -> None:
        """Instruments are told once, when they are loaded."""

    async def _subscribe_instrument(self, command: SubscribeInstrument) -> None:
        market = self._provider.market(command.instrument_id)
        self._handle_instrument(self._provider.instrument(market.symbol))

    async def _unsubscribe_instrument(self, command: UnsubscribeInstrument) -> None:
        """Instruments are told once, when they are loaded."""

    async def _subscribe_instrument_status(self, command: SubscribeInstrumentStatus) -> None:
        self._refuse("stream of instrument status")

    async def _subscribe_trades(self, command: SubscribeTrades) -> None:
        market, instrument = self._of(command.instrument_id)
        self._begin(("trades", market.symbol), lambda: TradeFeed(self._station, market, instrument))

    async def _unsubscribe_trades(self, command: UnsubscribeTrades) -> None:
        self._end(("trades", self._symbol(command.instrument_id)))

    async def _subscribe_quotes(self, command: SubscribeQuotes) -> None:
        market, instrument = self._of(command.instrument_id)
        if not self._has_quotes:
            self._subscribe_book(command.instrument_id, BookOutput.QUOTES, None)
            return
        self._begin(("quotes", market.symbol), lambda: QuoteFeed(self._station, market, instrument))

    async def _unsubscribe_quotes(self, command: UnsubscribeQuotes) -> None:
        if self._has_quotes:
            self._end(("quotes", self._symbol(command.instrument_id)))
        else:
            self._unsubscribe_book(command.instrument_id, BookOutput.QUOTES)

    @property
    def _has_quotes(self) -> bool:
        return self._line.profile.bids_asks and self._line.offers("watch_bids_asks")

    async def _subscribe_book_deltas(self, command: SubscribeBookDeltas) -> None:
        self._check_book_type(command.book_type)
        self._subscribe_book(command.instrument_id, BookOutput.DELTAS, command.depth)

    async def _unsubscribe_book_deltas(self, command: UnsubscribeBookDeltas) -> None:
        self._unsubscribe_book(command.instrument_id, BookOutput.DELTAS)

    async def _subscribe_book_depth(self, command: SubscribeBookDepth) -> None:
        self._check_book_type(command.book_type)
        self._subscribe_book(command.instrument_id, BookOutput.DEPTH, command.depth)

    async def _unsubscribe_book_depth(self, command: UnsubscribeBookDepth) -> None:
        self._unsubscribe_book(command.instrument_id, BookOutput.DEPTH)

    def _check_book_type(self, book_type: BookType) -> None:
        if book_type == BookType.L3_MBO:
            self._refuse("book of single orders (L3)")

    def _subscribe_book(
        self, instrument_id: InstrumentId, output: BookOutput, depth: int | None
    ) -> None:
        market, instrument = self._of(instrument_id)
        key = ("book", market.symbol)
        deep = max(depth or 0, self._settings.book_depth)
        known = self._feeds.get(key)
        if isinstance(known, BookFeed):
            if known.depth >= deep:
                known.add(output, depth)
                known.restart()
                return
            self._end(key)
        feed = self._begin(key, lambda: BookFeed(self._station, market, instrument, depth=deep))
        if isinstance(known, BookFeed):
            feed.outputs, feed.shown = set(known.outputs), known.shown
        feed.add(output, depth)

    def _unsubscribe_book(self, instrument_id: InstrumentId, output: BookOutput) -> None:
        key = ("book", self._symbol(instrument_id))
        feed = self._feeds.get(key)
        if isinstance(feed, BookFeed):
            feed.outputs.discard(output)
            if not feed.outputs:
                self._end(key)

    async def _subscribe_bars(self, command: SubscribeBars) -> None:
        bar_type = command.bar_type
        market, instrument = self._of(bar_type.instrument_id)
        timeframe = self._timeframe(bar_type)
        if timeframe in self._line.profile.bars_unstreamed:
            raise Unsupported(
                f"bars {bar_type}: the venue keeps {timeframe} bars and does not stream them:"
                " request them, or have the engine build them from trades (INTERNAL)"
            )
        self._begin(
            ("bars", str(bar_type)),
            lambda: BarFeed(
                self._station, market, instrument, bar_type=bar_type, timeframe=timeframe
            ),
        )

    async def _unsubscribe_bars(self, command: UnsubscribeBars) -> None:
        self._end(("bars", str(command.bar_type)))

    async def _subscribe_mark_prices(self, command: SubscribeMarkPrices) -> None:
        self._subscribe_mark(command.instrument_id, MarkOutput.MARK)

    async def _unsubscribe_mark_prices(self, command: UnsubscribeMarkPrices) -> None:
        self._unsubscribe_mark(command.instrument_id, MarkOutput.MARK)

    async def _subscribe_index_prices(self, command: SubscribeIndexPrices) -> None:
        self._subscribe_mark(command.instrument_id, MarkOutput.INDEX)

    async def _unsubscribe_index_prices(self, command: UnsubscribeIndexPrices) -> None:
        self._unsubscribe_mark(command.instrument_id, MarkOutput.INDEX)

    def _subscribe_mark(self, instrument_id: InstrumentId, output: MarkOutput) -> None:
        market, instrument = self._of(instrument_id)
        if market.product is Product.SPOT:
            self._refuse(f"{output.value} price of a spot instrument ({instrument_id})")
        feed = self._begin(
            ("mark", market.symbol), lambda: MarkFeed(self._station, market, instrument)
        )
        feed.again(output)

    def _unsubscribe_mark(self, instrument_id: InstrumentId, output: MarkOutput) -> None:
        key = ("mark", self._symbol(instrument_id))
        feed = self._feeds.get(key)
        if isinstance(feed, MarkFeed):
            feed.outputs.discard(output)
            if not feed.outputs:
                self._end(key)

    async def _subscribe_funding_rates(self, command: SubscribeFundingRates) -> None:
        market, instrument = self._of(command.instrument_id)
        if market.product is Product.SPOT:
            self._refuse(f"funding of a spot instrument ({command.instrument_id})")
        self._begin(
            ("funding", market.symbol), lambda: FundingFeed(self._station, market, instrument)
        )

    async def _unsubscribe_funding_rates(self, command: UnsubscribeFundingRates) -> None:
        self._end(("funding", self._symbol(command.instrument_id)))

    def _symbol(self, instrument_id: InstrumentId) -> str:
        return self._provider.market(instrument_id).symbol
