"""KuCoin's dialect against recorded payloads: the same keys with values of the same types.

The recorded ones are ccxt's own samples (`comments.json`, by method and line) and frames of a real
session (`ws.json`); each test's table is the list of what is compared.
"""

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conftest import SHARED
from tests.integration.kucoin import PERP, SPOT, client, place, trade
from tests.integration.kucoin_wire import Payload, differences, stream
from tests.venue.local import LocalVenue

# What ccxt's class is asked for, and under which line its source shows a sample of the answer
REST: dict[str, tuple[str, int]] = {
    "publicGetTimestamp": ("fetch_time", 1558),
    "futuresPublicGetTimestamp": ("fetch_time", 1550),
    "publicGetStatus": ("fetch_status", 1619),
    "futuresPublicGetStatus": ("fetch_status", 1608),
    "publicGetMarketAllTickers": ("fetch_tickers", 2957),
    "publicGetMarketStats": ("fetch_ticker", 3170),
    "publicGetMarketCandles": ("fetch_spot_ohlcv", 3409),
    "publicGetMarketHistories": ("fetch_trades", 6753),
    "publicPostBulletPublic": ("negotiate_helper", 124),
    "futuresPublicGetTicker": ("fetch_ticker", 3148),
    "futuresPublicGetKlineQuery": ("fetch_contract_ohlcv", 3470),
    "futuresPublicGetLevel2Snapshot": ("fetch_order_book", 3772),
    "futuresPublicGetTradeHistory": ("fetch_trades", 6770),
    "futuresPublicGetFundingRateSymbolCurrent": ("fetch_funding_rate", 9508),
    "futuresPublicGetContractFundingRates": ("fetch_funding_rate_history", 9692),
    "privateGetAccounts": ("fetch_accounts", 2410),
    "privateGetTradeFees": ("fetch_trading_fee", 7158),
    "privateGetOrders": ("fetch_spot_orders_by_status", 5281),
    "futuresPrivateGetOrders": ("fetch_contract_orders_by_status", 5381),
    "futuresPrivateGetStopOrders": ("fetch_contract_orders_by_status", 5381),
    "futuresPrivateGetFills": ("fetch_my_contract_trades", 6569),
    "futuresPrivateGetTradeFees": ("fetch_trading_fee", 7175),
    "futuresPrivateGetAccountOverview": ("fetch_contract_balance", 7872),
    "futuresPrivateGetPosition": ("fetch_position", 9892),
    "futuresPrivateGetPositions": ("fetch_positions", 9962),
    "futuresPrivateGetPositionGetMarginMode": ("fetch_margin_mode", 10612),
    "futuresPrivateGetGetCrossUserLeverage": ("fetch_leverage", 9322),
    "futuresPrivatePostPositionSwitchPositionMode": ("set_position_mode", 10689),
    "privatePostBulletPrivate": ("negotiate_helper", 124),
}
PARAMS: dict[str, dict[str, Any]] = {
    "publicGetMarketCandles": {"type": "1min"},
    "futuresPublicGetKlineQuery": {"granularity": 1},
    "privateGetTradeFees": {"symbols": "BTC-USDT"},
    "futuresPrivatePostPositionSwitchPositionMode": {"positionMode": "0"},
    "privateGetAccounts": {"type": "trade"},
}
# Rows inside of an answer, and the sample of one row
ROWS: dict[str, tuple[str, int]] = {
    "privateGetOrders": ("parse_spot_order", 6071),
    "privateGetStopOrder": ("parse_spot_order", 6106),
    "privateGetHfOrdersActive": ("parse_spot_order", 6141),
    "privateGetFills": ("parse_spot_or_uta_trade", 6829),
    "futuresPrivateGetFills": ("parse_contract_trade", 6976),
    "futuresPublicGetContractsActive": ("parse_contract_ticker", 2791),
    "privateGetMarketOrderbookLevel2": ("fetch_order_book", 3824),
}
PUBLIC_FRAMES: dict[str, tuple[str, int]] = {
    "/market/snapshot:BTC-USDT": ("handle_ticker", 494),
    "/market/ticker:BTC-USDT": ("handle_ticker", 526),
    "/market/candles:BTC-USDT_1min": ("handle_ohlcv", 915),
    "/market/match:BTC-USDT": ("handle_trade", 1180),
    "/market/level2:BTC-USDT": ("handle_order_book", 1508),
    "/spotMarket/level2Depth5:BTC-USDT": ("handle_order_book", 1523),
    "/spotMarket/level1:BTC-USDT": ("handle_bid_ask", 746),
    "/contractMarket/ticker:XBTUSDTM": ("handle_ticker", 543),
}
PRIVATE_DATA: dict[str, dict[str, tuple[str, int]]] = {  # by topic, then by the data's type
    "/spotMarket/tradeOrders": {
        "open": ("parse_ws_order", 1878),
        "match": ("parse_ws_trade", 2339),
        "canceled": ("parse_ws_order", 1878),
    },
    "/spotMarket/advancedOrders": {
        "open": ("parse_ws_order", 1896),
        "TRIGGERED": ("parse_ws_order", 1896),
    },
    "/contractMarket/tradeOrders": {"match": ("parse_ws_order", 1913)},
    "/spot/tradeFills": {"": ("parse_ws_trade", 2362)},
    "/contract/positionAll": {"": ("handle_position", 2777)},
}
# What a sample has and the venue's present answers do not, or that only some answers have
ABSENT = {
    "fetch_time": {".msg"},
    "parse_ws_order": {".triggerSuccess"},
}


