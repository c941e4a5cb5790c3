"""Mutation check of the core's risk: how many deliberate faults the laws and examples notice."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

LEAST_PERCENT: Final = 90.0
_ROOT: Final = Path(__file__).parents[1]
_MUTANTS: Final = _ROOT / "mutants"
_KILLED: Final = frozenset({"killed", "timeout", "segfault", "caught by type check"})
# Hypothesis draws the same examples each time when it believes to run in CI
_ENVIRONMENT: Final = {"HYPOTHESIS_PROFILE": "quick", "CI": "true"}


def run_mutants(*, jobs: int) -> None:
    """Make every mutant and run the tests on it; raise RuntimeError if that does not work."""
    shutil.rmtree(_MUTANTS, ignore_errors=True)
    _mutmut(["run", "--max-children", f"{jobs}"], log=sys.stderr.fileno())


def read_results() -> dict[str, str]:
    """Read the status of each mutant from the last run, by the mutant's full name."""
    text = _mutmut(["results", "--all", "true"], log=subprocess.PIPE)
    pairs = (line.strip().rsplit(": ", 1) for line in text.splitlines() if ": " in line)
    return dict(pairs)


def _mutmut(arguments: Sequence[str], *, log: int) -> str:
    command = [f"{Path(sys.executable).with_name('mutmut')}", *arguments]
    done = subprocess.run(
        command, cwd=_ROOT, env=os.environ | _ENVIRONMENT, stdout=log, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"mutmut {arguments[0]} ended with {done.returncode}")
    return done.stdout or ""


def by_file(results: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Count the statuses of the mutants of each module."""
    found: dict[str, Counter[str]] = {}
    for name, status in results.items():
        module = name.rpartition(".")[0]
        found.setdefault(module, Counter())[status] += 1
    return found


def percent_killed(counts: Iterable[Counter[str]]) -> float:
    """Give the share of mutants that some test noticed; one without a test counts as missed."""
    total = sum(counts, Counter[str]())
    killed = sum(count for status, count in total.items() if status in _KILLED)
    return 100.0 * killed / total.total() if total else 0.0


def _table(files: Mapping[str, Counter[str]]) -> Table:
    table = Table("module", "mutants", "killed", "survived", "%", title="Mutation check")
    for module, counts in [*sorted(files.items()), ("all", sum(files.values(), Counter[str]()))]:
        killed = sum(count for status, count in counts.items() if status in _KILLED)
        missed = counts.total() - killed
        table.add_row(
            module.removeprefix("morningstar_strategy."),
            f"{counts.total()}",
            f"{killed}",
            f"{missed}",
            f"{percent_killed([counts]):.1f}",
        )
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the mutation check; exit with 1 below 90 % and with 2 where it cannot be run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--jobs", type=int, default=1, help="mutants tested at a time")
    parser.add_argument("--last", action="store_true", help="show the last run, do not run again")
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error(f"--jobs must be positive, was {args.jobs}")
    try:
        if not args.last:
            run_mutants(jobs=args.jobs)
        results = read_results()
    except (RuntimeError, OSError) as e:
        print(f"The mutation check could not be run: {e}", file=sys.stderr)
        return 2
    files = by_file(results)
    score = percent_killed(files.values())
    survivors = sorted(name for name, status in results.items() if status not in _KILLED)
    if args.json:
        print(json.dumps({"percent": score, "files": files, "survivors": survivors}))
    else:
        Console().print(_table(files))
        print("\n".join(f"missed: {name} ({results[name]})" for name in survivors))
        print(f"{score:.1f} % killed, at least {LEAST_PERCENT:g} % are asked for")
    return 0 if score >= LEAST_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
