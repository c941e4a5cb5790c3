"""Laws of the border: whatever a venue says, it is read right or refused, and nothing else."""

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccxt_nt.parsing import (
    Unreadable,
    balance_rows,
    bar_row,
    book_row,
    fill_row,
    mark_row,
    market_row,
    order_row,
    position_row,
    quote_row,
    trade_row,
)
from ccxt_nt.parsing.fields import decimal, nanoseconds
from ccxt_nt.values import OrderStatus, Product
from ccxt_nt.venues import profile
from tests.unit.ccxt_desk_fakes import market

# `Any` in this module: what is mutated is foreign JSON

_MS = 1_790_000_000_000
_SPOT, _LINEAR = Product.SPOT, Product.LINEAR
_UNIFIED: dict[str, Any] = {
    "id": "V1",
    "symbol": "BTC/USDT",
    "clientOrderId": "t-O-1",
    "side": "buy",
    "type": "limit",
    "price": "100.5",
    "amount": "2",
    "filled": "0.5",
    "remaining": "1.5",
    "average": "100.4",
    "status": "open",
    "timestamp": _MS,
    "lastUpdateTimestamp": _MS + 5,
    "triggerPrice": None,
    "timeInForce": "GTC",
}


def _order(info: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {**_UNIFIED, **changes, "info": info}


_BITGET = _order(
    {
        "instId": "BTCUSDT",
        "orderId": "V1",
        "clientOid": "O-1",
        "size": "2",
        "newSize": "2",
        "accBaseVolume": "0.5",
        "baseVolume": "0.2",
        "price": "100.5",
        "priceAvg": "100.4",
        "status": "partially_filled",
        "orderType": "limit",
        "side": "buy",
        "force": "gtc",
        "cTime": str(_MS),
        "uTime": str(_MS + 5),
    }
)
_KUCOIN = _order(
    {
        "id": "V1",
        "clientOid": "O-1",
        "size": "2",
        "dealSize": "0.5",
        "price": "100.5",
        "type": "limit",
        "isActive": True,
        "cancelExist": False,
        "postOnly": False,
        "createdAt": _MS,
    }
)
_GATE = _order(
    {
        "id": "V1",
        "text": "t-O-1",
        "amount": "2",
        "left": "1.5",
        "price": "100.5",
        "avg_deal_price": "100.4",
        "status": "open",
        "time_in_force": "gtc",
        "side": "buy",
        "update_time_ms": _MS + 5,
    }
)
_TRIGGER = _order(
    {
        "id": "V1",
        "put": {"type": "limit", "amount": "2", "price": "100.5", "time_in_force": "gtc"},
        "trigger": {"price": "99", "rule": "<=", "text": "t-O-1"},
        "status": "open",
        "fired_order_id": 0,
    },
    triggerPrice="99",
    side="sell",
)
_TRADE: dict[str, Any] = {
    "id": "1",
    "symbol": "BTC/USDT",
    "price": "1.5",
    "amount": "2",
    "side": "sell",
}
_TRADE |= {"timestamp": _MS, "order": "V1", "takerOrMaker": "maker", "info": {}}
_RAW_FILL = {"text": "t-O-1", "price": _TRADE["price"], "amount": _TRADE["amount"]}
_FILL = {**_TRADE, "fee": {"cost": "-0.01", "currency": "USDT"}, "info": _RAW_FILL}
_BOOK = {
    "symbol": "BTC/USDT",
    "bids": [[99.5, 1.0], [99.0, 2.0]],
    "asks": [[100.5, 1.0, 3], [101.0, 2.0]],
    "nonce": 7,
    "timestamp": _MS,
}
_TICKER: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "bid": "99",
    "ask": "100",
    "bidVolume": "1",
    "askVolume": "2",
}
_TICKER |= {"timestamp": _MS, "info": {}}
_MARK: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "markPrice": "99",
    "indexPrice": "98",
    "fundingRate": "-0.0001",
}
_MARK |= {"fundingTimestamp": _MS, "timestamp": _MS, "info": {}}
_POSITION: dict[str, Any] = {
    "symbol": "BTC/USDT:USDT",
    "contracts": "3",
    "side": "short",
    "entryPrice": "9",
}
_POSITION |= {"leverage": "5", "marginMode": "cross", "hedged": False, "timestamp": _MS}
_MARKET = {
    "id": "BTC_USDT",
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "spot": True,
    "active": True,
    "maker": "0.001",
    "taker": "0.002",
    "precision": {"price": "0.01", "amount": "0.0001"},
    "limits": {"amount": {"min": "0.0001", "max": None}, "cost": {"min": "3"}},
}
_BALANCE = {"info": {}, "USDT": {"total": "5", "free": "3", "used": "2"}, "timestamp": None}
_BAR = [_MS, "10", "12", "9", "11", "100.5"]

