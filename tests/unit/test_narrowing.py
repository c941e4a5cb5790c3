"""Examples of a review that brings stop and take profits nearer: after the size, or not at all."""

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

import pytest

from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from morningstar_strategy.core.decision import decide
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.policy import DecisionPolicy, Distances
from morningstar_strategy.core.review import Assessment, Review, Verdict
from morningstar_strategy.core.risk import Approved, Denied, Ruling, rule_on
from tests.supervised import ACTIVE, BTC, LIMIT, MARKET, PREDICTION, SETUP, SNAPSHOT

SHORT = TradeSetup(
    symbol=BTC,
    direction=Direction.SHORT,
    entry_price=None,
    stop_loss_price=Decimal(66500),
    take_profit_prices=(Decimal(63000),),
    position_size_percent=Decimal(10),
)
TIGHT = RiskLimits(max_risk_percent=Decimal("0.1"))  # so that the stop settles the size


def ruled(setup: TradeSetup, stop: str, target: str, limits: RiskLimits | None = None) -> Ruling:
    plan = PlanTrade(trade_setup=setup, stop_scale=Decimal(stop), target_scale=Decimal(target))
    return rule_on(plan, SNAPSHOT, limits or RiskLimits(), RiskMemory())


def setup_of(ruling: Ruling) -> TradeSetup:
    assert isinstance(ruling, Approved)
    assert isinstance(ruling.command, PlanTrade)
    return ruling.command.trade_setup


def test_the_distances_are_multiplied_from_the_entry() -> None:
    setup = setup_of(ruled(SETUP, "0.5", "0.25"))
    assert setup.stop_loss_price == Decimal("64250.0")  # 65000 - 1500 / 2
    assert setup.take_profit_prices == (Decimal("65500.0"), Decimal("66000.0"))
    setup = setup_of(ruled(LIMIT, "0.5", "1"))
    assert setup.stop_loss_price == Decimal("64150.0")  # 64800 - 1300 / 2
    assert setup.take_profit_prices == LIMIT.take_profit_prices
    setup = setup_of(ruled(SHORT, "0.5", "0.5"))
    assert setup.stop_loss_price == Decimal("65750.0")
    assert setup.take_profit_prices == (Decimal("64000.0"),)


def test_prices_go_to_the_tick_that_is_nearer() -> None:
    setup = setup_of(ruled(SETUP, "0.333333", "0.333333"))
    assert setup.stop_loss_price == Decimal("64500.1")  # 64500.0005, up
    assert setup.take_profit_prices == (Decimal("65666.6"), Decimal("66333.3"))


def test_a_nearer_stop_buys_no_larger_position() -> None:
    alone, nearer = ruled(SETUP, "1", "1", TIGHT), ruled(SETUP, "0.5", "1", TIGHT)
    assert isinstance(alone, Approved)
    assert isinstance(nearer, Approved)
    assert alone.shrunk == nearer.shrunk == ("within_risk_budget",)
    assert nearer.quantity == alone.quantity > 0
    # Proposed with that stop from the start it would have been larger
    proposed = ruled(replace(SETUP, stop_loss_price=Decimal(64250)), "1", "1", TIGHT)
    assert isinstance(proposed, Approved)
    assert proposed.quantity > nearer.quantity


def test_a_plan_that_the_gate_denies_is_not_saved_by_a_nearer_stop() -> None:
    far = replace(SETUP, stop_loss_price=Decimal(55000))
    ruling = ruled(far, "0.5", "1")
    assert isinstance(ruling, Denied)
    assert ruling.rule == "stop_is_sane"


def test_an_approved_plan_is_narrowed_once() -> None:
    ruling = ruled(SETUP, "0.5", "0.5")
    assert isinstance(ruling, Approved)
    again = rule_on(ruling.command, SNAPSHOT, RiskLimits(), RiskMemory())
    assert setup_of(again) == setup_of(ruling)


def test_where_no_room_is_left_nothing_is_opened() -> None:
    for stop, target in (("0.00001", "1"), ("1", "0.00001"), ("0.00001", "0.00001")):
        ruling = ruled(SETUP, stop, target)
        assert isinstance(ruling, Denied)
        assert ruling.rule == "narrowed_by_review"
        assert ruling.reason


@pytest.mark.parametrize("scale", ["0", "-0.5", "1.01", "NaN", "sNaN", "Infinity"])
def test_a_plan_is_never_widened(scale: str) -> None:
    for name in ("stop_scale", "target_scale"):
        with pytest.raises(ValueError, match=rf"^{name} must be in \(0, 1\], was"):
            PlanTrade(trade_setup=SETUP, **{name: Decimal(scale)})  # type: ignore[arg-type]


# ---------------------------------------------------------------- from the review to the plan

FORECAST = replace(PREDICTION, stop_distance=0.02, target_distance=0.04)
POLICY = DecisionPolicy(distances=Distances.PREDICTED, take_profit_percents=(Decimal(7),))


def rounded(percent: Decimal) -> Decimal:
    return percent.quantize(Decimal("0.0001"), ROUND_DOWN)


def decided(review: Review) -> PlanTrade:
    command = decide(Assessment(prediction=FORECAST, review=review), SNAPSHOT, POLICY)
    assert isinstance(command, PlanTrade)
    return command


def test_a_decision_carries_what_the_review_asked() -> None:
    confirmed = decided(Review(verdict=Verdict.CONFIRMED))
    assert confirmed.stop_scale == confirmed.target_scale == 1
    reduced = decided(
        Review(verdict=Verdict.REDUCED, scale=0.5, reason="r", stop_scale=0.8, target_scale=1 / 3)
    )
    assert (reduced.stop_scale, reduced.target_scale) == (Decimal("0.8"), Decimal("0.333334"))
    assert reduced.trade_setup.stop_loss_price == confirmed.trade_setup.stop_loss_price
    size = confirmed.trade_setup.position_size_percent
    assert reduced.trade_setup.position_size_percent == rounded(size / 2)


def test_silence_leaves_part_of_the_size() -> None:
    whole = decided(Review.abstain("off")).trade_setup.position_size_percent
    silent = Review(verdict=Verdict.ABSTAINED, scale=0.25, reason="no reply")
    assert decided(silent).trade_setup.position_size_percent == rounded(whole / 4)


def test_a_review_changes_nothing_about_an_open_trade() -> None:
    now = replace(SNAPSHOT, trade=ACTIVE, market=replace(MARKET, price=Decimal(68000)))
    doubting = Review(verdict=Verdict.REDUCED, scale=0.1, reason="r", stop_scale=0.5)
    commands = [
        decide(Assessment(prediction=FORECAST, review=review), now, POLICY)
        for review in (Review.abstain("off"), doubting)
    ]
    assert commands[0] == commands[1]
    assert commands[0].action == "ADJUST_TRADE"
