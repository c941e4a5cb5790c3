"""A backtest whose supervisor's answers are ready at once: what all around the answering takes.

Measured is the CPU time of the engine's thread from a prediction to its assessment, in a whole run:
the look at what the strategy sees and would do, the scene with what is known outside, the prompt,
the budget, the strict reading of the reply, the line of the tape, hashed and flushed, and the lines
of the journal. Left out are the answering itself and all that follows the assessment, which a run
of the model alone does as well.

Each is measured twice: asked again and again, as every other path of ours is measured, and as it
comes in the run, where whatever the engine did since the last question has filled the caches.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from backtests.data import load_market_data
from backtests.engine import run_engine
from benchmarks.data import START_NS, Prepared
from benchmarks.full import BUSY, settings_for
from morningstar_strategy.actors.consultation import ConsultationActor
from morningstar_strategy.actors.ways import InLine
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Review
from morningstar_strategy.core.scene import External, Scene, Trust
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.journal import JOURNAL, TAPE, Journal
from morningstar_strategy.settings import wiring
from morningstar_strategy.settings.supervising import Supervision, known_from
from morningstar_strategy.supervisor.budget import Budget
from morningstar_strategy.supervisor.exchange import Purpose, Question, Reply
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.supervisor import Considered, Supervisor
from morningstar_strategy.supervisor.tape import TapeWriter, verify_tape

_HOUR_NS: Final = 3_600_000_000_000
_EVERY: Final = 10  # every tenth question is asked again, so many times
_TIMES: Final = 50
_SERIES: Final = ("fear_and_greed", "dvol", "hash_rate")


@dataclass(slots=True)
class Meter:
    """CPU nanoseconds of each prediction's way to its assessment, and of the thinking in it."""

    reviewed: list[int] = field(default_factory=list)
    executed: list[int] = field(default_factory=list)
    unasked: list[int] = field(default_factory=list)
    thinking: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)  # means of the same question many times over
    elsewhere_ns: int = 0  # of the current prediction: answering, and what the assessment led to
    purpose: Purpose | None = None  # of the current prediction

    def note(self, took_ns: int) -> None:
        """Note what the current prediction took."""
        match self.purpose:
            case Purpose.REVIEW:
                self.reviewed.append(took_ns)
            case Purpose.EXECUTE:
                self.executed.append(took_ns)
            case None:
                self.unasked.append(took_ns)


