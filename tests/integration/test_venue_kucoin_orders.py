"""KuCoin's orders on the local exchange, traded by unmodified ccxt classes."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.integration.kucoin import (
    PATIENCE_SECS,
    PERP,
    SIZES,
    SPOT,
    client,
    eventually,
    house_of,
    place,
    trade,
)
from tests.venue.local import LocalVenue
from tests.venue.model import Product, Status

BOTH = pytest.mark.parametrize("symbol", [SPOT, PERP])
STOPS: dict[str, tuple[dict[str, str], dict[str, str]]] = {  # falling, rising
    SPOT: ({"stop": "loss"}, {"stop": "entry"}),
    PERP: (
        {"stop": "down", "stopPriceType": "TP"},
        {"stop": "up", "stopPriceType": "TP"},
    ),
}


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue("kucoin") as opened:
        for symbol in (SPOT, PERP):
            trade(opened, symbol, "50000")
        yield opened


# ---- orders ----


@BOTH
def test_an_order_is_found_by_both_ids_and_cancelled(venue: LocalVenue, symbol: str) -> None:
    async def trade_it() -> None:
        async with client(venue, symbol) as exchange:
            placed = await place(
                exchange, symbol, "limit", "buy", "49000", clientOrderId="O-1", postOnly=True
            )
            by_id = await exchange.fetch_order(placed["id"], symbol)
            by_client = await exchange.fetch_order(None, symbol, {"clientOrderId": "O-1"})
            assert by_id["id"] == by_client["id"] == placed["id"]
            assert (by_id["status"], by_id["clientOrderId"]) == ("open", "O-1")
            assert Decimal(by_id["amount"]) == SIZES[symbol]
            assert by_id["postOnly"] is True
            for asked in (None, symbol):
                assert [row["id"] for row in await exchange.fetch_open_orders(asked)] == [
                    placed["id"]
                ]
            await exchange.cancel_order(None, symbol, {"clientOrderId": "O-1"})
            assert (await exchange.fetch_order(placed["id"], symbol))["status"] == "canceled"
            assert await exchange.fetch_open_orders(symbol) == []
            assert [o["id"] for o in await exchange.fetch_closed_orders(symbol)] == [placed["id"]]

    asyncio.run(trade_it())


@BOTH
def test_fills_carry_fees_and_agree_with_the_truth(venue: LocalVenue, symbol: str) -> None:
    async def trade_it() -> None:
        async with client(venue, symbol) as exchange:
            taken = await place(exchange, symbol, "market", "buy", None)
            rested = await place(exchange, symbol, "limit", "buy", "49990")
            trade(venue, symbol, "49990", str(SIZES[symbol] / 2))
            half = await exchange.fetch_order(rested["id"], symbol)
            assert (half["status"], Decimal(half["filled"])) == ("open", SIZES[symbol] / 2)
            trade(venue, symbol, "49980")
            orders = [await exchange.fetch_order(o["id"], symbol) for o in (taken, rested)]
            assert [order["status"] for order in orders] == ["closed", "closed"]
            known = {fill.trade_id: fill for fill in venue.call(lambda e: e.truth.fills)}
            rows = await exchange.fetch_my_trades(symbol)
            assert {row["id"] for row in rows} == set(known)
            for row in rows:
                fill = known[row["id"]]
                assert row["order"] == fill.order_id
                assert Decimal(row["price"]) == fill.price
                assert Decimal(row["amount"]) == fill.quantity
                assert Decimal(row["fee"]["cost"]) == fill.fee
                assert row["fee"]["currency"] == fill.fee_coin
                assert row["takerOrMaker"] == ("maker" if fill.maker else "taker")

    asyncio.run(trade_it())


@BOTH
@pytest.mark.parametrize(
    ("price", "params", "status"),
    [
        ("51000", {"timeInForce": "IOC"}, "closed"),
        ("49000", {"timeInForce": "IOC"}, "canceled"),
        ("51000", {"timeInForce": "FOK"}, "closed"),
        ("49000", {"timeInForce": "FOK"}, "canceled"),
        ("51000", {"postOnly": True}, "canceled"),
        ("49000", {"postOnly": True}, "open"),
    ],
)
def test_time_in_force_ends_as_the_venue_says(
    venue: LocalVenue, symbol: str, price: str, params: dict[str, Any], status: str
) -> None:
    async def trade_it() -> None:
        async with client(venue, symbol) as exchange:
            placed = await place(exchange, symbol, "limit", "buy", price, **params)
            assert (await exchange.fetch_order(placed["id"], symbol))["status"] == status

    asyncio.run(trade_it())


def test_a_spot_market_buy_may_be_counted_in_quote(venue: LocalVenue) -> None:
    async def trade_it() -> None:
        async with client(venue, SPOT) as exchange:
            placed = await exchange.create_market_buy_order_with_cost(SPOT, "100")
            bought = await exchange.fetch_order(placed["id"], SPOT)
            assert bought["status"] == "closed"
            assert Decimal(bought["cost"]) <= 100
            balance = await exchange.fetch_balance()
            assert Decimal(balance["BTC"]["total"]) == 2 + Decimal(bought["filled"])

    asyncio.run(trade_it())


def test_batches_are_placed_and_cancelled_row_by_row(venue: LocalVenue) -> None:
    isolated = {"leverage": 10, "marginMode": "isolated"}
    row = {"symbol": PERP, "type": "limit", "side": "buy", "amount": 1}

    async def trade_it() -> None:
        async with client(venue, PERP) as exchange:
            asked = [{**row, "price": price, "params": isolated} for price in ("40000", "40000.05")]
            placed = await exchange.create_orders([*asked[:1], {**asked[0], "price": "41000"}])
            ids = [order["id"] for order in placed]
            assert {o["id"] for o in await exchange.fetch_open_orders(PERP)} == set(ids)
            outcome = await exchange.cancel_orders([ids[0], "404"], PERP)
            assert [one["info"]["code"] for one in outcome] == ["200", "100004"]
            await exchange.cancel_all_orders(PERP)
            assert await exchange.fetch_open_orders(PERP) == []

    asyncio.run(trade_it())


def test_fills_come_in_pages_and_windows_of_a_week(venue: LocalVenue) -> None:
    async def trade_it() -> None:
        async with client(venue, SPOT) as exchange:
            for _ in range(12):
                await place(exchange, SPOT, "market", "buy", None)
            pages = [
                await exchange.fetch_my_trades(SPOT, params={"pageSize": 10, "currentPage": page})
                for page in (1, 2)
            ]
            assert [len(page) for page in pages] == [10, 2]
            known = [fill.trade_id for fill in venue.call(lambda e: e.truth.fills)]
            assert [row["id"] for page in reversed(pages) for row in page] == known
            now = await exchange.fetch_time()
            with pytest.raises(ccxt.BadRequest, match="7 days"):
                await exchange.fetch_my_trades(SPOT, now - 9 * 86_400_000, params={"endAt": now})

    asyncio.run(trade_it())


# ---- stops ----


@BOTH
@pytest.mark.parametrize("rising", [False, True])
def test_a_stop_waits_for_its_price_and_then_trades(
    venue: LocalVenue,
    symbol: str,
    rising: bool,
) -> None:
    trigger, reached = ("50500", "50600") if rising else ("49500", "49400")

    async def trade_it() -> None:
        async with client(venue, symbol) as exchange:
            params = {**STOPS[symbol][rising], "triggerPrice": trigger, "clientOrderId": "S-1"}
            side = "buy" if rising else "sell"
            placed = await place(exchange, symbol, "market", side, None, **params)
            waiting = await exchange.fetch_open_orders(symbol, params={"trigger": True})
            assert [(o["id"], Decimal(o["triggerPrice"])) for o in waiting] == [
                (placed["id"], Decimal(trigger))
            ]
            assert await exchange.fetch_open_orders(symbol) == []
            trade(venue, symbol, reached, "1000")
            assert await exchange.fetch_open_orders(symbol, params={"trigger": True}) == []
            fired = await exchange.fetch_order(None, symbol, {"clientOrderId": "S-1"})
            assert (fired["status"], Decimal(fired["filled"])) == ("closed", SIZES[symbol])
            assert (fired["id"] == placed["id"]) is (symbol == PERP)
            fills = await exchange.fetch_my_trades(symbol)
            assert {fill["order"] for fill in fills} == {fired["id"]}

    asyncio.run(trade_it())


def test_a_fired_spot_stop_says_so_though_ccxt_calls_it_cancelled(venue: LocalVenue) -> None:
    async def trade_it() -> None:
        async with client(venue, SPOT) as exchange:
            placed = await place(
                exchange, SPOT, "market", "sell", None, triggerPrice="49500", stop="loss"
            )
            trade(venue, SPOT, "49400")
            stop = await exchange.fetch_order(placed["id"], SPOT, {"trigger": True})
            assert (stop["info"]["status"], stop["status"]) == ("TRIGGERED", "cancelled")

    asyncio.run(trade_it())


@BOTH
def test_a_stop_is_cancelled_alone_by_client_id_or_with_all(venue: LocalVenue, symbol: str) -> None:
    async def trade_it() -> None:
        async with client(venue, symbol) as exchange:
            stops = {"triggerPrice": "49500", **STOPS[symbol][False]}
            placed = [
                await place(exchange, symbol, "market", "sell", None, clientOrderId=name, **stops)
                for name in ("S-1", "S-2", "S-3")
            ]
            await exchange.cancel_order(placed[0]["id"], symbol, {"trigger": True})
            cancel = {"trigger": True, "clientOrderId": "S-2"}
            await exchange.cancel_order(None, symbol, cancel)
            left = await exchange.fetch_open_orders(symbol, params={"trigger": True})
            assert [order["clientOrderId"] for order in left] == ["S-3"]
            await exchange.cancel_all_orders(symbol, {"trigger": True})
            states = venue.call(lambda e: [order.status for order in e.orders()])
            assert states == [Status.CANCELED] * 3

    asyncio.run(trade_it())


@pytest.mark.parametrize(
    ("symbol", "side", "trigger"), [(SPOT, "buy", "50500"), (PERP, "sell", "50500")]
)
def test_a_stop_without_its_direction_goes_out_at_once(
    venue: LocalVenue, symbol: str, side: str, trigger: str
) -> None:
    async def trade_it() -> None:
        async with client(venue, symbol) as exchange:
            placed = await place(exchange, symbol, "market", side, None, triggerPrice=trigger)
            assert (await exchange.fetch_order(placed["id"], symbol))["status"] == "closed"

    asyncio.run(trade_it())


# ---- the account ----


def test_margin_leverage_and_position_are_set_and_read(venue: LocalVenue) -> None:
    async def trade_it() -> None:
        async with client(venue, PERP) as exchange:
            assert (await exchange.fetch_position_mode())["hedged"] is False
            assert (await exchange.fetch_margin_mode(PERP))["marginMode"] == "isolated"
            with pytest.raises(ccxt.InvalidOrder, match="330005"):
                await place(exchange, PERP, "market", "buy", None, marginMode="cross")
            await exchange.set_margin_mode("cross", PERP)
            await exchange.set_leverage(7, PERP)
            assert (await exchange.fetch_leverage(PERP))["longLeverage"] == 7
            await place(exchange, PERP, "market", "sell", None, marginMode="cross", leverage=7)
            (position,) = await exchange.fetch_positions()
            assert (position["side"], Decimal(position["contracts"])) == ("short", SIZES[PERP])
            assert (position["marginMode"], Decimal(position["leverage"])) == ("cross", Decimal(7))
            with pytest.raises(ccxt.ExchangeError, match="330006"):
                await exchange.set_margin_mode("isolated", PERP)
            await place(exchange, PERP, "market", "buy", None, marginMode="cross", reduceOnly=True)
            assert await exchange.fetch_positions() == []
            wallet = venue.call(lambda e: e.balances(Product.PERP)["USDT"])
            balance = (await exchange.fetch_balance())["USDT"]
            assert Decimal(balance["total"]) == wallet.total
            await exchange.set_position_mode(True)
            assert (await exchange.fetch_position_mode())["hedged"] is True
            with pytest.raises(ccxt.InvalidOrder, match="330012"):
                await place(exchange, PERP, "market", "buy", None, marginMode="cross")

    asyncio.run(trade_it())


def test_an_isolated_order_brings_its_own_leverage(venue: LocalVenue) -> None:
    async def trade_it() -> None:
        async with client(venue, PERP) as exchange:
            await exchange.create_order(PERP, "market", "buy", SIZES[PERP])
            (position,) = await exchange.fetch_positions()
            assert Decimal(position["leverage"]) == 1  # what ccxt sends unless told otherwise

    asyncio.run(trade_it())


def test_a_high_frequency_account_has_endpoints_of_its_own(venue: LocalVenue) -> None:
    house = house_of(venue)
    venue.call(lambda _: setattr(house, "high_frequency", True))

    async def trade_it() -> None:
        async with client(venue, SPOT, options={"hf": None}) as exchange:
            assert exchange.options["hf"] is True  # found out while loading markets
            placed = await place(exchange, SPOT, "limit", "buy", "49000", clientOrderId="H-1")
            edited = await exchange.edit_order(placed["id"], SPOT, "limit", "buy", price="48000")
            assert edited["id"] != placed["id"]
            (opened,) = await exchange.fetch_open_orders(SPOT)
            assert (opened["id"], Decimal(opened["price"])) == (edited["id"], Decimal(48_000))
            await exchange.cancel_order(edited["id"], SPOT)
            await place(exchange, SPOT, "market", "buy", None)
            assert len(await exchange.fetch_my_trades(SPOT)) == 1
            assert len(await exchange.fetch_closed_orders(SPOT)) == 3
            assert Decimal((await exchange.fetch_balance())["BTC"]["total"]) == Decimal("2.01")

    asyncio.run(trade_it())


def test_private_streams_tell_an_orders_whole_life(venue: LocalVenue) -> None:
    async def trade_it(symbol: str) -> None:
        async with client(venue, symbol) as exchange:
            calls = [exchange.watch_orders, exchange.watch_my_trades, exchange.watch_balance]
            watches = [asyncio.create_task(call()) for call in calls]
            topic = "/spotMarket/tradeOrders" if symbol == SPOT else "/contractMarket/tradeOrders"
            await eventually(lambda: _listens(venue, topic))
            await eventually(
                lambda: _listens(
                    venue, "/account/balance" if symbol == SPOT else "/contractAccount/wallet"
                )
            )
            placed = await place(exchange, symbol, "market", "buy", None, clientOrderId="W-1")
            async with asyncio.timeout(PATIENCE_SECS):
                orders, fills, balance = await asyncio.gather(*watches)
            assert {order["id"] for order in orders} == {placed["id"]}
            assert fills[0]["order"] == placed["id"]
            assert fills[0]["fee"]["cost"] is None  # only REST tells it
            assert Decimal(balance["USDT"]["free"]) < 100_000

            async def is_closed() -> bool:
                (order,) = exchange.orders
                return bool(order["status"] == "closed" and order["clientOrderId"] == "W-1")

            await eventually(is_closed)

    for symbol in (SPOT, PERP):
        asyncio.run(trade_it(symbol))


async def _listens(venue: LocalVenue, topic: str) -> bool:
    return any(topic in socket.state.get("topics", ()) for socket in venue.sockets)
