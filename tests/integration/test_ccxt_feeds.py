"""Trades, quotes and books through every kind of trouble that a connection has."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from nautilus_trader.model import BookType, OrderBook, OrderBookDeltas, QuoteTick, TradeTick

from ccxt_nt.health import HealthReport
from ccxt_nt.line.streams import StreamState
from ccxt_nt.market.book_feed import BookFeed, BookOutput
from ccxt_nt.market.tick_feeds import QuoteFeed, TradeFeed
from ccxt_nt.profiles import Profile
from ccxt_nt.values import Health, Product
from tests.integration.ccxt_feeds import BOTH, DIALECTS, LOT, Booth, booth, quick
from tests.venue.exchange import Exchange
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.model import Side
from tests.venue.sockets import Connection

# `Any` in this module: frames are JSON

type Scene = Callable[[Booth], Awaitable[None]]


def play(
    dialect: str,
    product: Product,
    scene: Scene,
    *,
    changed: Callable[[Profile], Profile] = quick,
) -> None:
    async def run() -> None:
        async with booth(venue, product, changed=changed) as made:
            await scene(made)

    with LocalVenue(dialect) as venue:
        asyncio.run(run())


def trades(made: Booth) -> list[TradeTick]:
    return [each for each in made.got if isinstance(each, TradeTick)]


def prices(made: Booth) -> list[str]:
    return [str(trade.price.as_decimal().normalize()) for trade in trades(made)]


def state(feed: Any) -> StreamState:
    found: StreamState = feed.stream.state  # every feed of the market has one stream
    return found


async def live(made: Booth, *feeds: Any) -> None:
    await made.until(lambda: all(state(feed) is StreamState.LIVE for feed in feeds))


def trade_feed(made: Booth) -> TradeFeed:
    return TradeFeed(made.station, made.market, made.instrument)


def dials(made: Booth) -> int:
    """Count the websockets that were ever asked for."""
    return sum(each.purpose == "connect" for each in made.venue.requests)


def looks(made: Booth) -> int:
    """Count the questions that were ever asked."""
    return sum(each.purpose != "connect" for each in made.venue.requests)


def lost(feed: TradeFeed) -> list[str]:
    """Note from now on what a feed's stream loses."""
    gaps: list[str] = []
    told = feed.stream._on_gap

    def note(reason: str) -> None:
        gaps.append(reason)
        told(reason)

    feed.stream._on_gap = note
    return gaps


