"""Frames that venues really sent, through ccxt's own handlers, to our rows."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ccxt_nt.parsing import (
    Unreadable,
    balance_rows,
    bar_row,
    book_row,
    fill_row,
    mark_row,
    order_row,
    position_row,
    quote_row,
    trade_row,
)
from ccxt_nt.profiles import Profile
from ccxt_nt.values import OrderStatus, Product, Side
from ccxt_nt.venues import profile
from tests.contract.frames import FOLDER, answered, recordings, run_fed, samples
from tests.unit.ccxt_desk_fakes import market

# `Any` in this module: frames are foreign JSON

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded frames are not here")

_ROWS = [profile(venue, product) for venue in ("BITGET", "KUCOIN", "GATE") for product in Product]
_NOW_NS = 1_790_000_000_000_000_000
_SOCKETS = {
    "BITGET/spot": "wss://ws.bitget.com/v2/ws/private",
    "BITGET/linear": "wss://ws.bitget.com/v2/ws/private",
    "KUCOIN/spot": "wss://ws-api-spot.kucoin.com/endpoint",
    "KUCOIN/linear": "wss://ws-api-spot.kucoin.com/endpoint",
    "GATE/spot": "wss://api.gateio.ws/ws/v4/",
    "GATE/linear": "wss://fx-ws.gateio.ws/v4/ws/usdt",
}


def recorded(row: Profile, method: str) -> list[Any]:
    """Give everything that ccxt delivered of the recorded session of one watch method."""
    (case,) = recordings(row, method)
    url = case.get("url") or _SOCKETS[row.key]
    return [result for _, result in run_fed(row, url, case["messages"])]


def test_a_bitget_order_lives_and_dies_as_recorded() -> None:
    row = profile("BITGET", Product.LINEAR)
    (case,) = recordings(row, "watchOrders")
    frames = case["messages"]
    told = []
    for upto in range(3, len(frames) + 1):
        delivered = run_fed(row, case["url"], frames[:upto])
        told.append(order_row(delivered[-1][1][-1], row, symbol="BTC/USDT:USDT"))
    assert [(o.status, o.filled, o.quantity) for o in told] == [
        (OrderStatus.OPEN, Decimal(0), Decimal("0.001")),
        (OrderStatus.FILLED, Decimal("0.001"), Decimal("0.001")),
    ]
    assert told[1].average == Decimal("64045.9")
    assert told[1].client_order_id == "1471430749322903552"
    assert told[1].updated_ns == 1786542349220_000_000
    assert not told[1].reduce_only


def test_bitgets_fills_carry_their_fee() -> None:
    row = profile("BITGET", Product.LINEAR)
    fills = [fill_row(trade, row) for trade in recorded(row, "watchMyTrades")[-1]]
    assert [(f.side, f.price, f.quantity, f.fee, f.fee_currency) for f in fills] == [
        (Side.BUY, Decimal("64045.9"), Decimal("0.001"), Decimal("0.03842754"), "USDT"),
        (Side.SELL, Decimal("64027.7"), Decimal("0.001"), Decimal("0.03841662"), "USDT"),
    ]
    assert [f.is_maker for f in fills] == [False, False]
    assert fills[0].client_order_id == "1471430749322903552"


@pytest.mark.parametrize("key", ["BITGET/linear", "KUCOIN/spot", "GATE/spot", "GATE/linear"])
def test_recorded_trades_are_exact(key: str) -> None:
    venue, product = key.split("/")
    row = profile(venue, Product(product))
    trades = [trade_row(trade) for batch in recorded(row, "watchTrades") for trade in batch]
    (case,) = recordings(row, "watchTrades")
    written = repr(case["messages"])
    assert trades
    for trade in trades:
        assert trade.trade_id in written
        assert f"{trade.price}" in written
        assert f"{trade.quantity}".rstrip("0").rstrip(".") in written


@pytest.mark.parametrize("key", ["BITGET/linear", "BITGET/spot", "GATE/linear", "GATE/spot"])
def test_recorded_bars_are_bars(key: str) -> None:
    venue, product = key.split("/")
    row = profile(venue, Product(product))
    listed = replace(market(linear=product == "linear"), contract_size=Decimal("0.0001"))
    for batch in recorded(row, "watchOHLCV"):
        for bar in batch:
            read = bar_row(bar, listed)
            assert read.open_ns % 60_000_000_000 == 0
            assert read.volume == Decimal(bar[5]) * Decimal("0.0001")


def test_a_recorded_kucoin_book_is_whole() -> None:
    row = profile("KUCOIN", Product.SPOT)
    for told in recorded(row, "watchOrderBook"):
        book = book_row(told, symbol="BTC/USDT")
        assert len(book.bids) == len(book.asks) == 5
        assert book.bids[0][0] < book.asks[0][0]


def test_a_recorded_gate_ticker_has_no_time_and_no_quantities() -> None:
    row = profile("GATE", Product.SPOT)
    told = recorded(row, "watchTicker")[-1]
    with pytest.raises(Unreadable, match="bidVolume must be a number"):
        quote_row(told, received_ns=_NOW_NS)


# what ccxt resolves, by the beginning of its name: how we read one item
_READERS: dict[str, Callable[[Any, Profile], object]] = {
    "bidask": lambda item, _: quote_row(item, received_ns=_NOW_NS),
    "ticker:": lambda item, _: mark_row(item, received_ns=_NOW_NS),
    "trade": lambda item, _: trade_row(item),
    "orderbook": lambda item, _: book_row(item, received_ns=_NOW_NS),
    "myTrades": fill_row,
    "order": lambda item, row: order_row(item, row, received_ns=_NOW_NS),
    "candles": lambda item, _: bar_row(item, market()),
    "balance": lambda item, _: balance_rows(item),
    "spot.balance": lambda item, _: balance_rows(item),
}
_MARKET = {"QuoteRow", "TradeRow", "BookRow", "BarRow"}
_READ = {
    "BITGET/spot": _MARKET | {"FillRow", "tuple"},
    "BITGET/linear": _MARKET | {"FillRow", "tuple"},
    "KUCOIN/spot": _MARKET | {"FillRow", "OrderRow"},
    "KUCOIN/linear": _MARKET - {"TradeRow"} | {"FillRow", "OrderRow"},
    "GATE/spot": _MARKET | {"FillRow", "OrderRow", "tuple"},
    "GATE/linear": _MARKET | {"FillRow", "OrderRow", "tuple"},
}


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)
def test_every_sample_frame_is_read_or_refused_in_a_sentence(row: Profile) -> None:
    frames = [
        sample.payload
        for sample in samples(row)
        if sample.kind == "ws" and sample.method.startswith("handle_")
    ]
    # Some of these frames make ccxt's own handlers fail: that is the frame guard's business
    delivered = run_fed(row, _SOCKETS[row.key], frames, forgiving=True)
    assert {told for name, result in delivered for told in _read(name, result, row)} == _READ[
        row.key
    ]


def _read(name: str, result: Any, row: Profile) -> Iterator[str]:
    """Name the kinds of rows that could be read; anything but Unreadable is a fault."""
    reader = next((r for prefix, r in _READERS.items() if name.startswith(prefix)), None)
    if reader is None:
        return
    for item in result if isinstance(result, list) else [result]:
        with suppress(Unreadable):
            yield type(reader(item, row)).__name__


def rest(row: Profile, method: str, line: int, call: str, *args: object) -> Any:
    """Give what a REST call returns when the venue answers with a recorded payload."""
    (sample,) = [s for s in samples(row) if s.method == method and s.line == line]
    return asyncio.run(answered(row, sample.payload, call, *args))


def test_a_bitget_position_is_signed_and_in_base_units() -> None:
    row = profile("BITGET", Product.LINEAR)
    (told,) = rest(row, "fetch_positions", 8562, "fetch_positions")
    position = position_row(told, symbol="BTC/USDT:USDT")
    assert position.quantity == Decimal("0.002")
    assert position.entry_price == Decimal("37355.5")
    assert position.leverage == 20
    assert position.cross
    assert position.hedged


def test_a_gate_position_of_cross_margin_has_no_leverage_of_its_own() -> None:
    row = profile("GATE", Product.LINEAR)
    (told,) = rest(row, "fetch_positions", 6201, "fetch_positions")
    position = position_row(told)
    assert position.quantity == 1
    assert position.cross
    assert position.leverage is None


def test_a_short_position_is_negative() -> None:
    row = profile("KUCOIN", Product.LINEAR)
    (told,) = rest(row, "fetch_positions", 9962, "fetch_positions")
    assert position_row(told).quantity == 2
    assert position_row({**told, "side": "short"}).quantity == -2


def test_balances_are_total_and_free() -> None:
    row = profile("KUCOIN", Product.SPOT)
    (held,) = balance_rows(rest(row, "fetch_balance", 7730, "fetch_balance"))
    assert (held.currency, held.total, held.locked) == ("BTC", Decimal("0.00009788"), Decimal(0))
    linear = profile("GATE", Product.LINEAR)
    (margin,) = balance_rows(rest(linear, "fetch_balance", 3200, "fetch_balance"))
    assert margin.total == Decimal("12.51345151332")


def test_the_profit_of_open_positions_is_not_in_the_wallet() -> None:
    """The engine reckons it by itself: in the wallet it would count twice."""
    bitget, kucoin = profile("BITGET", Product.LINEAR), profile("KUCOIN", Product.LINEAR)
    raw = {"marginCoin": "USDT", "accountEquity": "105", "unrealizedPL": "5"}
    told = {"info": [raw], "USDT": {"total": "105", "free": "90", "used": "15"}}
    (held,) = balance_rows(told, bitget)
    assert (held.total, held.free, held.locked) == (Decimal(100), Decimal(90), Decimal(10))
    pushed = {"currency": "USDT", "walletBalance": "100", "equity": "105"}
    told = {"info": pushed, "USDT": {"total": "91", "free": "90", "used": "1"}}
    (held,) = balance_rows(told, kucoin)
    assert (held.total, held.free) == (Decimal(100), Decimal(90))


def test_a_push_that_does_not_tell_the_wallet_is_refused() -> None:
    raw = {"marginCoin": "USDT", "equity": "105"}
    told = {"info": {"data": [raw]}, "USDT": {"total": "105", "free": "90", "used": "15"}}
    with pytest.raises(Unreadable, match="unrealizedPL must be a number"):
        balance_rows(told, profile("BITGET", Product.LINEAR))


def test_a_recorded_wallet_of_kucoin_is_read_by_its_own_key() -> None:
    row = profile("KUCOIN", Product.LINEAR)
    (sample,) = [s for s in samples(row) if s.method == "fetch_contract_balance"]
    raw = {**sample.payload["data"], "currency": "USDT", "unrealisedPNL": 3, "accountEquity": 8}
    payload = {**sample.payload, "data": {**raw, "marginBalance": 5}}
    told = asyncio.run(answered(row, payload, "fetch_balance"))
    assert [r.total for r in balance_rows(told, row)] == [Decimal(5)]


def test_a_rest_fill_of_each_product_of_bitget_is_exact() -> None:
    spot, linear = profile("BITGET", Product.SPOT), profile("BITGET", Product.LINEAR)
    (sold,) = rest(spot, "fetch_my_trades", 8245, "fetch_my_trades", "BTC/USDT")
    assert fill_row(sold, spot).fee == Decimal("0.005693536")
    (bought,) = rest(linear, "fetch_my_trades", 8307, "fetch_my_trades", "BTC/USDT:USDT")
    assert fill_row(bought, linear).quantity == Decimal("0.001")


def test_funding_is_told_with_its_next_time() -> None:
    row = profile("KUCOIN", Product.LINEAR)
    told = rest(row, "fetch_funding_rate", 9508, "fetch_funding_rate", "BTC/USDT:USDT")
    mark = mark_row(told, received_ns=_NOW_NS)
    assert mark.funding_rate == Decimal("-0.000032")
    assert mark.next_funding_ns == 1_776_700_800_000_000_000
    assert mark.mark is None
