"""The Gate dialect answers and pushes in the shapes that were recorded from the venue."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.integration.gate_bench import (
    BTC,
    FUTURES_LIMIT,
    FUTURES_MARKET,
    FUTURES_STOP,
    LIMIT,
    PERP,
    STOP,
    USER,
    Bench,
)
from tests.venue.wire import Json

WIRE = SHARED / "fixtures" / "wire" / "gate"

# Keys that the venue documents and these recordings lack: (older than the documentation)
DOCUMENTED = {
    "amend_text",
    "filled_amount",
    "avg_deal_price",
    "gt_maker_fee",
    "gt_taker_fee",
    "rebated_fee",
    "finish_as",
    "finish_time",
    "update_time",
    "id_string",
    "stp_id",
    "stp_act",
    "sequence_id",
    "text",
    "fee",
    "point_fee",
    "close_size",
    "trade_id",
    "auto_borrow",
    "auto_repay",
    "ftime",
    "fired_order_id",
    "reason",
    "full",
    "l",
    "w",
    "a",
    "id_market",
    "range",
    "user_id",
    "fee_currency",
    "biz_info",
    "name",
    "pos_margin_mode",
    "lever",
    "enable_credit",
    "position_mode",
    "margin_mode",
    "update_id",
    "highest_bid",
    "highest_size",
    "lowest_ask",
    "lowest_size",
    "quanto_base_rate",
    "quanto_multiplier",
    "v",
    "sum",
    "time_ms",
    "conn_id",
    "payload",
    "requestId",
}


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def faults(recorded: Json, ours: Json, where: str = "") -> Iterator[str]:
    """Tell where our answer is not shaped as the recorded one."""
    if recorded is None or ours is None:
        if recorded is not ours:
            yield f"{where}: recorded {recorded!r}, ours {ours!r}"
        return
    if _kind(recorded) != _kind(ours):
        yield f"{where}: recorded {_kind(recorded)} {recorded!r}, ours {_kind(ours)} {ours!r}"
    elif isinstance(recorded, dict):
        yield from _object_faults(recorded, ours, where)
    elif isinstance(recorded, list) and recorded and ours:
        yield from faults(recorded[0], ours[0], f"{where}[0]")
    elif isinstance(recorded, list) and recorded and not ours:
        yield f"{where}: ours is empty"


def _object_faults(recorded: dict[str, Json], ours: dict[str, Json], where: str) -> Iterator[str]:
    for name in ours.keys() - recorded.keys() - DOCUMENTED:
        yield f"{where}.{name}: neither recorded nor documented"
    for name in recorded.keys() - ours.keys():
        yield f"{where}.{name}: recorded, not ours"
    shared = [name for name in recorded if name in ours]
    if shared != [name for name in ours if name in recorded]:
        yield f"{where}: recorded order {shared}, ours {[n for n in ours if n in recorded]}"
    for name in shared:
        yield from faults(recorded[name], ours[name], f"{where}.{name}")


@pytest.fixture(scope="module")
def comments() -> list[dict[str, Any]]:
    """Give the samples that ccxt's authors pasted into its source."""
    path = WIRE / "comments.json"
    if not path.is_file():
        pytest.skip("recorded payloads are not beside the project (comments.json missing)")
    samples: list[dict[str, Any]] = json.loads(path.read_text())["samples"]
    return samples


@pytest.fixture(scope="module")
def frames() -> dict[str, list[dict[str, Any]]]:
    """Give the websocket frames that were recorded from the venue."""
    path = WIRE / "ws.json"
    if not path.is_file():
        pytest.skip("recorded frames are not beside the project (ws.json missing)")
    methods: dict[str, list[dict[str, Any]]] = json.loads(path.read_text())["methods"]
    return methods


@pytest.fixture
def bench() -> Bench:
    """Give a dialect with something done on it."""
    return Bench()


