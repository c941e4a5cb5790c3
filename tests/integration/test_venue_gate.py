"""An unmodified ccxt reads markets and streams in Gate's dialect, over real sockets."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.integration.gate_client import (
    BOTH,
    PATIENCE_SECS,
    SPOT,
    SWAP,
    Trade,
    client,
    priced_venue,
    tick,
)
from tests.venue.local import LocalVenue
from tests.venue.model import Side


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    """Open a venue where everything has a price."""
    with priced_venue() as opened:
        yield opened


def test_markets_have_exact_steps_and_contract_sizes(venue: LocalVenue) -> None:
    async def story() -> None:
        async with client(venue, "spot") as one:
            market = one.exchange.market("BTC/USDT")
            assert market["precision"] == {"amount": "0.000001", "price": "0.1"}
            assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (
                "0.00001",
                "3",
            )
        async with client(venue, "swap") as one:
            market = one.exchange.market("ETH/USDT:USDT")
            assert market["precision"] == {"amount": "1", "price": "0.01"}
            assert (market["contractSize"], market["linear"]) == ("0.01", True)
            assert market["limits"]["leverage"]["max"] == "100"

    asyncio.run(story())


@BOTH
def test_market_data_is_read_as_it_was_traded(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        tick(venue, it.symbol, "50001", it.quantity)
        tick(venue, it.symbol, "49990", it.part, Side.SELL)
        async with client(venue, it.product) as one:
            trades = await one.exchange.fetch_trades(it.symbol)
            assert [(t["price"], t["side"]) for t in trades[-2:]] == [
                ("50001", "buy"),
                ("49990", "sell"),
            ]
            assert [t["amount"] for t in trades[-2:]] == [it.quantity, it.part]
            row = (await one.exchange.fetch_ohlcv(it.symbol, "1h"))[-1]
            assert row[3:5] == ["49990", "49990"]  # low and close
            book = await one.exchange.fetch_order_book(it.symbol, 5)
            real = venue.call(lambda exchange: exchange.book(it.symbol))
            assert book["bids"] == [
                [float(level.price), float(level.quantity)] for level in real.bids[:5]
            ]
            assert book["nonce"] == real.sequence
            ticker = await one.exchange.fetch_ticker(it.symbol)
            assert (ticker["last"], ticker["low"]) == ("49990", "49990")
            skew = await one.exchange.fetch_time() - venue.call(lambda x: x.clock.wall_ms())
            assert abs(skew) < 2000

    asyncio.run(story())


def test_a_perpetual_tells_mark_index_and_funding(venue: LocalVenue) -> None:
    async def story() -> None:
        venue.call(lambda x: x.settle_funding(SWAP.symbol, Decimal("0.0003")))
        async with client(venue, "swap") as one:
            rate = await one.exchange.fetch_funding_rate(SWAP.symbol)
            real = venue.call(lambda x: (x.mark(SWAP.symbol), x.funding(SWAP.symbol)))
            assert Decimal(rate["markPrice"]) == real[0]
            assert Decimal(rate["fundingRate"]) == real[1].rate
            assert rate["fundingTimestamp"] == real[1].next_ms
            history = await one.exchange.fetch_funding_rate_history(SWAP.symbol)
            assert [row["fundingRate"] for row in history] == ["0.0003"]

    asyncio.run(story())


@BOTH
def test_market_streams_follow_the_tape(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol, family = one.exchange, it.symbol, it.family
            trades = await one.watch(lambda: ccxt_one.watch_trades(symbol), f"{family}.trades")
            bars = await one.watch(
                lambda: ccxt_one.watch_ohlcv(symbol, "1m"), f"{family}.candlesticks"
            )
            tickers = await one.watch(lambda: ccxt_one.watch_ticker(symbol), f"{family}.tickers")
            tops = await one.watch(
                lambda: ccxt_one.watch_bids_asks([symbol]), f"{family}.book_ticker"
            )
            tick(venue, symbol, "50007", it.part, Side.SELL)
            trade = await trades.row(lambda t: t["price"] == "50007")
            assert (trade["amount"], trade["side"]) == (it.part, "sell")
            assert (await bars.row(lambda bar: bar[4] == "50007"))[3] in ("50000", "50007")
            assert (await tickers.row(lambda t: t["last"] == "50007"))["symbol"] == symbol
            top = (await tops.row(lambda t: t[symbol]["bid"] == "50007"))[symbol]
            assert Decimal(top["ask"]) > Decimal(top["bid"])

    asyncio.run(story())


@BOTH
def test_the_incremental_book_stays_equal_to_the_real_one(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        channel = "spot.obu" if it is SPOT else "futures.order_book_update"
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            await one.watch(lambda: ccxt_one.watch_order_book(symbol), channel)
            order = await ccxt_one.create_order(symbol, "limit", "buy", it.quantity, "49000")
            for step in range(60):
                tick(venue, symbol, str(50_000 + step % 7 * 3), it.part)
            await ccxt_one.cancel_order(order["id"], symbol)
            tick(venue, symbol, "50001", it.part)
            real = venue.call(lambda exchange: exchange.book(symbol))
            await one.frame(
                lambda f: (
                    f.get("channel") == channel
                    and f["event"] == "update"
                    and f["result"]["u"] == real.sequence
                )
            )
            async with asyncio.timeout(PATIENCE_SECS):
                while ccxt_one.orderbooks[symbol]["nonce"] != real.sequence:
                    await asyncio.sleep(0)  # the snapshot over REST is on its way
            book = ccxt_one.orderbooks[symbol]
            for side, levels in (("bids", real.bids), ("asks", real.asks)):
                wanted = [[float(one.price), float(one.quantity)] for one in levels]
                assert [list(row)[:2] for row in book[side]][: len(wanted)] == wanted

    asyncio.run(story())
