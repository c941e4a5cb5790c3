"""The local exchange by example: how it matches, holds, triggers and refuses."""

import pytest

from tests.unit.venue_cases import (
    BTC,
    BTCP,
    SPOT,
    START_MS,
    D,
    exchange,
    falling,
    limit,
    market,
    refusal,
    status,
)
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.model import Ask, Force, Kind, Product, Refusal, Refused, Side, Status

# ---- matching ----


def test_a_market_buy_walks_the_asks_and_averages_their_prices() -> None:
    made = exchange()
    asks = made.book(BTC).asks
    quantity = asks[0].quantity + D("0.5")
    order = made.place(market(Side.BUY, str(quantity)))
    assert order.status is Status.FILLED
    assert [(f.price, f.quantity) for f in made.fills()] == [
        (asks[0].price, asks[0].quantity),
        (asks[1].price, D("0.5")),
    ]
    assert order.cost == asks[0].price * asks[0].quantity + asks[1].price * D("0.5")
    assert order.average == order.cost / quantity


def test_a_taker_leaves_a_hole_that_the_next_public_trade_fills() -> None:
    made = exchange()
    best = made.book(BTC).asks[0]
    made.place(market(Side.BUY, str(best.quantity)))
    assert made.book(BTC).asks[0].price > best.price
    made.tick(BTC, D(100), D(1), Side.BUY)
    assert made.book(BTC).asks[0].price == D(100)


def test_a_takers_trades_are_on_the_tape_under_the_ids_of_its_fills() -> None:
    made = exchange()
    made.place(market(Side.SELL, "0.5"))
    (fill,) = made.fills()
    last = made.trades(BTC)[-1]
    assert (last.trade_id, last.price, last.quantity, last.side) == (
        fill.trade_id,
        fill.price,
        fill.quantity,
        Side.SELL,
    )


def test_a_trade_at_a_resting_orders_price_fills_at_most_what_was_traded() -> None:
    made = exchange()
    first = made.place(limit(Side.BUY, "1", "99"))
    second = made.place(limit(Side.BUY, "1", "99"))
    made.tick(BTC, D(99), D("1.25"), Side.SELL)
    assert [(f.order_id, f.quantity, f.price, f.maker) for f in made.fills()] == [
        (first.order_id, D(1), D(99), True),
        (second.order_id, D("0.25"), D(99), True),
    ]
    assert status(made, second.order_id) is Status.OPEN


def test_a_trade_through_a_resting_order_fills_all_of_it_at_its_own_price() -> None:
    made = exchange()
    order = made.place(limit(Side.BUY, "3", "99"))
    made.tick(BTC, D("98.9"), D("0.001"), Side.SELL)
    assert status(made, order.order_id) is Status.FILLED
    assert [(f.price, f.quantity) for f in made.fills()] == [(D(99), D(3))]


def test_the_clients_orders_are_part_of_the_visible_book() -> None:
    made = exchange()
    made.place(limit(Side.BUY, "7", "99.5"))
    levels = {level.price: level.quantity for level in made.book(BTC).bids}
    assert levels[D("99.5")] == D(7)


def test_a_client_that_meets_its_own_order_trades_with_it() -> None:
    made = exchange()
    best = made.book(BTC).asks[0]
    made.place(market(Side.BUY, str(best.quantity)))  # so that nothing is better than 100.1
    resting = made.place(limit(Side.SELL, "0.4", "100.1"))
    taking = made.place(limit(Side.BUY, "0.4", "100.1"))
    assert {status(made, o.order_id) for o in (resting, taking)} == {Status.FILLED}
    maker, taker = made.fills()[-2:]
    assert (maker.maker, taker.maker) == (True, False)
    assert maker.trade_id != taker.trade_id


def test_a_taker_fills_at_the_prices_that_the_book_shows() -> None:
    made = exchange()
    made.place(limit(Side.BUY, "3", "99"))
    made.tick(BTC, D(99), D(1), Side.BUY)  # a touch that leaves the client's bid at the trade
    book = made.book(BTC)
    assert book.bids[0].price == 99 < book.asks[0].price
    made.place(market(Side.BUY, "0.1"))
    assert made.fills()[-1].price == book.asks[0].price


@pytest.mark.parametrize("kept", [0, 2])
def test_an_own_order_that_shrank_while_it_was_being_met_fills_no_more_than_is_left(
    kept: int,
) -> None:
    made = exchange()
    made.tick(BTCP, D(100), D(1), Side.SELL)  # best ask 100.1, the next 101
    held = made.book(BTCP).asks[0].quantity
    made.place(market(Side.BUY, str(held), symbol=BTCP))
    first, second = (
        made.place(limit(Side.SELL, str(quantity), price, symbol=BTCP, reduce_only=True))
        for quantity, price in ((held - kept, "100.2"), (held, "100.3"))
    )
    made.place(limit(Side.BUY, str(2 * held), "100.3", symbol=BTCP))
    assert sum(f.quantity for f in made.fills(order_id=first.order_id)) == held - kept
    assert sum(f.quantity for f in made.fills(order_id=second.order_id)) == kept


