"""Closed bars, marks, funding and history, against the exchange's own records."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import pairwise
from time import time
from typing import Any

import pytest
from nautilus_trader.model import (
    Bar,
    BarType,
    FundingRateUpdate,
    IndexPriceUpdate,
    MarkPriceUpdate,
)

from ccxt_nt.errors import VenueError
from ccxt_nt.line import clock
from ccxt_nt.line.channels import Channel
from ccxt_nt.line.streams import StreamState
from ccxt_nt.market.bar_feed import BarFeed
from ccxt_nt.market.history import History
from ccxt_nt.market.mark_feeds import FundingFeed, MarkFeed, MarkOutput
from ccxt_nt.profiles import Profile
from ccxt_nt.values import BarRow, Product
from tests.integration.ccxt_feeds import BOTH, DIALECTS, LOT, Booth, booth, quick
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.model import Candle, Side

# `Any` in this module: a feed's stream is looked at

MINUTE_MS = 60_000
SHORT_SECS = 0.6  # before the end of a minute, once a scene has traded in it
LONG_SECS = 45.0  # before the end of a minute, when a scene begins: none is so slow as to miss it
PATIENCE_SECS = 60.0

type Scene = Callable[[Booth], Awaitable[None]]


def play(
    dialect: str,
    product: Product,
    scene: Scene,
    *,
    changed: Callable[[Profile], Profile] = quick,
    days_ago: int = 1,
) -> None:
    async def run() -> None:
        async with booth(venue, product, changed=changed) as made:
            # The clock is turned once all is open, for opening takes its own time
            await made.call(lambda exchange: turn_to(exchange, LONG_SECS))
            await sync(made)
            await scene(made)

    # Days ago, so that no turn of it is in what ccxt takes for the future
    start_ms = int(time() * 1000) // MINUTE_MS * MINUTE_MS - days_ago * 24 * 60 * MINUTE_MS
    with LocalVenue(dialect, clock=VenueClock(start_ms=start_ms)) as venue:
        asyncio.run(run())


async def sync(made: Booth) -> None:
    """Learn the market's time, which the tests turn by hand; the venue's clock tells the wall's."""
    now_ms = await made.call(lambda exchange: exchange.clock.now_ms())
    ours_ms = made.station.now_ns() // 1_000_000
    made.line.venue_clock = clock.VenueClock()  # which would take two turns for a pace
    made.line.venue_clock.take([clock.Sample(sent_ms=ours_ms, told_ms=now_ms, heard_ms=ours_ms)])


def turn_to(exchange: Exchange, before_close_secs: float) -> None:
    """Turn market time to shortly before the next close."""
    now = exchange.clock.now_ms()
    turn = MINUTE_MS - now % MINUTE_MS - int(before_close_secs * 1000)
    exchange.clock.turn(turn if turn > 0 else turn + MINUTE_MS)
    exchange.roll()


async def close_soon(made: Booth) -> None:
    """Turn to shortly before the end of the minute in which a scene has traded."""
    await made.call(lambda exchange: turn_to(exchange, SHORT_SECS))
    await sync(made)


def bar_feed(made: Booth) -> BarFeed:
    kind = BarType.from_str(f"{made.instrument.id}-1-MINUTE-LAST-EXTERNAL")
    return BarFeed(made.station, made.market, made.instrument, bar_type=kind, timeframe="1m")


def bars(made: Booth) -> list[Bar]:
    return [each for each in made.got if isinstance(each, Bar)]


async def live(made: Booth, feed: Any) -> None:
    await made.until(lambda: feed.stream.state is StreamState.LIVE)


async def candles(made: Booth) -> list[Candle]:
    """List the exchange's own bars, the running one included."""
    symbol = made.market.symbol
    return await made.call(lambda exchange: exchange.candles(symbol, MINUTE_MS, 0, 2**62))


