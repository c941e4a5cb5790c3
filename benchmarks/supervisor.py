"""What a supervisor costs: CPU around its answers, and the engine's thread beside a slow LLM.

Overhead is what a run of the model alone does not do (see `benchmarks.supervised`), with answers
that are ready at once: of each question that is asked, and of each bar without one. The thinking
alone (prompt, budget, reading the reply) is a part of it, and timed again in a loop that does
nothing else. Gaps are those of a live node's engine thread (see `benchmarks.slow_llm`), with the
waits for a core of a busy machine taken out; the figures that have them too say so.
"""

import json
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.data import Prepared, prepared
from benchmarks.engine import parse, write
from benchmarks.features import Figure
from benchmarks.gate import typical_plan, typical_snapshot
from benchmarks.supervised import Meter, metered_run
from morningstar_strategy.core.commands import DoNothing
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Verdict
from morningstar_strategy.core.scene import External, Scene, Trust
from morningstar_strategy.core.summary import MarketSummary
from morningstar_strategy.supervisor.budget import Budget
from morningstar_strategy.supervisor.exchange import (
    Failure,
    Provider,
    ProviderError,
    Purpose,
    Question,
    Reply,
)
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.supervisor import Supervisor

GOAL_US: Final = 200.0
GOAL_MS: Final = 5.0
BARS: Final = 20_000
QUICK_BARS: Final = 3_000
_PROJECT: Final = Path(__file__).parents[1]
_REPEATS: Final = 40
_HOUR_NS: Final = 3_600_000_000_000


class _Ready:
    """Has its answer ready, or none."""

    def __init__(self, text: str) -> None:
        self._reply = Reply(
            text=text, provider="ready", model="ready", tokens_in=0, tokens_out=0, latency_ms=0
        )

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        del question, deadline_secs
        if not self._reply.text:
            raise ProviderError(Failure.UNAVAILABLE, "no network")
        return self._reply


def typical_scene() -> Scene:
    """Build a plan to review, with five holdings and eight pieces of news."""
    now = typical_snapshot()
    prediction = Prediction(
        instrument_id=now.market.instrument_id,
        ts_event=now.ts_event,
        price=65000.1,
        p_short=0.12,
        p_flat=0.21,
        p_long=0.67,
        confidence=0.81,
        volatility=0.0041,
        turbulence=0.22,
        stop_distance=0.021,
        target_distance=0.043,
        model="gbm@0123456789",
        barrier=0.018,
        efficiency=0.3,
    )
    summary = MarketSummary(
        bars=5_000,
        close=65000.1,
        changes=(0.0011, 0.0042, 0.0213, 0.0498),
        volatility=0.0041,
        high=66010.5,
        low=61020.4,
        range_place=0.797,
        volume_ratio=1.23,
    )
    return Scene(
        prediction=prediction,
        snapshot=now,
        summary=summary,
        limits=RiskLimits(max_open_plans=6),
        would=typical_plan(),
        externals=tuple(_news(now.ts_event - age * _HOUR_NS, f"{age}") for age in range(1, 9)),
    )


def _news(ts_event: int, age: str) -> External:
    text = f"{age} hours ago: markets calm — рынок спокоен, 市场平静; nothing was said of rates."
    return External(
        source="wire", symbol="", ts_event=ts_event, ts_known=ts_event, trust=Trust.TEXT, text=text
    )


