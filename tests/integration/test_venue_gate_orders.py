"""An unmodified ccxt places and follows orders in Gate's dialect, over real sockets."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from ccxt.base import errors

from tests.integration.gate_client import (
    BOTH,
    SPOT,
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


@BOTH
def test_a_limit_order_lives_from_put_to_finish(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            orders = await one.watch(lambda: ccxt_one.watch_orders(), f"{it.family}.orders")
            fills = await one.watch(lambda: ccxt_one.watch_my_trades(), f"{it.family}.usertrades")
            params = {"clientOrderId": "t-life"}
            order = await ccxt_one.create_order(
                symbol, "limit", "buy", it.quantity, "49990", params
            )
            assert (order["status"], order["clientOrderId"]) == ("open", "t-life")
            await orders.row(lambda o: o["id"] == order["id"] and o["filled"] == "0")
            tick(venue, symbol, "49990", it.part, Side.SELL)
            part = await orders.row(lambda o: o["filled"] == it.part)
            assert part["remaining"] == it.rest
            assert part["info"]["left"] == it.rest
            tick(venue, symbol, "49980", it.plenty, Side.SELL)
            last = await orders.row(lambda o: o["filled"] == it.quantity)
            assert (last["status"], last["average"]) == ("closed", "49990")
            await fills.row(lambda f: f["amount"] == it.rest)
            coin = "BTC" if it is SPOT else "USDT"
            assert [f["fee"]["currency"] for f in fills.rows] == [coin, coin]
            read = await ccxt_one.fetch_my_trades(symbol)
            known = [(f["id"], f["order"], f["price"], f["amount"]) for f in fills.rows]
            assert [(f["id"], f["order"], f["price"], f["amount"]) for f in read] == known
            for pushed, told in zip(fills.rows, read, strict=True):
                assert Decimal(str(pushed["fee"]["cost"])) == Decimal(told["fee"]["cost"]) > 0
                assert (told["takerOrMaker"], pushed["takerOrMaker"]) == ("maker", "maker")

    asyncio.run(story())


@BOTH
def test_an_order_is_found_and_canceled_by_its_text(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            params = {"clientOrderId": "t-Mine.1_a-b"}
            order = await ccxt_one.create_order(
                symbol, "limit", "buy", it.quantity, "49000", params
            )
            assert (await ccxt_one.fetch_order(None, symbol, params))["id"] == order["id"]
            canceled = await ccxt_one.cancel_order("t-Mine.1_a-b", symbol)
            assert (canceled["id"], canceled["status"]) == (order["id"], "canceled")
            assert await ccxt_one.fetch_open_orders(symbol) == []
            with pytest.raises(errors.OrderNotFound, match="CLIENT_ID_NOT_FOUND"):
                await ccxt_one.fetch_order(None, symbol, {"clientOrderId": "t-foreign"})

    asyncio.run(story())


@BOTH
def test_a_text_may_be_used_twice_and_then_names_the_newer_order(
    venue: LocalVenue, it: Trade
) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            params = {"clientOrderId": "t-twin"}
            made = [
                await ccxt_one.create_order(symbol, "limit", "buy", it.quantity, "49000", params)
                for _ in range(2)
            ]
            assert made[0]["id"] != made[1]["id"]
            assert [one["clientOrderId"] for one in made] == ["t-twin", "t-twin"]
            found = await ccxt_one.fetch_order(None, symbol, params)
            assert found["id"] == made[1]["id"]
            assert len(await ccxt_one.fetch_open_orders(symbol)) == 2
            assert venue.call(lambda exchange: exchange.truth.requests["t-twin"]) == 2

    asyncio.run(story())


@BOTH
def test_a_changed_order_keeps_its_id(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            order = await ccxt_one.create_order(symbol, "limit", "buy", it.quantity, "49000")
            edited = await ccxt_one.edit_order(
                order["id"], symbol, "limit", "buy", it.rest, "48990"
            )
            assert edited["id"] == order["id"]
            assert (edited["amount"], edited["price"]) == (it.rest, "48990")
            with pytest.raises(errors.InvalidOrder, match="NO_CHANGE"):
                await ccxt_one.edit_order(order["id"], symbol, "limit", "buy", it.rest, "48990")

    asyncio.run(story())


@BOTH
def test_refusals_come_in_the_venues_own_labels(venue: LocalVenue, it: Trade) -> None:
    spot = it is SPOT
    huge = "3" if spot else "900000"
    cases: list[tuple[type[Exception], str, tuple[Any, ...]]] = [
        (
            errors.InsufficientFunds,
            "BALANCE_NOT_ENOUGH" if spot else "INSUFFICIENT_AVAILABLE",
            ("limit", "buy", huge, "49000"),
        ),
        (
            errors.OrderImmediatelyFillable,
            "POC_FILL_IMMEDIATELY" if spot else "ORDER_POC_IMMEDIATE",
            ("limit", "buy", it.quantity, "50100", {"postOnly": True}),
        ),
        (
            errors.ExchangeError,
            "FOK_NOT_FILL" if spot else "ORDER_FOK",
            ("limit", "buy", it.quantity, "49000", {"timeInForce": "FOK"}),
        ),
        (
            errors.BadRequest,
            "invalid argument: text",
            ("limit", "buy", it.quantity, "49000", {"clientOrderId": "t-a b"}),
        ),
        (
            errors.BadRequest,
            "invalid argument: text",  # ccxt adds no prefix to an id that starts with t
            ("limit", "buy", it.quantity, "49000", {"clientOrderId": "twin"}),
        ),
    ]
    if spot:
        cases.append((errors.BadRequest, "at least 3 USDT", ("limit", "buy", "0.00001", "49000")))
    else:
        reduce = {"reduceOnly": True}
        label = "POSITION_EMPTY"
        cases.append((errors.InvalidOrder, label, ("market", "sell", "5", None, reduce)))

    async def story() -> None:
        async with client(venue, it.product) as one:
            for kind, label, order in cases:
                with pytest.raises(kind, match=label):
                    await one.exchange.create_order(it.symbol, *order)
            order = await one.exchange.create_order(it.symbol, "limit", "buy", it.quantity, "49000")
            await one.exchange.cancel_order(order["id"], it.symbol)
            closed = "ORDER_CANCELLED" if spot else "ORDER_FINISHED"
            with pytest.raises(errors.ExchangeError, match=closed):
                await one.exchange.cancel_order(order["id"], it.symbol)
            with pytest.raises(errors.OrderNotFound, match="ORDER_NOT_FOUND"):
                await one.exchange.fetch_order("77", it.symbol)
        assert venue.call(lambda exchange: len(exchange.truth.placed)) == 1

    asyncio.run(story())


def test_a_spot_market_buy_spends_quote_coins(venue: LocalVenue) -> None:
    async def story() -> None:
        async with client(venue, "spot") as one:
            order = await one.exchange.create_market_buy_order_with_cost("BTC/USDT", "600")
            info = order["info"]
            assert (info["amount"], info["finish_as"]) == ("600", "filled")
            fills = await one.exchange.fetch_my_trades("BTC/USDT")
            spent = sum(Decimal(f["price"]) * Decimal(f["amount"]) for f in fills)
            assert Decimal(info["filled_total"]) == spent == 600 - Decimal(info["left"])
            bought = sum(Decimal(f["amount"]) for f in fills)
            assert Decimal(info["filled_amount"]) == bought
            fee = sum(Decimal(f["fee"]["cost"]) for f in fills)
            balance = await one.exchange.fetch_balance()
            assert Decimal(balance["BTC"]["total"]) == 2 + bought - fee
            assert Decimal(balance["USDT"]["total"]) == 100_000 - spent

    asyncio.run(story())


@BOTH
def test_orders_are_placed_and_canceled_in_batches(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            row = {"symbol": symbol, "type": "limit", "side": "buy", "price": "48000"}
            huge = "900000"
            made = await ccxt_one.create_orders(
                [row | {"amount": it.quantity}, row | {"amount": it.part}, row | {"amount": huge}]
            )
            assert [one["status"] for one in made].count("rejected") == 1
            opened = await ccxt_one.fetch_open_orders(symbol)
            assert {one["amount"] for one in opened} == {it.quantity, it.part}
            params = {} if it is SPOT else {"settle": "usdt"}  # ccxt shouts USDT otherwise
            ids = [opened[0]["id"], "77"]
            said = await ccxt_one.cancel_orders(ids, symbol, params)
            assert [one["info"]["succeeded"] for one in said] == [True, False]
            await ccxt_one.cancel_all_orders(symbol)
            assert await ccxt_one.fetch_open_orders(symbol) == []

    asyncio.run(story())


@BOTH
def test_fills_come_in_pages_and_windows(venue: LocalVenue, it: Trade) -> None:
    async def story() -> None:
        async with client(venue, it.product) as one:
            ccxt_one, symbol = one.exchange, it.symbol
            for _ in range(5):
                await ccxt_one.create_order(symbol, "market", "sell", it.part)
                venue.call(lambda exchange: exchange.clock.turn(10))  # ccxt sorts by the time alone
            everything = await ccxt_one.fetch_my_trades(symbol)
            assert len(everything) == 5
            ids = [fill["id"] for fill in everything]
            newest = await ccxt_one.fetch_my_trades(symbol, None, 2)
            assert [fill["id"] for fill in newest] == ids[-2:]
            turn = {"page": 2} if it is SPOT else {"offset": 2}
            older = await ccxt_one.fetch_my_trades(symbol, None, 2, turn)
            assert [fill["id"] for fill in older] == ids[1:3]
            later = everything[-1]["timestamp"] + 2000
            assert await ccxt_one.fetch_my_trades(symbol, later) == []
            closed = await ccxt_one.fetch_closed_orders(symbol)
            assert [order["id"] for order in closed] == [fill["order"] for fill in everything]

    asyncio.run(story())
