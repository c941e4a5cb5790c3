"""A live node beside a slow LLM: how long its engine's thread ever stood still.

`python -m benchmarks.slow_llm REPLY_SECS QUESTIONS` is what is timed. A server in a process of its
own answers every question after so many seconds; a timer of a millisecond rings on the engine's
thread, first as long without any question, then while they are asked and answered. It prints one
line of JSON. A gap is the time from one ring to the next; what the thread waited for a core of the
machine meanwhile is told apart where the system counts it, since no LLM is to blame for that.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from nautilus_trader.common import Environment, LoggerConfig
from nautilus_trader.live import LiveNode
from nautilus_trader.model import Bar, TraderId

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.consultation import ConsultationActor
from morningstar_strategy.actors.ways import Beside
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.supervisor.budget import Budget
from morningstar_strategy.supervisor.client import HttpProvider
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.providers import preset
from morningstar_strategy.supervisor.supervisor import Supervisor
from morningstar_strategy.supervisor.tape import TapeWriter
from morningstar_strategy.topics import ASSESSMENT, PREDICTION, RECORD
from tests.harness.market import bar_type, make_bar, prediction
from tests.integration.beside_node import NAME, FlatView

TICK_NS: Final = 1_000_000
_WARM_TICKS: Final = 500
_GRACE_SECS: Final = 4.0  # past the reply, until the deadline
_TASKS: Final = Path("/proc/self/task")
_PROJECT: Final = Path(__file__).parents[1]
_FLAT: Final = (1000.0, 1000.0, 1000.0, 1000.0)


@dataclass(slots=True)
class Gaps:
    """Of a span: its rings, the longest gap, and the longest without the waits for a core."""

    ticks: int = 0
    longest_ms: float = 0.0
    own_ms: float = 0.0

    def add(self, gap_ns: int, waited_ns: int) -> None:
        """Take in a gap."""
        self.ticks += 1
        self.longest_ms = max(self.longest_ms, gap_ns / 1e6)
        self.own_ms = max(self.own_ms, (gap_ns - waited_ns) / 1e6)


class _Scheduling:
    """How long the engine's threads have waited for a core, as Linux counts it; 0 elsewhere.

    Those are all threads there are when it is made but the supervisor's: a ring comes from a thread
    of the engine's own, and goes to the one that made this.
    """

    def __init__(self) -> None:
        ours = {each.native_id for each in threading.enumerate()} - {threading.get_native_id()}
        tasks = [each for each in _TASKS.glob("*/schedstat") if int(each.parent.name) not in ours]
        self._files = [task.open("rb", buffering=0) for task in tasks]

    def waited_ns(self) -> int:
        total = 0
        for file in self._files:
            file.seek(0)
            total += int(file.read(80).split()[1])
        return total


class _Driver(Actor):
    """Rings, counts gaps, asks, and stops the node once everything was answered."""

    def __init__(
        self, *, quiet_secs: float, questions: int, stop: Callable[[], None], faults: Faults
    ) -> None:
        self.faults = faults
        self._quiet_ticks = _WARM_TICKS + round(quiet_secs * 1e9 / TICK_NS)
        self._questions, self._stop = questions, stop
        self.quiet, self.asking = Gaps(), Gaps()
        self.verdicts: list[str] = []
        self.latencies_ms: list[int] = []
        self.show: Callable[[Bar], None] = lambda bar: None
        self.stir: Callable[[], None] = lambda: None
        self._rings = self._asked = 0

    @guarded
    def on_start(self) -> None:
        self._clock, self._scheduling = self.clock, _Scheduling()
        self.subscribe_topic(ASSESSMENT, self.on_assessment)
        self.subscribe_topic(RECORD, self.on_record)
        self._before, self._waited = time.monotonic_ns(), self._scheduling.waited_ns()
        self._clock.set_timer_ns("rings", TICK_NS, callback=self.on_ring)

    @guarded
    def on_ring(self, _event: Any) -> None:
        now, waited = time.monotonic_ns(), self._scheduling.waited_ns()
        self._rings += 1
        if self._rings > _WARM_TICKS:
            span = self.quiet if self._rings <= self._quiet_ticks else self.asking
            span.add(now - self._before, waited - self._waited)
        self._before, self._waited = now, waited
        since = self._rings - self._quiet_ticks
        if since > 0 and since % 200 == 0 and self._asked < self._questions:
            self._ask()
        if len(self.latencies_ms) == self._questions:
            self._stop()

    def _ask(self) -> None:
        now = self._clock.timestamp_ns()
        # No venue is connected, so the bar comes from here
        self.show(make_bar(bar_type(), self._asked, _FLAT))
        self.stir()
        self._asked += 1
        self.publish_message(PREDICTION, prediction(NAME, now, 1000.0, long=0.9, short=0.0))

    def on_assessment(self, assessment: Any) -> None:
        self.verdicts.append(assessment.review.verdict.value)

    def on_record(self, record: Any) -> None:
        if record.kind.value == "exchange":
            self.latencies_ms.append(record.fields["latency_ms"])


def observed(reply_secs: float, questions: int, url: str, tape: TapeWriter) -> dict[str, Any]:
    """Run the node until every question was answered, and tell what its thread went through."""
    faults = Faults()
    spec = preset("qwen", base_url=f"{url}/v1", key_env="LLM_KEY")
    policy = SupervisorPolicy(may_propose=True, deadline_secs=reply_secs + _GRACE_SECS)
    with HttpProvider(spec, environ={"LLM_KEY": "no-secret"}) as provider:
        counsel = Supervisor(provider=provider, policy=policy, budget=Budget())
        node = LiveNode.builder("SLOW", TraderId("SLOW-001"), Environment.SANDBOX)
        node = node.with_logging(LoggerConfig(bypass_logging=True)).with_delay_post_stop_secs(1)
        built = node.build()
        driver = _Driver(
            quiet_secs=reply_secs,
            questions=questions,
            stop=built.handle().stop,
            faults=faults,
        )
        actor = ConsultationActor(
            counsel=counsel,
            way=Beside(counsel, deadline_secs=policy.deadline_secs + 0.5),
            view=FlatView(),
            limits=RiskLimits(),
            bar_types={NAME: bar_type()},
            known=lambda name, ts: (),
            tape=tape.append,
            faults=faults,
        )
        driver.show = actor.on_bar
        driver.stir = partial(counsel.stir, NAME)
        built.add_actor(driver)
        built.add_actor(actor)
        built.run()
    faults.raise_first()
    return {
        "quiet": asdict(driver.quiet),
        "asking": asdict(driver.asking),
        "verdicts": driver.verdicts,
        "latencies_ms": driver.latencies_ms,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Start the server, run the node and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_llm", description=__doc__)
    parser.add_argument("reply_secs", type=float)
    parser.add_argument("questions", type=int)
    args = parser.parse_args(argv)
    command = [sys.executable, "-m", "benchmarks.llm_server", f"{args.reply_secs}"]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_PROJECT
    )
    assert server.stdin is not None  # pipes were asked for
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        with (
            TemporaryDirectory(prefix="bench-tape-") as place,
            TapeWriter(Path(place) / "tape.jsonl") as tape,
        ):
            told = observed(args.reply_secs, args.questions, url, tape)
    finally:
        server.stdin.close()
        server.wait(30)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
