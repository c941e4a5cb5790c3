"""Every rule of the gate at its boundary, with the numbers written out."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.commands import PlanTrade
from morningstar_strategy.core.risk import Approved, RiskLevel
from morningstar_strategy.core.rules import (
    RULES,
    entry_estimate,
    loss_per_unit,
    min_target,
    quantity_of,
    worst_notional,
    worst_price,
)
from tests.unit.gate_cases import (
    LONG,
    MARKET,
    MEMORY,
    NOW,
    NOW_FLAT,
    SECOND,
    SHORT,
    active,
    approved,
    denied,
    held,
    market,
    pending,
    ruled,
)


def test_the_rules_stand_in_the_order_that_the_documents_give() -> None:
    assert [rule.__name__ for rule in RULES] == [
        "numbers_make_sense",
        "not_halted",
        "not_cooling",
        "price_is_fresh",
        "one_plan_per_instrument",
        "direction_is_tradable",
        "within_open_plans",
        "within_loss_ratio",
        "on_the_grid",
        "stop_is_sane",
        "entry_is_near",
        "within_order_size",
        "within_position_size",
        "within_risk_budget",
        "within_exposure",
        "within_correlation",
        "large_enough",
    ]


# ---------------------------------------------------------------- what a plan costs


def test_a_market_entry_counts_slipped_and_a_limit_at_the_higher_of_limit_and_market() -> None:
    assert entry_estimate(LONG, MARKET) == Decimal("100.2")
    assert entry_estimate(SHORT, MARKET) == Decimal("100.2")
    assert entry_estimate(replace(LONG, entry_price=Decimal(98)), MARKET) == 98
    assert worst_price(replace(LONG, entry_price=Decimal(98)), MARKET) == 100
    assert worst_price(replace(LONG, entry_price=Decimal(103)), MARKET) == 103
    assert worst_notional(LONG, Decimal(3), MARKET) == Decimal("300.6")


@pytest.mark.parametrize(
    ("setup", "loss"),
    [
        (LONG, Decimal("5.58501")),  # 100.2 - 94.81 + (100.2 + 94.81) / 1000
        (SHORT, Decimal("5.61501")),  # 105.21 - 99.8 + (105.21 + 99.8) / 1000
        (replace(LONG, entry_price=Decimal(99)), Decimal("4.38381")),  # 99 - 94.81 + 0.19381
        (replace(SHORT, entry_price=Decimal(101)), Decimal("4.41621")),  # 105.21 - 101 + 0.20621
    ],
)
def test_the_loss_of_one_unit_holds_fees_and_slippage_of_both_ends(
    setup: Any, loss: Decimal
) -> None:
    assert loss_per_unit(setup, MARKET) == loss


def test_the_quantity_is_the_percent_at_the_worst_price_in_whole_lots() -> None:
    assert quantity_of(PlanTrade(trade_setup=LONG), NOW_FLAT) == Decimal("9.98")  # 1000 / 100.2
    assert approved(ruled()) == (10, Decimal("9.98"))
    assert approved(ruled(SHORT)) == (10, Decimal("9.98"))
    assert approved(ruled(entry_price=Decimal(99))) == (10, 10)
    assert approved(ruled(entry_price=Decimal("100.0"))) == (10, 10)
    assert approved(ruled(SHORT, entry_price=Decimal("102.5"))) == (10, Decimal("9.75"))


def test_a_plan_approved_as_asked_is_the_same_plan() -> None:
    plan = PlanTrade(trade_setup=LONG)
    assert ruled() == Approved(command=plan, quantity=Decimal("9.98"), risk_level=RiskLevel.MEDIUM)


# ---------------------------------------------------------------- denials before any size


@pytest.mark.parametrize("equity", ["0", "-1", "NaN", "Infinity"])
def test_an_equity_that_is_no_positive_number_is_denied(equity: str) -> None:
    rule, reason = denied(ruled(now=replace(NOW_FLAT, equity=Decimal(equity))))
    assert rule == "numbers_make_sense"
    assert reason == f"equity must be a positive number, was {equity}"


def test_the_smallest_positive_equity_makes_sense() -> None:
    rule, _ = denied(ruled(now=replace(NOW_FLAT, equity=Decimal("0.01")), memory=replace(MEMORY)))
    assert rule == "not_halted"


def test_a_plan_for_another_instrument_is_denied() -> None:
    assert denied(ruled(symbol="ETH")) == ("numbers_make_sense", "plan is for ETH, market is BTC")


def test_a_latched_halt_denies_with_its_reason() -> None:
    by_hand = replace(MEMORY, halted="by hand", day_halted="daily loss")
    assert denied(ruled(memory=by_hand)) == ("not_halted", "halted: by hand")
    daily = replace(MEMORY, day_halted="daily loss")
    assert denied(ruled(memory=daily)) == ("not_halted", "halted: daily loss")


def test_a_drawdown_or_daily_loss_at_its_limit_now_denies() -> None:
    high = replace(MEMORY, peak_equity=Decimal("11111.2"), day_equity=Decimal("10000"))
    assert denied(ruled(memory=high))[0] == "not_halted"
    assert approved(ruled(memory=replace(high, peak_equity=Decimal("11111.1"))))
    bad_day = replace(MEMORY, day_equity=Decimal("10309.3"))
    assert denied(ruled(memory=bad_day)) == (
        "not_halted",
        "halted: daily loss 3.00% reached the limit 3.00%",
    )
    assert approved(ruled(memory=replace(bad_day, day_equity=Decimal("10309.2"))))


def test_an_instrument_rests_up_to_but_not_at_the_end_of_its_rest() -> None:
    rests = replace(MEMORY, cooldowns=(("BTC", NOW + 1),))
    assert denied(ruled(memory=rests)) == ("not_cooling", "BTC rests after a stop")
    assert approved(ruled(memory=replace(MEMORY, cooldowns=(("BTC", NOW),))))
    assert approved(ruled(memory=replace(MEMORY, cooldowns=(("ETH", NOW + 1),))))


def test_a_price_may_be_as_old_as_the_limit_and_not_from_the_future() -> None:
    def aged(age_ns: int) -> Any:
        return replace(NOW_FLAT, market=market(ts_price=NOW - age_ns))

    assert approved(ruled(now=aged(900 * SECOND)))
    assert approved(ruled(now=aged(0)))
    assert denied(ruled(now=aged(900 * SECOND + 1))) == (
        "price_is_fresh",
        "price is 900 s old, at most 900 s are allowed",
    )
    assert denied(ruled(now=aged(-1)))[0] == "price_is_fresh"
    assert "price is 3000000000 s old" in denied(ruled(now=aged(3 * SECOND * SECOND)))[1]
    assert "-2 s old" in denied(ruled(now=aged(-2 * SECOND)))[1]


@pytest.mark.parametrize("trade", [pending(), active()])
def test_an_instrument_has_one_plan_at_a_time(trade: Any) -> None:
    ruling = ruled(now=replace(NOW_FLAT, trade=trade))
    assert denied(ruling) == ("one_plan_per_instrument", "BTC already has a plan")


def test_spot_cannot_be_sold_short() -> None:
    spot = replace(NOW_FLAT, market=market(can_short=False))
    assert denied(ruled(SHORT, now=spot)) == (
        "direction_is_tradable",
        "BTC is spot and cannot be sold short",
    )
    assert approved(ruled(LONG, now=spot))


def test_no_more_plans_than_allowed() -> None:
    four = replace(NOW_FLAT, holdings=tuple(held(1, name) for name in "ABCD"))
    assert approved(ruled(now=four))
    five = replace(NOW_FLAT, holdings=tuple(held(1, name) for name in "ABCDE"))
    assert denied(ruled(now=five)) == (
        "within_open_plans",
        "5 plans are open, at most 5 are allowed",
    )


def test_open_positions_may_lose_less_than_the_limit_and_gains_do_not_count() -> None:
    def losing(*gains: str) -> Any:
        found = tuple(held(100, f"X{at}", unrealized=Decimal(g)) for at, g in enumerate(gains))
        return replace(NOW_FLAT, holdings=found)

    assert approved(ruled(now=losing("-499.99", "300")))
    assert denied(ruled(now=losing("-200", "900", "-300"))) == (
        "within_loss_ratio",
        "open positions lose 500.00, at most 5 % are allowed",
    )


# ---------------------------------------------------------------- prices


def test_prices_are_rounded_to_the_tick_that_risks_less() -> None:
    ruling = ruled(
        entry_price=Decimal("99.57"),
        stop_loss_price=Decimal("95.01"),
        take_profit_prices=(Decimal("110.19"),),
    )
    assert isinstance(ruling, Approved)
    assert isinstance(ruling.command, PlanTrade)
    setup = ruling.command.trade_setup
    prices = (setup.entry_price, setup.stop_loss_price, setup.take_profit_prices)
    assert prices == (Decimal("99.5"), Decimal("95.1"), (Decimal("110.1"),))
    short = ruled(
        SHORT,
        entry_price=Decimal("100.51"),
        stop_loss_price=Decimal("104.99"),
        take_profit_prices=(Decimal("90.01"), Decimal("80")),
    )
    assert isinstance(short, Approved)
    assert isinstance(short.command, PlanTrade)
    setup = short.command.trade_setup
    prices = (setup.entry_price, setup.stop_loss_price, setup.take_profit_prices)
    assert prices == (Decimal("100.6"), Decimal("104.9"), (Decimal("90.1"), Decimal(80)))


@pytest.mark.parametrize(
    "changed",
    [
        {"entry_price": Decimal("99.57")},
        {"stop_loss_price": Decimal("95.01")},
        {"take_profit_prices": (Decimal("110.19"),)},
    ],
)
def test_one_price_off_the_tick_is_enough_to_round(changed: dict[str, Any]) -> None:
    ruling = ruled(**changed)
    assert isinstance(ruling, Approved)
    assert ruling.command != PlanTrade(trade_setup=replace(LONG, **changed))
    assert ruling.shrunk == ()


def test_prices_that_collide_on_the_tick_are_denied() -> None:
    rule, reason = denied(ruled(entry_price=Decimal("95.09"), stop_loss_price=Decimal("95.01")))
    assert rule == "on_the_grid"
    assert reason.startswith("prices do not stand on the tick 0.1: stop_loss_price must be on")


def test_a_stop_must_be_on_the_losing_side_of_the_market() -> None:
    assert denied(ruled(entry_price=Decimal("102"), stop_loss_price=Decimal("100"))) == (
        "stop_is_sane",
        "stop 100 is not on the losing side of the market 100",
    )
    assert denied(ruled(stop_loss_price=Decimal("100.1"), take_profit_prices=(Decimal(120),)))[
        0
    ] == ("stop_is_sane")
    assert (
        denied(ruled(SHORT, entry_price=Decimal(98), stop_loss_price=Decimal("100")))[0]
        == "stop_is_sane"
    )
    assert approved(ruled(stop_loss_price=Decimal("99.9")))
    assert approved(ruled(SHORT, stop_loss_price=Decimal("100.1")))


def test_a_stop_may_be_as_far_from_the_entry_as_the_limit() -> None:
    assert approved(ruled(stop_loss_price=Decimal("90")))
    assert denied(ruled(stop_loss_price=Decimal("89.9"))) == (
        "stop_is_sane",
        "stop is 10.10 % away, at most 10 % are allowed",
    )
    assert approved(ruled(entry_price=Decimal(98), stop_loss_price=Decimal("88.2")))
    assert (
        denied(ruled(entry_price=Decimal(98), stop_loss_price=Decimal("88.1")))[0] == "stop_is_sane"
    )
    assert approved(ruled(SHORT, stop_loss_price=Decimal("110")))
    assert denied(ruled(SHORT, stop_loss_price=Decimal("110.1")))[0] == "stop_is_sane"


def test_a_limit_entry_may_be_as_far_from_the_market_as_the_limit() -> None:
    assert approved(ruled(entry_price=Decimal("95.1"), stop_loss_price=Decimal("94")))
    assert approved(ruled(entry_price=Decimal("95"), stop_loss_price=Decimal("94")))
    assert approved(ruled(entry_price=Decimal("105")))
    assert denied(ruled(entry_price=Decimal("94.9"), stop_loss_price=Decimal("94"))) == (
        "entry_is_near",
        "entry 94.9 is more than 5 % from the market 100",
    )
    assert (
        denied(ruled(entry_price=Decimal("105.1"), stop_loss_price=Decimal("99")))[0]
        == "entry_is_near"
    )


def test_at_market_no_target_may_be_passed() -> None:
    assert denied(ruled(take_profit_prices=(Decimal(120), Decimal(100)))) == (
        "entry_is_near",
        "take profit 100 is not on the winning side of 100",
    )
    assert approved(ruled(take_profit_prices=(Decimal(120), Decimal("100.1"))))
    assert (
        denied(ruled(SHORT, take_profit_prices=(Decimal(80), Decimal(100))))[0] == "entry_is_near"
    )
    assert approved(ruled(SHORT, take_profit_prices=(Decimal(80), Decimal("99.9"))))
    assert approved(ruled(entry_price=Decimal(96), take_profit_prices=(Decimal(99),)))
    assert min_target(LONG) == 110
    assert min_target(SHORT) == 90