@pytest.fixture(scope="module")
def samples() -> dict[tuple[str, int], Payload]:
    folder = SHARED / "fixtures" / "wire" / "kucoin"
    if not folder.is_dir():
        pytest.skip(f"recorded payloads are not beside the project ({folder.name} missing)")
    rows = json.loads((folder / "comments.json").read_text())["samples"]
    return {(row["method"], row["line"]): row["payload"] for row in rows}


@pytest.fixture(scope="module")
def recorded() -> Payload:
    path = Path(SHARED / "fixtures" / "wire" / "kucoin" / "ws.json")
    if not path.is_file():
        pytest.skip(f"recorded frames are not beside the project ({path.name} missing)")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def venue() -> Iterator[LocalVenue]:
    """Open a venue on which everything has happened once."""
    with LocalVenue("kucoin") as opened:
        for symbol in (SPOT, PERP):
            trade(opened, symbol, "50000")
        opened.call(lambda e: e.settle_funding(PERP, Decimal("0.0001")))
        asyncio.run(_happen(opened))
        yield opened


async def _happen(venue: LocalVenue) -> None:
    for symbol, stop in ((SPOT, {"stop": "loss"}), (PERP, {"stopPriceType": "TP"})):
        async with client(venue, symbol) as exchange:
            await place(exchange, symbol, "market", "buy", None)
            cancelled = await place(exchange, symbol, "limit", "buy", "40000")
            await exchange.cancel_order(cancelled["id"], symbol)
            await place(exchange, symbol, "limit", "buy", "40000", clientOrderId=f"rests {symbol}")
            await place(exchange, symbol, "limit", "sell", "39000", triggerPrice="39500", **stop)


async def _ask(exchange: Any, method: str) -> Payload:
    symbol = "XBTUSDTM" if method.startswith("futures") else "BTC-USDT"
    params = PARAMS.get(method, {"symbol": symbol})
    if method == "futuresPublicGetKlineQuery":
        params = {**params, "symbol": symbol}
    if method == "publicGetMarketCandles":
        params = {**params, "symbol": symbol}
    return await getattr(exchange, method)(params)


def _unlike(sample: Payload, ours: Payload, method: str) -> list[str]:
    absent = ABSENT.get(method, set())
    found = differences(sample, ours)
    return [text for text in found if text.removesuffix(": missing") not in absent]


@pytest.mark.parametrize("method", REST)
def test_an_answer_has_the_keys_and_types_of_the_recorded_one(
    venue: LocalVenue, samples: dict[tuple[str, int], Payload], method: str
) -> None:
    async def read() -> None:
        async with client(venue, SPOT) as exchange:
            ours = await _ask(exchange, method)
            assert _unlike(samples[REST[method]], ours, REST[method][0]) == []

    asyncio.run(read())


@pytest.mark.parametrize("method", ROWS)
def test_a_row_has_the_keys_and_types_of_the_recorded_one(
    venue: LocalVenue, samples: dict[tuple[str, int], Payload], method: str
) -> None:
    async def read() -> None:
        async with client(venue, SPOT) as exchange:
            data = (await _ask(exchange, method))["data"]
            rows = data.get("items", [data]) if isinstance(data, dict) else data
            assert rows
            for row in rows:
                assert _unlike(samples[ROWS[method]], row, ROWS[method][0]) == []

    asyncio.run(read())


@pytest.mark.parametrize("topic", PUBLIC_FRAMES)
def test_a_public_frame_has_the_keys_and_types_of_the_recorded_one(
    venue: LocalVenue, samples: dict[tuple[str, int], Payload], topic: str
) -> None:
    symbol = PERP if topic.startswith("/contract") else SPOT
    bullet = "futuresPublicPostBulletPublic" if symbol == PERP else "publicPostBulletPublic"

    async def read() -> None:
        async with client(venue, symbol) as exchange:
            async with stream(await getattr(exchange, bullet)()) as listener:
                trade(venue, symbol, "50001")
                await listener.subscribe(topic)
                trade(venue, symbol, "50030")  # far enough to move both sides of the book
                frame = await listener.hear("topic", topic)
            assert _unlike(samples[PUBLIC_FRAMES[topic]], frame, "") == []

    asyncio.run(read())