def test_a_market_buy_by_cost_spends_at_most_its_cost() -> None:
    made = exchange()
    order = made.place(Ask(symbol=BTC, side=Side.BUY, kind=Kind.MARKET, cost=D("250.07")))
    assert order.status is Status.FILLED
    assert order.quantity is None
    assert D("249.9") < order.cost <= D("250.07")


def test_an_immediate_or_cancel_order_takes_what_there_is_and_goes() -> None:
    made = exchange()
    best = made.book(BTC).asks[0]
    order = made.place(limit(Side.BUY, str(best.quantity + 5), "100", force=Force.IOC))
    assert (order.status, order.cancel_reason) == (Status.CANCELED, "ioc")
    assert order.filled == best.quantity


def test_a_fill_or_kill_order_fills_wholly_or_is_refused() -> None:
    made = exchange()
    best = made.book(BTC).asks[0]
    too_much = limit(Side.BUY, str(best.quantity + 1), "100", force=Force.FOK)
    assert refusal(made, too_much) is Refusal.NOT_FILLABLE
    killed = exchange(fok_cancels=True).place(too_much)
    assert (killed.status, killed.cancel_reason) == (Status.CANCELED, "fok")
    order = made.place(limit(Side.BUY, str(best.quantity), "100", force=Force.FOK))
    assert order.status is Status.FILLED


def test_a_taking_post_only_order_is_refused_or_cancelled_as_the_venue_has_it() -> None:
    taking = limit(Side.BUY, "1", "100", force=Force.POST_ONLY)
    assert refusal(exchange(), taking) is Refusal.WOULD_TAKE
    order = exchange(post_only_cancels=True).place(taking)
    assert (order.status, order.cancel_reason) == (Status.CANCELED, "post_only")
    assert order.filled == 0


# ---- triggers ----


def test_a_fired_trigger_becomes_another_order_with_its_client_id() -> None:
    made = exchange()
    waiting = made.place(market(Side.SELL, "1", trigger=falling("95"), client_id="stop"))
    assert waiting.status is Status.WAITING
    made.tick(BTC, D("95.1"), D(1), Side.SELL)
    assert status(made, waiting.order_id) is Status.WAITING
    made.tick(BTC, D(95), D(1), Side.SELL)
    parent = made.order(order_id=waiting.order_id)
    child = made.order(client_id="stop")
    assert parent is not None
    assert child is not None
    assert (parent.status, parent.fired_as) == (Status.FIRED, child.order_id)
    assert (child.status, child.fired_from) == (Status.FILLED, parent.order_id)


def test_a_trigger_that_fires_in_place_keeps_its_id() -> None:
    made = exchange(fires_in_place=True)
    order = made.place(limit(Side.SELL, "1", "96", trigger=falling("95")))
    made.tick(BTC, D(95), D(1), Side.SELL)
    assert status(made, order.order_id) is Status.OPEN
    assert [o.order_id for o in made.orders(open_only=True, triggers=False)] == [order.order_id]
    assert made.orders(open_only=True, triggers=True) == []


def test_a_trigger_whose_order_cannot_be_carried_fails() -> None:
    made = exchange()
    stop = made.place(market(Side.SELL, "3", symbol=BTCP, reduce_only=True, trigger=falling("95")))
    made.tick(BTCP, D(95), D(1), Side.SELL)
    failed = made.order(order_id=stop.order_id)
    assert failed is not None
    assert failed.status is Status.FAILED
    assert failed.cancel_reason == Refusal.REDUCE_ONLY.value


def test_one_stop_can_push_the_price_into_the_next() -> None:
    made = exchange()
    first = made.place(market(Side.SELL, "4000", symbol=BTCP, trigger=falling("99.5")))
    second = made.place(market(Side.SELL, "10", symbol=BTCP, trigger=falling("98")))
    made.tick(BTCP, D("99.5"), D(1), Side.SELL)
    assert status(made, first.order_id) is Status.FIRED
    assert status(made, second.order_id) is Status.FIRED
    fired_from = {o.order_id: o.fired_from for o in made.orders(triggers=False)}
    sources = [fired_from[fill.order_id] for fill in made.fills()]
    assert sources == [first.order_id] * (len(sources) - 1) + [second.order_id]


def test_a_trigger_price_already_passed_is_refused() -> None:
    made = exchange()
    passed = market(Side.SELL, "1", trigger=falling("100"))
    assert refusal(made, passed) is Refusal.BAD_TRIGGER


# ---- amending and cancelling ----


def test_an_amended_order_keeps_its_id_and_moves_its_hold() -> None:
    made = exchange()
    order = made.place(limit(Side.BUY, "2", "90"))
    amended = made.amend(order.order_id, quantity=D(3), price=D(95))
    assert (amended.order_id, amended.quantity, amended.price) == (order.order_id, D(3), D(95))
    assert made.balances(Product.SPOT)["USDT"].held == 285 * (1 + SPOT.taker_fee)


