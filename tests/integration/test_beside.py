"""Considerations beside the engine: on real threads, fetched by a timer, never waited for."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, get_ident
from typing import Any

import pytest

from morningstar_strategy.actors.ways import Beside, Case
from morningstar_strategy.core.review import Review, Verdict
from morningstar_strategy.core.scene import Scene
from morningstar_strategy.supervisor.exchange import Purpose
from morningstar_strategy.supervisor.supervisor import Considered
from tests.harness.counsels import CONFIRMED, PATIENCE_SECS, ToldCounsel, scene

SECOND_NS = 1_000_000_000
VETO = Review(verdict=Verdict.VETOED, scale=0.0, reason="no")


@dataclass
class HandClock:
    """A clock that stands still until it is moved; its timer rings when it is moved."""

    now_ns: int = 0
    callback: Callable[[Any], None] | None = None

    def timestamp_ns(self) -> int:
        return self.now_ns

    def set_timer_ns(self, name: str, interval_ns: int, *, callback: Callable[[Any], None]) -> None:
        assert self.callback is None, "one timer is enough"
        self.callback = callback

    def cancel_timer(self, name: str) -> None:
        assert self.callback is not None, "there is no timer to cancel"
        self.callback = None

    def move(self, by_ns: int = 1) -> None:
        self.now_ns += by_ns
        if self.callback is not None:
            self.callback(None)


@dataclass
class Ear:
    """Keeps what it hears, with the thread it heard it on."""

    heard: list[tuple[str, int, str]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def answered(self, case: Case, considered: Considered) -> None:
        self._keep("answered", case, considered.review.verdict.value)

    def overdue(self, case: Case) -> None:
        self._keep("overdue", case, "")

    def failed(self, case: Case, error: Exception) -> None:
        self._keep("failed", case, str(error))

    def _keep(self, kind: str, case: Case, said: str) -> None:
        self.heard.append((kind, case.number, said))
        self.threads.add(get_ident())


@dataclass
class Bench:
    """A way beside the engine, with a clock moved by hand."""

    counsel: ToldCounsel
    deadline_secs: float = 8.0
    workers: int = 2
    clock: HandClock = field(default_factory=HandClock)
    ear: Ear = field(default_factory=Ear)

    def __post_init__(self) -> None:
        self.way = Beside(self.counsel, deadline_secs=self.deadline_secs, workers=self.workers)
        self.begin()

    def begin(self) -> None:
        clock: Any = self.clock  # the engine's clock is a class of its own
        self.way.begin(clock=clock, listener=self.ear)

    def ask(self, number: int) -> Case:
        case = Case(
            number=number,
            scene=scene(number),
            purpose=Purpose.REVIEW,
            asked_ns=self.clock.timestamp_ns(),
        )
        self.way.consider(case)
        return case

    def move_until(self, test: Callable[[], bool]) -> None:
        """Move the clock by nanoseconds until something is so."""
        until = time.monotonic() + PATIENCE_SECS
        while not test():
            assert time.monotonic() < until, f"not so in {PATIENCE_SECS} s: {self.ear.heard}"
            self.clock.move()


@pytest.fixture
def gate() -> Iterator[Event]:
    """Keep answers back until it is set; whatever waits at the end is let go."""
    event = Event()
    yield event
    event.set()


def test_answers_are_heard_on_the_thread_that_moves_the_clock() -> None:
    asked_on: set[int] = set()

    def says(scene: Scene) -> Review:
        asked_on.add(get_ident())
        return VETO

    bench = Bench(ToldCounsel(says=says))
    bench.ask(1)
    bench.move_until(lambda: bool(bench.ear.heard))
    assert bench.ear.heard == [("answered", 1, "vetoed")]
    assert bench.ear.threads == {get_ident()}
    assert asked_on.isdisjoint(bench.ear.threads)
    assert bench.clock.callback is None, "the timer rests while nothing is asked"
    bench.way.end()


def test_asking_waits_for_nobody_and_instruments_do_not_wait_for_each_other(gate: Event) -> None:
    def says(scene: Scene) -> Review:
        if scene.prediction.ts_event == 1:
            gate.wait(PATIENCE_SECS)
        return CONFIRMED

    bench = Bench(ToldCounsel(says=says))
    bench.ask(1)
    bench.ask(2)
    bench.move_until(lambda: bool(bench.ear.heard))
    assert bench.ear.heard == [("answered", 2, "confirmed")]
    gate.set()
    bench.move_until(lambda: len(bench.ear.heard) == 2)
    assert bench.ear.heard[1] == ("answered", 1, "confirmed")
    bench.way.end()


def test_past_the_deadline_it_goes_on_once_and_the_late_answer_is_still_heard(gate: Event) -> None:
    bench = Bench(ToldCounsel(gate=gate))
    bench.ask(1)
    bench.clock.move(8 * SECOND_NS - 1)
    assert bench.ear.heard == []
    bench.clock.move(1)
    bench.clock.move(SECOND_NS)
    assert bench.ear.heard == [("overdue", 1, "")]
    gate.set()
    bench.move_until(lambda: len(bench.ear.heard) == 2)
    assert bench.ear.heard[1] == ("answered", 1, "confirmed")
    bench.way.end()


def test_what_no_worker_has_begun_can_be_withdrawn(gate: Event) -> None:
    counsel = ToldCounsel(gate=gate)
    bench = Bench(counsel, workers=1)
    first = bench.ask(1)
    bench.move_until(lambda: len(counsel.scenes) == 1)
    second = bench.ask(2)
    bench.way.withdraw(second)
    bench.way.withdraw(first)  # was begun: it is told of all the same
    gate.set()
    bench.move_until(lambda: bench.clock.callback is None)
    assert bench.ear.heard == [("answered", 1, "confirmed")]
    assert len(counsel.scenes) == 1
    bench.way.end()


def test_what_no_worker_began_in_time_is_never_asked_and_fresh_questions_go_before(
    gate: Event,
) -> None:
    counsel = ToldCounsel(gate=gate)
    bench = Bench(counsel, workers=1)
    bench.ask(1)
    bench.move_until(lambda: len(counsel.scenes) == 1)
    bench.ask(2)
    bench.ask(3)
    bench.clock.move(8 * SECOND_NS)
    assert bench.ear.heard == [("overdue", number, "") for number in (1, 2, 3)]
    bench.ask(4)
    gate.set()
    bench.move_until(lambda: bench.clock.callback is None)
    assert bench.ear.heard[3:] == [("answered", 1, "confirmed"), ("answered", 4, "confirmed")]
    assert len(counsel.scenes) == 2  # what nobody waits for is not paid for
    bench.way.end()


def test_a_case_whose_turn_comes_past_its_deadline_is_not_asked(gate: Event) -> None:
    counsel = ToldCounsel(gate=gate)
    bench = Bench(counsel, workers=1, deadline_secs=1.0)
    bench.ask(1)
    until = time.monotonic() + PATIENCE_SECS
    while not counsel.scenes:
        assert time.monotonic() < until
    bench.ask(2)
    assert not gate.wait(1.0)  # the clock of the engine stands still meanwhile
    gate.set()
    bench.move_until(lambda: bench.clock.callback is None)
    assert sorted(bench.ear.heard) == [("answered", 1, "confirmed"), ("overdue", 2, "")]
    assert len(counsel.scenes) == 1
    bench.way.end()


def test_a_fault_is_carried_to_the_engines_thread() -> None:
    bench = Bench(ToldCounsel(says=lambda scene: LookupError("our own fault")))
    bench.ask(1)
    bench.move_until(lambda: bool(bench.ear.heard))
    assert bench.ear.heard == [("failed", 1, "our own fault")]
    bench.way.end()


def test_the_end_waits_for_nobody_and_tells_what_was_found(gate: Event) -> None:
    counsel = ToldCounsel(
        says=lambda scene: (
            CONFIRMED if scene.prediction.ts_event == 1 or gate.wait(PATIENCE_SECS) else VETO
        )
    )
    bench = Bench(counsel)
    bench.ask(1)
    bench.ask(2)
    until = time.monotonic() + PATIENCE_SECS
    while bench.way.found == 0:
        assert time.monotonic() < until
    bench.way.end()
    assert bench.ear.heard == [("answered", 1, "confirmed")]
    assert bench.clock.callback is None


@dataclass
class RaisingEar(Ear):
    """Raises a fault once it is heard, as the actor does."""

    def failed(self, case: Case, error: Exception) -> None:
        super().failed(case, error)
        raise error


def test_the_end_tells_every_answer_though_one_of_them_is_a_fault() -> None:
    def says(scene: Scene) -> Review | Exception:
        return LookupError("our own fault") if scene.prediction.ts_event == 1 else CONFIRMED

    bench = Bench(ToldCounsel(says=says), workers=1, ear=RaisingEar())
    for number in (1, 2, 3):
        bench.ask(number)
    until = time.monotonic() + PATIENCE_SECS
    while bench.way.found < 3:
        assert time.monotonic() < until
    with pytest.raises(LookupError, match="our own fault"):
        bench.way.end()
    assert [(kind, number) for kind, number, _ in bench.ear.heard] == [
        ("failed", 1),
        ("answered", 2),
        ("answered", 3),
    ]


def test_after_an_end_it_can_begin_again(gate: Event) -> None:
    counsel = ToldCounsel(gate=gate)
    bench = Bench(counsel, workers=1)
    bench.ask(1)
    bench.move_until(lambda: len(counsel.scenes) == 1)
    bench.ask(2)
    bench.way.end()
    bench.begin()
    bench.ask(3)
    gate.set()
    bench.move_until(lambda: bench.clock.callback is None)
    # The first was under way at the end, and was paid for; the second was never begun
    assert sorted(bench.ear.heard) == [("answered", 1, "confirmed"), ("answered", 3, "confirmed")]
    bench.way.end()


def test_threads_take_turns_more_often_from_begin_to_end() -> None:
    usual = sys.getswitchinterval()
    bench = Bench(ToldCounsel())
    assert sys.getswitchinterval() <= 0.0005
    bench.way.end()
    assert sys.getswitchinterval() == usual


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"deadline_secs": 0.0}, "deadline_secs must be positive, was 0.0"),
        ({"deadline_secs": 1.0, "workers": 0}, "workers must be positive, was 0"),
        ({"deadline_secs": 1.0, "poll_ms": 0}, "poll_ms must be positive, was 0"),
    ],
)
def test_a_way_that_cannot_work_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Beside(ToldCounsel(), **changes)


# ---------------------------------------------------------------- on a live node


def run_node(deadline_secs: float, ticks: int) -> dict[str, Any]:
    """Run a node whose supervisor answers only after so many ticks of the engine's thread."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.integration.beside_node", f"{deadline_secs}", f"{ticks}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told


def test_a_live_engine_ticks_on_while_the_supervisor_thinks() -> None:
    told = run_node(60.0, 200)
    assert told["verdicts"] == ["confirmed"]
    assert told["told_at_tick"] >= 200  # the gate opened at that tick: the engine never waited
    assert (told["beside"], told["on_engine"]) == (True, [True])
    assert told["states"] == ["exchange", "review"]


def test_a_live_engine_goes_on_without_an_answer_and_drops_the_late_one() -> None:
    told = run_node(0.1, 2_000)
    assert told["verdicts"] == ["abstained"]
    assert told["told_at_tick"] < 2_000
    assert told["states"] == ["review", "exchange", "late answer dropped"]
