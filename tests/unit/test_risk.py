"""Rulings with the numbers written out: levels of risk, cancels, adjustments."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.commands import AdjustTrade, CancelOrder, DoNothing, PlanTrade
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.risk import (
    AccountRisk,
    Approved,
    Denied,
    RiskLevel,
    Ruling,
    account_risk,
    rule_on,
)
from tests.unit.gate_cases import (
    LONG,
    MEMORY,
    NOW,
    NOW_FLAT,
    SHORT,
    active,
    denied,
    held,
    market,
    pending,
    ruled,
)

HALTED = replace(MEMORY, halted="drawdown", day_halted="daily loss")


def adjusted(trade: Any, stop: str | None, *targets: str, price: str = "100", **on: Any) -> Ruling:
    command = AdjustTrade(
        order_id="P-1",
        new_stop_loss_price=None if stop is None else Decimal(stop),
        new_take_profit_prices=tuple(map(Decimal, targets)),
    )
    now = replace(NOW_FLAT, trade=trade, market=market(price=Decimal(price), **on))
    return rule_on(command, now, RiskLimits(), HALTED)


@pytest.mark.parametrize("field", ["rule", "reason"])
def test_a_denial_needs_a_rule_and_a_reason(field: str) -> None:
    words: dict[str, Any] = {"rule": "a rule", "reason": "a reason"}
    with pytest.raises(ValueError, match=r"^a denial needs a rule and a reason$"):
        Denied(command=DoNothing(), **(words | {field: ""}))


def test_a_denial_holds_the_plan_as_it_was_refused() -> None:
    ruling = ruled(
        limits={"max_order_notional": Decimal(500), "max_risk_percent": Decimal("0.0001")}
    )
    assert isinstance(ruling, Denied)
    assert ruling.rule == "within_risk_budget"
    assert isinstance(ruling.command, PlanTrade)
    assert ruling.command.trade_setup.position_size_percent == Decimal("4.99998")


@pytest.mark.parametrize(
    ("risk", "level"),
    [
        ("1.67", RiskLevel.MEDIUM),  # 9.98 lots lose 55.7383998, three times that is 167.2152
        ("1.672152", RiskLevel.LOW),
        ("1.672151", RiskLevel.MEDIUM),
        ("0.836076", RiskLevel.MEDIUM),
        ("0.836075", RiskLevel.HIGH),
    ],
)
def test_the_risk_level_says_which_third_of_the_budget_is_used(risk: str, level: RiskLevel) -> None:
    ruling = ruled(limits={"max_risk_percent": Decimal(risk)})
    assert isinstance(ruling, Approved)
    assert ruling.quantity == Decimal("9.98")
    assert ruling.risk_level is level


def test_the_risk_level_is_exact_at_its_thirds() -> None:
    free = replace(NOW_FLAT, market=market(taker_fee=Decimal(0), slippage=Decimal(0)))
    for risk, level in (("1.5", RiskLevel.LOW), ("0.75", RiskLevel.MEDIUM)):
        ruling = ruled(now=free, limits={"max_risk_percent": Decimal(risk)})
        assert isinstance(ruling, Approved)  # ten lots lose 50 of a budget of 150, of 75
        assert ruling.quantity == 10
        assert ruling.risk_level is level


# ---------------------------------------------------------------- the account


def level(memory: RiskMemory = MEMORY, equity: str = "10000", loss: str = "0") -> AccountRisk:
    holdings = (held(100, unrealized=-Decimal(loss)), held(100, "SOL", unrealized=Decimal(50)))
    now = replace(NOW_FLAT, equity=Decimal(equity), holdings=holdings)
    return account_risk(now, RiskLimits(), memory)


def test_an_account_is_safe_then_warned_then_in_danger() -> None:
    assert level() is AccountRisk.SAFE
    peak = replace(MEMORY, day_equity=Decimal(0), peak_equity=Decimal(10_000))
    assert level(peak, "9500.01") is AccountRisk.SAFE
    assert level(peak, "9500") is AccountRisk.WARNING
    assert level(peak, "9000.01") is AccountRisk.WARNING
    assert level(peak, "9000") is AccountRisk.DANGER


def test_half_a_daily_loss_warns_and_a_whole_one_is_danger() -> None:
    assert level(MEMORY, "9850.01") is AccountRisk.SAFE
    assert level(MEMORY, "9850") is AccountRisk.WARNING
    assert level(MEMORY, "9700.01") is AccountRisk.WARNING
    assert level(MEMORY, "9700") is AccountRisk.DANGER


def test_halts_losses_and_nonsense_are_danger() -> None:
    assert level(replace(MEMORY, halted="by hand")) is AccountRisk.DANGER
    assert level(replace(MEMORY, day_halted="by hand")) is AccountRisk.DANGER
    assert level(loss="499.99") is AccountRisk.SAFE
    assert level(loss="500") is AccountRisk.DANGER
    for equity in ("0", "-1", "NaN", "Infinity"):
        assert level(equity=equity) is AccountRisk.DANGER


def test_a_new_day_forgets_yesterdays_loss() -> None:
    yesterday = replace(MEMORY, day=19_999, day_equity=Decimal(20_000), day_halted="daily loss")
    assert NOW // 86_400_000_000_000 == 20_000
    assert level(yesterday) is AccountRisk.SAFE


# ---------------------------------------------------------------- commands on what is open


@pytest.mark.parametrize("trade", [pending(), active(), replace(active(), closing=True)])
def test_the_open_plan_may_always_be_called_off(trade: Any) -> None:
    now = replace(NOW_FLAT, trade=trade, equity=Decimal("NaN"))
    command = CancelOrder(order_id="P-1", reasoning="enough")
    assert rule_on(command, now, RiskLimits(), HALTED) == Approved(command=command)
    other = CancelOrder(order_id="P-2")
    ruling = rule_on(other, now, RiskLimits(), HALTED)
    assert denied(ruling) == ("known_order", "'P-2' is not an open plan")
    assert ruling.command is other
    flat = rule_on(command, NOW_FLAT, RiskLimits(), MEMORY)
    assert denied(flat) == ("known_order", "'P-1' is not an open plan")


def test_only_an_active_trade_is_adjusted() -> None:
    refused = adjusted(pending(), "96")
    assert refused.command == AdjustTrade(order_id="P-1", new_stop_loss_price=Decimal(96))
    assert denied(refused) == ("known_order", "'P-1' is not an active trade")
    assert denied(adjusted(NOW_FLAT.trade, "96"))[0] == "known_order"
    command = AdjustTrade(order_id="x" * 200, new_stop_loss_price=Decimal(96))
    now = replace(NOW_FLAT, trade=active())
    rule, reason = denied(rule_on(command, now, RiskLimits(), MEMORY))
    assert (rule, len(reason)) == ("known_order", 80 + len(" is not an active trade"))
    cancel = CancelOrder(order_id="x" * 200)
    assert len(denied(rule_on(cancel, now, RiskLimits(), MEMORY))[1]) == 80 + len(
        " is not an open plan"
    )


def test_a_stop_moves_towards_the_market_only() -> None:
    for stop in ("95", "95.1", "99.9"):
        assert isinstance(adjusted(active(), stop), Approved)
    refused = adjusted(active(), "94.9")
    assert refused.command == AdjustTrade(order_id="P-1", new_stop_loss_price=Decimal("94.9"))
    assert denied(refused) == (
        "adjustment_reduces_risk",
        "stop 94.9 would lose more than the standing 95",
    )
    assert denied(adjusted(active(), "100")) == (
        "adjustment_reduces_risk",
        "stop 100 is not on the losing side of the market 100",
    )
    assert denied(adjusted(active(), "100.1"))[0] == "adjustment_reduces_risk"


def test_the_stop_of_a_short_moves_towards_the_market_only() -> None:
    for stop in ("105", "104.9", "100.1"):
        assert isinstance(adjusted(active(SHORT), stop), Approved)
    for stop in ("105.1", "100", "99.9"):
        assert denied(adjusted(active(SHORT), stop))[0] == "adjustment_reduces_risk"


def test_an_adjustment_is_rounded_to_the_tick_that_risks_less() -> None:
    ruling = adjusted(active(), "95.01", "110.19", "120")
    assert isinstance(ruling, Approved)
    assert ruling.quantity == 0
    assert ruling.command == AdjustTrade(
        order_id="P-1",
        new_stop_loss_price=Decimal("95.1"),
        new_take_profit_prices=(Decimal("110.1"), Decimal(120)),
    )
    short = adjusted(active(SHORT), "104.99", "89.91", "80")
    assert isinstance(short, Approved)
    assert short.command == AdjustTrade(
        order_id="P-1",
        new_stop_loss_price=Decimal("104.9"),
        new_take_profit_prices=(Decimal(90), Decimal(80)),
    )


def test_a_stop_that_rounds_to_nothing_is_denied_and_does_not_crash() -> None:
    refused = adjusted(active(SHORT), "0.05")
    assert refused.command == AdjustTrade(order_id="P-1", new_stop_loss_price=Decimal("0.05"))
    rule, reason = denied(refused)
    assert rule == "on_the_grid"
    assert reason == "a new price must be a positive number below 1e13, was 0.0"


def test_targets_move_anywhere_beyond_the_market() -> None:
    assert isinstance(adjusted(active(), None, "100.1", "500"), Approved)
    assert denied(adjusted(active(), None, "130", "100")) == (
        "adjustment_reduces_risk",
        "take profit 100 is not on the winning side of 100",
    )
    assert isinstance(adjusted(active(SHORT), None, "99.9", "1"), Approved)
    assert denied(adjusted(active(SHORT), None, "100"))[0] == "adjustment_reduces_risk"


def test_a_target_below_one_tick_becomes_one_tick() -> None:
    ruling = adjusted(active(), None, "0.05", price="0.01")
    assert isinstance(ruling, Approved)
    assert isinstance(ruling.command, AdjustTrade)
    assert ruling.command.new_take_profit_prices == (Decimal("0.1"),)


def test_a_stop_and_a_target_are_both_checked() -> None:
    assert denied(adjusted(active(), "96", "99"))[1].startswith("take profit 99")
    assert denied(adjusted(active(), "94", "110"))[1].startswith("stop 94")


def test_doing_nothing_is_approved() -> None:
    assert rule_on(DoNothing(), NOW_FLAT, RiskLimits(), HALTED) == Approved(command=DoNothing())
    assert LONG.symbol == NOW_FLAT.market.instrument_id