_SPEAKERS: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "bitget order": (_BITGET, lambda o: order_row(o, profile("BITGET", _SPOT))),
    "bitget swap order": (_BITGET, lambda o: order_row(o, profile("BITGET", _LINEAR))),
    "kucoin order": (_KUCOIN, lambda o: order_row(o, profile("KUCOIN", _SPOT))),
    "gate order": (_GATE, lambda o: order_row(o, profile("GATE", _SPOT))),
    "gate trigger": (_TRIGGER, lambda o: order_row(o, profile("GATE", _SPOT))),
    "unified order": (
        _order({}),
        lambda o: order_row(o, profile("kraken", _SPOT, allow_untested=True)),
    ),
    "trade": (_TRADE, trade_row),
    "fill": (_FILL, lambda t: fill_row(t, profile("GATE", _SPOT))),
    "book": (_BOOK, book_row),
    "quote": (_TICKER, quote_row),
    "mark": (_MARK, mark_row),
    "position": (_POSITION, position_row),
    "market": (_MARKET, lambda m: market_row(m, profile("GATE", _SPOT))),
    "balance": (_BALANCE, balance_rows),
    "wallet": (
        {
            "info": [{"marginCoin": "USDT", "unrealizedPL": "1"}],
            "USDT": {"total": "5", "free": "3"},
        },
        lambda b: balance_rows(b, profile("BITGET", _LINEAR)),
    ),
    "bar": (_BAR, lambda b: bar_row(b, market())),
}
_NOT_CURRENCIES = {"info", "free", "used", "total", "debt", "timestamp", "datetime"}  # ccxt's own
_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["NaN", "Infinity", "-1", "0", "1e400", "sNaN", "0x10", "１", " 7 ", "-0"]),
    st.sampled_from([[], {}, [[]], [None], {"info": []}, b"bytes"]),
)


@pytest.mark.parametrize("speaker", sorted(_SPEAKERS))
def test_what_is_sound_is_read(speaker: str) -> None:
    told, read = _SPEAKERS[speaker]
    assert read(told)


@pytest.mark.parametrize("speaker", sorted(_SPEAKERS))
@settings(max_examples=settings().max_examples // 4)  # for each of many speakers
@given(st.data())
def test_what_is_broken_is_refused_or_still_sound(speaker: str, data: st.DataObject) -> None:
    told, read = _SPEAKERS[speaker]
    broken = copy.deepcopy(told)
    for _ in range(data.draw(st.integers(min_value=1, max_value=3))):
        _break(broken, data)
    try:
        row = read(broken)
    except Unreadable:
        return
    _check(row)


@settings(max_examples=settings().max_examples // 4)
@given(st.recursive(_JUNK, lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3)))
def test_nonsense_is_refused(nonsense: object) -> None:
    for speaker, (_, read) in _SPEAKERS.items():
        if (
            speaker in ("balance", "wallet")
            and isinstance(nonsense, dict)
            and set(nonsense) <= _NOT_CURRENCIES
        ):
            continue  # an account without any currency is an account
        with pytest.raises(Unreadable):
            read(nonsense)


def _break(told: Any, data: st.DataObject) -> None:
    """Put junk into, or take away, one place at any depth."""
    place = told
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        deeper = isinstance(place[key], dict | list) and bool(place[key])
        if deeper and data.draw(st.booleans()):
            place = place[key]
            continue
        if data.draw(st.booleans()):
            place[key] = copy.deepcopy(data.draw(_JUNK))
        else:
            del place[key]
        return


def _check(row: object) -> None:
    """Whatever was read is finite, and what cannot be negative is not."""
    if isinstance(row, tuple):
        for item in row:
            _check(item)
    elif isinstance(row, Decimal):
        assert row.is_finite()
    elif is_dataclass(row):
        for field in fields(row):
            value = getattr(row, field.name)
            _check(value)
            if isinstance(value, Decimal) and field.name in ("price", "filled", "quantity", "tick"):
                assert value >= 0 or type(row).__name__ == "PositionRow"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_a_number_written_out_comes_back_exactly(number: Decimal) -> None:
    written = f"{number:f}"
    if len(written.partition(".")[2]) <= 40:
        assert decimal(written, "n") == number


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_a_float_is_read_by_its_shortest_spelling(number: float) -> None:
    assert float(decimal(number, "n")) == number


@given(st.integers(min_value=10**12, max_value=4 * 10**12))
def test_a_time_is_the_same_in_every_unit(ms: int) -> None:
    told = {nanoseconds(unit, "t") for unit in (ms, ms * 10**3, ms * 10**6, str(ms), float(ms))}
    assert told == {ms * 10**6}


@given(st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=4))
def test_bitgets_pushed_sum_is_the_sum_and_not_the_last_fill(parts: list[int]) -> None:
    total, quantity = Decimal(0), Decimal(sum(parts))
    for part in parts:
        total += part
        info = {
            **_BITGET["info"],
            "size": str(quantity),
            "newSize": str(quantity),
            "accBaseVolume": str(total),
            "baseVolume": str(part),
            "status": "filled" if total == quantity else "partially_filled",
        }
        for product in Product:
            row = order_row(_order(info, filled=str(part)), profile("BITGET", product))
            assert row.filled == total
            assert (row.status is OrderStatus.FILLED) is (total == quantity)