def sample(comments: list[dict[str, Any]], method: str, label: str = "", nth: int = 0) -> Json:
    """Find one sample of a method."""
    found = [one for one in comments if one["method"] == method and one["label"] == label]
    return found[nth]["payload"]


def recorded_frames(frames: dict[str, list[dict[str, Any]]], method: str, word: str) -> list[Json]:
    """Find the frames of one recording."""
    found = next(one for one in frames[method] if one["description"].startswith(word))
    messages: list[Json] = found["messages"]
    return messages


# ---- REST ----


def _compared(recorded: Json, ours: Json) -> None:
    found = list(faults(recorded, ours))
    assert not found, "\n".join(found)


def test_markets_are_shaped_as_recorded(bench: Bench, comments: list[dict[str, Any]]) -> None:
    contract = sample(comments, "parse_contract_market", "Perpetual swap")
    _compared(contract, bench.read("/futures/usdt/contracts/BTC_USDT"))
    _compared([contract], bench.read("/futures/usdt/contracts"))
    _compared(sample(comments, "fetch_currencies"), bench.read("/spot/currencies"))
    _compared(sample(comments, "parse_ticker", "SPOT"), bench.read("/spot/tickers")[0])


def test_futures_tickers_have_the_recorded_keys(
    bench: Bench, comments: list[dict[str, Any]]
) -> None:
    recorded = sample(comments, "parse_ticker", "LINEAR/DELIVERY")
    ours = bench.read("/futures/usdt/tickers")[0]
    # The venue's key order changed with its version: only keys and types are compared
    _compared(recorded, {name: ours[name] for name in [*recorded, *ours]})


def test_trades_and_candles_are_shaped_as_recorded(
    bench: Bench, comments: list[dict[str, Any]]
) -> None:
    trades = bench.read("/spot/trades", "currency_pair=BTC_USDT")
    _compared(sample(comments, "fetch_trades", "spot"), trades)
    candles = bench.read("/spot/candlesticks", "currency_pair=BTC_USDT&interval=1m")
    recorded = sample(comments, "parse_ohlcv", "Spot market candles")
    assert [_kind(one) for one in candles[0]][:7] == [_kind(one) for one in recorded]
    assert Decimal(candles[0][1]) == Decimal(candles[0][6]) * 50_000  # quote volume is second
    perp = bench.read("/futures/usdt/trades", "contract=BTC_USDT", decimals=True)[0]
    swap = sample(comments, "parse_trade", "swap:")
    assert set(perp) == set(swap)
    assert _kind(perp["size"]) == _kind(swap["size"])  # text where decimals are asked for


def test_spot_orders_are_shaped_as_recorded(bench: Bench, comments: list[dict[str, Any]]) -> None:
    placed = bench.do("POST", "/spot/orders", body=LIMIT)
    _compared(sample(comments, "create_order", "spot"), placed)
    grouped = sample(comments, "fetch_orders_by_status", "spot open orders")
    _compared(grouped, bench.read("/spot/open_orders"))
    path = f"/spot/orders/{placed['id']}"
    new_price = {"currency_pair": "BTC_USDT", "price": "48000"}
    _compared(sample(comments, "edit_order"), bench.do("PATCH", path, body=new_price))
    canceled = bench.do("DELETE", path, "currency_pair=BTC_USDT")
    _compared(sample(comments, "cancel_order", "spot"), canceled)
    assert canceled["status"] == "cancelled"
    market = LIMIT | {"type": "market", "side": "sell", "time_in_force": "ioc"}
    bench.do("POST", "/spot/orders", body=market)
    finished = bench.read("/spot/orders", "currency_pair=BTC_USDT&status=finished")
    _compared(sample(comments, "fetch_orders_by_status", "spot"), finished)
    _compared(sample(comments, "fetch_my_trades", "spot"), bench.read("/spot/my_trades"))


