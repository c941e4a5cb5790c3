"""The local exchange by example: events, candles, marks, time, and the record of it all."""

import pytest

from tests.unit.venue_cases import BTC, BTCP, SPOT, START_MS, D, exchange, limit, refusal
from tests.venue.assembly import Shape
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.model import (
    BalanceChanged,
    BookChanged,
    CandleChanged,
    Event,
    MarkChanged,
    OrderChanged,
    PositionChanged,
    Side,
    Status,
    Traded,
)
from tests.venue.truth import Deed


def test_events_come_in_the_order_of_happening() -> None:
    made = exchange()
    heard: list[Event] = []
    made.listen(heard.append, kinds=(OrderChanged, BalanceChanged, PositionChanged, BookChanged))
    made.place(limit(Side.BUY, "10", "99", symbol=BTCP))
    made.tick(BTCP, D(99), D(10), Side.SELL)
    assert [type(event) for event in heard] == [
        OrderChanged,  # open
        BalanceChanged,  # margin held
        BookChanged,
        OrderChanged,  # filled
        PositionChanged,
        BalanceChanged,
        BookChanged,
    ]
    last = heard[3]
    assert isinstance(last, OrderChanged)
    assert last.order.status is Status.FILLED
    assert last.fill is not None


def test_events_are_copies_that_later_changes_do_not_touch() -> None:
    made = exchange()
    heard: list[OrderChanged] = []
    made.listen(lambda e: heard.append(e) if isinstance(e, OrderChanged) else None)
    order = made.place(limit(Side.BUY, "1", "99"))
    made.tick(BTC, D(99), D(1), Side.SELL)
    assert [event.order.status for event in heard] == [Status.OPEN, Status.FILLED]
    assert order.status is Status.OPEN
    assert order.fees == {}


def test_a_listener_may_act_and_hears_its_own_doing_afterwards() -> None:
    made = exchange()
    told: list[str] = []

    def react(event: Event) -> None:
        if isinstance(event, OrderChanged) and len(made.orders()) == 1:
            made.place(limit(Side.BUY, "1", "80"))

    def hear(event: Event) -> None:
        if isinstance(event, OrderChanged):
            told.append(event.order.order_id)

    made.listen(react)
    made.listen(hear)
    first = made.place(limit(Side.BUY, "1", "90"))
    assert told == [first.order_id, made.orders()[-1].order_id]


def test_truth_counts_every_request_and_writes_down_every_deed() -> None:
    made = exchange()
    ask = limit(Side.BUY, "1", "90", client_id="a")
    order = made.place(ask)
    refusal(made, ask)
    made.cancel(order.order_id)
    assert made.truth.requests["a"] == 2
    assert made.truth.accepted["a"] == 1
    deeds = [entry.deed for entry in made.truth.entries]
    assert deeds == [Deed.PLACED, Deed.REFUSED, Deed.CANCELED]


def test_candles_open_on_their_interval_and_close_when_their_time_is_over() -> None:
    made = exchange()
    heard: list[CandleChanged] = []
    made.listen(lambda e: heard.append(e) if isinstance(e, CandleChanged) else None)
    minute = START_MS // 60_000 * 60_000
    made.tick(BTC, D(103), D(2), Side.BUY)
    made.tick(BTC, D(98), D(1), Side.SELL)
    running = [e for e in heard if e.interval_ms == 60_000][-1]
    assert not running.closed
    made.clock.turn(minute + 60_000 - made.clock.now_ms())
    made.roll()
    made.roll()
    closed = [e for e in heard if e.interval_ms == 60_000 and e.closed and e.symbol == BTC]
    assert [e.candle for e in closed] == [running.candle]
    candle = closed[0].candle
    assert (candle.open, candle.high, candle.low, candle.close) == (D(100), D(103), D(98), D(98))
    assert (candle.open_ms, candle.volume, candle.turnover) == (minute, D(4), D(404))
    made.tick(BTC, D(99), D(1), Side.BUY)
    assert [c.open_ms for c in made.candles(BTC, 60_000)] == [minute, minute + 60_000]


def test_weekly_candles_open_on_mondays() -> None:
    made = exchange()
    (week,) = made.candles(BTC, 7 * 86_400_000)
    assert (week.open_ms // 86_400_000 + 3) % 7 == 0  # day 0 of the epoch was a Thursday


def test_an_interval_that_nobody_has_is_named() -> None:
    with pytest.raises(ValueError, match=r"interval_ms must be one of .* was 7"):
        exchange().candles(BTC, 7)


def test_candles_can_be_told_less_often_and_are_told_at_last() -> None:
    clock = VenueClock(start_ms=START_MS, speed=0)
    made = Exchange(
        (SPOT,),
        Shape(candle_push_ms=500, told_intervals_ms=(60_000,)),
        clock=clock,
        balances={},
    )
    heard: list[Event] = []
    made.listen(heard.append, kinds=(CandleChanged,))
    for price in (100, 101, 102):
        made.tick(BTC, D(price), D(1), Side.BUY)
    assert len(heard) == 1
    made.roll()
    assert len(heard) == 2
    made.roll()
    assert len(heard) == 2
    last = heard[-1]
    assert isinstance(last, CandleChanged)
    assert last.candle.close == 102


def test_mark_and_index_follow_the_last_price_with_a_lag() -> None:
    made = exchange()
    heard: list[Event] = []
    made.listen(heard.append, kinds=(MarkChanged,))
    made.tick(BTCP, D(108), D(1), Side.BUY)
    assert (made.index(BTCP), made.mark(BTCP)) == (D(101), D("104.5"))
    assert len(heard) == 1


def test_market_time_never_runs_back() -> None:
    made = exchange()
    made.clock.skew_ms = 5_000
    ahead = made.tick(BTC, D(100), D(1), Side.BUY)
    made.clock.skew_ms = 0
    assert made.tick(BTC, D(100), D(1), Side.BUY).ts_ms == ahead.ts_ms == START_MS + 5_000


def test_the_books_sequence_goes_on_where_nobody_listens() -> None:
    made = exchange()
    before = made.book(BTC).sequence
    made.tick(BTC, D(101), D(1), Side.BUY)
    made.place(limit(Side.BUY, "1", "90"))
    assert made.book(BTC).sequence == before + 2


def test_only_the_kinds_listened_to_are_heard() -> None:
    made = exchange()
    heard: list[Event] = []
    made.listen(heard.append, kinds=(Traded,))
    made.tick(BTC, D(101), D(1), Side.BUY)
    assert [type(event) for event in heard] == [Traded]


@pytest.mark.parametrize(
    ("price", "quantity", "says"),
    [("100.05", "1", "multiple of 0.1, was 100.05"), ("0", "1", "was 0"), ("100", "0", "was 0")],
)
def test_an_impossible_public_trade_is_named(price: str, quantity: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        exchange().tick(BTC, D(price), D(quantity), Side.BUY)


def test_a_shape_cannot_be_wrong() -> None:
    with pytest.raises(ValueError, match="book_levels must be 1 or more, was 0"):
        Shape(book_levels=0)
    with pytest.raises(ValueError, match="told_intervals_ms must be among"):
        Shape(told_intervals_ms=(7,))