class _Ready:
    """Answers at once, never twice with the same words; its own time is no overhead."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._count = 0

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        del deadline_secs
        started = time.thread_time_ns()
        self._count += 1
        reply = Reply(
            text=_said(question, self._count),
            provider="ready",
            model="ready",
            tokens_in=900,
            tokens_out=80,
            latency_ms=0,
        )
        self._meter.elsewhere_ns += time.thread_time_ns() - started
        return reply


def _said(question: Question, count: int) -> str:
    if question.purpose is Purpose.EXECUTE:
        nothing = {"action": "DO_NOTHING", "reasoning": f"nothing speaks for it, as {count} times"}
        return json.dumps({"command": nothing})
    opinion = {
        "symbol": question.instrument_id,
        "coherence": 0.8,
        "risk_score": 0.3,
        "veto": False,
        "stop_scale": 0.9,
        "target_scale": 1,
        "reasoning": f"the move and the regime agree, the news are calm, opinion {count}",
    }
    return json.dumps(opinion)


class _Thinking(Supervisor):
    """Notes what it takes to consider a scene, and why that was done."""

    meter: Meter

    def consider(self, scene: Scene, purpose: Purpose) -> Considered:
        meter = self.meter
        meter.purpose = purpose
        before_ns, started = meter.elsewhere_ns, time.thread_time_ns()
        considered = super().consider(scene, purpose)
        spent_ns = time.thread_time_ns() - started
        meter.thinking.append(spent_ns - (meter.elsewhere_ns - before_ns))
        return considered


def _metered(meter: Meter) -> type[ConsultationActor]:
    class Metered(ConsultationActor):
        """Notes what each prediction takes until its assessment is published."""

        _repeats = False

        def on_prediction(self, prediction: Any) -> None:
            took = self._measured(prediction)
            purpose = meter.purpose
            meter.note(took)
            if purpose is Purpose.EXECUTE and len(meter.executed) % _EVERY == 0:
                self._ask_again(prediction)

        def _measured(self, prediction: Any) -> int:
            meter.elsewhere_ns, meter.purpose = 0, None
            started = time.thread_time_ns()
            super().on_prediction(prediction)
            return time.thread_time_ns() - started - meter.elsewhere_ns

        def _ask_again(self, prediction: Any) -> None:
            """Ask what was just asked, without anything coming of it."""
            kept, self._repeats = list(meter.thinking), True
            took = []
            for _ in range(_TIMES):
                self._counsel.stir(prediction.instrument_id)
                took.append(self._measured(prediction))
            meter.thinking[:], self._repeats = kept, False
            meter.again.append(round(sum(took) / len(took)))

        def _assess(self, prediction: Prediction, review: Review) -> None:
            started = time.thread_time_ns()
            if not self._repeats:
                super()._assess(prediction, review)
            meter.elsewhere_ns += time.thread_time_ns() - started

    return Metered


@contextmanager
def _wired(actor: type[ConsultationActor]) -> Iterator[None]:
    """Have a backtest wired with another actor, which nothing but a measurement wants."""
    original = vars(wiring)["ConsultationActor"]
    vars(wiring)["ConsultationActor"] = actor
    try:
        yield
    finally:
        vars(wiring)["ConsultationActor"] = original


def timeline(end_ns: int, *, seed: int = 7) -> Timeline:
    """Draw a piece of news and a point of three series for every hour; none of it is real."""
    rng, told = Random(seed), []
    for hour in range(-24, (end_ns - START_NS) // _HOUR_NS + 1):
        ts = START_NS + hour * _HOUR_NS
        text = f"hour {hour}: markets calm — рынок спокоен, 市场平静; draw {rng.random():.6f}"
        news = partial(External, ts_event=ts, ts_known=ts, trust=Trust.TEXT)
        point = partial(External, ts_event=ts, ts_known=ts, trust=Trust.NUMBER)
        told.append(news(source="wire", symbol="", text=text))
        told += [point(source=name, symbol="BTC", value=rng.random()) for name in _SERIES]
    return Timeline(told)


def metered_run(data: Prepared) -> Meter:
    """Run a busy backtest with executor and reviews; every question is answered at once."""
    meter = Meter()
    settings = settings_for(data.catalog, START_NS, data.end_ns, BUSY)
    market = load_market_data(settings.data, funding=False)
    policy = SupervisorPolicy(may_propose=True)
    counsel = _Thinking(provider=_Ready(meter), policy=policy, budget=Budget(tokens_per_day=10**12))
    counsel.meter = meter
    quotes = {f"{each.instrument.id}": each.instrument.quote_currency.code for each in market}
    with TemporaryDirectory(prefix="bench-run-") as place, _wired(_metered(meter)):
        tape = Path(place) / TAPE
        with TapeWriter(tape) as writer, Journal(Path(place) / JOURNAL) as journal:
            supervision = Supervision(
                counsel=counsel,
                way=InLine(counsel),
                may_propose=True,
                tape=writer.append,
                known=known_from(timeline(data.end_ns), quotes),
            )
            run_engine(settings, market, journal, supervision=supervision)
        _check(meter, verify_tape(tape))
    return meter


def _check(meter: Meter, taped: int) -> None:
    asked = len(meter.reviewed) + len(meter.executed) + _TIMES * len(meter.again)
    if not (meter.reviewed and meter.executed and meter.unasked and taped == asked):
        raise RuntimeError(
            f"every kind of question was to be asked and taped, but {len(meter.reviewed)} reviews, "
            f"{len(meter.executed)} of the executor and {len(meter.unasked)} bars without were "
            f"seen, {taped} exchanges on the tape"
        )
