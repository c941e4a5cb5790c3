"""Laws of what can be held: values that cannot be built wrong."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from morningstar_strategy.core.state import (
    Active,
    Ended,
    Flat,
    Holding,
    Market,
    Outcome,
    Pending,
    Plan,
    Snapshot,
    activate,
    plan_of,
)
from tests.property.strategies import DIRECTIONS, NOT_POSITIVE, NOW_NS, markets, numbers, plans

_POSITIVE = numbers(1, 10**9, 4)
_PLAN = PlanTrade(
    trade_setup=TradeSetup(
        symbol="X",
        direction=Direction.LONG,
        entry_price=None,
        stop_loss_price=Decimal(95),
        take_profit_prices=(Decimal(110),),
        position_size_percent=Decimal(5),
    )
)


def _planned(plan: PlanTrade, quantity: Decimal) -> Plan:
    setup = plan.trade_setup
    return Plan(order_id="P-1", setup=setup, quantity=quantity, planned_ns=NOW_NS, reason="a test")


@given(plans(), _POSITIVE, NOT_POSITIVE)
def test_a_plan_cannot_be_active_without_a_stop(
    plan: PlanTrade, quantity: Decimal, nothing: Decimal
) -> None:
    pending = Pending(plan=_planned(plan, quantity))
    active = activate(
        pending,
        ts_event=NOW_NS + 1,
        price=Decimal(7),
        quantity=quantity,
        stop=plan.trade_setup.stop_loss_price,
    )
    assert active.plan is plan_of(pending) is plan_of(active)
    assert active.entry_price == 7
    assert active.open_quantity == quantity
    assert active.stop_loss_price == plan.trade_setup.stop_loss_price
    assert active.take_profit_prices == plan.trade_setup.take_profit_prices
    assert active.opened_ns == NOW_NS + 1
    with pytest.raises(ValueError, match="stop_loss_price of an active trade must be positive"):
        active.stopped_at(nothing)
    with pytest.raises(ValueError, match="stop_loss_price of an active trade must be positive"):
        activate(pending, ts_event=NOW_NS, price=Decimal(7), quantity=quantity, stop=nothing)
    with pytest.raises(TypeError):
        activate(pending, ts_event=NOW_NS, price=Decimal(7), quantity=quantity)  # type: ignore[call-arg]  # that is the law


@given(NOT_POSITIVE)
def test_nothing_is_held_in_quantities_or_at_prices_that_are_not_positive(value: Decimal) -> None:
    with pytest.raises(ValueError, match="quantity of a plan must be positive"):
        _planned(_PLAN, value)
    names = ("entry_price", "open_quantity", "stop_loss_price")
    whole: dict[str, Any] = dict.fromkeys(names, Decimal(1))
    for name in names:
        with pytest.raises(ValueError, match=f"{name} of an active trade must be positive"):
            Active(
                plan=_planned(_PLAN, Decimal(1)),
                opened_ns=NOW_NS,
                take_profit_prices=(),
                **(whole | {name: value}),
            )


@given(st.sampled_from(Outcome), _POSITIVE | NOT_POSITIVE)
def test_a_plan_ends_closed_exactly_when_something_was_filled(
    outcome: Outcome, quantity: Decimal
) -> None:
    def ended() -> Ended:
        whole = _planned(_PLAN, Decimal(1))
        return Ended(plan=whole, outcome=outcome, ended_ns=1, reason="", quantity=quantity)

    sane = quantity.is_finite() and quantity >= 0
    if sane and (quantity > 0) == (outcome is Outcome.CLOSED):
        assert ended().quantity == quantity
    else:
        with pytest.raises(ValueError, match=r"ended plan|ends CLOSED exactly"):
            ended()


@given(markets(), NOT_POSITIVE, st.sampled_from(("price", "tick", "lot")))
def test_a_market_trades_at_positive_prices_in_positive_steps(
    market: Market, value: Decimal, name: str
) -> None:
    changed: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} of {market.instrument_id} must be positive"):
        replace(market, **changed)


@given(
    markets(),
    st.sampled_from([Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-1", "-1.5")]),
    st.sampled_from(("min_quantity", "min_notional", "maker_fee", "taker_fee", "slippage")),
)
def test_a_market_has_costs_and_minima_that_make_sense(
    market: Market, value: Decimal, name: str
) -> None:
    changed: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} of {market.instrument_id}"):
        replace(market, **changed)


@given(markets(), st.decimals(-5, 10**6, places=4), st.integers(0, 2**62))
def test_a_market_at_another_price_is_the_same_market_or_refused(
    known: Market, price: Decimal, ts: int
) -> None:
    if price <= 0:
        with pytest.raises(ValueError, match=r"price of .* must be positive"):
            known.at(price, ts)
        return
    assert known.at(price, ts) == replace(known, price=price, ts_price=ts)


@given(st.lists(st.tuples(DIRECTIONS, _POSITIVE, numbers(-(10**6), 10**6, 2))), markets())
def test_exposure_and_open_loss_are_sums_that_no_gain_makes_smaller(
    parts: list[tuple[Any, Decimal, Decimal]], market: Market
) -> None:
    held = tuple(
        Holding(instrument_id="X", direction=direction, notional=notional, unrealized=unrealized)
        for direction, notional, unrealized in parts
    )
    now = Snapshot(ts_event=NOW_NS, equity=Decimal(1), market=market, trade=Flat(), holdings=held)
    assert now.exposure == sum(notional for _, notional, _ in parts)
    assert now.open_loss == -sum(gain for _, _, gain in parts if gain < 0)
    assert now.open_loss >= 0


@given(DIRECTIONS, NOT_POSITIVE)
def test_a_holding_is_never_worth_less_than_nothing(direction: Direction, value: Decimal) -> None:
    if not (value.is_finite() and value >= 0):
        with pytest.raises(ValueError, match="notional of a holding must not be negative"):
            Holding(instrument_id="X", direction=direction, notional=value)
    if not value.is_finite():
        with pytest.raises(ValueError, match="unrealized of a holding must be finite"):
            Holding(instrument_id="X", direction=direction, notional=Decimal(1), unrealized=value)


@given(st.none() | st.integers(1, 10**9 - 1))
def test_a_plan_expires_when_its_setup_says(seconds: int | None) -> None:
    setup = replace(_PLAN.trade_setup, expires_in_secs=seconds)
    expires_ns = _planned(PlanTrade(trade_setup=setup), Decimal(1)).expires_ns
    assert expires_ns == (None if seconds is None else NOW_NS + seconds * 10**9)
    assert plan_of(Flat()) is None
