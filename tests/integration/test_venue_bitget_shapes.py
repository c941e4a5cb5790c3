"""The local exchange writes what Bitget was recorded to write: same keys, types and order."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # JSON has no types

import pytest

from tests.conftest import SHARED
from tests.venue.clients import ccxt_client, until
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Side

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
MIX = {"productType": "USDT-FUTURES"}
PAIR = {"symbol": "BTCUSDT"}
STOP = {"triggerPrice": "39500"}

# Keys that newer answers have and ccxt's older samples do not, all in the venue's documentation
NEWER = {"executeOrderId", "priceAvg", "executePrice", "clientOid"}

REST = [  # ccxt's method, its label of the sample, how many answers back ccxt's raw call is
    ("fetch_time", "", "publicCommonGetV2PublicTime", {}),
    ("fetch_order_book", "", "publicSpotGetV2SpotMarketOrderbook", PAIR),
    ("fetch_ticker", "spot", "publicSpotGetV2SpotMarketTickers", PAIR),
    ("fetch_ticker", "swap and future", "publicMixGetV2MixMarketTicker", PAIR | MIX),
    ("fetch_trades", "spot", "publicSpotGetV2SpotMarketFillsHistory", PAIR),
    ("fetch_trades", "swap", "publicMixGetV2MixMarketFillsHistory", PAIR | MIX),
    ("fetch_balance", "spot", "privateSpotGetV2SpotAccountAssets", {}),
    ("fetch_balance", "swap", "privateMixGetV2MixAccountAccounts", MIX),
    ("fetch_order", "spot", "privateSpotGetV2SpotTradeOrderInfo", {"clientOid": "live"}),
    (
        "fetch_order",
        "swap and future",
        "privateMixGetV2MixOrderDetail",
        PAIR | MIX | {"clientOid": "live-mix"},
    ),
    ("fetch_open_orders", "spot", "privateSpotGetV2SpotTradeUnfilledOrders", {}),
    ("fetch_open_orders", "spot stop", "privateSpotGetV2SpotTradeCurrentPlanOrder", {}),
    ("fetch_open_orders", "swap and future", "privateMixGetV2MixOrderOrdersPending", MIX),
    (
        "fetch_canceled_and_closed_orders",
        "spot",
        "privateSpotGetV2SpotTradeHistoryOrders",
        {},
    ),
    (
        "fetch_canceled_and_closed_orders",
        "spot stop",
        "privateSpotGetV2SpotTradeHistoryPlanOrder",
        {"startTime": "1", "endTime": "9999999999999"},
    ),
    (
        "fetch_canceled_and_closed_orders",
        "swap and future",
        "privateMixGetV2MixOrderOrdersHistory",
        MIX,
    ),
    (
        "fetch_canceled_and_closed_orders",
        "swap and future stop",
        "privateMixGetV2MixOrderOrdersPlanHistory",
        MIX | {"planType": "normal_plan"},
    ),
    ("fetch_my_trades", "spot", "privateSpotGetV2SpotTradeFills", {}),
    ("fetch_my_trades", "swap and future", "privateMixGetV2MixOrderFills", MIX),
    (
        "fetch_leverage",
        "",
        "privateMixGetV2MixAccountAccount",
        PAIR | MIX | {"marginCoin": "USDT"},
    ),
    ("fetch_funding_rate", "", "publicMixGetV2MixMarketCurrentFundRate", PAIR | MIX),
    ("fetch_funding_rate_history", "", "publicMixGetV2MixMarketHistoryFundRate", PAIR | MIX),
    (
        "fetch_positions",
        "privateMixGetV2MixPositionAllPosition",
        "privateMixGetV2MixPositionAllPosition",
        MIX | {"marginCoin": "USDT"},
    ),
    (
        "set_leverage",
        "",
        "privateMixPostV2MixAccountSetLeverage",
        PAIR | MIX | {"marginCoin": "USDT", "leverage": "5"},
    ),
    (
        "set_margin_mode",
        "",
        "privateMixPostV2MixAccountSetMarginMode",
        {"symbol": "ETHUSDT", "marginCoin": "USDT", "marginMode": "isolated"} | MIX,
    ),
]


def shape(value: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    """List the paths and types of a JSON value, lists by their first element."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from shape(inner, f"{path}.{key}")
    elif isinstance(value, list) and value:
        yield from shape(value[0], f"{path}[]")
    else:
        yield path, type(value).__name__


