"""Examples of the scripted supervisor: what its rules say, end to end."""

from dataclasses import replace
from decimal import Decimal

import pytest

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
)
from morningstar_strategy.core.review import Review, Verdict
from morningstar_strategy.core.scene import Scene
from morningstar_strategy.supervisor.budget import Budget
from morningstar_strategy.supervisor.exchange import Failure, Purpose
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.scripted import ScriptedProvider
from morningstar_strategy.supervisor.supervisor import Considered, Supervisor
from tests.supervised import (
    ACTIVE,
    LIMIT,
    MARKET,
    PENDING,
    PREDICTION,
    SNAPSHOT,
    SUMMARY,
    idle,
    news,
    scene,
)

FALLING = replace(SUMMARY, changes=(-0.001, -0.01, -0.05, -0.1))
RISING = replace(SUMMARY, changes=(0.001, 0.01, 0.05, 0.1))


def considered(shown: Scene, purpose: Purpose, *, latency_ms: int = 0) -> Considered:
    supervisor = Supervisor(
        provider=ScriptedProvider(latency_ms=latency_ms),
        policy=SupervisorPolicy(may_propose=True),
        budget=Budget(),
    )
    return supervisor.consider(shown, purpose)


def reviewed(shown: Scene) -> Review:
    return considered(shown, Purpose.REVIEW).review


def commanded(shown: Scene) -> TradeCommand | None:
    review = considered(shown, Purpose.EXECUTE).review
    assert review.verdict is Verdict.CONFIRMED, review.reason
    return review.proposal


def test_a_plan_with_the_move_in_a_calm_market_is_confirmed() -> None:
    calm = replace(PREDICTION, turbulence=0.0)
    assert reviewed(scene(prediction=calm)).verdict is Verdict.CONFIRMED


def test_turbulence_and_alarming_words_take_size_off() -> None:
    calm = reviewed(scene()).scale
    turbulent = reviewed(scene(prediction=replace(PREDICTION, turbulence=0.6))).scale
    alarmed = reviewed(scene(externals=(news("Exchange HALTS withdrawals"),)))
    assert 0 < turbulent < calm < 1
    assert 0 < alarmed.scale < calm
    assert alarmed.stop_scale == 0.8


def test_a_plan_against_the_move_is_vetoed() -> None:
    assert reviewed(scene(summary=FALLING)).verdict is Verdict.VETOED


def test_two_alarms_veto() -> None:
    assert reviewed(scene(externals=(news("hack"), news("lawsuit")))).scale == 0.0


def test_the_executor_plans_with_a_strong_move() -> None:
    command = commanded(idle(summary=RISING))
    assert isinstance(command, PlanTrade)
    setup = command.trade_setup
    assert setup.direction is Direction.LONG
    assert setup.entry_price == Decimal("64935.0")  # 0.1 % below the market
    assert setup.stop_loss_price == Decimal("63636.3")
    assert setup.take_profit_prices == (Decimal("67532.4"),)
    command = commanded(idle(summary=FALLING))
    assert isinstance(command, PlanTrade)
    assert command.trade_setup.direction is Direction.SHORT


def test_the_executor_leaves_a_quiet_market_and_spot_shorts_alone() -> None:
    quiet = replace(SUMMARY, changes=(0.0, 0.001, 0.002))
    assert isinstance(commanded(idle(summary=quiet)), DoNothing)
    assert isinstance(commanded(idle(summary=replace(SUMMARY, changes=()))), DoNothing)
    still = replace(RISING, volatility=0.0)
    assert isinstance(commanded(idle(summary=still)), DoNothing)


def test_the_executor_moves_the_stop_to_the_entry_once_the_risk_is_earned() -> None:
    assert isinstance(commanded(idle(trade=ACTIVE)), DoNothing)
    near = replace(ACTIVE, stop_loss_price=Decimal(64600))
    expected = AdjustTrade(
        order_id="P-7",
        new_stop_loss_price=Decimal("64800.0"),
        reasoning="it has earned what it risked: stop to break-even",
    )
    assert commanded(idle(trade=near)) == expected
    assert isinstance(commanded(idle(trade=replace(near, closing=True))), DoNothing)
    even = replace(ACTIVE, stop_loss_price=Decimal(64800))
    assert isinstance(commanded(idle(trade=even)), DoNothing)


def test_the_executor_cancels_an_entry_that_the_market_has_left() -> None:
    assert isinstance(commanded(idle(trade=PENDING)), DoNothing)
    far = replace(PENDING.plan, setup=replace(LIMIT, entry_price=Decimal(63600)))
    command = commanded(idle(trade=replace(PENDING, plan=far)))
    assert command == CancelOrder(order_id="P-7", reasoning="the market is 2.15 % from the entry")


def test_it_answers_after_its_latency_and_not_after_the_deadline() -> None:
    assert considered(scene(), Purpose.REVIEW, latency_ms=300).latency_ns == 300_000_000
    late = considered(scene(), Purpose.REVIEW, latency_ms=9_000)
    assert late.exchanges[0].failure is Failure.DEADLINE
    assert (late.review.scale, late.latency_ns) == (0.5, 8_000_000_000)
    with pytest.raises(ValueError, match="latency_ms must not be negative, was -1"):
        ScriptedProvider(latency_ms=-1)


def test_a_spot_market_is_never_planned_short() -> None:
    spot = replace(SNAPSHOT, market=replace(MARKET, can_short=False))
    shown = idle(summary=FALLING)
    assert isinstance(commanded(replace(shown, snapshot=spot)), DoNothing)
