"""Examples of a supervisor: when it asks, what its answers mean, what its silence means."""

from dataclasses import replace
from decimal import Decimal

import pytest

from morningstar_strategy.core.commands import AdjustTrade, CancelOrder, DoNothing, PlanTrade
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.review import Review, Verdict
from morningstar_strategy.core.state import Ended, Outcome
from morningstar_strategy.supervisor.budget import Budget, Price
from morningstar_strategy.supervisor.exchange import Failure, ProviderError, Purpose
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.reply import Reason
from morningstar_strategy.supervisor.supervisor import Supervisor
from tests.supervised import (
    ACTIVE,
    BTC,
    CONFIRMING,
    DOUBTING,
    HOLDING,
    HOUR,
    NOW,
    PENDING,
    PREDICTION,
    SECOND,
    VETOING,
    Answering,
    idle,
    scene,
)

PROPOSING = SupervisorPolicy(may_propose=True)
PLANNED = (
    f'{{"action": "PLAN_TRADE", "trade_setup": {{"symbol": "{BTC}", "direction": "LONG", '
    f'"entry_price": 64800, "stop_loss_price": 63300, "take_profit_prices": [67000], '
    f'"position_size_percent": 10}}, "reasoning": "momentum"}}'
)
NO_REPLY = ProviderError(Failure.UNAVAILABLE, "connection reset", latency_ms=40)


def supervising(
    *answers: str | ProviderError,
    policy: SupervisorPolicy | None = None,
    budget: Budget | None = None,
    latency_ms: int = 0,
) -> tuple[Supervisor, Answering]:
    provider = Answering(*answers, latency_ms=latency_ms)
    found = Supervisor(
        provider=provider, policy=policy or SupervisorPolicy(), budget=budget or Budget()
    )
    return found, provider


def review_of(*answers: str | ProviderError, latency_ms: int = 0) -> Review:
    supervisor, _ = supervising(*answers, latency_ms=latency_ms)
    return supervisor.consider(scene(), Purpose.REVIEW).review


# ---------------------------------------------------------------- whether to ask


def test_what_would_open_risk_is_reviewed() -> None:
    supervisor, _ = supervising()
    assert supervisor.considers(scene()) is Purpose.REVIEW
    assert supervisor.considers(idle()) is None


def test_nothing_is_asked_about_a_plan_that_the_gate_denies_anyway() -> None:
    supervisor, _ = supervising(policy=PROPOSING)
    abstaining = replace(PREDICTION, p_short=0.0, p_flat=1.0, p_long=0.0, abstained="drifted")
    full = RiskLimits(max_open_plans=1)
    for each in (scene, idle):
        assert supervisor.considers(each(halted="drawdown")) is None
        assert supervisor.considers(each(prediction=abstaining)) is None
        assert supervisor.considers(each(limits=full, holdings=(HOLDING,))) is None
        assert supervisor.considers(each(limits=full)) is not None


def test_an_executor_has_its_cycle_where_it_may_propose() -> None:
    supervisor, _ = supervising('{"action": "DO_NOTHING"}', policy=PROPOSING)
    assert supervisor.considers(idle()) is Purpose.EXECUTE
    supervisor.consider(idle(), Purpose.EXECUTE)
    assert supervisor.considers(idle(at=NOW + 899 * SECOND)) is None
    assert supervisor.considers(idle(at=NOW + 900 * SECOND)) is Purpose.EXECUTE


def test_an_event_makes_the_cycle_due_once() -> None:
    nothing = '{"action": "DO_NOTHING"}'
    supervisor, _ = supervising(nothing, nothing, policy=PROPOSING)
    supervisor.consider(idle(), Purpose.EXECUTE)
    supervisor.stir(BTC)
    assert supervisor.considers(idle(at=NOW + SECOND)) is Purpose.EXECUTE
    supervisor.consider(idle(at=NOW + SECOND), Purpose.EXECUTE)
    assert supervisor.considers(idle(at=NOW + 2 * SECOND)) is None


def test_an_open_trade_is_managed_in_a_halt() -> None:
    supervisor, _ = supervising(policy=PROPOSING)
    assert supervisor.considers(idle(halted="drawdown", trade=ACTIVE)) is Purpose.EXECUTE


def test_an_executor_that_may_not_propose_is_never_asked() -> None:
    supervisor, provider = supervising(PLANNED)
    with pytest.raises(ValueError, match="must be allowed to propose"):
        supervisor.consider(idle(), Purpose.EXECUTE)
    assert provider.asked == []


