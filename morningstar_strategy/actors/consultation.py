"""Predictions in, assessments out, each laid before a supervisor where that is worth asking."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol, cast

from nautilus_trader.common import Clock
from nautilus_trader.model import Bar, BarType

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.ways import Case, Counsel, Way
from morningstar_strategy.border import Border, Origin, crossing
from morningstar_strategy.border.codecs import EXTERNALS
from morningstar_strategy.border.seen import SeenClock
from morningstar_strategy.core.counsel import LATE
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import of_health, of_review
from morningstar_strategy.core.review import Assessment, Review, Verdict
from morningstar_strategy.core.scene import External, Scene
from morningstar_strategy.core.state import Ended, plan_of
from morningstar_strategy.core.summary import Summariser
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.snapshot import Glimpse
from morningstar_strategy.supervisor.exchange import Exchange
from morningstar_strategy.supervisor.supervisor import Considered
from morningstar_strategy.supervisor.telling import of_exchange
from morningstar_strategy.topics import ASSESSMENT, PLAN, PREDICTION, RECORD

__all__ = ["ConsultationActor", "Known", "Tape", "View"]

type Known = Callable[[str, int], tuple[External, ...]]  # instrument, time: what was known by then
type Tape = Callable[[Exchange], object]

_NOTHING: Final = Review.abstain("nothing to review")
_SUPERSEDED: Final = Review(
    verdict=Verdict.ABSTAINED, scale=0.0, reason="superseded by a newer prediction"
)


class View(Protocol):
    """What a strategy shows of itself beforehand."""

    def would_act(self, prediction: Prediction) -> bool:
        """Say quickly whether it may do something on a prediction by itself."""
        ...

    def glimpse(self, prediction: Prediction) -> Glimpse | None:
        """Show what it sees and would do by itself; None where it decides nothing."""
        ...


class ConsultationActor(Actor):
    """Publishes exactly one assessment for each prediction.

    A prediction whose instrument has a newer one before its answer came gets an abstention that
    opens nothing; the late answer is recorded and dropped. A prediction that is still open when
    the node stops gets none, since nobody would act on it. Every exchange goes to the tape before
    anybody acts on it.
    """

    def __init__(
        self,
        *,
        counsel: Counsel,
        way: Way,
        view: View,
        limits: RiskLimits,
        bar_types: Mapping[str, BarType],
        known: Known,
        tape: Tape,
        faults: Faults,
        border: Border | None = None,
        tag: str = "",
    ) -> None:
        del tag  # the engine has it from __new__
        self.faults = faults
        self.border = border
        self._counsel = counsel
        self._way = way
        self._view = view
        self._limits = limits
        self._bar_types = dict(bar_types)
        self._known = known
        self._tape = tape
        self._summaries = {name: Summariser() for name in bar_types}
        self._seen_ns = dict.fromkeys(bar_types, 0)
        self._open: dict[str, Case] = {}  # by instrument
        self._count = 0

    @guarded
    def on_start(self) -> None:
        """Listen to predictions, bars and plans."""
        self._clock, self._cache = self.clock, self.cache
        if self.border is not None:
            self._clock = cast(Clock, SeenClock(self.clock, self.border))
        self._way.begin(clock=self.clock, listener=self)
        self.subscribe_topic(PREDICTION, self.on_prediction)
        self.subscribe_topic(PLAN, self.on_plan)
        for bar_type in self._bar_types.values():
            self.subscribe_bars(bar_type)

    @guarded
    def on_stop(self) -> None:
        """Say what is left without an answer."""
        for name in self._open:
            self._say(name, "review unanswered", "the node stops")
        self._open.clear()
        self._way.end()

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Sum the bar up."""
        self._absorb(bar.bar_type.instrument_id.value, bar)

    @guarded
    def on_plan(self, state: Any) -> None:
        """Let the supervisor know that a plan came into a state, and how it ended."""
        plan = state.plan if isinstance(state, Ended) else plan_of(state)
        if plan is None or plan.setup.symbol not in self._bar_types:
            return
        self._counsel.stir(plan.setup.symbol)
        if isinstance(state, Ended):
            self._counsel.learn(state)

    @guarded
    def on_prediction(self, prediction: Any) -> None:
        """Take a prediction; another strategy of this node may trade the instrument."""
        if prediction.instrument_id in self._bar_types:
            self.consult(prediction)

    @crossing(Origin.MADE)
    def consult(self, prediction: Prediction) -> None:
        """Have a prediction considered, or say at once that there is nothing to review."""
        self._supersede(prediction.instrument_id)
        scene = self._scene(prediction)
        purpose = None if scene is None else self._counsel.considers(scene)
        if scene is None or purpose is None:
            self._assess(prediction, _NOTHING)
            return
        self._count += 1
        now_ns = self._clock.timestamp_ns()
        case = Case(number=self._count, scene=scene, purpose=purpose, asked_ns=now_ns)
        self._open[prediction.instrument_id] = case
        self._way.consider(case)

    # ------------------------------------------------------------ what comes of a case

    @guarded
    def answered(self, case: Case, considered: Considered) -> None:
        """Record what was said, and assess where the answer is still waited for."""
        now_ns = self._clock.timestamp_ns()
        for exchange in considered.exchanges:
            self._tape(exchange)
            self.publish_message(RECORD, of_exchange(exchange, ts_event=now_ns))
        if self._is_open(case):
            self._close(case, considered.review)
        else:
            review = considered.review
            said = f"{review.verdict.value}: {review.reason}" if review.reason else "confirmed"
            self._say(_name(case), LATE, said)

    @guarded
    def overdue(self, case: Case) -> None:
        """Go on without an answer, which may still come."""
        if self._is_open(case):
            secs = (self._clock.timestamp_ns() - case.asked_ns) / 1e9
            self._close(case, self._counsel.silence(case.scene, f"no answer within {secs:.1f} s"))

    @guarded
    def failed(self, case: Case, error: Exception) -> None:
        """Go on without an answer, and raise what happened instead: it is a fault of ours."""
        if self._is_open(case):
            self._close(case, self._counsel.silence(case.scene, f"fault: {error}"))
        raise error

    def _is_open(self, case: Case) -> bool:
        return self._open.get(_name(case)) is case

    def _close(self, case: Case, review: Review) -> None:
        del self._open[_name(case)]
        told = of_review(
            review,
            ts_event=self._clock.timestamp_ns(),
            instrument_id=_name(case),
            purpose=case.purpose.value,
            asked_ns=case.asked_ns,
        )
        self.publish_message(RECORD, told)
        self._assess(case.scene.prediction, review)

    def _supersede(self, name: str) -> None:
        case = self._open.get(name)
        if case is not None:
            self._way.withdraw(case)
            self._close(case, _SUPERSEDED)

    def _assess(self, prediction: Prediction, review: Review) -> None:
        self.publish_message(ASSESSMENT, Assessment(prediction=prediction, review=review))

    # ------------------------------------------------------------ what is shown

    def _scene(self, prediction: Prediction) -> Scene | None:
        """Put together what is shown; None where the strategy decides nothing anyway."""
        name = prediction.instrument_id
        due = self._counsel.is_due(name, prediction.ts_event)
        if not (due or self._view.would_act(prediction)):
            return None
        glimpse = self._view.glimpse(prediction)
        if glimpse is None:
            return None
        bar = self._cache.bar(self._bar_types[name])
        if bar is not None:  # the engine may hand it to the forecaster before it comes to us
            self._absorb(name, bar)
        summary = self._summaries[name].summary()
        if summary is None:
            return None
        return Scene(
            prediction=prediction,
            snapshot=glimpse.snapshot,
            summary=summary,
            limits=self._limits,
            would=glimpse.would,
            halted=glimpse.halted,
            lessons=self._counsel.lessons(name),
            externals=self._externals(name, glimpse.snapshot.ts_event),
        )

    def _externals(self, name: str, ts: int) -> tuple[External, ...]:
        known = partial(self._known, name, ts)
        return (
            known() if self.border is None else self.border.see(f"known {name}", known, EXTERNALS)
        )

    def _absorb(self, name: str, bar: Bar) -> None:
        if bar.ts_event > self._seen_ns[name]:
            self._seen_ns[name] = bar.ts_event
            self._summaries[name].absorb(
                bar.high.as_double(),
                bar.low.as_double(),
                bar.close.as_double(),
                bar.volume.as_double(),
            )

    def _say(self, name: str, state: str, reason: str) -> None:
        now_ns = self._clock.timestamp_ns()
        told = of_health(ts_event=now_ns, instrument_id=name, state=state, reason=reason)
        self.publish_message(RECORD, told)


def _name(case: Case) -> str:
    return case.scene.prediction.instrument_id
