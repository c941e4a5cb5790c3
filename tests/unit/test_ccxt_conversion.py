"""Rows into the engine's types, exactly or not at all."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import BarType, BookType, CryptoPerpetual, CurrencyPair, OrderBook, Venue

from ccxt_nt import conversion
from ccxt_nt.errors import Unsupported
from ccxt_nt.health import HealthReport
from ccxt_nt.market import book_conversion
from ccxt_nt.market.books import Act, BookKeeper, BookUpdate, Change
from ccxt_nt.market.timeframes import timeframe_of
from ccxt_nt.values import (
    BarRow,
    BookRow,
    Health,
    MarketRow,
    MarkRow,
    Product,
    QuoteRow,
    Side,
    TradeRow,
)

VENUE = Venue("GATE")
SPOT = MarketRow(
    symbol="BTC/USDT",
    native_id="BTC_USDT",
    base="BTC",
    quote="USDT",
    settle=None,
    product=Product.SPOT,
    contract_size=Decimal(1),
    tick=Decimal("0.1"),
    lot=Decimal("0.0001"),
    min_quantity=Decimal("0.001"),
    max_quantity=None,
    min_notional=Decimal(5),
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    active=True,
)
PERP = replace(
    SPOT,
    symbol="BTC/USDT:USDT",
    settle="USDT",
    product=Product.LINEAR,
    contract_size=Decimal("0.0001"),
    lot=Decimal(1),
    min_quantity=Decimal(1),
)
PAIR = conversion.instrument(SPOT, VENUE, ts_init=1)
SWAP = conversion.instrument(PERP, VENUE, ts_init=1)


def test_spot_is_a_currency_pair_with_the_exact_steps() -> None:
    assert isinstance(PAIR, CurrencyPair)
    assert str(PAIR.id) == "BTCUSDT.GATE"
    assert PAIR.raw_symbol.value == "BTC_USDT"
    assert (str(PAIR.price_increment), str(PAIR.size_increment)) == ("0.1", "0.0001")
    assert str(PAIR.min_quantity) == "0.001"
    assert str(PAIR.min_notional) == "5.00000000 USDT"


def test_a_perpetual_counts_contracts_and_knows_their_size() -> None:
    assert isinstance(SWAP, CryptoPerpetual)
    assert str(SWAP.id) == "BTCUSDT-PERP.GATE"
    assert (str(SWAP.multiplier), SWAP.size_precision) == ("0.0001", 0)
    notional = SWAP.notional_value(conversion.quantity(Decimal(10), 0), price("50000"))
    assert notional.as_decimal() == Decimal(50)


def price(text: str) -> Any:
    return conversion.price(Decimal(text), 1)


@pytest.mark.parametrize("tick", ["1E-12", "0.5", "100", "0.00000001"])
def test_ticks_of_any_size_keep_their_value(tick: str) -> None:
    made = conversion.instrument(replace(SPOT, tick=Decimal(tick)), VENUE, ts_init=1)
    assert made.price_increment.as_decimal() == Decimal(tick)


def test_a_largest_quantity_beyond_the_engines_range_is_clipped_not_fatal() -> None:
    made = conversion.instrument(replace(SPOT, max_quantity=Decimal("9E15")), VENUE, ts_init=1)
    assert made.max_quantity is not None
    assert made.max_quantity.as_decimal() == Decimal(10) ** 13


def test_a_smallest_quantity_of_nothing_is_none() -> None:
    made = conversion.instrument(replace(SPOT, min_quantity=Decimal(0)), VENUE, ts_init=1)
    assert made.min_quantity is None


@given(st.decimals("0.1", "1000000", places=1), st.decimals("0.0001", "1000", places=4))
def test_a_trade_keeps_price_and_quantity_to_the_last_digit(price: Decimal, size: Decimal) -> None:
    row = trade_row(price=price, quantity=size)
    made = conversion.trade(row, PAIR, ts_init=9)
    assert (made.price.as_decimal(), made.size.as_decimal()) == (price, size)
    assert (made.trade_id.value, made.ts_event, made.ts_init) == ("77", 5, 9)


def trade_row(**fields: Any) -> TradeRow:
    return TradeRow(
        **{
            "symbol": "BTC/USDT",
            "trade_id": "77",
            "price": Decimal(100),
            "quantity": Decimal(1),
            "side": Side.SELL,
            "ts_event": 5,
            **fields,
        }
    )


def test_the_takers_side_is_the_aggressors() -> None:
    sides = {
        side: conversion.trade(trade_row(side=side), PAIR, ts_init=9).aggressor_side.name
        for side in Side
    }
    assert sides == {Side.BUY: "BUY", Side.SELL: "SELL"}


def test_a_price_between_two_ticks_is_refused_not_rounded() -> None:
    with pytest.raises(ValueError, match=r"price 100\.05 has more than 1 decimals"):
        conversion.trade(trade_row(price=Decimal("100.05")), PAIR, ts_init=9)
    with pytest.raises(ValueError, match=r"quantity 0\.00001 has more than 4 decimals"):
        conversion.trade(trade_row(quantity=Decimal("0.00001")), PAIR, ts_init=9)


def test_a_crossed_quote_is_refused() -> None:
    row = QuoteRow(
        symbol="BTC/USDT",
        bid=Decimal(101),
        ask=Decimal(101),
        bid_quantity=Decimal(1),
        ask_quantity=Decimal(1),
        ts_event=5,
    )
    with pytest.raises(ValueError, match="crossed: bid 101, ask 101"):
        conversion.quote(row, PAIR, ts_init=9)
    made = conversion.quote(replace(row, bid=Decimal(100)), PAIR, ts_init=9)
    assert (str(made.bid_price), str(made.ask_price)) == ("100.0", "101.0")


def test_a_bar_is_stamped_at_its_close_and_counts_base_currency() -> None:
    row = BarRow(
        symbol="BTC/USDT:USDT",
        open_ns=60,
        open=Decimal(1),
        high=Decimal(3),
        low=Decimal(1),
        close=Decimal(2),
        volume=Decimal("1.2345"),
    )
    kind = BarType.from_str("BTCUSDT-PERP.GATE-1-MINUTE-LAST-EXTERNAL")
    made = conversion.bar(row, kind, SWAP, interval_ns=60, ts_init=200)
    assert (made.ts_event, made.ts_init) == (120, 200)
    assert made.volume.as_decimal() == Decimal("1.2345")


def book_row(*, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> BookRow:
    return BookRow(
        symbol="BTC/USDT",
        bids=tuple((Decimal(p), Decimal(q)) for p, q in bids),
        asks=tuple((Decimal(p), Decimal(q)) for p, q in asks),
        sequence=4,
        ts_event=5,
    )


ROWS = [
    book_row(bids=[(99, 1), (98, 2)], asks=[(101, 1), (102, 2)]),
    book_row(bids=[(100, 3), (98, 2)], asks=[(101, 5), (103, 2)]),
    book_row(bids=[], asks=[(101, 5)]),
    book_row(bids=[], asks=[]),
]


def test_the_engines_book_follows_our_deltas() -> None:
    keeper: BookKeeper[Decimal] = BookKeeper(10)
    engine = OrderBook(PAIR.id, BookType.L2_MBP)
    for row in ROWS:
        update = keeper.absorb(row)
        assert update is not None
        made = book_conversion.deltas(update, PAIR, ts_init=9)
        engine.apply_deltas(made)
        flags = [delta.flags & 128 for delta in made.deltas]
        assert flags == [0] * (len(flags) - 1) + [128]  # F_LAST on the last one only
        assert engine.bids_to_dict() == dict(row.bids)
        assert engine.asks_to_dict() == dict(row.asks)


def test_a_snapshot_clears_first_even_where_nothing_follows() -> None:
    nothing: tuple[Change[Decimal], ...] = ()
    empty = BookUpdate(is_snapshot=True, changes=nothing, sequence=1, ts_event=5)
    made = book_conversion.deltas(empty, PAIR, ts_init=9)
    assert [delta.is_clear for delta in made.deltas] == [True]
    assert made.is_snapshot
    full = replace(empty, changes=(Change(Act.ADD, Side.BUY, Decimal(1), Decimal(1)),))
    assert [d.is_clear for d in book_conversion.deltas(full, PAIR, ts_init=9).deltas] == [
        True,
        False,
    ]


def test_a_whole_book_becomes_depth_and_an_order_book() -> None:
    depth = book_conversion.depth(ROWS[0], PAIR, sequence=3, ts_init=9)
    assert [str(order.price) for order in depth.bids] == ["99.0", "98.0"]
    book = book_conversion.book(ROWS[0], PAIR, depth=1, ts_init=9)
    assert book.bids_to_dict() == {Decimal(99): Decimal(1)}


def test_marks_that_are_not_told_are_not_made_up() -> None:
    nothing = MarkRow(
        symbol="BTC/USDT:USDT",
        mark=None,
        index=None,
        funding_rate=None,
        next_funding_ns=None,
        ts_event=5,
    )
    assert conversion.mark_price(nothing, SWAP, ts_init=9) is None
    assert conversion.index_price(nothing, SWAP, ts_init=9) is None
    assert conversion.funding_rate(nothing, SWAP, ts_init=9) is None
    row = replace(
        nothing, mark=Decimal("1.23456"), index=Decimal(2), funding_rate=Decimal("-0.0001")
    )
    mark = conversion.mark_price(row, SWAP, ts_init=9)
    funding = conversion.funding_rate(row, SWAP, ts_init=9, interval_mins=480)
    assert mark is not None
    assert str(mark.value) == "1.23456"
    assert funding is not None
    assert (funding.rate, funding.interval) == (Decimal("-0.0001"), 480)


def test_health_comes_as_data_of_its_venue() -> None:
    report = HealthReport(health=Health.BLIND, reasons=("orders: lost",))
    made = conversion.health_data(report, venue="GATE", source="execution", now_ns=7)
    assert made.data_type.topic == conversion.health_type("GATE").topic
    assert made.data.health is Health.BLIND
    assert made.ts_event == 7


def bar_type(words: str) -> BarType:
    return BarType.from_str(f"BTCUSDT.GATE-{words}")


@pytest.mark.parametrize(
    ("words", "timeframe"),
    [
        ("1-MINUTE-LAST-EXTERNAL", "1m"),
        ("15-MINUTE-LAST-EXTERNAL", "15m"),
        ("1-HOUR-LAST-EXTERNAL", "1h"),
        ("4-HOUR-LAST-EXTERNAL", "4h"),
        ("1-DAY-LAST-EXTERNAL", "1d"),
    ],
)
def test_bar_types_find_their_timeframe(words: str, timeframe: str) -> None:
    offered = {"1m", "15m", "1h", "4h", "1d"}
    assert timeframe_of(bar_type(words), offered, {}) == timeframe
    assert timeframe_of(bar_type(words), offered, {timeframe: "X"}) == "X"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("1-MINUTE-LAST-INTERNAL", "are built by the engine"),
        ("1-MINUTE-BID-EXTERNAL", "are not of last prices"),
        ("100-TICK-LAST-EXTERNAL", "are not of seconds to weeks"),
        ("3-MINUTE-LAST-EXTERNAL", "the venue has no timeframe 3m"),
    ],
)
def test_bars_that_the_venue_does_not_have_are_refused_with_the_reason(
    words: str, says: str
) -> None:
    with pytest.raises(Unsupported, match=says):
        timeframe_of(bar_type(words), {"1m"}, {})
