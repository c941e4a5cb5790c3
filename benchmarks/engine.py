"""Full Morningstar against the plain engine's EMA cross on a year of one-minute bars.

CPU seconds of whole processes, imports and reading of the catalog included, taken in turn. Beside
them other systems with the same cross, and a Morningstar that makes as many plans as the cross.
The halts of drawdown and daily loss are set to 100 %, so that trading does not end early.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.data import YEAR_BARS, Prepared, prepared
from benchmarks.features import Figure
from benchmarks.process import Spent, timed

GOAL: Final = 2.5
STRETCH: Final = 2.0
QUICK_BARS: Final = 5_000
_NAMES: Final = {
    "morningstar": "Morningstar",
    "plain": "plain engine",
    "busy": "Morningstar, busy",
    "backtrader": "backtrader",
    "backtesting": "backtesting.py",
}


def measure(data: Prepared, *, rounds: int, once: Sequence[str]) -> dict[str, list[Spent]]:
    """Run Morningstar and the plain engine in turn, then each of `once` a single time."""
    turns = ["morningstar", "plain"] * rounds
    taken: dict[str, list[Spent]] = {name: [] for name in (*turns, *once)}
    for name in (*turns, *once):
        taken[name].append(timed(name, data))
    return taken


def ratio(taken: dict[str, list[Spent]], name: str = "morningstar") -> float:
    """Give the median CPU seconds of a system divided by the plain engine's."""
    return cpu_secs(taken[name]) / cpu_secs(taken["plain"])


def cpu_secs(runs: Sequence[Spent]) -> float:
    """Give the median CPU seconds of whole processes."""
    return median(run.cpu_secs for run in runs)


def figures(taken: dict[str, list[Spent]]) -> list[Figure]:
    """List what is measured and what is promised."""
    found = [
        Figure("Morningstar ÷ plain engine, CPU of the process", ratio(taken), "×", GOAL),
    ]
    if "busy" in taken:
        found.append(Figure("Morningstar, busy ÷ plain engine", ratio(taken, "busy"), "×"))
    for name, runs in taken.items():
        label = _NAMES[name]
        found += [
            Figure(f"{label}: CPU", cpu_secs(runs), "s"),
            Figure(f"{label}: bars in the run", _bars_per_sec(runs), "bars/s"),
            Figure(f"{label}: peak memory", max(run.peak_mib for run in runs), "MiB"),
        ]
    return found


def _bars_per_sec(runs: Sequence[Spent]) -> float:
    return median(1.0 / run.ran.bar_secs for run in runs)


def table(taken: dict[str, list[Spent]], data: Prepared) -> Table:
    """Draw every system as a row."""
    drawn = Table(title=f"Whole processes on {data.label}")
    drawn.add_column("system", no_wrap=True)
    for column in ("CPU s", "÷ plain", "bars/s", "peak MiB", "entries", "orders"):
        drawn.add_column(column, justify="right")
    for name, runs in taken.items():
        speed, ran = _bars_per_sec(runs), runs[0].ran
        drawn.add_row(
            _NAMES[name],
            f"{cpu_secs(runs):.1f}",
            f"{ratio(taken, name):.2f}",
            f"{speed:,.0f}",
            f"{max(run.peak_mib for run in runs):,.0f}",
            f"{ran.entries:,}",
            f"{ran.orders:,}",
        )
    drawn.caption = (
        "All but Morningstar run the EMA cross. Busy: settings with which it makes about as many "
        "plans as the cross has entries. bars/s: by CPU time inside the run alone. The exits of "
        "backtesting.py are fields of a trade, not orders."
    )
    return drawn


def run(*, quick: bool, rounds: int = 3, console: Console) -> list[Figure]:
    """Measure, show the table, and give the figures."""
    with prepared(QUICK_BARS if quick else YEAR_BARS) as data:
        once = ("backtesting",) if quick else ("busy", "backtesting", "backtrader")
        taken = measure(data, rounds=1 if quick else rounds, once=once)
    console.print(table(taken, data))
    found = figures(taken)
    verdict = "met" if found[0].value <= GOAL else "MISSED"
    console.print(
        f"Morningstar ÷ plain engine: {found[0].value:.2f}; goal {GOAL:g} {verdict}, "
        f"stretch {STRETCH:g} {'met' if found[0].value <= STRETCH else 'missed'}"
    )
    return found


def parse(
    description: str | None,
    argv: Sequence[str] | None,
    *,
    rounds: bool = True,
    flags: Mapping[str, str] | None = None,
) -> argparse.Namespace:
    """Read the command line that all benchmarks on the engine share, `flags` and their help."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if rounds:
        parser.add_argument("--rounds", type=_count, default=3, help="times all is run (3)")
    parser.add_argument("--quick", action="store_true", help="a tiny run that shows it works")
    for flag, help_text in (flags or {}).items():
        parser.add_argument(flag, action="store_true", help=help_text)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args(argv)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above zero, was {text!r}")
    return int(text)


def write(path: Path | None, found: Sequence[Figure]) -> None:
    """Write figures as JSON where a file is named."""
    if path is not None:
        path.write_text(json.dumps([figure._asdict() for figure in found], indent=2) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    args = parse(__doc__, argv)
    write(args.json, run(quick=args.quick, rounds=args.rounds, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