# ---------------------------------------------------------------- opinions


def test_an_opinion_without_doubt_confirms() -> None:
    review = review_of(CONFIRMING)
    assert (review.verdict, review.scale) == (Verdict.CONFIRMED, 1.0)
    assert review.reason == "all agrees"


def test_a_doubting_opinion_shrinks_and_tightens() -> None:
    assert review_of(DOUBTING) == Review(
        verdict=Verdict.REDUCED,
        scale=0.4,  # (1 - 0.5) * (0.5 + 0.5 * 0.6)
        reason="doubtful",
        stop_scale=0.8,
        target_scale=0.5,
        coherence=0.6,
        risk_score=0.5,
    )


def test_a_veto_leaves_no_size() -> None:
    review = review_of(VETOING)
    assert (review.verdict, review.scale, review.reason) == (
        Verdict.VETOED,
        0.0,
        "exchange hacked",
    )


def test_full_risk_is_a_veto() -> None:
    review = review_of(CONFIRMING.replace('"risk_score": 0', '"risk_score": 1'))
    assert review.verdict is Verdict.VETOED


# ---------------------------------------------------------------- commands


def test_a_command_becomes_a_proposal() -> None:
    supervisor, _ = supervising(PLANNED, policy=PROPOSING)
    review = supervisor.consider(idle(), Purpose.EXECUTE).review
    assert isinstance(review.proposal, PlanTrade)
    assert review.proposal.trade_setup.entry_price == Decimal(64800)
    assert review.verdict is Verdict.CONFIRMED
    assert review.reason == "executor says PLAN_TRADE: momentum"


def test_adjusting_and_cancelling_name_the_order_that_the_state_shows() -> None:
    adjusting = '{"action": "ADJUST_TRADE", "order_id": "P-7", "new_stop_loss_price": 64800}'
    supervisor, _ = supervising(adjusting, policy=PROPOSING)
    review = supervisor.consider(idle(trade=ACTIVE), Purpose.EXECUTE).review
    assert review.proposal == AdjustTrade(order_id="P-7", new_stop_loss_price=Decimal(64800))
    cancelling = '{"command": {"action": "CANCEL_ORDER", "order_id": "P-7"}}'
    supervisor, _ = supervising(cancelling, policy=PROPOSING)
    review = supervisor.consider(idle(trade=PENDING), Purpose.EXECUTE).review
    assert review.proposal == CancelOrder(order_id="P-7")


def test_doing_nothing_is_a_command_and_no_silence() -> None:
    supervisor, _ = supervising('{"action": "DO_NOTHING"}', policy=PROPOSING)
    review = supervisor.consider(idle(), Purpose.EXECUTE).review
    assert (review.verdict, review.proposal) == (Verdict.CONFIRMED, DoNothing())


def test_a_standing_veto_holds_a_proposed_plan_back() -> None:
    supervisor, _ = supervising(VETOING, PLANNED, PLANNED, policy=PROPOSING)
    supervisor.consider(scene(), Purpose.REVIEW)
    held = supervisor.consider(idle(bars=504, at=NOW + HOUR), Purpose.EXECUTE).review
    assert (held.verdict, held.proposal) == (Verdict.VETOED, None)
    later = supervisor.consider(idle(bars=505, at=NOW + 2 * HOUR), Purpose.EXECUTE).review
    assert isinstance(later.proposal, PlanTrade)


# ---------------------------------------------------------------- silence


def test_a_failure_is_an_abstention_at_the_size_of_silence() -> None:
    supervisor, _ = supervising(NO_REPLY)
    considered = supervisor.consider(scene(), Purpose.REVIEW)
    assert considered.review == Review(
        verdict=Verdict.ABSTAINED, scale=0.5, reason="no reply, unavailable: connection reset"
    )
    assert considered.latency_ns == 40_000_000
    (exchange,) = considered.exchanges
    assert (exchange.reply, exchange.failure) == (None, Failure.UNAVAILABLE)


def test_a_veto_is_kept_under_silence_for_some_bars() -> None:
    supervisor, _ = supervising(VETOING, NO_REPLY, NO_REPLY)
    supervisor.consider(scene(), Purpose.REVIEW)
    kept = supervisor.consider(scene(bars=504), Purpose.REVIEW).review
    assert (kept.verdict, kept.scale) == (Verdict.VETOED, 0.0)
    assert "exchange hacked" in kept.reason
    assert "connection reset" in kept.reason
    gone = supervisor.consider(scene(bars=505), Purpose.REVIEW).review
    assert gone.verdict is Verdict.ABSTAINED