def assert_same(bar: Bar, candle: Candle) -> None:
    assert bar.ts_event == (candle.open_ms + MINUTE_MS) * 1_000_000
    told = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    assert [each.as_decimal() for each in told] == [
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
    ]


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_a_quiet_bar_is_closed_by_the_clock_with_the_exchanges_figures(
    dialect: str, product: Product
) -> None:
    async def scene(made: Booth) -> None:
        feed = bar_feed(made)
        async with made.running(feed):
            await live(made, feed)
            for price in ("50000", "50100", "49900", "50050"):
                await made.tick(price)
            await close_soon(made)
            await made.until(lambda: len(bars(made)) == 1)
            assert_same(bars(made)[0], (await candles(made))[-2:][0])

    play(dialect, product, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_the_last_trades_of_a_bar_are_in_it_even_where_pushes_lag_behind(
    dialect: str, product: Product
) -> None:
    async def scene(made: Booth) -> None:
        feed = bar_feed(made)
        async with made.running(feed):
            await live(made, feed)
            await made.tick("50000")
            await made.tick("50010")
            await made.call(lambda exchange: turn_to(exchange, 60.0))
            await sync(made)
            await made.tick("50020")
            await made.until(lambda: len(bars(made)) == 1)
            assert_same(bars(made)[0], (await candles(made))[-2])
            assert bars(made)[0].close.as_decimal() == Decimal(50010)

    play(dialect, product, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_bars_that_closed_while_the_line_was_down_are_fetched_in_order(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        feed = bar_feed(made)
        async with made.running(feed):
            await live(made, feed)
            await made.tick("50000")
            made.venue.faults.add(Fault(kind=FaultKind.DROP_REQUEST, where="connect", count=None))
            await made.drop()
            await made.until(lambda: feed.stream.state is StreamState.LOST)
            for number in range(1, 4):
                await made.tick(str(50000 + 10 * number))
                await made.call(lambda exchange: turn_to(exchange, 60.0))
            await made.tick("50040")
            await sync(made)
            made.venue.faults.clear()
            await made.until(lambda: len(bars(made)) >= 3)
            truth = (await candles(made))[-4:-1]
            for bar, candle in zip(bars(made), truth, strict=True):
                assert_same(bar, candle)

    play(dialect, Product.SPOT, scene)


def test_gates_pushed_volume_counts_quote_coins_and_is_never_told() -> None:
    async def scene(made: Booth) -> None:
        feed = bar_feed(made)
        async with made.running(feed):
            await live(made, feed)
            for _ in range(3):
                await made.tick("50000")
            await close_soon(made)
            await made.until(lambda: len(bars(made)) == 1)
            candle = (await candles(made))[-1]
            assert bars(made)[0].volume.as_decimal() == candle.volume != candle.turnover

    play("gate", Product.SPOT, scene)


def test_a_history_that_fails_is_asked_again() -> None:
    async def scene(made: Booth) -> None:
        feed = bar_feed(made)
        async with made.running(feed):
            await live(made, feed)
            await made.tick("50000")
            made.venue.faults.add(Fault(kind=FaultKind.HTML_200_BEFORE, where="public"))
            await close_soon(made)
            await made.until(lambda: len(bars(made)) == 1)
            assert sum("could not be asked for" in text for text in made.logged) == 1

    play("bitget", Product.SPOT, scene)


async def until_due(made: Booth, heard: Callable[[], FundingRateUpdate]) -> None:
    """Wait until the rate that was heard is the venue's next one: an hour of payment may pass."""
    symbol = made.market.symbol
    async with asyncio.timeout(PATIENCE_SECS):
        while True:
            due = await made.call(lambda exchange: exchange.funding(symbol))
            told = heard()
            if (told.rate, told.next_funding_ns) == (due.rate, due.next_ms * 1_000_000):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_mark_and_index_price_and_funding_are_told_when_they_change(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        marks = MarkFeed(made.station, made.market, made.instrument)
        for output in (MarkOutput.MARK, MarkOutput.INDEX):
            marks.again(output)
        funding = FundingFeed(made.station, made.market, made.instrument)
        async with made.running(marks, funding):
            if marks.stream is not None:
                await live(made, marks)
            symbol = made.market.symbol

            def last(kind: type) -> Any:
                return next((each for each in reversed(made.got) if isinstance(each, kind)), None)

            def told() -> tuple[Decimal | None, Decimal | None]:
                mark, index = last(MarkPriceUpdate), last(IndexPriceUpdate)
                return (
                    mark and mark.value.as_decimal(),
                    index and index.value.as_decimal(),
                )

            def is_told(truth: tuple[Decimal, Decimal]) -> bool:
                return told() == truth

            for price in ("50500", "50600"):
                await made.tick(price)
                truth = await made.call(lambda e: (e.mark(symbol), e.index(symbol)))
                await made.until(partial(is_told, truth))
            await made.until(lambda: last(FundingRateUpdate) is not None)
            await until_due(made, lambda: last(FundingRateUpdate))
        values = [each.value for each in made.got if isinstance(each, MarkPriceUpdate)]
        assert all(before != after for before, after in pairwise(values))

    play(dialect, Product.LINEAR, scene)


@pytest.mark.parametrize("dialect", ["bitget", "gate"])
def test_a_silent_stream_of_marks_is_found_by_asking(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        marks = MarkFeed(made.station, made.market, made.instrument)
        marks.again(MarkOutput.MARK)
        async with made.running(marks):
            await live(made, marks)
            await made.tick("50000")
            made.venue.faults.add(Fault(kind=FaultKind.STREAM_SILENT, where="ticker"))
            symbol = made.market.symbol

            async def is_known() -> bool:
                await made.tick("51000")
                truth = await made.call(lambda exchange: exchange.mark(symbol))
                values = [each.value for each in made.got if isinstance(each, MarkPriceUpdate)]
                return truth in [value.as_decimal() for value in values]

            async with asyncio.timeout(PATIENCE_SECS):
                while not await is_known():
                    await asyncio.sleep(0.1)
            assert made.venue.faults.log

    play(dialect, Product.LINEAR, scene)


def past(exchange: Exchange, symbol: str, lot: Decimal, count: int) -> None:
    """Let so many minutes pass, with a trade in each."""
    for number in range(count):
        exchange.tick(symbol, Decimal(50000 + number), lot, Side.BUY)
        exchange.clock.turn(MINUTE_MS)
        exchange.roll()


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_history_comes_page_by_page_each_bar_once_and_only_closed_ones(
    dialect: str, product: Product
) -> None:
    async def scene(made: Booth) -> None:
        symbol, lot = made.market.symbol, LOT[product]
        await made.call(lambda exchange: past(exchange, symbol, lot, 25))
        await sync(made)
        await made.tick("60000")  # a bar that is running
        history = History(made.station)

        async def ask(**window: int | None) -> list[BarRow]:
            chosen = {"start_ns": None, "end_ns": None, "limit": None, **window}
            return await history.bars(made.market, "1m", MINUTE_MS * 1_000_000, **chosen)

        truth = [candle for candle in await candles(made) if candle.volume][-26:-1]
        first = truth[0].open_ms * 1_000_000
        found = await ask(start_ns=first)
        assert [row.open_ns // 1_000_000 for row in found] == [each.open_ms for each in truth]
        assert [row.volume for row in found] == [each.volume for each in truth]
        assert await ask(limit=4) == found[-4:]
        assert await ask(limit=18) == found[-18:]
        assert await ask(start_ns=first, limit=9) == found[:9]
        before = len(made.venue.requests)
        assert (await ask(limit=50_000_000))[-25:] == found[-25:]  # more than there ever was
        assert len(made.venue.requests) - before < 20
        middle = found[10].open_ns
        assert await ask(start_ns=first, end_ns=middle) == found[:10]

    def few(row: Profile) -> Profile:
        return replace(quick(row), paging=replace(row.paging, bars=7))

    play(dialect, product, scene, changed=few)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_week_that_runs_is_not_history_and_one_that_ended_is(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        day_ms, week_ns = 24 * 60 * MINUTE_MS, 7 * 24 * 60 * MINUTE_MS * 1_000_000

        def days(exchange: Exchange) -> None:
            for _ in range(16):
                exchange.tick(made.market.symbol, Decimal(50_000), LOT[Product.LINEAR], Side.BUY)
                exchange.clock.turn(day_ms)
                exchange.roll()

        await made.call(days)
        await sync(made)
        history, now_ns = History(made.station), made.station.venue_ns
        name = made.station.line.profile.timeframes.get("1w", "1w")
        rows = await history.bars(
            made.market, name, week_ns, start_ns=None, end_ns=None, limit=None
        )
        assert rows
        assert all(row.open_ns + week_ns <= now_ns for row in rows)
        again = await history.bars(
            made.market, name, week_ns, start_ns=rows[0].open_ns, end_ns=None, limit=None
        )
        assert again == rows

    play(dialect, Product.LINEAR, scene, days_ago=20)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_the_last_trades_are_told_oldest_first(dialect: str, product: Product) -> None:
    async def scene(made: Booth) -> None:
        for number in range(8):
            await made.tick(str(50000 + number))
        history = History(made.station)
        rows = await history.trades(made.market, start_ns=None, end_ns=None, limit=5)
        assert [row.price for row in rows] == [Decimal(50003 + number) for number in range(5)]

    play(dialect, product, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_trades_of_many_pages_are_all_told_or_the_log_says_since_when(
    dialect: str, product: Product
) -> None:
    async def scene(made: Booth) -> None:
        symbol, lot = made.market.symbol, LOT[made.market.product]
        size = made.line.profile.paging.trades

        def trade(exchange: Exchange) -> None:
            for number in range(3 * size + 7):
                exchange.clock.turn(300)
                exchange.tick(symbol, Decimal(50000 + number % 9), lot, Side.BUY)

        await made.call(trade)
        await sync(made)
        tape = await made.call(lambda exchange: list(exchange.trades(symbol, 10_000)))
        truth = [each.trade_id for each in tape][-(3 * size + 7) :]
        first_ns = tape[-(3 * size + 7)].ts_ms * 1_000_000
        history = History(made.station)

        async def ask(**window: int | None) -> list[str]:
            chosen = {"start_ns": None, "end_ns": None, "limit": None, **window}
            return [row.trade_id for row in await history.trades(made.market, **chosen)]

        if dialect == "kucoin":  # its answer is the last hundred, whatever it is asked for
            for window in ({"start_ns": first_ns}, {"limit": 2 * size}):
                made.logged.clear()
                assert len(await ask(**window)) == size
                assert "the venue told 100 from" in made.logged[-1]
            made.logged.clear()
            recent_ns = (tape[-20].ts_ms - 2) * 1_000_000  # ccxt cuts nanoseconds by a float
            assert len(await ask(start_ns=recent_ns)) == 20
            assert made.logged == []
            return
        assert await ask(start_ns=first_ns) == truth
        assert await ask(start_ns=first_ns, limit=size + 3) == truth[: size + 3]
        assert await ask(limit=2 * size) == truth[-2 * size :]
        middle_ns = tape[-size].ts_ms * 1_000_000
        assert await ask(start_ns=first_ns, end_ns=middle_ns) == truth[: -size + 1]
        assert await ask(end_ns=middle_ns, limit=size + 5) == truth[: -size + 1][-size - 5 :]
        assert made.logged == []

    play(dialect, product, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_funding_that_was_paid_is_remembered(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        symbol = made.market.symbol
        rates = [Decimal("0.0001"), Decimal("-0.0002"), Decimal("0.0003")]

        def settle(exchange: Exchange) -> None:
            for rate in rates:
                exchange.settle_funding(symbol, rate)
                exchange.clock.turn(8 * 3_600_000)

        await made.call(settle)
        rows = await History(made.station).funding(
            made.market, made.instrument, start_ns=None, end_ns=None, limit=None
        )
        assert [row.rate for row in rows] == rates
        assert [row.ts_event for row in rows] == sorted(row.ts_event for row in rows)

    play(dialect, Product.LINEAR, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_every_timeframe_on_offer_is_kept_by_the_venue_and_streamed_unless_told(
    dialect: str, product: Product
) -> None:
    async def scene(made: Booth) -> None:
        row, symbol = made.line.profile, made.market.symbol
        done: list[Channel] = []
        for timeframe in sorted(made.line.timeframes - {"1M"}):  # the engine's months are refused
            await made.line.ask("fetch_ohlcv", symbol, timeframe, None, 1)
            if timeframe in row.bars_unstreamed:
                continue
            channel = made.line.channel("watch_ohlcv", symbol, timeframe)
            said_yes = asyncio.Event()
            channel.on_acknowledged = said_yes.set
            watching = asyncio.create_task(channel.watch())
            await asyncio.wait(
                [watching, yes := asyncio.create_task(said_yes.wait())],
                timeout=PATIENCE_SECS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            assert channel.acknowledged, timeframe
            for task in (watching, yes):
                task.cancel()
            await asyncio.gather(watching, yes, return_exceptions=True)
            done.append(channel)
        await asyncio.gather(*(made.line.forget(channel) for channel in done))

    play(
        dialect,
        product,
        scene,
        changed=lambda row: replace(row, budget=replace(row.budget, data_per_sec=200)),
    )


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_what_the_profile_says_is_absent_or_not_streamed_is_so_in_ccxt(
    dialect: str, product: Product
) -> None:
    async def scene(made: Booth) -> None:
        row, symbol = made.line.profile, made.market.symbol
        for timeframe in row.bars_absent:
            with pytest.raises(VenueError):
                await made.line.ask("fetch_ohlcv", symbol, timeframe, None, 1)
        for timeframe in row.bars_unstreamed:
            with pytest.raises(TypeError):  # ccxt has no name for the channel
                await made.line.channel("watch_ohlcv", symbol, timeframe).watch()

    play(dialect, product, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_funding_of_many_pages_is_all_told(dialect: str) -> None:
    async def scene(made: Booth) -> None:
        symbol = made.market.symbol

        def settle(exchange: Exchange) -> None:
            for _ in range(250):
                exchange.clock.turn(8 * 3_600_000)
                exchange.roll()

        began_ns = await made.call(lambda exchange: exchange.clock.now_ms()) * 1_000_000
        await made.call(settle)
        await sync(made)
        rows = await History(made.station).funding(
            made.market, made.instrument, start_ns=began_ns - 1, end_ns=None, limit=None
        )
        paid = await made.call(lambda exchange: exchange.funding_history(symbol, 10_000))
        assert len(paid) == 250
        assert [(row.ts_event // 1_000_000, row.rate) for row in rows] == [
            (each.next_ms, each.rate) for each in paid
        ]
        assert made.logged == []

    play(dialect, Product.LINEAR, scene, days_ago=100)