@pytest.mark.parametrize("topic", PRIVATE_DATA)
def test_a_private_frame_has_the_keys_and_types_of_the_recorded_one(
    samples: dict[tuple[str, int], Payload], topic: str
) -> None:
    symbol = PERP if topic.startswith("/contract") else SPOT
    bullet = "futuresPrivatePostBulletPrivate" if symbol == PERP else "privatePostBulletPrivate"

    async def read(venue: LocalVenue) -> None:
        async with (
            client(venue, symbol) as exchange,
            stream(await getattr(exchange, bullet)()) as listener,
        ):
            await listener.subscribe(topic, private=True)
            await _live(venue, exchange, symbol)
            for kind, sample in PRIVATE_DATA[topic].items():
                data = (await listener.hear("topic", topic))["data"]
                while kind and data["type"] != kind:
                    data = (await listener.hear("topic", topic))["data"]
                row = samples[sample]
                assert _unlike(row.get("data", row), data, sample[0]) == []

    with LocalVenue("kucoin") as venue:
        trade(venue, symbol, "50000")
        asyncio.run(read(venue))


async def _live(venue: LocalVenue, exchange: Any, symbol: str) -> None:
    """Let an order rest and fill, another be cancelled, and a stop fire."""
    stop = {"stop": "loss"} if symbol == SPOT else {"stop": "down", "stopPriceType": "TP"}
    await place(exchange, symbol, "limit", "buy", "49900")
    await place(exchange, symbol, "market", "sell", None, triggerPrice="49500", **stop)
    trade(venue, symbol, "49800", "1000")
    rests = await place(exchange, symbol, "limit", "buy", "40000")
    await exchange.cancel_order(rests["id"], symbol)
    trade(venue, symbol, "49400", "1000")


def test_a_wallets_frame_has_the_keys_and_types_of_the_recorded_one(venue: LocalVenue) -> None:
    path = SHARED / "fixtures" / "wire" / "kucoin" / "kucoin.json"
    if not path.is_file():
        pytest.skip(f"recorded payloads are not beside the project ({path.name} missing)")
    rows = {row["function"]: row["payload"] for row in json.loads(path.read_text())["samples"]}

    async def read() -> None:
        async with (
            client(venue, SPOT) as exchange,
            stream(await exchange.privatePostBulletPrivate()) as listener,
        ):
            await listener.subscribe("/account/balance", private=True)
            await place(exchange, SPOT, "market", "buy", None)
            frame = await listener.hear("topic", "/account/balance")
            sample = {**rows["test_user_stream_balance_update"]}
            sample["data"] = {**sample["data"], "relationContext": {}}  # may be empty
            assert differences(sample, frame) == []

    asyncio.run(read())


@pytest.mark.parametrize(
    ("channel", "sample"),
    [
        ("mark-price", ("handle_uta_ticker", 638)),
        ("funding-fee", ("handle_uta_funding_rate", 3036)),
    ],
)
def test_a_pro_frame_has_the_keys_and_types_of_the_recorded_one(
    venue: LocalVenue,
    samples: dict[tuple[str, int], Payload],
    channel: str,
    sample: tuple[str, int],
) -> None:
    async def read() -> None:
        url = f"{venue.url}/x-push-futures.kucoin.com/"
        asked = {"id": "1", "action": "subscribe", "channel": channel, "symbol": "XBTUSDTM"}
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            welcome = await socket.receive_json()
            assert differences(samples[("handle_system_status", 1776)], welcome) == []
            await socket.send_json(asked)
            assert await socket.receive_json() == {"id": "1", "result": True}
            assert differences(samples[sample], await socket.receive_json()) == []

    asyncio.run(read())


@pytest.mark.parametrize("method", ["watchTrades", "watchOrderBook"])
def test_frames_come_in_the_order_and_shape_of_a_recorded_session(
    venue: LocalVenue, recorded: Payload, method: str
) -> None:
    (session,) = recorded["methods"][method]
    welcome, ack, *messages = session["messages"]
    (sent,) = session["sentMessages"]

    async def read() -> None:
        async with client(venue, SPOT) as exchange:
            bullet = await exchange.publicPostBulletPublic()
            assert differences(recorded["bullet"], bullet) == []
            async with stream(bullet, connect_id="public") as listener:
                assert await listener.socket.receive_json() == welcome
                await listener.socket.send_json(sent)
                assert await listener.socket.receive_json() == ack
                for sample in messages:
                    trade(venue, SPOT, "50001")
                    frame = await listener.hear("topic", sent["topic"])
                    assert list(frame) == list(sample)
                    assert list(frame["data"]) == list(sample["data"])
                    assert differences(sample, frame) == []

    asyncio.run(read())
