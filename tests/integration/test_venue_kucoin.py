"""KuCoin's markets on the local exchange, read and watched by unmodified ccxt classes."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import ccxt
import pytest

from tests.integration.kucoin import PERP, SPOT, client, eventually, place, pushed, trade
from tests.venue.clock import VenueClock
from tests.venue.local import LocalVenue

BOTH = pytest.mark.parametrize("symbol", [SPOT, PERP])


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue("kucoin") as opened:
        for symbol in (SPOT, PERP):
            trade(opened, symbol, "50000")
        yield opened


@BOTH
def test_markets_are_read_with_exact_steps_and_fees(venue: LocalVenue, symbol: str) -> None:
    async def read() -> None:
        async with client(venue, symbol) as exchange:
            market, listing = exchange.market(symbol), venue.exchange.listings[symbol]
            assert Decimal(market["precision"]["price"]) == listing.tick
            assert Decimal(market["precision"]["amount"]) == listing.lot
            assert Decimal(market["limits"]["amount"]["min"]) == listing.min_quantity
            assert Decimal(market["taker"]) == listing.taker_fee
            assert Decimal(market["contractSize"] or 1) == listing.contract_size
            assert abs(await exchange.fetch_time() - venue.exchange.clock.wall_ms()) < 5_000

    asyncio.run(read())


@BOTH
def test_history_over_rest_is_what_the_exchange_remembers(venue: LocalVenue, symbol: str) -> None:
    for price in ("50100", "49900", "50050"):
        trade(venue, symbol, price)

    async def read() -> None:
        async with client(venue, symbol) as exchange:
            known = venue.call(lambda e: e.candles(symbol, 60_000))
            rows = await exchange.fetch_ohlcv(symbol, "1m", known[0].open_ms, 10)
            contract = venue.exchange.listings[symbol].contract_size
            for row, bar in zip(rows, known, strict=True):
                prices = [bar.open, bar.high, bar.low, bar.close]
                assert row[0] == bar.open_ms
                assert [Decimal(price) for price in row[1:5]] == prices
                assert Decimal(row[5]) == bar.volume / contract
            tape = venue.call(lambda e: e.trades(symbol))
            trades = await exchange.fetch_trades(symbol)
            # ccxt sorts by a rounded time alone, which several trades have in common
            assert sorted(Decimal(row["price"]) for row in trades) == sorted(
                one.price for one in tape
            )
            book, shown = (
                venue.call(lambda e: e.book(symbol)),
                await exchange.fetch_order_book(symbol),
            )
            assert shown["bids"][0][0] == float(book.bids[0].price)
            assert shown["asks"][-1][1] == float(book.asks[-1].quantity)
            ticker = await exchange.fetch_ticker(symbol)
            assert Decimal(ticker["bid"]) == book.bids[0].price
            assert Decimal(ticker["last"]) == tape[-1].price

    asyncio.run(read())


def test_mark_price_and_funding_are_read_and_watched(venue: LocalVenue) -> None:
    venue.call(lambda e: e.settle_funding(PERP, Decimal("0.00031")))

    async def read() -> None:
        async with client(venue, PERP) as exchange:
            exchange.urls["api"]["ws"]["futures"] += "/"  # a host alone is not a path here
            mark, funding = venue.call(lambda e: (e.mark(PERP), e.funding(PERP)))
            assert Decimal((await exchange.fetch_mark_price(PERP))["markPrice"]) == mark
            rate = await exchange.fetch_funding_rate(PERP)
            assert Decimal(rate["fundingRate"]) == funding.rate
            assert rate["fundingTimestamp"] == funding.next_ms
            history = await exchange.fetch_funding_rate_history(PERP)
            assert [Decimal(row["fundingRate"]) for row in history] == [Decimal("0.00031")]
            watched = await exchange.watch_mark_price(PERP)
            assert Decimal(watched["markPrice"]) == mark
            watched = await exchange.watch_funding_rate(PERP)
            assert Decimal(watched["fundingRate"]) == funding.rate

    asyncio.run(read())


@BOTH
def test_public_streams_bring_what_happens(venue: LocalVenue, symbol: str) -> None:
    async def read() -> None:
        async with client(venue, symbol) as exchange:

            def act() -> None:
                trade(venue, symbol, "50010.5")

            trades = await pushed(exchange.watch_trades(symbol), act)
            known = {one.trade_id: one for one in venue.call(lambda e: e.trades(symbol))}
            assert Decimal(trades[0]["price"]) == known[trades[0]["id"]].price
            bars = await pushed(exchange.watch_ohlcv(symbol, "1m"), act)
            assert Decimal(bars[-1][4]) == Decimal("50010.5")
            best = (await pushed(exchange.watch_bids_asks([symbol]), act))[symbol]
            book = venue.call(lambda e: e.book(symbol))
            assert Decimal(best["bid"]) == book.bids[0].price
            ticker = await pushed(exchange.watch_ticker(symbol), act)
            assert Decimal(ticker["last"]) == Decimal("50010.5")
            tickers = await pushed(exchange.watch_tickers([symbol]), act)
            assert Decimal(tickers[symbol]["ask"]) == book.asks[0].price

    asyncio.run(read())


@pytest.mark.parametrize(("symbol", "limit"), [(SPOT, None), (SPOT, 50), (PERP, 5), (PERP, 50)])
def test_a_watched_book_equals_the_exchanges(
    venue: LocalVenue, symbol: str, limit: int | None
) -> None:
    async def read() -> None:
        async with client(venue, symbol) as exchange:
            prices = iter(range(10_000))

            def act() -> None:
                trade(venue, symbol, str(50_000 + next(prices) % 7))

            shown = await pushed(exchange.watch_order_book(symbol, limit), act)

            async def is_equal() -> bool:
                book = venue.call(lambda e: e.book(symbol))
                asks = [[float(x.price), float(x.quantity)] for x in book.asks[:limit]]
                bids = [[float(x.price), float(x.quantity)] for x in book.bids[:limit]]
                rows = {side: [row[:2] for row in shown[side]] for side in ("asks", "bids")}
                return rows == {"asks": asks, "bids": bids}  # a third figure is the sequence

            for _ in range(5):
                act()
                await eventually(is_equal)

    asyncio.run(read())


def test_the_markets_clock_may_run_ahead_of_the_walls() -> None:
    clock = VenueClock(start_ms=1_700_000_000_000, speed=0)
    with LocalVenue("kucoin", clock=clock) as venue:
        trade(venue, SPOT, "50000")

        async def read() -> None:
            async with client(venue, SPOT) as exchange:
                placed = await place(exchange, SPOT, "limit", "buy", "49000")
                order = await exchange.fetch_order(placed["id"], SPOT)
                assert order["timestamp"] == 1_700_000_000_000

        asyncio.run(read())


@BOTH
def test_a_dropped_stream_is_dialled_again_with_the_same_token(
    venue: LocalVenue, symbol: str
) -> None:
    async def read() -> None:
        async with client(venue, symbol) as exchange:

            def act() -> None:
                trade(venue, symbol, "50010")

            await pushed(exchange.watch_trades(symbol), act)
            watched = asyncio.create_task(exchange.watch_trades(symbol))
            await asyncio.sleep(0)
            assert venue.drop("public") == 1
            with pytest.raises(ccxt.NetworkError):
                await watched
            before = {one.trade_id for one in venue.call(lambda e: e.trades(symbol))}
            trades = await pushed(exchange.watch_trades(symbol), act)
            assert not before & {trade["id"] for trade in trades}

    asyncio.run(read())