def test_spot_price_orders_are_shaped_as_recorded(
    bench: Bench, comments: list[dict[str, Any]]
) -> None:
    placed = bench.do("POST", "/spot/price_orders", body=STOP)
    assert list(placed) == ["id"]
    shown = bench.read(f"/spot/price_orders/{placed['id']}")
    shown["put"].pop("text")  # documented, and not in the older recording
    _compared(sample(comments, "parse_order", "fetchOrder/cancelOrder"), shown)
    canceled = bench.do("DELETE", f"/spot/price_orders/{placed['id']}")
    assert canceled["status"] == "canceled"
    recorded = sample(comments, "cancel_order", "spot conditional")
    assert set(recorded) <= set(canceled)


def test_futures_orders_are_shaped_as_recorded(
    bench: Bench, comments: list[dict[str, Any]]
) -> None:
    placed = bench.do("POST", "/futures/usdt/orders", body=FUTURES_LIMIT)
    label = "futures, perpetual swaps and options"
    _compared(sample(comments, "create_order", label), placed)
    canceled = bench.do("DELETE", f"/futures/usdt/orders/{placed['id']}")
    assert (canceled["status"], canceled["finish_as"]) == ("finished", "cancelled")
    filled = bench.do("POST", "/futures/usdt/orders", body=FUTURES_MARKET)
    recorded = sample(comments, "parse_order", "createOrder/cancelOrder/fetchOrder", nth=0)
    _compared(recorded, filled)
    positions = bench.read("/futures/usdt/positions")
    _compared(sample(comments, "fetch_positions", "swap and future"), positions)
    leverage = bench.do("POST", "/futures/usdt/positions/BTC_USDT/leverage", "leverage=5")
    assert set(sample(comments, "set_leverage")) <= set(leverage)
    account = sample(comments, "fetch_balance", "Perpetual Swap") | {
        "user": 0
    }  # a number, in truth
    _compared(account, bench.read("/futures/usdt/accounts"))
    fill = bench.read("/futures/usdt/my_trades")[0]
    assert set(sample(comments, "fetch_my_trades", "perpetual swap")[0]) <= set(fill)


def test_futures_price_orders_are_shaped_as_recorded(
    bench: Bench, comments: list[dict[str, Any]]
) -> None:
    placed = bench.do("POST", "/futures/usdt/price_orders", body=FUTURES_STOP)
    shown = bench.read(f"/futures/usdt/price_orders/{placed['id']}")
    recorded = [
        one["payload"]
        for one in comments
        if one["method"] == "parse_order" and "initial" in one["payload"]
    ]
    _compared(recorded[0], shown)


def test_errors_are_shaped_as_recorded(bench: Bench, comments: list[dict[str, Any]]) -> None:
    missing = bench.ask("GET", "/spot/orders/77", "currency_pair=BTC_USDT")
    assert (missing.status, missing.content) == (404, sample(comments, "handle_errors"))
    late = STOP | {"trigger": {"price": "49000", "rule": "<=", "expiration": 99_999_999}}
    refused = bench.ask("POST", "/spot/price_orders", body=late)
    assert refused.content == sample(comments, "handle_errors", nth=3)
    assert bench.ask("GET", "/spot/orders", "status=x").content == sample(
        comments, "handle_errors", nth=1
    )


# ---- websockets ----


def test_acknowledgements_are_shaped_as_recorded(
    bench: Bench, frames: dict[str, list[dict[str, Any]]], comments: list[dict[str, Any]]
) -> None:
    spot, perp = bench.dial("spot"), bench.dial("swap")
    ack = bench.subscribe(spot, "spot.trades", ["BTC_USDT"])
    _compared(recorded_frames(frames, "watchTrades", "spot")[0], ack)
    ack = bench.subscribe(perp, "futures.trades", ["BTC_USDT"])
    _compared(recorded_frames(frames, "watchTrades", "linear")[0], ack)
    refused = bench.subscribe(spot, "spot.trades", ["LUNARLENS_USDT"])
    _compared(sample(comments, "handle_error_message", nth=2), refused)
    assert refused["error"] == {"code": 2, "message": "unknown currency pair: LUNARLENS_USDT"}
    gone = bench.subscribe(spot, "spot.trades", ["BTC_USDT"], event="unsubscribe")
    _compared(sample(comments, "handle_un_subscribe"), gone)


