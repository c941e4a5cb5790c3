"""Retries, back-off, breakers and fallbacks, on a clock of our own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import pytest

from morningstar_strategy.supervisor.breaker import Breaker
from morningstar_strategy.supervisor.chain import Chain, Patience
from morningstar_strategy.supervisor.exchange import Failure, ProviderError, Question, Reply
from tests.llm.asking import question


@dataclass(slots=True)
class Time:
    """A clock that moves when somebody waits."""

    now: float = 100.0
    waits: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def pause(self, secs: float) -> bool:
        self.waits.append(secs)
        self.now += secs
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a provider does when asked: takes its time, then fails or replies."""

    secs: float = 0.1
    failure: Failure | None = None
    retry_after_secs: float | None = None
    charged: int = 0


class Scripted:
    """Plays its acts in turn, the last one for ever; late acts end at the deadline."""

    def __init__(self, time: Time, *acts: Act) -> None:
        self._time = time
        self._acts = list(acts)
        self.deadlines: list[float] = []

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        self.deadlines.append(deadline_secs)
        act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
        if act.secs > deadline_secs:
            self._time.now += deadline_secs
            raise ProviderError(Failure.DEADLINE, "late", charged=1)
        self._time.now += act.secs
        if act.failure is not None:
            raise ProviderError(
                act.failure,
                f"said {act.failure}",
                retry_after_secs=act.retry_after_secs,
                charged=act.charged,
            )
        return Reply(text="{}", provider="p", model="m", tokens_in=1, tokens_out=1, latency_ms=1)


OK = Act()
DOWN = Act(failure=Failure.UNAVAILABLE)
SLOW = Act(secs=1e9)


def chain_of(
    time: Time, *scripts: Sequence[Act], **patience: float
) -> tuple[Chain, list[Scripted]]:
    providers = [Scripted(time, *acts) for acts in scripts]
    chain = Chain(
        {f"p{number}": one for number, one in enumerate(providers)},
        rng=Random(7),
        patience=Patience(**patience),  # type: ignore[arg-type]  # counts among the seconds
        clock=time.clock,
        pause=time.pause,
    )
    return chain, providers