def assert_alike(ours: Any, recorded: Any) -> None:
    """Compare paths, types and order; what only newer answers have may be added."""
    wanted = list(shape(recorded))
    known = {path for path, _ in wanted}
    told = [
        (path, kind)
        for path, kind in shape(ours)
        if path in known or path.rpartition(".")[2] not in NEWER
    ]
    nullable = {path for path, kind in wanted if kind == "NoneType"}
    assert [path for path, _ in told] == [path for path, _ in wanted]
    assert [kind for path, kind in told if path not in nullable] == [
        kind for path, kind in wanted if path not in nullable
    ]


@pytest.fixture(scope="module")
def wire() -> Path:
    folder = SHARED / "fixtures" / "wire" / "bitget"
    if not folder.is_dir():
        pytest.skip(f"recorded frames are not beside the project ({folder.name} missing)")
    return folder


@pytest.fixture(scope="module")
def samples(wire: Path) -> list[dict[str, Any]]:
    content = json.loads((wire / "comments.json").read_text())
    return list(content["samples"])


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    """Play every kind of order once; keep the answers and the pushed frames."""
    answers: dict[str, Any] = {"frames": []}

    async def play(venue: LocalVenue) -> None:
        async with ccxt_client(venue, "bitget", options={"uta": False}) as client:
            await listen(venue, client, answers["frames"])
            await trade(client)
            venue.call(lambda x: x.settle_funding(PERP))
            venue.call(once_more)
            for _, _, method, params in REST:
                answers[method] = await getattr(client, method)(params)
            wanted = {("update", "candle1m", kind) for kind in ("SPOT", "USDT-FUTURES")}
            await until(lambda: wanted <= seen(answers["frames"]), what="the running candles")

    with LocalVenue("bitget") as venue:
        asyncio.run(play(venue))
    return answers


def once_more(exchange: Exchange) -> None:
    """Trade at the last price, so that running candles are pushed again."""
    for symbol in (SPOT, PERP):
        price = exchange.trades(symbol, 1)[0].price
        exchange.tick(symbol, price, exchange.listings[symbol].lot, Side.BUY)


def seen(frames: list[Any]) -> set[tuple[str, str, str]]:
    """Name the pushes by action, channel and product."""
    pushed = [x for x in frames if isinstance(x, dict) and "action" in x]
    return {(x["action"], x["arg"]["channel"], x["arg"]["instType"]) for x in pushed}


async def listen(venue: LocalVenue, client: Any, frames: list[Any]) -> None:
    handle = client.handle_message

    def tap(socket: Any, message: Any) -> None:
        frames.append(json.loads(json.dumps(message)))
        handle(socket, message)

    client.handle_message = tap
    for symbol, kind in ((SPOT, "spot"), (PERP, "swap")):
        watches = [
            client.watch_trades(symbol),
            client.watch_ohlcv(symbol, "1m"),
            client.watch_ticker(symbol),
            client.watch_order_book(symbol, 5),
            client.watch_orders(symbol),
            client.watch_my_trades(symbol),
            client.watch_balance({"type": kind}),
        ]
        if kind == "swap":
            watches.append(client.watch_positions([symbol]))
        for watch in watches:
            asyncio.ensure_future(watch).add_done_callback(lambda x: x.cancelled() or x.exception())
    await until(lambda: venue.frames["ack"] == 16, what="login and 15 subscriptions")


async def trade(client: Any) -> None:
    for symbol, live in ((SPOT, "live"), (PERP, "live-mix")):
        await client.create_order(symbol, "limit", "buy", "0.01", "40000", {"clientOrderId": live})
        await client.create_order(symbol, "market", "buy", "0.01", "60000")
        await client.create_order(symbol, "limit", "sell", "0.01", "39000", STOP)
        plan = await client.create_order(symbol, "limit", "sell", "0.01", "39000", STOP)
        await client.cancel_order(plan["id"], symbol, {"trigger": True})