class Mirror:
    """A book of the engine that follows the deltas emitted."""

    def __init__(self, made: Booth, *, depth: int) -> None:
        self.made = made
        self.depth = depth
        self.feed = BookFeed(made.station, made.market, made.instrument, depth=depth)
        self.feed.outputs.add(BookOutput.DELTAS)
        self.crossed = False

    def book(self) -> OrderBook:
        """Apply everything emitted so far."""
        book = OrderBook(self.made.instrument.id, BookType.L2_MBP)
        for each in self.made.got:
            if isinstance(each, OrderBookDeltas):
                book.apply_deltas(each)
                bid, ask = book.best_bid_price(), book.best_ask_price()
                if bid and ask and bid.as_decimal() >= ask.as_decimal():
                    self.crossed = True
        return book

    async def is_true(self) -> bool:
        """Compare with the exchange's own book."""
        truth = await self.made.call(lambda exchange: exchange.book(self.made.market.symbol))
        ours = self.book()
        return all(
            mine == {level.price: level.quantity for level in theirs[: self.depth]}
            for mine, theirs in (
                (ours.bids_to_dict(self.depth), truth.bids),
                (ours.asks_to_dict(self.depth), truth.asks),
            )
        )

    async def until_true(self, price: int = 60000) -> None:
        """Have the market move until our book is the exchange's."""
        for number in range(220):
            await self.made.tick(str(price + number % 7))
            # A deep book needs many trades; what is told of each may be under way for a while
            for _ in range(1 if number < 200 else 20):
                await asyncio.sleep(0.02)
                if await self.is_true():
                    return
        raise AssertionError(f"the book never became true: {self.made.logged[-5:]}")


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_every_trade_comes_once_through_a_lost_connection_and_nothing_from_before(
    dialect: str, product: Product
) -> None:
    async def scene(made: Booth) -> None:
        await made.tick("49000")  # before we listen
        feed = trade_feed(made)
        async with made.running(feed):
            await live(made, feed)
            for number in range(5):
                await made.tick(str(50000 + number))
            await made.until(lambda: len(trades(made)) >= 5)
            await made.drop()
            for number in range(5, 10):  # nobody listens
                await made.tick(str(50000 + number))
            await made.until(lambda: state(feed) is not StreamState.LIVE)
            await live(made, feed)
            for number in range(10, 15):
                await made.tick(str(50000 + number))
            await made.until(lambda: len(trades(made)) >= 15)
        assert prices(made) == [str(Decimal(50000 + n).normalize()) for n in range(15)]
        assert len({trade.trade_id for trade in trades(made)}) == 15

    play(dialect, product, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_burst_while_nobody_awaits_is_delivered_whole_without_waiting_for_the_next(
    dialect: str,
) -> None:
    async def scene(made: Booth) -> None:
        feed = trade_feed(made)
        async with made.running(feed):
            await live(made, feed)
            symbol = made.market.symbol

            def burst(exchange: Any) -> None:
                for number in range(60):
                    exchange.tick(symbol, Decimal(50000 + number), Decimal("0.01"), Side.BUY)

            await made.call(burst)
            await made.until(lambda: len(trades(made)) == 60)

    play(dialect, Product.SPOT, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_malformed_frames_cost_nothing_but_themselves(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        feed = trade_feed(made)
        async with made.running(feed):
            await live(made, feed)
            await made.tick("50000")
            await made.until(lambda: len(trades(made)) >= 1)
            made.venue.faults.add(Fault(kind=FaultKind.PUSH_MALFORMED, where="trades", count=3))
            for number in range(1, 9):
                await made.tick(str(50000 + number))
            await made.until(lambda: len(trades(made)) >= 6)
            assert made.line.bad_frames >= 1 or made.logged
            assert feed.stream.state is StreamState.LIVE  # the connection was never lost

    play(dialect, Product.SPOT, scene, changed=lambda row: row)


FRAMES = (
    '{"broken": ',
    "[1, 2",
    "null",
    "17",
    '"text"',
    "[]",
    "{}",
    '{"type": "error", "code": 415, "data": "type is not supported"}',
    '{"event": "update", "channel": "spot.trades", "result": 5}',
    '{"action": "update", "arg": {"channel": "trade", "instType": "SPOT"}, "data": 7}',
    '{"type": "message", "topic": "/market/match:BTC-USDT", "subject": "x", "data": []}',
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_frame_whatever_it_says_makes_a_socket_deaf(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        feed = trade_feed(made)
        async with made.running(feed):
            await live(made, feed)
            for number, frame in enumerate(FRAMES):
                await made.call(partial(send_to_all, made.venue, frame))
                await made.tick(str(50000 + number))
                await made.until(partial(has_trades, made, number + 1))
            assert state(feed) is StreamState.LIVE
            assert made.station.board.report.reasons == ()

    play(dialect, Product.SPOT, scene, changed=lambda row: row)


def has_trades(made: Booth, count: int) -> bool:
    return len(trades(made)) == count


def send_to_all(venue: LocalVenue, frame: str, _: Exchange) -> None:
    sockets: list[Connection] = venue._opened.sockets  # on the venue's own thread
    for socket in sockets:
        socket.send(frame, stream="ack")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", [FaultKind.STREAM_SILENT, FaultKind.SOCKET_HALF_OPEN])
def test_a_deaf_connection_is_found_by_asking_and_what_it_missed_is_fetched(
    dialect: str, kind: FaultKind
) -> None:
    async def scene(made: Booth) -> None:
        feed = trade_feed(made)
        async with made.running(feed):
            await live(made, feed)
            await made.tick("50000")
            await made.until(lambda: len(trades(made)) == 1)
            made.venue.faults.add(Fault(kind=kind, where="trades"))
            for number in range(1, 4):
                await made.tick(str(50000 + number))
            await made.until(lambda: len(trades(made)) == 4)
        assert prices(made) == [str(Decimal(50000 + n).normalize()) for n in range(4)]

    play(dialect, Product.SPOT, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_quiet_market_is_left_in_peace(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        feed = trade_feed(made)
        mirror = Mirror(made, depth=20)
        async with made.running(feed, mirror.feed):
            await live(made, feed, mirror.feed)
            await made.tick("50000")
            await mirror.until_true()
            mark = len(made.venue.requests)
            await made.until(lambda: len(made.venue.requests) >= mark + 4)  # it was asked about
            assert state(feed) is state(mirror.feed) is StreamState.LIVE
            assert made.station.board.report.reasons == ()
            assert len(made.venue.sockets) == 1

    play(dialect, Product.SPOT, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
@pytest.mark.parametrize("depth", [5, 20])
def test_the_book_is_the_exchanges_after_every_reconnection(
    dialect: str, product: Product, depth: int
) -> None:
    async def scene(made: Booth) -> None:
        mirror = Mirror(made, depth=depth)
        async with made.running(mirror.feed):
            await live(made, mirror.feed)
            await mirror.until_true()
            for round_ in range(2):
                await made.drop()
                for number in range(3):  # far away from what ccxt remembers
                    await made.tick(str(70000 + 5000 * round_ + number))
                await made.until(lambda: state(mirror.feed) is not StreamState.LIVE)
                await live(made, mirror.feed)
                await mirror.until_true(71000 + 5000 * round_)
        assert not mirror.crossed

    play(dialect, product, scene)


@pytest.mark.parametrize(
    ("dialect", "product", "depth"),
    [
        ("bitget", Product.SPOT, 20),
        ("bitget", Product.LINEAR, 20),
        ("kucoin", Product.SPOT, 100),
        ("gate", Product.SPOT, 20),
        ("gate", Product.LINEAR, 20),
    ],
)
@pytest.mark.parametrize("kind", [FaultKind.SEQUENCE_GAP, FaultKind.PUSH_REORDER])
def test_lost_and_reordered_updates_of_a_book_are_noticed_and_mended(
    dialect: str, product: Product, depth: int, kind: FaultKind
) -> None:
    async def scene(made: Booth) -> None:
        reports: list[HealthReport] = []
        mirror = Mirror(made, depth=depth)
        async with made.running(mirror.feed):
            await live(made, mirror.feed)
            await mirror.until_true()
            made.station.board.listen(reports.append)
            made.venue.faults.add(Fault(kind=kind, where="book"))
            for number in range(4):
                await made.tick(str(61000 + number))
            await mirror.until_true(62000)
            await live(made, mirror.feed)
            assert [each.kind for each in made.venue.faults.log] == [kind]
        assert [report.health for report in reports[:2]] == [Health.DEGRADED, Health.HEALTHY]
        assert not mirror.crossed

    play(dialect, product, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_silent_book_is_found_by_asking(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        mirror = Mirror(made, depth=20)
        async with made.running(mirror.feed):
            await live(made, mirror.feed)
            await mirror.until_true()
            made.venue.faults.add(Fault(kind=FaultKind.STREAM_SILENT, where="book"))
            await mirror.until_true(62000)
        assert not mirror.crossed

    play(dialect, Product.SPOT, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_quotes_follow_the_top_of_the_book(dialect: str, product: Product) -> None:
    async def scene(made: Booth) -> None:
        feed = QuoteFeed(made.station, made.market, made.instrument)
        async with made.running(feed):
            await live(made, feed)
            await made.tick("50123")

            def quotes() -> list[QuoteTick]:
                return [each for each in made.got if isinstance(each, QuoteTick)]

            book = await made.call(lambda exchange: exchange.book(made.market.symbol))
            top = (book.bids[0], book.asks[0])
            await made.until(
                lambda: (
                    bool(quotes())
                    and (quotes()[-1].bid_price.as_decimal(), quotes()[-1].ask_price.as_decimal())
                    == (top[0].price, top[1].price)
                )
            )
            assert quotes()[-1].bid_size.as_decimal() == top[0].quantity
        pairs = zip(quotes(), quotes()[1:], strict=False)
        assert all(before.ts_event <= after.ts_event for before, after in pairs)

    play(dialect, product, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_of_quotes_that_come_at_once_the_newest_is_told(dialect: str, product: Product) -> None:
    async def scene(made: Booth) -> None:
        feed = QuoteFeed(made.station, made.market, made.instrument)
        symbol, lot = made.market.symbol, LOT[product]

        def is_true() -> bool:
            asks = [each.ask_price.as_decimal() for each in made.got if isinstance(each, QuoteTick)]
            return asks[-1:] == [top.price]

        others: list[Any] = [trade_feed(made), Mirror(made, depth=20).feed]
        async with made.running(feed, *others):
            await live(made, feed, *others)
            await made.tick("50000")
            for step in range(1, 21):
                for price in (Decimal(50_100 + step), Decimal(50_200 + step)):
                    made.venue.call(partial(_trade, symbol, price, lot))  # holds our loop up
                top = (await made.call(lambda exchange: exchange.book(symbol))).asks[0]
                await made.until(is_true)

    play(dialect, product, scene, changed=lambda row: row)  # nothing looks after a silence


@pytest.mark.parametrize("product", list(Product))
def test_a_quote_that_was_missed_is_told_and_its_connection_is_made_anew_once(
    product: Product,
) -> None:
    async def scene(made: Booth) -> None:
        feed = QuoteFeed(made.station, made.market, made.instrument)
        symbol, lot = made.market.symbol, LOT[product]

        def asks() -> list[Decimal]:
            return [each.ask_price.as_decimal() for each in made.got if isinstance(each, QuoteTick)]

        async with made.running(feed):
            await live(made, feed)
            await made.tick("50000")
            await made.until(lambda: bool(asks()))
            made.venue.faults.add(Fault(kind=FaultKind.STREAM_SILENT, where="ticker"))
            await made.call(partial(_trade, symbol, Decimal(50_500), lot))
            top = (await made.call(lambda exchange: exchange.book(symbol))).asks[0]
            await made.until(lambda: asks()[-1] == top.price)
            await made.until(lambda: dials(made) >= 2)
            await live(made, feed)
            dialled, looked = dials(made), looks(made)
            await made.until(lambda: looks(made) >= looked + 3)  # asked in vain
            assert dials(made) == dialled

    play("gate", product, scene)  # which pushes no quote before the next change


def _trade(symbol: str, price: Decimal, lot: Decimal, exchange: Exchange) -> None:
    exchange.tick(symbol, price, lot, Side.BUY)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_venue_that_restarts_is_found_again(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        feed = trade_feed(made)
        async with made.running(feed):
            await live(made, feed)
            await asyncio.to_thread(made.venue.restart, 0.5)
            await made.until(lambda: state(feed) is StreamState.LOST)
            assert made.station.board.report.reasons
            await live(made, feed)
            await made.tick("50001")
            await made.until(lambda: prices(made) == ["50001"])
            assert not made.station.board.report.reasons

    play(dialect, Product.SPOT, scene)


def test_a_new_connection_asks_kucoin_for_a_new_token() -> None:
    async def scene(made: Booth) -> None:
        feed = trade_feed(made)

        def tokens() -> int:
            return sum(seen.path == "/api/v1/bullet-public" for seen in made.venue.requests)

        async with made.running(feed):
            await live(made, feed)
            assert tokens() == 1
            await made.drop()
            await made.until(lambda: tokens() == 2)
            await live(made, feed)

    play("kucoin", Product.SPOT, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_closing_the_line_under_running_streams_leaves_nothing_behind(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        feeds: list[Any] = [trade_feed(made), QuoteFeed(made.station, made.market, made.instrument)]
        async with made.running(*feeds):
            await live(made, *feeds)
            await made.line.close()
            await made.until(lambda: all(state(feed) is StreamState.LOST for feed in feeds))

    play(dialect, Product.SPOT, scene, changed=lambda row: replace(row, bids_asks=True))


@pytest.mark.parametrize(
    ("dialect", "product", "depth"),
    [
        ("bitget", Product.SPOT, 20),
        ("bitget", Product.LINEAR, 20),
        ("kucoin", Product.SPOT, 100),
        ("gate", Product.SPOT, 20),
        ("gate", Product.LINEAR, 20),
    ],
)
def test_a_book_that_lost_an_update_begins_anew_and_nothing_else_on_its_connection_does(
    dialect: str, product: Product, depth: int
) -> None:
    async def scene(made: Booth) -> None:
        mirror, feed = Mirror(made, depth=depth), trade_feed(made)
        async with made.running(mirror.feed, feed):
            await live(made, mirror.feed, feed)
            await mirror.until_true()
            before, gaps = dials(made), lost(feed)
            made.venue.faults.add(Fault(kind=FaultKind.SEQUENCE_GAP, where="book"))
            for number in range(4):
                await made.tick(str(61000 + number))
            await mirror.until_true(62000)
            await live(made, mirror.feed)
            assert [each.kind for each in made.venue.faults.log] == [FaultKind.SEQUENCE_GAP]
            assert dials(made) == before
            assert gaps == []
        assert not mirror.crossed

    play(dialect, product, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
@pytest.mark.parametrize("depth", [5, 20])
def test_a_book_that_crosses_itself_begins_anew_and_nothing_else_on_its_connection_does(
    dialect: str, product: Product, depth: int
) -> None:
    async def scene(made: Booth) -> None:
        reports: list[HealthReport] = []
        mirror, feed = Mirror(made, depth=depth), trade_feed(made)
        async with made.running(mirror.feed, feed):
            await live(made, mirror.feed, feed)
            await mirror.until_true()
            before, gaps = dials(made), lost(feed)
            made.station.board.listen(reports.append)
            stream = mirror.feed.stream
            take = stream._sink

            def crossed_once(book: Any) -> None:
                stream._sink = take
                take({**book, "bids": book["asks"]})

            stream._sink = crossed_once  # as an update that was lost leaves it
            await mirror.until_true(62000)
            await live(made, mirror.feed)
            assert dials(made) == before
            assert gaps == []
        assert [report.health for report in reports[:2]] == [Health.DEGRADED, Health.HEALTHY]
        assert not mirror.crossed

    play(dialect, product, scene)
