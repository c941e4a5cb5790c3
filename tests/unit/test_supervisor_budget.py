"""Examples of budgets, memories and policies: what they hold and what cannot be built."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.scene import Advice
from morningstar_strategy.core.state import Ended, Outcome
from morningstar_strategy.supervisor.budget import Budget, Estimate, Price, Purse
from morningstar_strategy.supervisor.exchange import Purpose, Question, Reply, Turn
from morningstar_strategy.supervisor.memory import Memory
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.prompt import render
from morningstar_strategy.supervisor.supervisor import Supervisor
from tests.supervised import BTC, CONFIRMING, HOUR, NOW, PENDING, Answering, scene

CHEAP = Price(tokens_in=Decimal("0.1"), tokens_out=Decimal("0.2"))
DEAR = Price(tokens_in=Decimal(3), tokens_out=Decimal(15))
BUDGET = Budget(prices={"cheap": CHEAP, "dear": DEAR})
NOTHING = Estimate(tokens=0, money=Decimal(0))
DAY = 24 * HOUR


def reply(model: str) -> Reply:
    return Reply(
        text="", provider="p", model=model, tokens_in=10_000, tokens_out=1_000, latency_ms=0
    )


def test_a_reply_costs_its_tokens_by_the_price_table() -> None:
    assert BUDGET.spent_on(reply("cheap")).money == Decimal("0.0012")
    assert BUDGET.spent_on(reply("dear")).money == Decimal("0.045")


def test_a_model_without_a_price_costs_as_much_as_the_dearest() -> None:
    assert BUDGET.spent_on(reply("unheard of")).money == Decimal("0.045")
    assert Budget().spent_on(reply("unheard of")).money == 0


def test_a_fraction_of_the_smallest_coin_is_rounded_up() -> None:
    assert Price(tokens_in=Decimal("0.001"), tokens_out=Decimal(0)).of(1, 0) == Decimal("1e-8")


def test_every_model_needs_a_price() -> None:
    BUDGET.require(["cheap", "dear"])
    with pytest.raises(ValueError, match=r"had none for a, b$"):
        BUDGET.require(["b", "cheap", "a"])


def test_a_repair_is_estimated_with_what_was_said_before() -> None:
    prompt = render(Purpose.REVIEW, scene(), policy=SupervisorPolicy())
    question = Question(purpose=Purpose.REVIEW, instrument_id=BTC, ts_event=NOW, prompt=prompt)
    first = BUDGET.estimate(question)
    bytes_asked = len((prompt.system + prompt.user).encode())
    assert first.tokens == bytes_asked // 2 + 700
    assert first.money == DEAR.of(bytes_asked // 2, 700)
    repair = replace(question, turns=(Turn(reply="ж" * 100, complaint="x" * 100),))
    assert BUDGET.estimate(repair).tokens == first.tokens + 150


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"tokens_per_day": 99}, "over budget: 99 tokens a day"),
        ({"money_per_day": Decimal("0.09")}, "over budget: 0.09 a day"),
        ({"tokens_per_decision": 99}, "over budget: 99 tokens a decision"),
        ({"money_per_decision": Decimal("0.09")}, "over budget: 0.09 a decision"),
        ({}, ""),
    ],
)
def test_a_reservation_must_fit_day_and_decision(changes: dict[str, Any], refusal: str) -> None:
    purse = Purse(replace(BUDGET, **{"money_per_decision": Decimal(1), **changes}))
    asked = Estimate(tokens=100, money=Decimal("0.1"))
    assert purse.reserve(asked, ts_event=NOW, spent=NOTHING) == refusal
    assert purse.spent(NOW) == (NOTHING if refusal else asked)


def test_a_day_begins_at_midnight_and_a_late_settlement_goes_to_its_own() -> None:
    purse = Purse(BUDGET)
    asked = Estimate(tokens=100, money=Decimal("0.1"))
    purse.reserve(asked, ts_event=NOW, spent=NOTHING)
    assert purse.spent(NOW + DAY) == NOTHING
    purse.settle(asked, Estimate(tokens=40, money=Decimal("0.04")), ts_event=NOW)
    assert purse.spent(NOW) == Estimate(tokens=40, money=Decimal("0.04"))
    assert purse.spent(NOW + 8 * HOUR) == NOTHING  # the next day
    assert purse.spent(NOW + 8 * HOUR - 1) == Estimate(tokens=40, money=Decimal("0.04"))


def test_a_bar_of_a_wrong_day_does_not_clear_this_one() -> None:
    purse = Purse(BUDGET)
    asked = Estimate(tokens=100, money=Decimal("0.1"))
    purse.reserve(asked, ts_event=NOW, spent=NOTHING)
    purse.reserve(asked, ts_event=NOW + 10 * DAY, spent=NOTHING)
    assert purse.spent(NOW) == asked
    for day in range(1, 30):  # and what is long past is not kept for ever
        purse.reserve(asked, ts_event=NOW + day * DAY, spent=NOTHING)
    assert purse.spent(NOW) == NOTHING


def test_the_budget_holds_over_many_threads() -> None:
    class Steady:
        def ask(self, question: Question, *, deadline_secs: float) -> Reply:
            del question, deadline_secs
            return replace(reply("cheap"), text=CONFIRMING, tokens_in=900, tokens_out=100)

    budget = replace(BUDGET, tokens_per_day=20_000, money_per_decision=Decimal(1))
    supervisor = Supervisor(provider=Steady(), policy=SupervisorPolicy(), budget=budget)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: supervisor.consider(scene(), Purpose.REVIEW), range(60)))
    asked = sum(len(each.exchanges) for each in found)
    assert supervisor.spent(NOW).tokens == asked * 1_000 <= 20_000
    assert 0 < asked < 60


# ---------------------------------------------------------------- memory


def test_a_memory_forgets_the_oldest() -> None:
    memory = Memory(kept=3)
    ended = Ended(
        plan=PENDING.plan,
        outcome=Outcome.CLOSED,
        ended_ns=NOW,
        reason="stop",
        quantity=Decimal(1),
    )
    assert memory.learn(ended) is None
    for number in range(5):
        then = NOW + number * HOUR
        memory.note(Advice(ts_event=then, instrument_id=BTC, verdict="reduced", reason=f"{number}"))
        memory.learn(replace(ended, plan=replace(PENDING.plan, planned_ns=then), ended_ns=then))
    assert [each.advice.reason for each in memory.lessons(BTC, most=9)] == ["4", "3", "2"]
    assert [each.advice.reason for each in memory.lessons(BTC, most=1)] == ["4"]
    assert memory.lessons("ETHUSDT-PERP.BINANCE", most=9) == ()


def test_a_plan_is_paired_with_the_advice_before_it() -> None:
    memory = Memory()
    for hours in (1, 2, 3):
        memory.note(
            Advice(
                ts_event=NOW + hours * HOUR, instrument_id=BTC, verdict="reduced", reason=f"{hours}"
            )
        )
    lesson = memory.learn(
        Ended(
            plan=replace(PENDING.plan, planned_ns=NOW + 2 * HOUR),
            outcome=Outcome.CLOSED,
            ended_ns=NOW + 5 * HOUR,
            reason="stop",
            quantity=Decimal(1),
            gross_pnl=Decimal(-10),
            fees=Decimal(1),
        )
    )
    assert lesson is not None
    assert (lesson.advice.reason, lesson.result) == ("2", -11.0)


# ---------------------------------------------------------------- what cannot be built


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Price(tokens_in=Decimal(-1), tokens_out=Decimal(0)), "price of tokens_in"),
        (lambda: Price(tokens_in=Decimal(1), tokens_out=Decimal("NaN")), "price of tokens_out"),
        (lambda: Budget(tokens_per_day=0), "tokens_per_day must be positive, was 0"),
        (lambda: Budget(money_per_day=Decimal("NaN")), "money_per_day must not be negative"),
        (lambda: Budget(money_per_decision=Decimal(-1)), "money_per_decision must not"),
        (lambda: Budget(max_reply_tokens=0), "max_reply_tokens must be positive, was 0"),
        (lambda: Memory(kept=0), "kept must be positive, was 0"),
        (lambda: SupervisorPolicy(cycle_secs=0), "cycle_secs must be positive, was 0"),
        (lambda: SupervisorPolicy(deadline_secs=0.0), "deadline_secs must be in"),
        (lambda: SupervisorPolicy(deadline_secs=float("nan")), "deadline_secs must be in"),
        (lambda: SupervisorPolicy(least_repair_secs=0.0), "least_repair_secs must be in"),
        (lambda: SupervisorPolicy(silence_scale=1.01), "silence_scale must be in"),
        (lambda: SupervisorPolicy(veto_bars=-1), "veto_bars must be in"),
        (lambda: SupervisorPolicy(words=101), "words must be in"),
        (lambda: SupervisorPolicy(word_chars=5), "word_chars must be in"),
    ],
)
def test_what_makes_no_sense_cannot_be_built(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        build()


def test_no_lock_is_held_while_a_provider_answers() -> None:
    class Curious(Answering):
        def ask(self, question: Question, *, deadline_secs: float) -> Reply:
            supervisor.considers(scene())
            supervisor.stir(BTC)
            supervisor.lessons(BTC)
            supervisor.silence(scene(), "asked from within")
            return super().ask(question, deadline_secs=deadline_secs)

    supervisor = Supervisor(
        provider=Curious(CONFIRMING), policy=SupervisorPolicy(may_propose=True), budget=Budget()
    )
    assert supervisor.consider(scene(), Purpose.REVIEW).review.scale == 1.0
