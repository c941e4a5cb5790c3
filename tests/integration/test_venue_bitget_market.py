"""Unmodified ccxt.pro.bitget against the local exchange over real sockets: what is public."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.bitget_client import BOTH, PERP, SPOT, opened, priced_venue, tick
from tests.venue.clients import run
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Side

# `Any` in this module: ccxt has no types


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with priced_venue() as running:
        yield running


def test_markets_are_read_with_exact_steps(venue: LocalVenue) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            assert sorted(client.markets) == sorted(venue.exchange.listings)
            for symbol, listing in venue.exchange.listings.items():
                market = client.market(symbol)
                assert Decimal(market["precision"]["price"]) == listing.tick
                assert Decimal(market["precision"]["amount"]) == listing.lot
                assert Decimal(market["limits"]["cost"]["min"]) == listing.min_notional
                assert (Decimal(market["maker"]), Decimal(market["taker"])) == (
                    listing.maker_fee,
                    listing.taker_fee,
                )

    run(check())


@BOTH
def test_public_reads_show_the_exchange(venue: LocalVenue, symbol: str) -> None:
    venue.call(tick(symbol, "50010"))

    async def check() -> None:
        async with opened(venue) as client:
            book = venue.call(lambda x: x.book(symbol))
            told = await client.fetch_order_book(symbol)
            assert [Decimal(str(row[0])) for row in told["bids"]] == [x.price for x in book.bids]
            assert [Decimal(str(row[1])) for row in told["asks"]] == [x.quantity for x in book.asks]
            assert [trade["price"] for trade in await client.fetch_trades(symbol)] == [
                *("50000", "50010")
            ]
            (bar,) = (await client.fetch_ohlcv(symbol, "1h"))[-1:]
            assert bar[2] == "50010"
            ticker = await client.fetch_ticker(symbol)
            assert (ticker["last"], Decimal(ticker["bid"])) == ("50010", book.bids[0].price)
            assert symbol in await client.fetch_tickers([symbol])

    run(check())


def test_marks_and_funding_are_read(venue: LocalVenue) -> None:
    venue.call(tick(PERP, "50080"))
    venue.call(lambda x: x.settle_funding(PERP, Decimal("0.0003")))

    async def check() -> None:
        async with opened(venue) as client:
            mark = await client.fetch_mark_price(PERP)
            assert Decimal(mark["markPrice"]) == venue.call(lambda x: x.mark(PERP))
            rate = await client.fetch_funding_rate(PERP)
            assert Decimal(rate["fundingRate"]) == venue.call(lambda x: x.funding(PERP)).rate
            assert rate["fundingTimestamp"] == venue.call(lambda x: x.funding(PERP)).next_ms
            (settled,) = await client.fetch_funding_rate_history(PERP)
            assert settled["fundingRate"] == "0.0003"

    run(check())


def test_bars_are_paged_on_a_clock_turned_by_hand() -> None:
    start_ms = 1_795_000_000_000 // 60_000 * 60_000
    clock = VenueClock(start_ms=start_ms, speed=0)
    with LocalVenue("bitget", clock=clock, prices={}) as venue:

        def bars(exchange: Exchange) -> None:
            for minute in range(250):
                exchange.tick(SPOT, Decimal(50_000 + minute), Decimal("0.1"), Side.BUY)
                exchange.clock.turn(60_000)
                exchange.roll()

        venue.call(bars)

        async def check() -> None:
            async with opened(venue) as client:
                first = await client.fetch_ohlcv(SPOT, "1m", start_ms, 100)
                assert [bar[4] for bar in first] == [str(50_000 + n) for n in range(100)]
                more = await client.fetch_ohlcv(SPOT, "1m", start_ms + 100 * 60_000, 100)
                assert [bar[4] for bar in more] == [str(50_100 + n) for n in range(100)]

        run(check())


@BOTH
def test_public_streams_follow_the_market(venue: LocalVenue, symbol: str) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            await client.watch_trades(symbol)
            await client.watch_ohlcv(symbol, "1m")
            await client.watch_bids_asks([symbol])
            trades = asyncio.ensure_future(client.watch_trades(symbol))
            bars = asyncio.ensure_future(client.watch_ohlcv(symbol, "1m"))
            quotes = asyncio.ensure_future(client.watch_bids_asks([symbol]))
            await asyncio.sleep(0)
            venue.call(tick(symbol, "50020"))
            assert [trade["price"] for trade in await trades][-1:] == ["50020"]
            assert (await bars)[-1][4] == "50020"
            quote = (await quotes)[symbol]
            assert Decimal(quote["ask"]) == venue.call(lambda x: x.book(symbol).asks[0].price)

    run(check())


def test_the_ticker_stream_carries_mark_and_funding(venue: LocalVenue) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            info = (await client.watch_ticker(PERP))["info"]
            assert Decimal(info["markPrice"]) == venue.call(lambda x: x.mark(PERP))
            assert Decimal(info["fundingRate"]) == venue.call(lambda x: x.funding(PERP)).rate

    run(check())


def bids(told: Any) -> list[tuple[Decimal, Decimal]]:
    """Read the side of buyers as the venue spelled it."""
    return [(Decimal(row[2][0]), Decimal(row[2][1])) for row in told["bids"]]


@BOTH
def test_the_incremental_book_passes_ccxts_checksum_at_every_step(
    venue: LocalVenue, symbol: str
) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            await client.watch_order_book(symbol)
            for step in range(60):
                watch = asyncio.ensure_future(client.watch_order_book(symbol))
                await asyncio.sleep(0)
                if step % 7 == 3:
                    await client.create_order(symbol, "limit", "buy", "0.01", str(49_000 + step))
                else:
                    venue.call(tick(symbol, str(50_000 + (step * 37) % 91)))
                told = await watch  # raises ChecksumError where it does not fit
                book = venue.call(lambda x: x.book(symbol))
                while bids(told) != [(level.price, level.quantity) for level in book.bids]:
                    told = await client.watch_order_book(symbol)

    run(check())
