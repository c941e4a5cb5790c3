"""Unmodified ccxt.pro.bitget against the local exchange over real sockets: orders and plans."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any  # ccxt has no types

import ccxt
import pytest

from tests.integration.bitget_client import BOTH, PERP, SPOT, opened, priced_venue, tick
from tests.venue.clients import run, until
from tests.venue.local import LocalVenue
from tests.venue.model import Status

FILL_PRICE = {"triggerType": "fill_price"}


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with priced_venue() as running:
        yield running


async def acknowledged(venue: LocalVenue, count: int) -> None:
    await until(lambda: venue.frames["ack"] >= count, what=f"{count} acknowledgements")


@BOTH
def test_an_order_lives_and_every_push_and_read_agrees(venue: LocalVenue, symbol: str) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            orders, fills = client.watch_orders(symbol), client.watch_my_trades(symbol)
            first, fill = asyncio.ensure_future(orders), asyncio.ensure_future(fills)
            await acknowledged(venue, 3)
            order = await client.create_order(
                symbol, "limit", "buy", "0.02", "49900", {"clientOrderId": "life-1"}
            )
            assert (order["clientOrderId"], (await first)[0]["status"]) == ("life-1", "open")
            part = asyncio.ensure_future(client.watch_orders(symbol))
            await asyncio.sleep(0)
            venue.call(tick(symbol, "49900", "0.005"))
            assert (await part)[-1]["info"]["accBaseVolume"] == "0.005"
            assert [(x["price"], x["amount"]) for x in await fill] == [("49900", "0.005")]
            read = await client.fetch_order(order["id"], symbol)
            by_client = await client.fetch_order("", symbol, {"clientOrderId": "life-1"})
            assert read == by_client
            assert (read["filled"], read["status"], read["price"]) == ("0.005", "open", "49900")
            venue.call(tick(symbol, "49000"))
            done = await client.fetch_order(order["id"], symbol)
            assert (done["status"], done["filled"], done["average"]) == ("closed", "0.02", "49900")
            mine = await client.fetch_my_trades(symbol)
            truth = venue.call(lambda x: x.fills(order_id=order["id"]))
            assert [x["id"] for x in mine] == [x.trade_id for x in truth]
            assert [Decimal(x["fee"]["cost"]) for x in mine] == [x.fee for x in truth]
            assert {x["fee"]["currency"] for x in mine} == {truth[0].fee_coin}
            assert [x["takerOrMaker"] for x in mine] == ["maker", "maker"]
            closed = await client.fetch_canceled_and_closed_orders(symbol)
            assert [x["id"] for x in closed] == [order["id"]]

    run(check())


@BOTH
def test_private_pushes_come_in_the_venues_order(venue: LocalVenue, symbol: str) -> None:
    """The order, then its fill, as recorded; then the position and the wallet."""
    seen: list[tuple[str, str]] = []

    async def check() -> None:
        async with opened(venue) as client:
            handle = client.handle_message

            def tap(socket: Any, message: Any) -> None:
                if isinstance(message, dict) and "action" in message:
                    status = message["data"][0].get("status", "") if message["data"] else ""
                    seen.append((message["arg"]["channel"], status))
                handle(socket, message)

            client.handle_message = tap
            kind = "spot" if symbol == SPOT else "swap"
            watches = [
                asyncio.ensure_future(client.watch_orders(symbol)),
                asyncio.ensure_future(client.watch_my_trades(symbol)),
                asyncio.ensure_future(client.watch_balance({"type": kind})),
            ]
            if symbol == PERP:
                watches.append(asyncio.ensure_future(client.watch_positions([symbol])))
            await acknowledged(venue, 1 + len(watches))
            await until(lambda: len(seen) == len(watches) - 2, what="the first pushes")
            seen.clear()
            await client.create_order(symbol, "market", "sell", "0.01")
            wanted = [("orders", "live"), ("orders", "filled"), ("fill", "")]
            wanted += [("positions", "")] if symbol == PERP else []
            wanted += [("account", "")]
            await until(lambda: len(seen) >= len(wanted), what="the pushes")
            assert seen == wanted
            for watch in watches:
                watch.cancel()

    run(check())


@BOTH
@pytest.mark.parametrize(
    ("params", "price", "status", "filled"),
    [
        ({"timeInForce": "IOC"}, "49000", "canceled", "0"),
        ({"timeInForce": "IOC"}, "50100", "closed", "0.01"),
        ({"timeInForce": "FOK"}, "49000", "canceled", "0"),
        ({"timeInForce": "FOK"}, "50100", "closed", "0.01"),
        ({"postOnly": True}, "49000", "open", "0"),
        ({"postOnly": True}, "50100", "canceled", "0"),
        ({}, "50100", "closed", "0.01"),
    ],
)
def test_a_force_does_what_it_says(
    venue: LocalVenue, symbol: str, params: dict[str, object], price: str, status: str, filled: str
) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            order = await client.create_order(symbol, "limit", "buy", "0.01", price, params)
            read = await client.fetch_order(order["id"], symbol)
            assert (read["status"], read["filled"]) == (status, filled)

    run(check())


def test_a_spot_market_buy_counts_in_quote_coins(venue: LocalVenue) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            order = await client.create_market_buy_order_with_cost(SPOT, "1000")
            read = await client.fetch_order(order["id"], SPOT)
            assert read["info"]["size"] == "1000"
            assert 999 < Decimal(read["cost"]) <= 1000
            assert read["status"] == "closed"

    run(check())


def test_reduce_only_never_opens(venue: LocalVenue) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            with pytest.raises(ccxt.ExchangeError, match="22002"):
                await client.create_order(PERP, "market", "sell", "1", None, {"reduceOnly": True})
            await client.create_order(PERP, "market", "buy", "0.01")
            await client.create_order(PERP, "market", "sell", "1", None, {"reduceOnly": True})
            assert await client.fetch_positions([PERP]) == []

    run(check())


@BOTH
def test_many_orders_are_placed_and_cancelled_in_one_request(
    venue: LocalVenue, symbol: str
) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            client.enableLastJsonResponse = True
            limit = {"symbol": symbol, "type": "limit", "side": "buy", "amount": "0.001"}
            asked = [{**limit, "price": str(40_000 + n)} for n in range(3)]
            too_much = {**limit, "price": "40000", "amount": "90"}
            placed = await client.create_orders([*asked, too_much])
            (failed,) = client.last_json_response["data"]["failureList"]
            assert failed["errorCode"] in ("43012", "40762")
            await client.cancel_orders([placed[0]["id"]], symbol)
            left = await client.fetch_open_orders(symbol)
            assert {x["id"] for x in left} == {x["id"] for x in placed[1:3]}
            await client.cancel_all_orders(symbol)
            assert await client.fetch_open_orders(symbol) == []

    run(check())


@BOTH
def test_an_edit_cancels_the_order_and_places_another(venue: LocalVenue, symbol: str) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            old = await client.create_order(symbol, "limit", "buy", "0.01", "40000")
            new = await client.edit_order(
                old["id"], symbol, "limit", "buy", "0.02", "41000", {"newClientOid": "edited"}
            )
            assert new["clientOrderId"] == "edited"
            assert (new["id"] is None) == (symbol == PERP)
            assert (await client.fetch_order(old["id"], symbol))["status"] == "canceled"
            read = await client.fetch_order("", symbol, {"clientOrderId": "edited"})
            assert (read["price"], read["amount"], read["status"]) == ("41000", "0.02", "open")

    run(check())


# ---- plans ----


@BOTH
@pytest.mark.parametrize(("side", "trigger"), [("buy", "50500"), ("sell", "49500")])
@pytest.mark.parametrize("limit", [None, "50600"])
def test_a_stop_waits_fires_and_becomes_an_order_of_its_own_id(
    venue: LocalVenue, symbol: str, side: str, trigger: str, limit: str | None
) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            watch = asyncio.ensure_future(client.watch_orders(symbol, params={"trigger": True}))
            await acknowledged(venue, 2)
            kind = "market" if limit is None else "limit"
            price = limit
            if limit is not None and side == "sell":
                price = "49400"
            by_cost = {"cost": "500"} if (symbol, side, kind) == (SPOT, "buy", "market") else {}
            plan = await client.create_order(
                symbol, kind, side, "0.01", price,
                {"triggerPrice": trigger, "clientOrderId": "stop-1", **FILL_PRICE, **by_cost},
            )  # fmt: skip
            assert (await watch)[-1]["info"]["status"] == "live"
            (waiting,) = await client.fetch_open_orders(symbol, params={"trigger": True})
            assert (waiting["id"], waiting["triggerPrice"]) == (plan["id"], trigger)
            assert await client.fetch_open_orders(symbol) == []
            fired_watch = asyncio.ensure_future(
                client.watch_orders(symbol, params={"trigger": True})
            )
            await asyncio.sleep(0)
            venue.call(tick(symbol, trigger))
            assert (await fired_watch)[-1]["info"]["status"] == "executed"
            assert await client.fetch_open_orders(symbol, params={"trigger": True}) == []
            (done,) = await client.fetch_canceled_and_closed_orders(
                symbol, params={"trigger": True}
            )
            assert (done["id"], done["status"]) == (plan["id"], "closed")
            fired = await client.fetch_order("", symbol, {"clientOrderId": plan["id"]})
            truth = venue.call(lambda x: x.order(order_id=plan["id"]))
            assert truth is not None
            assert truth.status is Status.FIRED
            assert fired["id"] == truth.fired_as != plan["id"]
            if symbol == PERP:
                assert done["info"]["executeOrderId"] == fired["id"]

    run(check())


@BOTH
def test_a_stop_is_changed_in_place_and_cancelled(venue: LocalVenue, symbol: str) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            stop = {"triggerPrice": "49000", "clientOrderId": "s-1", **FILL_PRICE}
            plan = await client.create_order(symbol, "limit", "sell", "0.01", "48900", stop)
            again = await client.edit_order(
                plan["id"], symbol, "limit", "sell", "0.02", "48800", {"triggerPrice": "48900"}
            )
            assert again["id"] == plan["id"]
            (waiting,) = await client.fetch_open_orders(symbol, params={"trigger": True})
            assert (waiting["triggerPrice"], waiting["amount"]) == ("48900", "0.02")
            assert waiting["price"] == "48800"
            await client.cancel_order(plan["id"], symbol, {"trigger": True})
            assert await client.fetch_open_orders(symbol, params={"trigger": True}) == []
            truth = venue.call(lambda x: x.order(order_id=plan["id"]))
            assert truth is not None
            assert truth.status is Status.CANCELED
            for price in ("49000", "48000"):
                stop = {"triggerPrice": price, **FILL_PRICE}
                await client.create_order(symbol, "market", "sell", "0.01", None, stop)
            await client.cancel_all_orders(symbol, {"trigger": True})
            assert venue.call(lambda x: x.orders(open_only=True)) == []

    run(check())


def test_a_plan_whose_price_is_passed_waits_for_the_other_side(venue: LocalVenue) -> None:
    """The venue is told no direction: a stop placed too late becomes a take profit."""

    async def check() -> None:
        async with opened(venue) as client:
            stop = {"triggerPrice": "50500", "triggerDirection": "descending", **FILL_PRICE}
            plan = await client.create_order(PERP, "market", "sell", "0.01", None, stop)
            truth = venue.call(lambda x: x.order(order_id=plan["id"]))
            assert truth is not None
            assert truth.trigger is not None
            assert truth.trigger.rising

    run(check())
