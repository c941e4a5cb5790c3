"""Speed of the ccxt adapter on real loopback sockets, beside a plain ccxt.pro loop, in one run.

A venue in a process of its own prepares the frames of trades and of book updates and floods one
consumer: our feed (frames in, engine types out), or `while True: await watch_...()` on unmodified
ccxt.pro (its own dictionaries, nothing made of them). CPU is that of the consumer's process, so
messages a CPU second are messages a second and core. Of a book both see every frame and tell the
newest state, not every one. Latency is measured at a modest pace, from the venue's send in its
process to the engine type in ours; and from an order's task to its bytes in the kernel.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.engine import write
from benchmarks.features import Figure

TRADES_GOAL: Final = 10_000  # a second and core
BOOK_GOAL: Final = 5_000
ORDER_GOAL_MS: Final = 5.0  # p99, from the command to bytes on the socket
PACE: Final = 400.0  # frames a second while latency is measured
DIALECTS: Final = ("bitget", "kucoin", "gate")
_GOALS: Final = {"trades": TRADES_GOAL, "book": BOOK_GOAL}
_PROJECT: Final = Path(__file__).parents[1]

# `Any` in this module: what a process prints is JSON


def measured(*words: object) -> dict[str, Any]:
    """Run one consumer in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.adapter_runs", *map(str, words)]
    done = subprocess.run(command, cwd=_PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))} ended with exit code {done.returncode}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def throughput(dialect: str, what: str, *, size: int, rounds: int) -> list[Figure]:
    """Flood ours and the plain loop in turn; the medians and their ratio."""
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(_each_us(measured("ours", dialect, what, size)))
        plain.append(_each_us(measured("plain", dialect, what, size)))
    mine, theirs = median(ours), median(plain)
    named = f"{dialect} {what}"
    goal = 1e6 / _GOALS[what]
    return [
        Figure(f"{named}: ours, CPU of one frame", mine, "µs", goal),
        Figure(f"{named}: ours, frames a CPU second", 1e6 / mine, "1/s"),
        Figure(f"{named}: plain ccxt.pro, frames a CPU second", 1e6 / theirs, "1/s"),
        Figure(f"{named}: ours ÷ plain ccxt.pro, CPU", mine / theirs, "×"),
        Figure(f"{named}: ours ÷ goal, CPU", mine / goal, "×", 1.0),
    ]


def _each_us(told: dict[str, Any]) -> float:
    return float(told["cpu_secs"]) / int(told["frames"]) * 1e6


def latency(dialect: str, what: str, *, size: int) -> list[Figure]:
    """Send frames evenly; p50 and p99 from the venue's send to the engine type."""
    took = measured("ours", dialect, what, size, "--rate", PACE)["ns"]
    named = f"{dialect} {what}: venue's send to engine type"
    return [Figure(f"{named}, {p}", quantile(took, q), "ms") for p, q in _QUANTILES]


def orders(dialect: str, *, size: int) -> list[Figure]:
    """Send orders one by one; p50 and p99 from the command to bytes on the socket."""
    told = measured("orders", dialect, "orders", size)
    named = f"{dialect} order: command to bytes on the socket"
    found = []
    for p, q in _QUANTILES:
        goal = ORDER_GOAL_MS if p == "p99" else None
        found += [
            Figure(f"{named}, {p}", quantile(told["ns"], q), "ms", goal),
            Figure(f"{named}, CPU alone, {p}", quantile(told["cpu_ns"], q), "ms"),
        ]
    return found


_QUANTILES: Final = (("p50", 0.5), ("p99", 0.99))


def quantile(ns: Sequence[int], q: float) -> float:
    """Give a quantile in ms: the least value that so many do not exceed."""
    ordered = sorted(ns)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] / 1e6


def run(*, quick: bool, rounds: int = 3, console: Console) -> list[Figure]:
    """Measure, show the table, and give the figures."""
    dialects = DIALECTS[:1] if quick else DIALECTS
    found: list[Figure] = []
    for dialect in dialects:
        for what in _GOALS:
            size = 300 if quick else 30_000
            found += throughput(dialect, what, size=size, rounds=1 if quick else rounds)
            found += latency(dialect, what, size=60 if quick else 2_000)
        found += orders(dialect, size=10 if quick else 500)
    console.print(_drawn(found))
    return found


def _drawn(found: Sequence[Figure]) -> Table:
    drawn = Table("what", title="The adapter on loopback")
    for column in ("measured", "unit", "goal", ""):
        drawn.add_column(column, justify="right")
    for name, value, unit, goal in found:
        verdict = "" if goal is None else ("met" if value <= goal else "MISSED")
        drawn.add_row(
            name,
            f"{value:,.3g}" if value < 100 else f"{value:,.0f}",
            unit,
            "" if goal is None else f"{goal:g}",
            verdict,
        )
    return drawn


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="floods of each kind (3)")
    parser.add_argument("--quick", action="store_true", help="a tiny run that shows it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds must be 1 or more, was {args.rounds}")
    write(args.json, run(quick=args.quick, rounds=args.rounds, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