def test_a_late_opinion_on_an_older_bar_does_not_lift_a_newer_veto() -> None:
    supervisor, _ = supervising(VETOING, CONFIRMING, VETOING, NO_REPLY)
    for bars in (501, 500, 499):  # as answers that overtook each other
        supervisor.consider(scene(bars=bars), Purpose.REVIEW)
    review = supervisor.consider(scene(bars=505), Purpose.REVIEW).review
    assert review.verdict is Verdict.VETOED


def test_an_opinion_lifts_an_earlier_veto() -> None:
    supervisor, _ = supervising(VETOING, CONFIRMING, NO_REPLY)
    for bars in (500, 501):
        supervisor.consider(scene(bars=bars), Purpose.REVIEW)
    review = supervisor.consider(scene(bars=502), Purpose.REVIEW).review
    assert (review.verdict, review.scale) == (Verdict.ABSTAINED, 0.5)


def test_a_late_reply_is_silence_from_the_deadline_on() -> None:
    supervisor, _ = supervising(CONFIRMING, latency_ms=8_001)
    considered = supervisor.consider(scene(), Purpose.REVIEW)
    review = considered.review
    assert considered.exchanges[0].verdict == "late"
    assert considered.latency_ns == 8_000_000_000
    assert (review.verdict, review.scale) == (Verdict.ABSTAINED, 0.5)
    assert review.reason == "reply came after 8001 ms, 8000 ms were left"


# ---------------------------------------------------------------- one repair


def test_an_unreadable_reply_is_repaired_once() -> None:
    supervisor, provider = supervising(f"Sure! {CONFIRMING}", CONFIRMING, latency_ms=1_500)
    considered = supervisor.consider(scene(), Purpose.REVIEW)
    assert considered.review.verdict is Verdict.CONFIRMED
    assert [each.verdict for each in considered.exchanges] == [
        f"rejected: {Reason.PROSE.value}",
        "opinion",
    ]
    assert provider.deadlines == [8.0, 6.5]
    (turn,) = provider.asked[1].turns
    assert turn.reply == f"Sure! {CONFIRMING}"
    assert "prose around json" in turn.complaint
    assert considered.latency_ns == 3_000 * 1_000_000


def test_a_second_unreadable_reply_is_silence() -> None:
    supervisor, provider = supervising("no", "{}", CONFIRMING)
    review = supervisor.consider(scene(), Purpose.REVIEW).review
    assert review.reason == "unusable reply, missing field: reply lacks symbol"
    assert len(provider.asked) == 2


def test_no_repair_is_asked_for_where_no_time_is_left() -> None:
    supervisor, provider = supervising("no", CONFIRMING, latency_ms=7_001)
    review = supervisor.consider(scene(), Purpose.REVIEW).review
    assert review.reason == "unusable reply, not json: not JSON: JSONDecodeError"
    assert len(provider.asked) == 1


# ---------------------------------------------------------------- budget

PRICES = {"told-1": Price(tokens_in=Decimal(10), tokens_out=Decimal(100))}


def test_what_a_reply_cost_is_said() -> None:
    supervisor, _ = supervising(
        CONFIRMING, budget=Budget(prices=PRICES, money_per_decision=Decimal(1))
    )
    (exchange,) = supervisor.consider(scene(), Purpose.REVIEW).exchanges
    assert exchange.cost == Decimal("0.02")  # 1 000 * 10 + 100 * 100, by a million
    assert supervisor.spent(NOW).money == Decimal("0.02")
    assert supervisor.spent(NOW).tokens == 1_100


def test_over_the_day_nobody_is_asked_until_the_next() -> None:
    budget = Budget(tokens_per_day=3_300)
    supervisor, provider = supervising(CONFIRMING, CONFIRMING, CONFIRMING, budget=budget)
    supervisor.consider(scene(), Purpose.REVIEW)
    over = supervisor.consider(scene(), Purpose.REVIEW)
    assert over.review.reason == "over budget: 3300 tokens a day"
    assert (over.review.scale, over.exchanges, over.latency_ns) == (0.5, (), 0)
    assert len(provider.asked) == 1
    tomorrow = supervisor.consider(scene(at=NOW + 24 * HOUR), Purpose.REVIEW)
    assert tomorrow.review.verdict is Verdict.CONFIRMED


