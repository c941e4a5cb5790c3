"""A trained model: many windows at once, one bar, a start, and a whole backtest.

The bundles are trained first, on the benchmark's own bars and in the sizes of every training.
Windows are forecast on two threads and scaled to a million. A start is that of a whole process,
from its beginning to its end one forecast later. The backtest is of the trees' bundle, in CPU
seconds of whole processes taken in turn with the plain engine's EMA cross: once with all
predictions computed, and kept, once with all of them found in the cache on disk. As in the
engine's benchmark the halts are set to 100 %.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.bundles import QUICK_BARS, Bundle, train_bundles
from benchmarks.data import (
    BAR_TYPE,
    MINUTE_NS,
    START_NS,
    YEAR_BARS,
    Prepared,
    prepared,
)
from benchmarks.engine import cpu_secs, parse, ratio, write
from benchmarks.features import Figure
from benchmarks.forecasting import bar_figures, batch_figures, start_figures
from benchmarks.process import Spent, timed

COMPUTED: Final = 6.0
FOUND: Final = 2.5
TRAINING_SECS: Final = 900.0

_PROJECT: Final = Path(__file__).parents[1]
_RECIPE: Final = _PROJECT / "config" / "train.yaml"
_SHORT: Final = 500_000  # windows of one bar
_LONG: Final = 100_000  # windows of many bars
_SINGLE: Final = 25_000  # bars that come one by one, with those before them
_QUICK: Final = 5_000
_STARTS: Final = 5
_FLAGS: Final = {
    "--training": f"only time {_RECIPE.name}, on data/catalog and into a folder that is removed"
}
_ROWS: Final = {
    "plain": "plain engine, EMA cross",
    "computed": "Morningstar, predictions computed",
    "found": "Morningstar, predictions in the cache",
}

type Taken = dict[str, list[Spent]]


def backtests(data: Prepared, bundle: Bundle, place: Path, *, rounds: int, start_ns: int) -> Taken:
    """Run the plain engine, then the model twice, with a cache that is empty at first."""
    taken: Taken = {name: [] for name in _ROWS}
    for number in range(rounds):
        cache = place / f"forecasts-{number}"
        settings = (
            "predictor.kind=bundle",
            f"predictor.bundle={bundle.folder}",
            f"predictor.cache={cache}",
        )
        taken["plain"].append(timed("plain", data, start_ns=start_ns))
        for name in ("computed", "found"):
            before = _written(cache)
            spent = timed("morningstar", data, start_ns=start_ns, settings=settings)
            if (before == _written(cache)) is not (name == "found"):
                raise RuntimeError(
                    f"predictions must be {name}, the files in {cache} say otherwise"
                )
            taken[name].append(spent)
    return taken


def _written(cache: Path) -> dict[str, int]:
    """List the files of a cache and when they were written."""
    return {file.name: file.stat().st_mtime_ns for file in cache.glob("*")}


def check_cache(name: str, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """Raise RuntimeError where a run did not compute, or did not find, what it was to."""
    if (before == after) is not (name == "found"):
        raise RuntimeError(f"predictions must be {name}, the cache went from {before} to {after}")


def backtest_figures(taken: Taken) -> list[Figure]:
    """List what is measured and what is promised."""
    return [
        Figure("backtest ÷ plain engine, computed", ratio(taken, "computed"), "×", COMPUTED),
        Figure("backtest ÷ plain engine, found", ratio(taken, "found"), "×", FOUND),
        *(Figure(f"{_ROWS[name]}: CPU", cpu_secs(runs), "s") for name, runs in taken.items()),
    ]


def backtest_table(taken: Taken) -> Table:
    """Draw every way as a row."""
    drawn = Table("system", title=f"Whole backtests of {taken['plain'][0].ran.bars:,} bars")
    for column in ("CPU s", "÷ plain", "peak MiB", "entries"):
        drawn.add_column(column, justify="right")
    for name, runs in taken.items():
        drawn.add_row(
            _ROWS[name],
            f"{cpu_secs(runs):.1f}",
            f"{ratio(taken, name):.2f}",
            f"{max(run.peak_mib for run in runs):,.0f}",
            f"{runs[0].ran.entries:,}",
        )
    drawn.caption = "A model that finds no direction worth its cost enters nothing and saves work."
    return drawn


def run(*, quick: bool, rounds: int = 3, console: Console) -> list[Figure]:
    """Measure, show the tables, and give the figures."""
    from morningstar_strategy.model.learning.barfiles import read_bars

    rounds, starts = (1, 1) if quick else (rounds, _STARTS)
    with (
        prepared(QUICK_BARS if quick else YEAR_BARS) as data,
        TemporaryDirectory(prefix="bench-model-") as folder,
    ):
        place = Path(folder)
        bundles = _trained(data, place, quick=quick, console=console)
        bars, _ = read_bars(data.catalog, BAR_TYPE, start_ns=START_NS + 1)
        found: list[Figure] = []
        for bundle in bundles:
            count = _LONG if bundle.window > 1 else _SHORT
            found += batch_figures(bundle, bars[: _QUICK if quick else count], rounds=rounds)
            found += bar_figures(bundle, bars[: _QUICK if quick else _SINGLE])
        found += start_figures(bundles, bars, place, starts=starts)
        start_ns = data.end_ns - _QUICK * MINUTE_NS if quick else START_NS
        taken = backtests(data, bundles[0], place, rounds=rounds, start_ns=start_ns)
    found += backtest_figures(taken)
    console.print(backtest_table(taken))
    console.print(_drawn(f"Models trained on {data.label}", found))
    return found


def _trained(data: Prepared, place: Path, *, quick: bool, console: Console) -> tuple[Bundle, ...]:
    """Train the bundles; the network takes longer than all of a quick run may."""
    with console.status("training") as status:
        return train_bundles(
            data,
            place,
            network=not quick,
            quick=quick,
            progress=lambda what, share: status.update(f"training: {what}, {share:.0%}"),
        )


def train_anew(console: Console) -> list[Figure]:
    """Time the recipe's whole walk-forward and publication; nothing where bars are missing."""
    from morningstar_strategy.model.learning.barfiles import bar_type
    from morningstar_strategy.model.learning.recipe import load_recipe

    recipe = load_recipe(_RECIPE)
    bars = _PROJECT / recipe.catalog / "data" / "bars"
    names = [bar_type(instrument, recipe.interval) for instrument in recipe.instruments]
    missing = [name for name in names if not (bars / name).is_dir()]
    if missing:
        console.print(f"Not trained: {recipe.catalog} holds no {missing[0]}")
        return []
    with TemporaryDirectory(prefix="bench-training-") as folder:
        places = [f"--set={name}={folder}/{name}" for name in ("work", "output")]
        module = "morningstar_strategy.model.training"
        command = [sys.executable, "-m", module, f"--config={_RECIPE}", *places]
        start = time.perf_counter()
        subprocess.run(command, cwd=_PROJECT, check=True)
        secs = time.perf_counter() - start
    found = [Figure(f"training by {_RECIPE.name}, wall", secs, "s", TRAINING_SECS)]
    console.print(_drawn(f"{len(recipe.instruments)} instruments at {recipe.interval}", found))
    return found


def _drawn(title: str, found: Sequence[Figure]) -> Table:
    drawn = Table("what", title=title)
    for column in ("measured", "goal", ""):
        drawn.add_column(column, justify="right")
    for name, value, unit, goal in found:
        verdict = ("", "")
        if goal is not None:
            verdict = f"{goal:g} {unit}", "met" if value <= goal else "MISSED"
        drawn.add_row(name, f"{value:,.2f} {unit}", *verdict)
    return drawn


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    args = parse(__doc__, argv, flags=_FLAGS)
    console = Console()
    if args.training:
        found = train_anew(console)
    else:
        found = run(quick=args.quick, rounds=args.rounds, console=console)
    write(args.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
