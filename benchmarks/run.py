"""All benchmarks, one after the other in processes of their own, and one table of goals.

Exit code 0 whether goals are met or not (the last table says so); 1 where a benchmark failed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.features import Figure

_PROJECT: Final = Path(__file__).parents[1]


def _features(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.features import measure

    found = measure(20_000 if quick else 1_000_000, rounds=1 if quick else 3)
    console.print(drawn("Features, one core, best round", found))
    return found


def _gate(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.gate import GOAL_US, measure

    took = measure(rounds=200 if quick else 20_000)
    found = [Figure(f"rule_on, {name}", value, "µs", GOAL_US) for name, value in took.items()]
    console.print(drawn("One ruling of the gate", found))
    return found


def _ingest(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.ingest import MOST_GIB, MOST_SECONDS, measure

    result = measure(20_000 if quick else 1_000_000)
    what = f"ingest of {result.bars:,} bars"
    found = [
        Figure(what, result.seconds, "s", MOST_SECONDS),
        Figure(f"{what}, peak memory", result.peak_gib, "GiB", MOST_GIB),
    ]
    console.print(drawn("Ingest into the catalog", found))
    return found


def _idle(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.idle import run

    return run(quick=quick, console=console)


def _engine(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.engine import run

    return run(quick=quick, console=console)


def _model(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.model import run

    return run(quick=quick, console=console)


def _growth(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.growth import run

    return run(quick=quick, console=console)


def _truth(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.truth import run

    return run(quick=quick, console=console)


def _adapter(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.adapter import run

    return run(quick=quick, console=console)


def _supervisor(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.supervisor import run

    return run(quick=quick, console=console)


def _latency(*, quick: bool, console: Console) -> list[Figure]:
    from benchmarks.latency import run

    return run(quick=quick, console=console)


BENCHMARKS: Final[dict[str, Callable[..., list[Figure]]]] = {
    "features": _features,
    "gate": _gate,
    "idle": _idle,
    "ingest": _ingest,
    "engine": _engine,
    "model": _model,
    "growth": _growth,
    "truth": _truth,
    "adapter": _adapter,
    "supervisor": _supervisor,
    "latency": _latency,
}


def drawn(title: str, found: Sequence[Figure]) -> Table:
    """Draw figures beside their goals."""
    table = Table("what", title=title)
    for column in ("measured", "unit", "goal", ""):
        table.add_column(column, justify="right")
    for name, value, unit, goal in found:
        verdict = ("", "") if goal is None else (f"{goal:.3g}", _verdict(value, goal))
        table.add_row(name, f"{value:.3f}", unit, *verdict)
    return table


def _verdict(value: float, goal: float) -> str:
    return "met" if value <= goal else "MISSED"


def run_all(names: Sequence[str], *, quick: bool, console: Console) -> dict[str, list[Figure]]:
    """Run benchmarks in processes of their own; one that fails is absent from the answer."""
    found: dict[str, list[Figure]] = {}
    with TemporaryDirectory(prefix="bench-") as place:
        for name in names:
            file = Path(place) / f"{name}.json"
            command = [sys.executable, "-m", "benchmarks.run", "--here", name, "--json", f"{file}"]
            console.rule(name)
            started = time.monotonic()
            width = {"COLUMNS": f"{console.width}"}
            ended = subprocess.run(
                [*command, *(["--quick"] if quick else [])],
                cwd=_PROJECT,
                env={**os.environ, **width},
                check=False,
            )
            if ended.returncode:
                console.print(f"{name} FAILED with exit code {ended.returncode}")
                continue
            found[name] = [Figure(**fields) for fields in json.loads(file.read_text())]
            console.print(f"{name} took {time.monotonic() - started:.0f} s")
    return found


def goals(found: dict[str, list[Figure]]) -> Table:
    """Draw what was promised, what was measured, and whether it is met."""
    drawn = Table("benchmark", "figure", title="Goals")
    for column in ("measured", "goal", ""):
        drawn.add_column(column, justify="right")
    for name, figures in found.items():
        for figure in figures:
            if figure.goal is not None:
                drawn.add_row(
                    name,
                    figure.name,
                    f"{figure.value:.3g} {figure.unit}",
                    f"{figure.goal:.3g} {figure.unit}",
                    _verdict(figure.value, figure.goal),
                )
    return drawn


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks and print what was promised and what was measured."""
    args = _parse(argv)
    console = Console()
    if args.here:
        figures = BENCHMARKS[args.here](quick=args.quick, console=console)
        _write(args.json, [figure._asdict() for figure in figures])
        return 0
    names = args.only or tuple(BENCHMARKS)
    if args.quick:
        console.print("Quick: tiny sizes show that the benchmarks work, not how fast anything is.")
    found = run_all(names, quick=args.quick, console=console)
    console.print(goals(found))
    missed = sum(
        figure.goal is not None and figure.value > figure.goal
        for figures in found.values()
        for figure in figures
    )
    console.print(f"Goals missed: {missed}" if missed else "All goals met")
    _write(args.json, {name: [f._asdict() for f in figures] for name, figures in found.items()})
    failed = [name for name in names if name not in found]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _write(path: Path | None, content: Any) -> None:
    if path is not None:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", action="append", choices=tuple(BENCHMARKS), help="this one; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="tiny runs that show they work")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--here", choices=tuple(BENCHMARKS), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