@pytest.mark.parametrize(("method", "label", "call", "params"), REST)
def test_a_rest_answer_looks_like_the_recorded_one(
    samples: list[dict[str, Any]],
    played: dict[str, Any],
    method: str,
    label: str,
    call: str,
    params: dict[str, str],
) -> None:
    recorded = next(
        one["payload"]
        for one in samples
        if (one["kind"], one["method"], one["label"]) == ("rest", method, label)
        and one["payload"]["data"] != "success"  # of the unified account
        and not (
            isinstance(one["payload"]["data"], dict) and "resultList" in one["payload"]["data"]
        )
        and not is_other_endpoint(one["payload"], call)
    )
    assert_alike(played[call], recorded)


def is_other_endpoint(payload: Any, call: str) -> bool:
    """Some methods of ccxt have several answers; tell those of another endpoint."""
    rows = payload["data"] if isinstance(payload["data"], list) else [payload["data"]]
    return call.endswith("CurrentFundRate") and "minFundingRate" not in rows[0]


WS = [  # channel, product, method and label of ccxt's sample
    ("ticker", "SPOT", "handle_ticker", "default"),
    ("ticker", "USDT-FUTURES", "parse_ws_ticker", "contract"),
    ("candle1m", "SPOT", "handle_ohlcv", ""),
    ("trade", "SPOT", "handle_trades", ""),
    ("fill", "SPOT", "handle_my_trades", "spot"),
    ("account", "SPOT", "handle_balance", "spot"),
    ("account", "USDT-FUTURES", "handle_balance", "swap"),
]


@pytest.mark.parametrize(("channel", "product", "method", "label"), WS)
def test_a_push_looks_like_ccxts_sample(
    samples: list[dict[str, Any]],
    played: dict[str, Any],
    channel: str,
    product: str,
    method: str,
    label: str,
) -> None:
    recorded = next(
        one["payload"]
        for one in samples
        if (one["kind"], one["method"], one["label"]) == ("ws", method, label)
    )
    ours = pushes(played, channel, product)[0]
    assert_alike(ours, recorded)


def test_a_position_push_looks_like_ccxts_sample(
    samples: list[dict[str, Any]], played: dict[str, Any]
) -> None:
    recorded = next(
        one["payload"]
        for one in samples
        if one["method"] == "parse_ws_position" and not one["label"]
    )
    rows = [x["data"][0] for x in pushes(played, "positions", "USDT-FUTURES") if x["data"]]
    assert_alike(rows[0], recorded)


RECORDED = [  # method of ws.json, its description, which of its frames is ours of what status
    ("watchOHLCV", "spot ohlcv 1m", "candle1m", "SPOT"),
    ("watchOHLCV", "linear swap ohlcv 1m", "candle1m", "USDT-FUTURES"),
    ("watchTrades", "linear swap trades", "trade", "USDT-FUTURES"),
    ("watchOrders", "linear swap market order lifecycle", "orders", "USDT-FUTURES"),
    ("watchMyTrades", "linear swap my trades from market buy then sell", "fill", "USDT-FUTURES"),
]


@pytest.mark.parametrize(("method", "description", "channel", "product"), RECORDED)
def test_every_recorded_frame_has_its_like(
    wire: Path, played: dict[str, Any], method: str, description: str, channel: str, product: str
) -> None:
    content = json.loads((wire / "ws.json").read_text())
    case = next(x for x in content["methods"][method] if x["description"] == description)
    ours = [x for x in played["frames"] if isinstance(x, dict)]
    for frame in case["messages"]:
        event = frame.get("event")
        if event is not None:
            same = [x for x in ours if x.get("event") == event and x.get("arg", {}) is not None]
            if event == "subscribe":
                same = [x for x in same if x["arg"] == frame["arg"]]
        else:
            status = frame["data"][0]["status"] if channel == "orders" else None
            same = [
                x
                for x in pushes(played, channel, product)
                if x["action"] == frame["action"] and (status is None or is_market(x, status))
            ]
        assert same, f"no frame like {json.dumps(frame)[:200]}"
        assert_alike(same[0], frame)


def is_market(frame: Any, status: str) -> bool:
    row = frame["data"][0]
    return bool(row["status"] == status and row["orderType"] == "market")


def pushes(played: dict[str, Any], channel: str, product: str) -> list[Any]:
    return [
        x
        for x in played["frames"]
        if isinstance(x, dict)
        and "action" in x
        and (x["arg"]["channel"], x["arg"]["instType"]) == (channel, product)
    ]
