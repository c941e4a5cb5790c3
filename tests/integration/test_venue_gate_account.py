"""An unmodified ccxt keeps stops, positions and balances in Gate's dialect."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from ccxt.base import errors

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
from tests.venue.calls import RateLimit
from tests.venue.local import LocalVenue
from tests.venue.model import Side


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    """Open a venue where everything has a price."""
    with priced_venue() as opened:
        yield opened


# ---- price orders ----


def test_a_spot_stop_limit_fires_into_another_order_without_a_text(venue: LocalVenue) -> None:
    async def story() -> None:
        async with client(venue, "spot") as one:
            ccxt_one, symbol, stops = one.exchange, "BTC/USDT", {"trigger": True}
            params = {"triggerPrice": "49000", "clientOrderId": "t-stop", "expiration": 2_592_000}
            made = await ccxt_one.create_order(symbol, "limit", "sell", "0.01", "48000", params)
            waiting = await ccxt_one.fetch_open_orders(symbol, None, None, stops)
            assert [one["id"] for one in waiting] == [made["id"]]
            assert waiting[0]["info"]["trigger"] == {
                "price": "49000",
                "rule": "<=",
                "expiration": 2_592_000,
            }
            assert waiting[0]["clientOrderId"] is None
            tick(venue, symbol, "48990", "1", Side.SELL)
            fired = await ccxt_one.fetch_order(made["id"], symbol, stops)
            assert (fired["status"], fired["filled"]) == ("closed", "0")  # fired, not filled
            became = await ccxt_one.fetch_order(str(fired["info"]["fired_order_id"]), symbol)
            assert (became["status"], became["filled"]) == ("closed", "0.01")
            assert became["clientOrderId"] == "apiv4"

    asyncio.run(story())


def test_a_spot_stop_market_is_refused(venue: LocalVenue) -> None:
    async def story() -> None:
        async with client(venue, "spot") as one:
            with pytest.raises(errors.BadRequest, match=r"put\.type"):
                await one.exchange.create_order(
                    "BTC/USDT", "market", "sell", "0.01", None, {"triggerPrice": "49000"}
                )

    asyncio.run(story())


def test_a_swap_stop_market_reduces_and_keeps_its_text(venue: LocalVenue) -> None:
    async def story() -> None:
        async with client(venue, "swap") as one:
            ccxt_one, symbol, stops = one.exchange, SWAP.symbol, {"trigger": True}
            told = await one.watch(
                lambda: ccxt_one.watch_orders(None, None, None, stops), "futures.autoorders"
            )
            await ccxt_one.create_order(symbol, "market", "buy", "100")
            params = {"triggerPrice": "49000", "clientOrderId": "t-stop", "reduceOnly": True}
            made = await ccxt_one.create_order(symbol, "market", "sell", "100", None, params)
            waiting = await told.row(lambda o: o["id"] == made["id"])
            assert (waiting["clientOrderId"], waiting["triggerPrice"]) == ("t-stop", "49000")
            assert (waiting["reduceOnly"], waiting["side"]) == (True, "sell")
            tick(venue, symbol, "48990", "1", Side.SELL)
            fired = await told.row(lambda o: o["info"]["status"] == "finished")
            assert fired["info"]["finish_as"] == "succeeded"
            became = await ccxt_one.fetch_order(str(fired["info"]["trade_id"]), symbol)
            assert (became["status"], became["filled"]) == ("closed", "100")
            assert became["clientOrderId"] == "t-stop"
            positions = await ccxt_one.fetch_positions()
            assert [row["contracts"] for row in positions] == ["0"]

    asyncio.run(story())


@BOTH
@pytest.mark.parametrize(
    ("side", "parameter", "price", "rising"),
    [
        ("buy", "triggerPrice", "51000", True),
        ("sell", "triggerPrice", "49000", False),
        ("buy", "takeProfitPrice", "49000", False),
        ("sell", "takeProfitPrice", "51000", True),
    ],
)
def test_the_name_of_the_parameter_says_which_way_a_stop_looks(
    venue: LocalVenue, it: Trade, side: str, parameter: str, price: str, *, rising: bool
) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            made = await ccxt_one.create_order(
                symbol, "limit", side, it.quantity, price, {parameter: price}
            )
            order = venue.call(lambda x: x.order(order_id=made["id"]))
            assert order is not None
            assert order.trigger is not None
            assert order.trigger.rising is rising
            wrong = "49000" if rising else "51000"
            label = "GREATE_LAST" if rising else "LESS_LAST"
            with pytest.raises(errors.InvalidOrder, match=label):
                await ccxt_one.create_order(
                    symbol, "limit", side, it.quantity, wrong, {parameter: wrong}
                )
            await ccxt_one.cancel_all_orders(symbol, {"trigger": True})
            stops = {"trigger": True}
            assert await ccxt_one.fetch_open_orders(symbol, None, None, stops) == []

    asyncio.run(story())


# ---- the account ----


def test_positions_leverage_and_modes_are_set_and_read(venue: LocalVenue) -> None:
    async def story() -> None:
        async with client(venue, "swap") as one:
            ccxt_one, symbol = one.exchange, SWAP.symbol
            told = await one.watch(lambda: ccxt_one.watch_positions(), "futures.positions")
            await ccxt_one.set_leverage(7, symbol)
            await ccxt_one.create_order(symbol, "market", "sell", "30")
            await told.row(lambda p: p["side"] == "short" and p["contracts"] == "30")
            position = await ccxt_one.fetch_position(symbol)
            assert (position["side"], position["contracts"]) == ("short", "30")
            assert (position["leverage"], position["marginMode"]) == ("7", "isolated")
            await ccxt_one.set_leverage(5, symbol, {"marginMode": "cross"})
            position = await ccxt_one.fetch_position(symbol)
            assert (position["leverage"], position["marginMode"]) == ("0", "cross")
            assert position["info"]["cross_leverage_limit"] == "5"
            with pytest.raises(errors.InvalidOrder, match="NO_CHANGE"):
                await ccxt_one.set_position_mode(False, symbol)
            account = await ccxt_one.privateFuturesGetSettleAccounts({"settle": "usdt"})
            assert account["in_dual_mode"] is False
            much = {"settle": "usdt", "contract": "BTC_USDT", "leverage": "125"}
            with pytest.raises(errors.InvalidOrder, match="LEVERAGE_TOO_HIGH"):
                await ccxt_one.privateFuturesPostSettlePositionsContractLeverage(much)

    asyncio.run(story())


@BOTH
def test_the_balance_stream_ends_where_rest_does(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            channel = f"{it.family}.balances"
            told = await one.watch(lambda: ccxt_one.watch_balance(), channel)
            await ccxt_one.create_order(symbol, "market", "sell", it.quantity)
            total = (await ccxt_one.fetch_balance())["USDT"]["total"]
            last = await told.row(
                lambda b: Decimal(str(b.get("USDT", {}).get("total", 0))) == Decimal(total)
            )
            if it is SPOT:
                assert last["USDT"]["used"] == "0"
            else:
                kinds = [
                    row["type"] for f in one.frames if _is_push(f, channel) for row in f["result"]
                ]
                assert kinds == ["fee"]

    asyncio.run(story())


def _is_push(frame: Any, channel: str) -> bool:
    return bool(frame.get("channel") == channel and frame.get("event") == "update")


# ---- credentials, clocks, limits ----


@BOTH
def test_a_wrong_secret_opens_nothing(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product, secret="wrong") as one:
            with pytest.raises(errors.AuthenticationError, match="INVALID_SIGNATURE"):
                await one.exchange.create_order(it.symbol, "limit", "buy", it.quantity, "49000")
            with pytest.raises(errors.AuthenticationError):
                await asyncio.wait_for(one.exchange.watch_orders(), PATIENCE_SECS)
        assert venue.call(lambda exchange: len(exchange.truth.placed)) == 0

    asyncio.run(story())


def test_a_clock_that_is_off_is_told_so(venue: LocalVenue) -> None:
    async def story() -> None:
        async with client(venue, "spot") as one:
            venue.call(lambda exchange: setattr(exchange.clock, "skew_ms", 90_000))
            with pytest.raises(errors.AuthenticationError, match="REQUEST_EXPIRED"):
                await one.exchange.fetch_balance()

    asyncio.run(story())


def test_too_many_requests_are_refused_in_the_venues_envelope() -> None:
    async def story(venue: LocalVenue) -> None:
        async with client(venue, "spot") as one:
            await one.exchange.fetch_time()  # the fourth request, after three for the markets
            with pytest.raises(errors.RateLimitExceeded, match="TOO_MANY_REQUESTS"):
                await one.exchange.fetch_time()

    with LocalVenue("gate", rate_limit=RateLimit(requests=4, per_secs=60)) as opened:
        asyncio.run(story(opened))