def test_a_repair_must_fit_the_budget_of_the_decision() -> None:
    budget = Budget(tokens_per_decision=3_300)
    supervisor, provider = supervising("no", CONFIRMING, budget=budget)
    review = supervisor.consider(scene(), Purpose.REVIEW).review
    assert review.reason == "unusable reply, not json: not JSON: JSONDecodeError"
    assert len(provider.asked) == 1


def test_what_ran_out_of_time_counts_as_if_it_had_been_charged() -> None:
    late = ProviderError(Failure.DEADLINE, "8 s", latency_ms=8_000, charged=1)
    supervisor, _ = supervising(late, budget=Budget(prices=PRICES, money_per_decision=Decimal(1)))
    (exchange,) = supervisor.consider(scene(), Purpose.REVIEW).exchanges
    assert exchange.cost > Decimal("0.07")  # the reply it may have had alone
    assert supervisor.spent(NOW).money == exchange.cost


def test_requests_that_brought_nothing_are_paid_for_with_reply_and_without() -> None:
    failed = ProviderError(Failure.UNAVAILABLE, "cut off twice", charged=2)
    budget = Budget(prices=PRICES, money_per_decision=Decimal(1))
    supervisor, _ = supervising(failed, budget=budget)
    (exchange,) = supervisor.consider(scene(), Purpose.REVIEW).exchanges
    most = budget.estimate(exchange.question)
    assert (exchange.cost, exchange.charged) == (2 * most.money, 2)
    assert supervisor.spent(NOW) == most.times(2)
    again, _ = supervising(budget=budget)
    again.recall([exchange])
    assert again.spent(NOW) == most.times(2)


@pytest.mark.parametrize("told", [-1, 10**6, 10**26, 10**400])
def test_a_usage_that_cannot_be_counts_as_the_most_the_question_could_cost(told: int) -> None:
    budget = Budget(prices=PRICES, money_per_decision=Decimal(1))
    lying = Answering(CONFIRMING, tokens_in=told)
    supervisor = Supervisor(provider=lying, policy=SupervisorPolicy(), budget=budget)
    considered = supervisor.consider(scene(), Purpose.REVIEW)
    assert considered.review.verdict is Verdict.CONFIRMED
    (exchange,) = considered.exchanges
    most = budget.estimate(exchange.question)
    assert supervisor.spent(NOW).tokens == most.tokens
    assert 0 < exchange.cost <= most.money


def test_what_was_spent_before_a_restart_counts() -> None:
    first, _ = supervising(CONFIRMING)
    exchanges = first.consider(scene(), Purpose.REVIEW).exchanges
    second, _ = supervising(CONFIRMING, budget=Budget(tokens_per_day=3_300))
    second.recall(exchanges)
    assert second.consider(scene(), Purpose.REVIEW).review.reason.startswith("over budget")


# ---------------------------------------------------------------- lessons


def test_a_lesson_is_learnt_from_a_plan_it_advised_on_and_shown_next_time() -> None:
    supervisor, provider = supervising(DOUBTING, DOUBTING)
    supervisor.consider(scene(), Purpose.REVIEW)
    ended = Ended(
        plan=replace(PENDING.plan, planned_ns=NOW + SECOND),
        outcome=Outcome.CLOSED,
        ended_ns=NOW + HOUR,
        reason="take profit",
        quantity=Decimal("0.015"),
        gross_pnl=Decimal("30"),
        fees=Decimal("1.5"),
    )
    supervisor.learn(ended)
    supervisor.learn(replace(ended, outcome=Outcome.CANCELLED, quantity=Decimal(0)))
    (lesson,) = supervisor.lessons(BTC)
    assert (lesson.result, lesson.advice.verdict) == (28.5, "reduced")
    supervisor.consider(scene(at=NOW + 2 * HOUR), Purpose.REVIEW)
    assert "lessons = []" in provider.asked[0].prompt.user
    assert '"result": 28.5, "ended_minutes_ago": 60' in provider.asked[1].prompt.user


def test_nothing_is_learnt_from_silence() -> None:
    supervisor, _ = supervising(NO_REPLY)
    supervisor.consider(scene(), Purpose.REVIEW)
    supervisor.learn(
        Ended(
            plan=replace(PENDING.plan, planned_ns=NOW),
            outcome=Outcome.CLOSED,
            ended_ns=NOW + HOUR,
            reason="stop",
            quantity=Decimal("0.015"),
        )
    )
    assert supervisor.lessons(BTC) == ()