def test_public_pushes_are_shaped_as_recorded(
    bench: Bench, frames: dict[str, list[dict[str, Any]]], comments: list[dict[str, Any]]
) -> None:
    spot, perp = bench.dial("spot"), bench.dial("swap", decimals=False)
    for channel in ("trades", "tickers", "book_ticker"):
        bench.subscribe(spot, f"spot.{channel}", ["BTC_USDT"])
    bench.subscribe(spot, "spot.candlesticks", ["1m", "BTC_USDT"])
    bench.subscribe(spot, "spot.obu", ["ob.BTC_USDT.50"])
    bench.subscribe(spot, "spot.order_book_update", ["BTC_USDT", "100ms"])
    bench.subscribe(perp, "futures.trades", ["BTC_USDT"])
    bench.subscribe(perp, "futures.candlesticks", ["1m", "BTC_USDT"])
    bench.subscribe(perp, "futures.order_book_update", ["BTC_USDT", "100ms", "100"])
    obu = sample(comments, "handle_new_spot_order_book")
    _compared(obu, spot.last("spot.obu"))
    bench.tick(BTC, "50001", "0.5")
    bench.tick(PERP, "50001", "5000")
    for method, channel in (
        ("watchTrades", "trades"),
        ("watchOHLCV", "candlesticks"),
        ("watchTicker", "tickers"),
    ):
        _compared(recorded_frames(frames, method, "spot")[-1], spot.last(f"spot.{channel}"))
    for method, channel in (("watchTrades", "trades"), ("watchOHLCV", "candlesticks")):
        recorded = recorded_frames(frames, method, "linear")[-1]
        _compared(recorded, perp.last(f"futures.{channel}"))
    old = sample(comments, "handle_order_book", "spot")
    _compared(old, spot.last("spot.order_book_update"))
    _compared(sample(comments, "handle_bid_ask"), spot.last("spot.book_ticker"))
    recorded = sample(comments, "handle_order_book", "swap")
    ours = perp.last("futures.order_book_update")
    _compared(recorded["result"], ours["result"])
    assert spot.last("spot.obu")["result"]["U"] == spot.last("spot.obu")["result"]["u"]


def test_private_pushes_are_shaped_as_recorded(
    bench: Bench, comments: list[dict[str, Any]]
) -> None:
    spot, perp = bench.dial("spot"), bench.dial("swap", decimals=False)
    for kind in ("orders", "usertrades", "priceorders"):
        bench.subscribe(spot, f"spot.{kind}", ["!all"])
    bench.subscribe(spot, "spot.balances", None)
    for kind in ("orders", "usertrades", "autoorders", "positions"):
        bench.subscribe(perp, f"futures.{kind}", [USER, "!all"])
    bench.subscribe(perp, "futures.balances", [USER])
    bench.do("POST", "/spot/orders", body=LIMIT)
    recorded = sample(comments, "handle_order")
    _compared(recorded, spot.last("spot.orders"))
    balance = sample(comments, "handle_balance", "spot order fill")
    _compared(balance, spot.last("spot.balances"))
    bench.do("POST", "/futures/usdt/orders", body=FUTURES_MARKET)
    ours = perp.last("futures.usertrades")["result"]
    _compared(sample(comments, "handle_my_trades")["result"], ours)
    ours = perp.last("futures.balances")["result"]
    _compared(sample(comments, "handle_balance", "swap order fill")["result"], ours)
    ours = perp.last("futures.positions")["result"]
    _compared(sample(comments, "handle_positions")["result"], ours)