def measure(*, rounds: int = 50) -> dict[str, float]:
    """Give the least CPU time of one consideration (µs) for each kind of answer."""
    scene = typical_scene()
    idle = replace(scene, would=DoNothing())
    opinion = {
        "symbol": scene.prediction.instrument_id,
        "coherence": 0.8,
        "risk_score": 0.3,
        "veto": False,
        "stop_scale": 0.9,
        "target_scale": 1,
        "reasoning": "the move and the regime agree, the news are calm",
    }
    review, execute = Purpose.REVIEW, Purpose.EXECUTE
    cases: dict[str, tuple[Provider, Scene, Purpose, Verdict]] = {
        "an opinion": (_Ready(json.dumps(opinion)), scene, review, Verdict.REDUCED),
        "a command": (_Ready('{"action": "DO_NOTHING"}'), idle, execute, Verdict.CONFIRMED),
        "silence": (_Ready(""), scene, review, Verdict.ABSTAINED),
    }
    found: dict[str, float] = {}
    for name, (provider, shown, purpose, verdict) in cases.items():
        supervisor = Supervisor(
            provider=provider,
            policy=SupervisorPolicy(may_propose=True),
            budget=Budget(tokens_per_day=10**12),
        )
        considered = supervisor.consider(shown, purpose)
        assert considered.review.verdict is verdict, f"{name} became {considered.review}"
        timer = timeit.Timer(partial(supervisor.consider, shown, purpose), timer=time.thread_time)
        found[name] = min(timer.repeat(repeat=_REPEATS, number=rounds)) / rounds * 1e6
    return found


def overhead(data: Prepared, *, rounds: int) -> list[Figure]:
    """Give the medians of the quietest round: what a question costs, and a bar without one."""
    meters = [metered_run(data) for _ in range(rounds)]

    def least(pick: Callable[[Meter], list[int]], what: Callable[..., float] = median) -> float:
        return min(what(pick(meter)) for meter in meters) / 1e3

    return [
        Figure("a question, overhead, again and again", least(_again), "µs", GOAL_US),
        Figure("a question, overhead, as it comes in a run", least(_asked), "µs"),
        Figure("a question, overhead, as it comes, mean", least(_asked, mean), "µs"),
        Figure("a question of the executor", least(lambda meter: meter.executed), "µs"),
        Figure("a plan's review", least(lambda meter: meter.reviewed), "µs"),
        Figure("the thinking in it", least(lambda meter: meter.thinking), "µs"),
        Figure("a bar on which nothing is asked", least(lambda meter: meter.unasked), "µs"),
    ]


def _again(meter: Meter) -> list[int]:
    return meter.again


def _asked(meter: Meter) -> list[int]:
    return meter.reviewed + meter.executed


def gaps(*, reply_secs: float, questions: int) -> list[Figure]:
    """Give the longest gaps of a live engine's thread without an LLM and beside a slow one."""
    words = (f"{reply_secs}", f"{questions}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.slow_llm", *words],
        cwd=_PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    quiet, asking = told["quiet"], told["asking"]
    slowest_ms = max(told["latencies_ms"])
    if len(told["latencies_ms"]) != questions or slowest_ms < reply_secs * 1_000:
        raise RuntimeError(f"{questions} slow replies were to come, came {told['latencies_ms']}")
    named = f"engine's thread beside replies of {reply_secs:g} s, longest gap"
    return [
        Figure(named, asking["own_ms"], "ms", GOAL_MS),
        Figure(f"{named} with waits for a core", asking["longest_ms"], "ms"),
        Figure("the same without an LLM", quiet["own_ms"], "ms"),
        Figure("the same without an LLM, with waits for a core", quiet["longest_ms"], "ms"),
        Figure("longest gap ÷ that without an LLM", asking["own_ms"] / quiet["own_ms"], "×"),
        Figure("slowest reply", slowest_ms / 1_000, "s"),
    ]


def run(*, quick: bool, rounds: int = 3, console: Console) -> list[Figure]:
    """Measure, show the table, and give the figures."""
    with prepared(QUICK_BARS if quick else BARS) as data:
        found = overhead(data, rounds=1 if quick else rounds)
    loops = measure(rounds=2 if quick else 50)
    found += [Figure(f"thinking alone, {name}", took, "µs") for name, took in loops.items()]
    found += gaps(reply_secs=0.3 if quick else 8.0, questions=2 if quick else 4)
    drawn = Table("what", title=f"Supervision, on {data.label}")
    for column in ("measured", "unit", "goal"):
        drawn.add_column(column, justify="right")
    for name, value, unit, goal in found:
        verdict = "" if goal is None else f"{goal:g} {'met' if value <= goal else 'MISSED'}"
        drawn.add_row(name, f"{value:,.2f}", unit, verdict)
    console.print(drawn)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    args = parse(__doc__, argv)
    write(args.json, run(quick=args.quick, rounds=args.rounds, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
