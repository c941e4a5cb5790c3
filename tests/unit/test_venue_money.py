"""The local exchange by example: fees, holds, margin, positions, funding, reduce-only."""

import pytest

from tests.unit.venue_cases import (
    BTCP,
    PERP,
    SPOT,
    START_MS,
    D,
    exchange,
    limit,
    market,
    refusal,
)
from tests.venue.model import Product, Refusal, Refused, Side, Status


def test_spot_fees_are_paid_in_quote_or_in_the_coin_received() -> None:
    for option, coin in ((False, "USDT"), (True, "BTC")):
        made = exchange(fee_in_received=option)
        made.place(market(Side.BUY, "0.5"))
        made.place(market(Side.SELL, "0.5"))
        bought, sold = made.fills()
        assert (bought.fee_coin, sold.fee_coin) == (coin, "USDT")
        paid = bought.quantity if option else bought.quantity * bought.price
        assert bought.fee == paid * SPOT.taker_fee


def test_a_resting_buy_holds_its_cost_and_fee_until_it_is_cancelled() -> None:
    made = exchange()
    order = made.place(limit(Side.BUY, "2", "90"))
    assert made.balances(Product.SPOT)["USDT"].held == 180 * (1 + SPOT.taker_fee)
    made.cancel(order.order_id)
    assert made.balances(Product.SPOT)["USDT"].held == 0


def test_an_order_that_the_wallet_cannot_pay_is_refused() -> None:
    made = exchange()
    assert refusal(made, limit(Side.BUY, "200", "90")) is Refusal.INSUFFICIENT_BALANCE
    assert refusal(made, limit(Side.SELL, "10.001", "110")) is Refusal.INSUFFICIENT_BALANCE
    made.place(limit(Side.SELL, "6", "110"))
    assert refusal(made, limit(Side.SELL, "4.001", "110")) is Refusal.INSUFFICIENT_BALANCE


def test_a_position_is_netted_and_its_profit_realised() -> None:
    made = exchange()
    made.place(limit(Side.BUY, "300", "99", symbol=BTCP))
    made.tick(BTCP, D("98.9"), D(1), Side.SELL)
    made.place(limit(Side.SELL, "500", "101", symbol=BTCP))
    made.tick(BTCP, D("101.1"), D(1), Side.BUY)
    (position,) = made.positions()
    assert position.quantity == -200
    assert position.entry_price == 101
    assert position.realised == 300 * PERP.contract_size * 2
    fees = sum(fill.fee for fill in made.fills())
    assert made.balances(Product.PERP)["USDT"].total == 10_000 + position.realised - fees


def test_leverage_decides_how_large_a_position_may_be() -> None:
    made = exchange()
    made.set_leverage(BTCP, 1)
    ask = limit(Side.BUY, "20000", "99", symbol=BTCP)
    assert refusal(made, ask) is Refusal.INSUFFICIENT_BALANCE
    made.set_leverage(BTCP, 20)
    made.place(ask)
    assert made.balances(Product.PERP)["USDT"].held == 20_000 * 99 * PERP.contract_size / 20
    with pytest.raises(Refused, match="leverage 1 needs"):
        made.set_leverage(BTCP, 1)
    assert made.position(BTCP).leverage == 20


def test_unrealised_loss_takes_away_from_what_may_become_margin() -> None:
    made = exchange()
    made.set_leverage(BTCP, 50)
    made.place(limit(Side.BUY, "9000", "99", symbol=BTCP))
    made.tick(BTCP, D("98.9"), D(1), Side.SELL)
    large = limit(Side.BUY, "6000000", "1", symbol=BTCP)
    made.cancel(made.place(large).order_id)
    for _ in range(60):
        made.tick(BTCP, D("1.1"), D(1), Side.SELL)  # until the mark has followed
    assert refusal(made, large) is Refusal.INSUFFICIENT_BALANCE


def test_funding_moves_cash_by_position_mark_and_rate() -> None:
    made = exchange()
    made.place(market(Side.BUY, "10", symbol=BTCP))
    before = made.balances(Product.PERP)["USDT"].total
    made.settle_funding(BTCP, D("0.001"))
    paid = 10 * PERP.contract_size * made.mark(BTCP) * D("0.001")
    assert made.balances(Product.PERP)["USDT"].total == before - paid
    assert made.truth.funding == [(START_MS, BTCP, paid)]


def test_funding_settles_itself_when_its_time_has_come() -> None:
    made = exchange()
    due = made.funding(BTCP)
    made.clock.turn(due.next_ms - made.clock.now_ms())
    made.roll()
    made.roll()
    assert made.funding_history(BTCP) == [due]
    assert made.funding(BTCP).next_ms == due.next_ms + 8 * 3_600_000


# ---- reduce-only ----


def test_a_reduce_only_order_needs_a_position_and_is_capped_to_it() -> None:
    made = exchange()
    ask = market(Side.SELL, "9", symbol=BTCP, reduce_only=True)
    assert refusal(made, ask) is Refusal.REDUCE_ONLY
    made.place(market(Side.BUY, "5", symbol=BTCP))
    order = made.place(ask)
    assert (order.quantity, order.filled) == (D(5), D(5))
    assert made.position(BTCP).quantity == 0


def test_resting_reduce_only_orders_shrink_with_the_position_and_go_with_it() -> None:
    made = exchange()
    made.place(market(Side.BUY, "10", symbol=BTCP))
    take_profit = made.place(limit(Side.SELL, "10", "120", symbol=BTCP, reduce_only=True)).order_id
    made.place(market(Side.SELL, "4", symbol=BTCP))
    shrunk = made.order(order_id=take_profit)
    assert shrunk is not None
    assert (shrunk.quantity, shrunk.status) == (D(6), Status.OPEN)
    made.place(market(Side.SELL, "6", symbol=BTCP))
    gone = made.order(order_id=take_profit)
    assert gone is not None
    assert (gone.status, gone.cancel_reason) == (Status.CANCELED, "reduce_only")