def test_an_amended_orders_own_hold_counts_as_free() -> None:
    made = exchange()
    order = made.place(limit(Side.SELL, "9", "110"))
    assert made.amend(order.order_id, quantity=D(10)).quantity == 10
    with pytest.raises(Refused, match="insufficient balance"):
        made.amend(order.order_id, quantity=D("10.001"))


def test_an_order_amended_across_the_book_takes() -> None:
    made = exchange()
    order = made.place(limit(Side.BUY, "0.5", "90"))
    assert made.amend(order.order_id, price=D(101)).status is Status.FILLED


def test_amending_below_what_is_filled_is_refused() -> None:
    made = exchange()
    order = made.place(limit(Side.BUY, "2", "99"))
    made.tick(BTC, D(99), D(1), Side.SELL)
    with pytest.raises(Refused, match="above 1"):
        made.amend(order.order_id, quantity=D(1))


def test_a_waiting_trigger_can_be_amended() -> None:
    made = exchange()
    stop = made.place(market(Side.SELL, "1", trigger=falling("90")))
    made.amend(stop.order_id, trigger_price=D(95))
    made.tick(BTC, D(95), D(1), Side.SELL)
    assert status(made, stop.order_id) is Status.FIRED


def test_closed_and_unknown_orders_cannot_be_cancelled() -> None:
    made = exchange()
    order = made.place(limit(Side.BUY, "1", "90"))
    assert made.cancel(order.order_id).cancel_reason == "client"
    for order_id, why in ((order.order_id, Refusal.ORDER_CLOSED), ("7", Refusal.UNKNOWN_ORDER)):
        with pytest.raises(Refused) as caught:
            made.cancel(order_id)
        assert caught.value.refusal is why


# ---- refusals ----


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (limit(Side.BUY, "1", "99", symbol="DOGE/USDT"), Refusal.UNKNOWN_SYMBOL),
        (limit(Side.BUY, "0.001", "99"), Refusal.BELOW_MINIMUM),
        (limit(Side.BUY, "0.002", "99"), Refusal.BELOW_MINIMUM),
        (limit(Side.BUY, "0.0025", "99"), Refusal.BAD_PRECISION),
        (limit(Side.BUY, "1", "99.05"), Refusal.BAD_PRECISION),
        (limit(Side.BUY, "1", "0"), Refusal.BAD_PRICE),
        (limit(Side.BUY, "NaN", "99"), Refusal.BELOW_MINIMUM),
        (limit(Side.BUY, "1", "Infinity"), Refusal.BAD_PRICE),
        (limit(Side.SELL, "1", "99", reduce_only=True), Refusal.BAD_REQUEST),
        (Ask(symbol=BTC, side=Side.BUY, kind=Kind.LIMIT, quantity=D(1)), Refusal.BAD_PRICE),
        (Ask(symbol=BTC, side=Side.BUY, kind=Kind.MARKET), Refusal.BAD_REQUEST),
        (Ask(symbol=BTC, side=Side.SELL, kind=Kind.MARKET, cost=D(9)), Refusal.BAD_REQUEST),
        (Ask(symbol=BTCP, side=Side.BUY, kind=Kind.MARKET, cost=D(9)), Refusal.BAD_REQUEST),
        (Ask(symbol=BTC, side=Side.BUY, kind=Kind.MARKET, cost=D("0.05")), Refusal.BELOW_MINIMUM),
    ],
)
def test_a_bad_order_is_refused_for_its_own_reason(ask: Ask, why: Refusal) -> None:
    assert refusal(exchange(), ask) is why


def test_hedge_mode_is_refused() -> None:
    made = exchange()
    made.hedged = True
    assert refusal(made, market(Side.BUY, "1", symbol=BTCP)) is Refusal.BAD_REQUEST


def test_client_ids_are_unique_ever_or_among_open_orders() -> None:
    ask = limit(Side.BUY, "1", "90", client_id="a")
    for option in (True, False):
        made = exchange(unique_client_ids=option)
        first = made.place(ask)
        assert refusal(made, ask) is Refusal.DUPLICATE_CLIENT_ID
        made.cancel(first.order_id)
        if option:
            assert refusal(made, ask) is Refusal.DUPLICATE_CLIENT_ID
        else:
            assert made.place(ask).status is Status.OPEN


def test_a_market_without_a_price_takes_no_market_order() -> None:
    made = Exchange(
        (SPOT,),
        clock=VenueClock(start_ms=START_MS, speed=0),
        balances={Product.SPOT: {"USDT": D(1000)}},
    )
    assert made.book(BTC).bids == ()
    assert refusal(made, market(Side.BUY, "1")) is Refusal.BAD_REQUEST
    assert made.place(limit(Side.BUY, "1", "90")).status is Status.OPEN
    made.tick(BTC, D(90), D(5), Side.SELL)
    assert [fill.quantity for fill in made.fills()] == [1]
