"""The supervisor: says whether to ask about a scene, asks, and says what the answer means."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

from morningstar_strategy.core.commands import PlanTrade
from morningstar_strategy.core.review import Review, Verdict
from morningstar_strategy.core.scene import Advice, Lesson, Scene
from morningstar_strategy.core.state import Ended, Flat
from morningstar_strategy.supervisor.authority import (
    Silence,
    Veto,
    of_command,
    of_opinion,
    of_silence,
)
from morningstar_strategy.supervisor.budget import Budget, Estimate, Purse
from morningstar_strategy.supervisor.exchange import Exchange, Provider, Purpose, Question
from morningstar_strategy.supervisor.hearing import Answer, Listener
from morningstar_strategy.supervisor.memory import Memory
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.prompt import render
from morningstar_strategy.supervisor.reply import Opinion

__all__ = ["Considered", "Supervisor", "SupervisorPolicy"]

_SECOND_NS: Final = 1_000_000_000
_MILLISECOND_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """What a supervisor makes of a scene, with every exchange it took and how long they took."""

    review: Review
    exchanges: tuple[Exchange, ...] = ()
    latency_ns: int = 0

    def __post_init__(self) -> None:
        if not self.latency_ns >= 0:
            raise ValueError(f"latency_ns must not be negative, was {self.latency_ns}")


class Supervisor:
    """Reviews plans and, where it may propose, issues commands of its own.

    `considers` and `consider` may be called from different threads; the lock is never held while
    a provider is asked. `calibration` tells in the prompts how far the model may be believed.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        policy: SupervisorPolicy,
        budget: Budget,
        memory: Memory | None = None,
        calibration: str = "",
    ) -> None:
        self._policy = policy
        self._purse = Purse(budget)
        self._listener = Listener(
            provider=provider, policy=policy, budget=budget, purse=self._purse
        )
        self._memory = Memory() if memory is None else memory
        self._calibration = calibration
        self._lock = Lock()
        self._asked: dict[str, int] = {}  # event time of the executor's last cycle
        self._due: set[str] = set()
        self._vetoes: dict[str, Veto] = {}

    # ------------------------------------------------------------ whether to ask

    def considers(self, scene: Scene) -> Purpose | None:
        """Say why this scene is worth a question, None where nothing could come of one.

        What would open risk is reviewed; otherwise the executor has its cycle, where it may act.
        """
        if isinstance(scene.would, PlanTrade):
            return Purpose.REVIEW if _may_open(scene) else None
        if isinstance(scene.snapshot.trade, Flat) and not _may_open(scene):
            return None
        prediction = scene.prediction
        due = self.is_due(prediction.instrument_id, prediction.ts_event)
        return Purpose.EXECUTE if due else None

    def stir(self, instrument_id: str) -> None:
        """Let the executor have its next cycle now: something has happened to its trade."""
        with self._lock:
            self._due.add(instrument_id)

    def is_due(self, instrument_id: str, now_ns: int) -> bool:
        """Say without a scene whether the executor has its cycle on an instrument now."""
        if not self._policy.may_propose:
            return False
        with self._lock:
            last = self._asked.get(instrument_id)
            called = instrument_id in self._due
        return called or last is None or now_ns - last >= self._policy.cycle_secs * _SECOND_NS

    # ------------------------------------------------------------ asking

    def consider(self, scene: Scene, purpose: Purpose) -> Considered:
        """Ask and answer within the deadline, blocking; whatever comes back becomes a review.

        Raises nothing for any reply or failure of a provider, TapeMiss where a tape has no answer.
        """
        name = scene.prediction.instrument_id
        if purpose is Purpose.EXECUTE:
            self._begin_cycle(name, scene.prediction.ts_event)
        if not scene.lessons and (learnt := self.lessons(name)):
            scene = replace(scene, lessons=learnt)
        question = Question(
            purpose=purpose,
            instrument_id=name,
            ts_event=scene.prediction.ts_event,
            prompt=render(purpose, scene, policy=self._policy, calibration=self._calibration),
        )
        heard = self._listener.hear(question, scene)
        review = self._judge(heard.answer, scene)
        self._note(review, scene, purpose)
        spent_ms = sum(exchange.latency_ms for exchange in heard.exchanges)
        latency_ms = min(spent_ms, round(self._policy.deadline_secs * 1_000))
        return Considered(
            review=review, exchanges=heard.exchanges, latency_ns=latency_ms * _MILLISECOND_NS
        )

    def silence(self, scene: Scene, reason: str) -> Review:
        """Give the review of a scene about which nobody spoke in time."""
        return self._judge(Silence(reason=reason), scene)

    def _begin_cycle(self, name: str, ts_event: int) -> None:
        if not self._policy.may_propose:
            raise ValueError(f"an executor must be allowed to propose, was asked about {name}")
        with self._lock:
            self._asked[name] = ts_event
            self._due.discard(name)

    def _judge(self, answer: Answer, scene: Scene) -> Review:
        name, bar = scene.prediction.instrument_id, scene.summary.bars
        with self._lock:
            match answer:
                case Opinion() as opinion:
                    review = of_opinion(opinion)
                    self._mind(review, name, bar)
                    return review
                case Silence() as silence:
                    veto = self._standing_veto(name, bar)
                    return of_silence(silence, policy=self._policy, veto=veto)
                case command:
                    return of_command(command, veto=self._standing_veto(name, bar))

    def _mind(self, review: Review, name: str, bar: int) -> None:
        """Keep or lift a veto; a late opinion on an older bar does neither to a newer one."""
        known = self._vetoes.get(name)
        if known is not None and known.bar > bar:
            return
        if review.verdict is Verdict.VETOED:
            self._vetoes[name] = Veto(bar=bar, reason=review.reason)
        else:
            self._vetoes.pop(name, None)

    def _standing_veto(self, name: str, bar: int) -> Veto | None:
        veto = self._vetoes.get(name)
        if veto is None or not 0 <= bar - veto.bar <= self._policy.veto_bars:
            return None
        return veto

    # ------------------------------------------------------------ memory

    def learn(self, ended: Ended) -> None:
        """Learn how a plan ended on which this supervisor had advised."""
        with self._lock:
            self._memory.learn(ended)

    def lessons(self, instrument_id: str) -> tuple[Lesson, ...]:
        """Give the newest lessons about an instrument, newest first."""
        with self._lock:
            return self._memory.lessons(instrument_id, most=self._policy.lessons)

    def recall(self, exchanges: Iterable[Exchange]) -> None:
        """Count against the budget what was spent before a restart."""
        self._purse.recall(exchanges)

    def spent(self, ts_event: int) -> Estimate:
        """Give tokens and money spent on the UTC day of this time."""
        return self._purse.spent(ts_event)

    def _note(self, review: Review, scene: Scene, purpose: Purpose) -> None:
        """Remember what was said of a plan; what was said of anything else teaches nothing."""
        if purpose is Purpose.EXECUTE and not isinstance(review.proposal, PlanTrade):
            return
        advice = Advice(
            ts_event=scene.prediction.ts_event,
            instrument_id=scene.prediction.instrument_id,
            verdict=review.verdict.value,
            reason=review.reason,
        )
        with self._lock:
            self._memory.note(advice)


def _may_open(scene: Scene) -> bool:
    """Say whether the gate could approve any plan now; without that a question is money lost."""
    if scene.halted or scene.prediction.abstained:
        return False
    return len(scene.snapshot.holdings) < scene.limits.max_open_plans