def failed(chain: Chain, deadline_secs: float = 8.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        chain.ask(question(), deadline_secs=deadline_secs)
    return caught.value


def calls(providers: Sequence[Scripted]) -> list[int]:
    return [len(one.deadlines) for one in providers]


def test_the_waits_between_attempts_double_up_to_the_longest_and_vary() -> None:
    time = Time()
    chain, providers = chain_of(time, [DOWN], attempts=6, first_wait_secs=0.25, most_wait_secs=1.0)
    assert failed(chain, 60.0).failure is Failure.UNAVAILABLE
    assert calls(providers) == [6]
    for wait, longest in zip(time.waits, [0.25, 0.5, 1.0, 1.0, 1.0], strict=True):
        assert longest / 2 <= wait <= longest
    assert len(set(time.waits)) == 5


def test_every_request_that_may_be_charged_is_counted_whoever_answers_in_the_end() -> None:
    cut_off = Act(failure=Failure.UNAVAILABLE, charged=1)
    chain, _ = chain_of(Time(), [cut_off], [SLOW], [cut_off, OK])
    assert chain.ask(question(), deadline_secs=8.0).charged == 4
    chain, _ = chain_of(Time(), [SLOW], [DOWN])
    assert failed(chain).charged == 1
    chain, _ = chain_of(Time(), [cut_off], [DOWN])
    assert failed(chain).charged == 2


def test_the_same_seed_waits_the_same() -> None:
    waits = []
    for _ in range(2):
        time = Time()
        failed(chain_of(time, [DOWN], attempts=4)[0])
        waits.append(time.waits)
    assert waits[0] == waits[1]


def test_the_provider_s_own_wait_is_kept_where_it_fits() -> None:
    time = Time()
    throttled = Act(failure=Failure.THROTTLED, retry_after_secs=3.0)
    chain, providers = chain_of(time, [throttled, OK])
    assert chain.ask(question(), deadline_secs=8.0).latency_ms == 3_200
    assert (time.waits, calls(providers)) == ([3.0], [2])


def test_a_wait_that_does_not_fit_is_not_begun() -> None:
    time = Time()
    throttled = Act(failure=Failure.THROTTLED, retry_after_secs=8.0)
    chain, providers = chain_of(time, [throttled])
    assert failed(chain).failure is Failure.THROTTLED
    assert (time.waits, calls(providers), time.now) == ([], [1], 100.1)


@pytest.mark.parametrize("failure", [Failure.UNAUTHORISED, Failure.REFUSED, Failure.DEADLINE])
def test_what_does_not_pass_by_itself_is_not_tried_again_but_elsewhere(failure: Failure) -> None:
    chain, providers = chain_of(Time(), [Act(failure=failure)], [OK])
    chain.ask(question(), deadline_secs=8.0)
    assert calls(providers) == [1, 1]


def test_a_slow_first_provider_leaves_the_next_its_share() -> None:
    time = Time()
    chain, (first, second, third) = chain_of(time, [SLOW], [SLOW], [OK], first_share=0.5)
    assert chain.ask(question(), deadline_secs=8.0).latency_ms == 6_100
    assert [first.deadlines, second.deadlines, third.deadlines] == [[4.0], [2.0], [2.0]]


def test_the_only_provider_has_all_the_time() -> None:
    chain, (only,) = chain_of(Time(), [OK])
    chain.ask(question(), deadline_secs=8.0)
    assert only.deadlines == [8.0]


def test_every_failure_is_told_and_the_last_one_decides() -> None:
    chain, _ = chain_of(Time(), [Act(failure=Failure.UNAUTHORISED)], [DOWN])
    e = failed(chain)
    assert (str(e), e.failure) == ("said unauthorised; said unavailable", Failure.UNAVAILABLE)
    assert e.latency_ms > 0


def test_a_breaker_opens_lets_one_trial_pass_and_closes_by_its_success() -> None:
    time = Time()
    chain, providers = chain_of(
        time, [DOWN, DOWN, DOWN, DOWN, OK], attempts=1, breaker_failures=3, breaker_secs=60.0
    )
    kinds = [failed(chain).failure for _ in range(5)]
    assert kinds == [Failure.UNAVAILABLE] * 3 + [Failure.OPEN] * 2
    time.now += 60.0
    assert failed(chain).failure is Failure.UNAVAILABLE  # the trial
    assert failed(chain).failure is Failure.OPEN  # at once, not after three
    time.now += 60.0
    chain.ask(question(), deadline_secs=8.0)
    chain.ask(question(), deadline_secs=8.0)
    assert calls(providers) == [6]


def test_only_failures_in_a_row_open_a_breaker() -> None:
    chain, providers = chain_of(Time(), [DOWN, OK, DOWN, OK, DOWN], attempts=1, breaker_failures=2)
    for _ in range(2):
        failed(chain)
        chain.ask(question(), deadline_secs=8.0)
    assert [failed(chain).failure for _ in range(3)] == [
        Failure.UNAVAILABLE,
        Failure.UNAVAILABLE,
        Failure.OPEN,
    ]
    assert calls(providers) == [6]


def test_an_open_first_provider_costs_the_next_no_time() -> None:
    chain, (first, second) = chain_of(Time(), [SLOW], [OK], breaker_failures=1)
    chain.ask(question(), deadline_secs=8.0)
    chain.ask(question(), deadline_secs=8.0)
    assert len(first.deadlines) == 1
    assert second.deadlines == pytest.approx([3.2, 8.0])


def test_a_refusal_is_not_held_against_a_provider() -> None:
    chain, providers = chain_of(Time(), [Act(failure=Failure.REFUSED)], breaker_failures=1)
    assert [failed(chain).failure for _ in range(3)] == [Failure.REFUSED] * 3
    assert calls(providers) == [3]


def test_what_a_slow_first_provider_took_is_not_held_against_the_next() -> None:
    chain, (first, second) = chain_of(Time(), [SLOW], [Act(secs=5.0)], breaker_failures=1)
    assert failed(chain).failure is Failure.DEADLINE
    chain.ask(question(), deadline_secs=8.0)
    assert len(first.deadlines) == 1
    assert second.deadlines == pytest.approx([3.2, 8.0])


def test_an_exception_that_is_no_failure_flies_and_leaves_the_trial_free() -> None:
    class MissError(Exception):
        """A tape has no answer, say."""

    class Breaking(Scripted):
        def ask(self, question: Question, *, deadline_secs: float) -> Reply:
            if len(self.deadlines) == 1:
                self.deadlines.append(deadline_secs)
                raise MissError
            return super().ask(question, deadline_secs=deadline_secs)

    time = Time()
    provider = Breaking(time, DOWN, OK)
    patience = Patience(attempts=1, breaker_failures=1)
    chain = Chain(
        {"p": provider}, rng=Random(7), patience=patience, clock=time.clock, pause=time.pause
    )
    failed(chain)
    time.now += 60.0
    with pytest.raises(MissError):
        chain.ask(question(), deadline_secs=8.0)
    assert chain.ask(question(), deadline_secs=8.0).text == "{}"


def test_a_closed_chain_asks_nobody() -> None:
    chain, providers = chain_of(Time(), [OK])
    chain.close()
    e = failed(chain)
    assert (e.failure, str(e), calls(providers)) == (Failure.UNAVAILABLE, "closed", [0])


def test_closing_ends_a_wait() -> None:
    time = Time()
    provider = Scripted(time, Act(failure=Failure.THROTTLED, retry_after_secs=100.0))
    chain = Chain({"p": provider}, rng=Random(7), clock=time.clock)
    chain.close()
    assert failed(chain, 1_000.0).failure is Failure.UNAVAILABLE


def test_only_one_of_many_is_the_trial() -> None:
    time = Time()
    breaker = Breaker(failures=1, open_secs=10.0, clock=time.clock)
    assert [breaker.admit(), breaker.admit()] == [True, True]
    breaker.failed()
    breaker.abandoned()  # the other one, which had no verdict, opens nothing
    assert breaker.admit() is False
    time.now += 10.0
    assert [breaker.admit() for _ in range(3)] == [True, False, False]
    breaker.abandoned()
    assert breaker.admit() is True


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("attempts", 0),
        ("attempts", 11),
        ("first_wait_secs", 0.0),
        ("first_wait_secs", 3.0),
        ("most_wait_secs", float("nan")),
        ("first_share", 0.0),
        ("first_share", 1.1),
        ("breaker_failures", 0),
        ("breaker_secs", float("inf")),
    ],
)
def test_patience_that_makes_no_sense_is_refused(field_name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field_name.split('_')[0]}.*was"):
        Patience(**{field_name: value})  # type: ignore[arg-type]  # one of several types


def test_a_chain_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="providers"):
        Chain({}, rng=Random(7))
