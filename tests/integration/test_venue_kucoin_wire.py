"""KuCoin's own errors, signatures and websocket manners on the local exchange."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.integration.kucoin import PERP, SIZES, SPOT, client, house_of, place, trade
from tests.integration.kucoin_wire import Payload, Stream, stream
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.model import Book

SMALL = Decimal("0.000001")
REFUSALS: list[tuple[str, Decimal, str, str | None, dict[str, Any], type[Exception], str]] = [
    (SPOT, SMALL, "limit", "49000", {}, ccxt.InvalidOrder, "Order size below the minimum"),
    (SPOT, Decimal(9), "limit", "49000", {}, ccxt.InsufficientFunds, "200004"),
    (PERP, Decimal(9_000_000), "limit", "49000", {}, ccxt.InsufficientFunds, "300003"),
    (PERP, Decimal(1), "limit", "49000", {"reduceOnly": True}, ccxt.InvalidOrder, "300009"),
    (PERP, Decimal(1), "market", None, {"positionSide": "LONG"}, ccxt.ExchangeError, "330011"),
    (PERP, Decimal(1), "market", None, {"leverage": 500}, ccxt.InvalidOrder, "300000"),
]


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue("kucoin") as opened:
        for symbol in (SPOT, PERP):
            trade(opened, symbol, "50000")
        yield opened


@pytest.mark.parametrize(
    ("symbol", "amount", "kind", "price", "params", "error", "words"), REFUSALS
)
def test_an_impossible_order_is_refused_in_the_venues_words(
    venue: LocalVenue,
    symbol: str,
    amount: Decimal,
    kind: str,
    price: str | None,
    params: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    margin = {} if symbol == SPOT else {"leverage": 10, "marginMode": "isolated"}

    async def ask() -> None:
        async with client(venue, symbol) as exchange:
            with pytest.raises(error, match=words):
                await exchange.create_order(
                    symbol, kind, "buy", amount, price, {**margin, **params}
                )
            assert venue.call(lambda e: e.orders()) == []

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("symbol", "error", "words"),
    [(SPOT, ccxt.BadRequest, "clientOidDuplicated"), (PERP, ccxt.ExchangeError, "300018")],
)
def test_a_client_id_in_use_is_refused_and_free_again_when_its_order_is_closed(
    venue: LocalVenue, symbol: str, error: type[Exception], words: str
) -> None:
    async def ask() -> None:
        async with client(venue, symbol) as exchange:
            first = await place(exchange, symbol, "limit", "buy", "49000", clientOrderId="twice")
            with pytest.raises(error, match=words):
                await place(exchange, symbol, "limit", "buy", "49000", clientOrderId="twice")
            assert len(await exchange.fetch_open_orders(symbol)) == 1
            await exchange.cancel_order(first["id"], symbol)
            await place(exchange, symbol, "limit", "buy", "49000", clientOrderId="twice")

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("symbol", "cancel", "words"),
    [
        (SPOT, ccxt.OrderNotFound, "order_not_exist_or_not_allow_to_cancel"),
        (PERP, ccxt.BadRequest, "100004"),
    ],
)
def test_cancelling_a_closed_order_and_a_missing_one_sounds_the_same(
    venue: LocalVenue, symbol: str, cancel: type[Exception], words: str
) -> None:
    async def ask() -> None:
        async with client(venue, symbol) as exchange:
            closed = await place(exchange, symbol, "market", "buy", None)
            for order_id in (closed["id"], "404"):
                with pytest.raises(cancel, match=words):
                    await exchange.cancel_order(order_id, symbol)
            with pytest.raises(ccxt.OrderNotFound):
                await exchange.fetch_order("404", symbol)

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"apiKey": "other"}, "400003"),
        ({"secret": "other"}, "400004"),
        ({"password": "other"}, "400004"),
    ],
)
def test_a_request_with_wrong_credentials_is_refused(
    venue: LocalVenue, wrong: dict[str, str], code: str
) -> None:
    async def ask() -> None:
        async with client(venue, SPOT) as exchange:
            for name, value in wrong.items():
                setattr(exchange, name, value)
            with pytest.raises(ccxt.AuthenticationError, match=code):
                await exchange.fetch_balance()

    asyncio.run(ask())


def test_a_changed_body_and_a_stale_time_are_noticed(venue: LocalVenue) -> None:
    async def ask() -> None:
        async with client(venue, SPOT) as exchange:
            signed = exchange.sign("accounts", ["private"], "GET", {"type": "trade"})
            url = signed["url"].replace("type=trade", "type=main")
            with pytest.raises(ccxt.AuthenticationError, match="400005"):
                await exchange.fetch(url, "GET", signed["headers"])
            exchange.options["timeDifference"] = 6_000
            with pytest.raises(ccxt.InvalidNonce, match="400002"):
                await exchange.fetch_balance()

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        (FaultKind.STATUS_429, ccxt.RateLimitExceeded, "429000"),
        (FaultKind.MAINTENANCE, ccxt.ExchangeNotAvailable, "maintenance"),
    ],
)
def test_troubles_are_told_in_the_venues_envelope(
    venue: LocalVenue, kind: FaultKind, error: type[Exception], words: str
) -> None:
    async def ask() -> None:
        async with client(venue, PERP) as exchange:
            venue.faults.add(Fault(kind=kind, where="order", count=1))
            with pytest.raises(error, match=words):
                await place(exchange, PERP, "market", "buy", None)
            assert venue.call(lambda e: e.orders()) == []

    asyncio.run(ask())


# ---- websockets ----


def test_a_socket_greets_answers_pings_and_names_its_errors(venue: LocalVenue) -> None:
    async def listen() -> None:
        async with (
            client(venue, SPOT) as exchange,
            stream(await exchange.publicPostBulletPublic()) as listener,
        ):
            assert await listener.socket.receive_json() == {"id": "it", "type": "welcome"}
            await listener.say(type="ping")
            assert (await listener.hear("type", "pong"))["id"] == "1"
            for topic in ("/market/nonsense:BTC-USDT", "/market/match:NO-SUCH", "/contract/x"):
                await listener.say(type="subscribe", topic=topic)
                assert (await listener.hear("type", "error"))["code"] == 404
            await listener.say(type="subscribe", topic="/account/balance", privateChannel=True)
            assert (await listener.hear("type", "error"))["code"] == 403
            await listener.say(type="shout")
            assert (await listener.hear("type", "error"))["code"] == 415

    asyncio.run(listen())


def test_a_token_that_is_unknown_opens_nothing(venue: LocalVenue) -> None:
    async def listen() -> None:
        async with client(venue, SPOT) as exchange:
            bullet = await exchange.privatePostBulletPrivate()
            venue.call(lambda _: house_of(venue).expire_tokens())
            async with stream(bullet) as listener:
                error = await listener.hear("type", "error")
                assert error["data"] == "token is expired"
                assert (await listener.socket.receive()).type.name == "CLOSE"

    asyncio.run(listen())


def test_a_subscriber_hears_no_more_once_it_has_left(venue: LocalVenue) -> None:
    topic = "/market/match:BTC-USDT"

    async def listen() -> None:
        async with (
            client(venue, SPOT) as exchange,
            stream(await exchange.publicPostBulletPublic()) as listener,
        ):
            await listener.subscribe(topic)
            trade(venue, SPOT, "50001")
            await listener.hear("topic", topic)
            await listener.say(type="unsubscribe", topic=topic)
            await listener.hear("type", "ack")
            trade(venue, SPOT, "50002")
            await listener.say(type="ping")
            frame = await listener.socket.receive_json()
            assert frame["type"] == "pong"

    asyncio.run(listen())


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_a_snapshot_and_the_changes_after_it_make_the_book(venue: LocalVenue, symbol: str) -> None:
    async def rebuild() -> None:
        async with client(venue, symbol) as exchange:
            bullets = exchange.publicPostBulletPublic, exchange.futuresPublicPostBulletPublic
            name = exchange.market_id(symbol)
            topic = f"{'/contractMarket' if symbol == PERP else '/market'}/level2:{name}"
            async with stream(await bullets[symbol == PERP]()) as listener:
                await listener.subscribe(topic)
                snapshot = await exchange.fetch_order_book(symbol)
                sides = {
                    side: {price: size for price, size, *_ in snapshot[side]}
                    for side in ("asks", "bids")
                }
                sequence = snapshot["nonce"]
                for price in ("50013", "49987", "50000.5"):
                    trade(venue, symbol, price)
                last = venue.call(lambda _: house_of(venue).sequence(symbol))
                while sequence < last:
                    data = (await listener.hear("topic", topic))["data"]
                    assert data.get("sequenceStart", data.get("sequence")) == sequence + 1
                    sequence = data.get("sequenceEnd", data.get("sequence"))
                    _apply(sides, data)
                assert sides == _sides(venue.call(lambda e: e.book(symbol)))

    asyncio.run(rebuild())


def _apply(sides: dict[str, dict[float, float]], data: Any) -> None:
    if "change" in data:
        price, side, size = data["change"].split(",")
        moved = [("asks" if side == "sell" else "bids", price, size)]
    else:
        changes = data["changes"]
        moved = [(side, price, size) for side in changes for price, size, _ in changes[side]]
    for side, price, size in moved:
        sides[side][float(price)] = float(size)
        if not float(size):
            del sides[side][float(price)]


def _sides(book: Book) -> dict[str, dict[float, float]]:
    return {
        side: {float(level.price): float(level.quantity) for level in levels}
        for side, levels in (("asks", book.asks), ("bids", book.bids))
    }


def test_positions_and_stops_are_pushed_on_the_futures_socket(venue: LocalVenue) -> None:
    async def listen() -> None:
        async with client(venue, PERP) as exchange:
            bullet = await exchange.futuresPrivatePostBulletPrivate()
            async with stream(bullet) as listener:
                for topic in ("/contract/position:XBTUSDTM", "/contractMarket/advancedOrders"):
                    await listener.subscribe(topic, private=True)
                await place(exchange, PERP, "market", "sell", None)
                await _hear_quantity(listener, -int(SIZES[PERP]))
                stop = {"stop": "up", "stopPriceType": "TP", "triggerPrice": "50500"}
                await place(exchange, PERP, "market", "buy", None, **stop)
                kinds = [(await listener.hear("subject", "stopOrder"))["data"]["type"]]
                trade(venue, PERP, "50600", "1000")
                kinds += [(await listener.hear("subject", "stopOrder"))["data"]["type"]]
                assert kinds == ["open", "triggered"]
                assert (await _hear_quantity(listener, 0))["isOpen"] is False

    asyncio.run(listen())


async def _hear_quantity(listener: Stream, quantity: int) -> Payload:
    while True:
        data = (await listener.hear("topic", "/contract/position:XBTUSDTM"))["data"]
        if data["currentQty"] == quantity:
            return data
