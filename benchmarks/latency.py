"""From a bar to its order: the whole node on a local exchange, beside a bare strategy, in one run.

A venue in a process of its own plays the synthetic sample's five-minute bars of five instruments,
a second each. The node of `live/run_node.py` forecasts every bar with the shipped model, rules,
keeps the plan on disk, and sends. The shipped model knows no direction, so after all its work it is
made to say long; plans are as short as can be, so that nearly every bar calls for an order. Time
runs from the bar's first sight in our code to the order's bytes in the kernel, garbage collections
and the four bars that close at the same instant included; the venue's rate limit, which would hold
orders back on purpose, is lifted. The bare strategy sends from `on_bar` at once, through the same
adapter. The node runs once more without its record, which tells what that costs.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from benchmarks.adapter import quantile
from benchmarks.engine import write
from benchmarks.features import Figure

GOAL_MS: Final = 10.0  # p99, with model, without LLM
MOST_ADDED_MS: Final = 1.0  # p99, by the record of a session
MOST_CPU: Final = 1.05
ORDERS: Final = 300
QUICK_ORDERS: Final = 5
_PROJECT: Final = Path(__file__).parents[1]
_QUANTILES: Final = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What one node needed: nanoseconds of each order, and CPU nanoseconds an order."""

    ns: Sequence[int]
    cpu_ns: float


def measured(kind: str, catalog: Path, folder: Path, *, orders: int) -> Took:
    """Run one node on a venue of its own.

    Raises RuntimeError where it fails or sends too few.
    """
    from tests.harness.live_node import played  # imports what a process that is timed need not

    with played("bitget", catalog) as venue:
        words = (kind, venue.url, catalog, folder, orders)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.latency_node", *map(str, words)],
            cwd=_PROJECT,
            env={**os.environ, **venue.environment, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the {kind} node ended with exit code {done.returncode}")
    told = json.loads(done.stdout.splitlines()[-1])
    if len(told["ns"]) < orders:
        raise RuntimeError(f"the {kind} node sent {len(told['ns'])} orders of {orders}")
    return Took(ns=told["ns"], cpu_ns=told["cpu_ns"])


def run(*, quick: bool, console: Console) -> list[Figure]:
    """Measure both, show the table, and give the figures."""
    from benchmarks.run import drawn
    from catalog import sample

    orders = QUICK_ORDERS if quick else ORDERS
    with TemporaryDirectory(prefix="latency-") as place:
        folder = Path(place)
        sample.main(["--catalog", f"{folder / 'sample'}"])
        took = {
            kind: measured(kind, folder / "sample", folder / kind, orders=orders)
            for kind in ("full", "unrecorded", "bare")
        }
    found = figures(took["full"].ns, took["bare"].ns) + costs(took["full"], took["unrecorded"])
    console.print(drawn(f"Bar to order's bytes, {len(took['full'].ns)} orders", found))
    return found


def figures(full: Sequence[int], bare: Sequence[int]) -> list[Figure]:
    """Set both beside each other, in ms."""
    found = []
    for name, q in _QUANTILES:
        ours, plain = quantile(full, q), quantile(bare, q)
        goal = GOAL_MS if name == "p99" else None
        found += [
            Figure(f"bar to order's bytes, {name}", ours, "ms", goal),
            Figure(f"the same of a bare strategy, {name}", plain, "ms"),
            Figure(f"ours ÷ bare, {name}", ours / plain, "×"),
        ]
    return found


def costs(recorded: Took, unrecorded: Took) -> list[Figure]:
    """Tell what it costs that a session is recorded."""
    added = quantile(recorded.ns, 0.99) - quantile(unrecorded.ns, 0.99)
    middle = quantile(recorded.ns, 0.5) - quantile(unrecorded.ns, 0.5)
    return [
        Figure("added by the record, p50", middle, "ms"),
        Figure("added by the record, p99", added, "ms", MOST_ADDED_MS),
        Figure("CPU, recorded ÷ not", recorded.cpu_ns / unrecorded.cpu_ns, "×", MOST_CPU),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tiny run that shows it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args(argv)
    write(args.json, run(quick=args.quick, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
