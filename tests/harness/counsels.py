"""A supervisor that says what a script has it say, and actors that watch or ask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Event
from typing import Any

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.consultation import ConsultationActor, Tape
from morningstar_strategy.actors.ways import Counsel, InLine, Way
from morningstar_strategy.core.commands import DoNothing
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.review import Assessment, Review, Verdict
from morningstar_strategy.core.scene import External, Lesson, Scene
from morningstar_strategy.core.state import Ended, Flat, Snapshot
from morningstar_strategy.core.summary import Summariser
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.settings.schema import VenueSettings
from morningstar_strategy.settings.wiring import terms_of
from morningstar_strategy.supervisor.exchange import Exchange, Prompt, Purpose, Question, Reply
from morningstar_strategy.supervisor.supervisor import Considered
from morningstar_strategy.topics import ASSESSMENT
from tests.harness.market import bar_type, perpetual, prediction
from tests.harness.runs import Rig

CONFIRMED = Review(verdict=Verdict.CONFIRMED)
PATIENCE_SECS = 60.0

type Says = Review | Exception


def exchange(scene: Scene, purpose: Purpose = Purpose.REVIEW, *, latency_ms: int = 0) -> Exchange:
    """Make the exchange of a question that was answered."""
    prompt = Prompt(
        name=purpose.value,
        version=1,
        template_sha="0" * 64,
        system="",
        user="",
        schema={},
    )
    reply = Reply(
        text="{}",
        provider="told",
        model="m",
        tokens_in=10,
        tokens_out=5,
        latency_ms=latency_ms,
    )
    return Exchange(
        question=Question(
            purpose=purpose,
            instrument_id=scene.prediction.instrument_id,
            ts_event=scene.prediction.ts_event,
            prompt=prompt,
        ),
        reply=reply,
        failure=None,
        detail="",
        verdict="as told",
        cost=Decimal("0.002"),
        latency_ms=latency_ms,
    )


@dataclass(kw_only=True)
class ToldCounsel:
    """Considers what `asks` picks, and says what `says` tells, after `latency_ns` of event time.

    With `gate` every answer waits on its thread until the gate is opened.
    """

    says: Callable[[Scene], Says] = lambda scene: CONFIRMED
    asks: Callable[[Scene], Purpose | None] = lambda scene: Purpose.REVIEW
    due: bool = True
    latency_ns: int = 0
    gate: Event | None = None
    scenes: list[Scene] = field(default_factory=list)
    stirred: list[str] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def is_due(self, instrument_id: str, now_ns: int) -> bool:
        return self.due

    def considers(self, scene: Scene) -> Purpose | None:
        return self.asks(scene)

    def consider(self, scene: Scene, purpose: Purpose) -> Considered:
        self.scenes.append(scene)
        if self.gate is not None and not self.gate.wait(PATIENCE_SECS):
            raise TimeoutError("nobody opened the gate")
        said = self.says(scene)
        if isinstance(said, Exception):
            raise said
        told = exchange(scene, purpose, latency_ms=self.latency_ns // 1_000_000)
        return Considered(review=said, exchanges=(told,), latency_ns=self.latency_ns)

    def silence(self, scene: Scene, reason: str) -> Review:
        return Review(verdict=Verdict.ABSTAINED, scale=0.5, reason=reason)

    def stir(self, instrument_id: str) -> None:
        self.stirred.append(instrument_id)

    def learn(self, ended: Ended) -> None:
        self.ended.append(ended)

    def lessons(self, instrument_id: str) -> tuple[Lesson, ...]:
        return ()


class AssessmentActor(Actor):
    """Keeps every assessment with the time at which it came."""

    def __init__(self, *, faults: Faults) -> None:
        self.faults = faults
        self.heard: list[tuple[int, Assessment]] = []

    @guarded
    def on_start(self) -> None:
        self._clock = self.clock
        self.subscribe_topic(ASSESSMENT, self.on_assessment)

    def on_assessment(self, assessment: Any) -> None:
        self.heard.append((self._clock.timestamp_ns(), assessment))


def consulting(
    counsel: Counsel,
    *,
    tape: Tape = lambda exchange: None,
    way: Way | None = None,
    known: Callable[[str, int], tuple[External, ...]] = lambda name, ts: (),
) -> Callable[[Rig], ConsultationActor]:
    """Make the actor that consults the counsel, for a rig."""

    def make(used: Rig) -> ConsultationActor:
        return ConsultationActor(
            counsel=counsel,
            way=way or InLine(counsel),
            view=used.strategy,
            limits=used.risk,
            bar_types={term.instrument_id.value: term.bar_type for term in used.terms},
            known=known,
            tape=tape,
            faults=used.faults,
        )

    return make


class AskingActor(Actor):
    """Does something at bars told, on the engine's thread."""

    def __init__(
        self, *, bar_type: Any, acts: Callable[[int], None], index: Callable[[int], int]
    ) -> None:
        self.faults = Faults()
        self._bar_type = bar_type
        self._acts = acts
        self._index = index

    def on_start(self) -> None:
        self.subscribe_bars(self._bar_type)

    @guarded
    def on_bar(self, bar: Any) -> None:
        self._acts(self._index(bar.ts_event))


def reasons(heard: Sequence[tuple[int, Assessment]]) -> list[str]:
    """Tell what every assessment says."""
    return [each.review.reason or each.review.verdict.value for _, each in heard]


def scene(number: int) -> Scene:
    """Make a scene of a flat account at a moment, with a signal to buy."""
    market = terms_of(perpetual(), bar_type(), VenueSettings()).market(Decimal(1000), number)
    bars = Summariser()
    bars.absorb(1000.0, 1000.0, 1000.0, 1.0)
    summary = bars.summary()
    assert summary is not None
    return Scene(
        prediction=prediction(market.instrument_id, number, 1000.0, long=0.9, short=0.0),
        snapshot=Snapshot(ts_event=number, equity=Decimal(1), market=market, trade=Flat()),
        summary=summary,
        limits=RiskLimits(),
        would=DoNothing(),
    )
