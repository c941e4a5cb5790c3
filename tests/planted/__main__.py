"""Plant every kind of difference and say which are found: `python -m tests.planted`."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backtests.compare import compare
from morningstar_strategy.core.divergence.bridge import OUTSIDE, Contribution
from morningstar_strategy.core.divergence.ladder import Divergence
from morningstar_strategy.core.divergence.values import Rung
from tests.planted.bench import Bench, Case
from tests.planted.cases import CASES, clean

_CENT: Final = Decimal("0.01")

__all__ = ["Trial", "main", "try_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a comparison made of a case."""

    case: Case
    divergence: Divergence

    @property
    def found(self) -> str:
        """Say what was found."""
        first = self.divergence.first
        cause = self.divergence.differences[0].cause.value if first is not None else "nothing"
        return cause if first is None else f"{first.value}: {cause}"

    @property
    def wanted(self) -> str:
        """Say what must be found."""
        rung, cause = self.case.rung, self.case.cause
        return "nothing" if rung is None or cause is None else f"{rung.value}: {cause.value}"

    @property
    def parts(self) -> tuple[Contribution, ...]:
        """Give what the bridge is made of, leaving out what is less than a cent."""
        parts = self.divergence.bridge.contributions
        return tuple(part for part in parts if abs(part.amount) >= _CENT)

    @property
    def worth(self) -> str:
        """Say what the bridge is made of."""
        return ", ".join(f"{part.label} {part.amount:+.2f}" for part in self.parts)

    @property
    def fills(self) -> int:
        """Give how many fills were laid beside each other."""
        rungs = self.divergence.rungs
        return sum(rung.compared for rung in rungs if rung.rung is Rung.FILLS)

    @property
    def is_right(self) -> bool:
        """Say whether just that was found, for the reason that was put in, and all worth is its."""
        case = self.case
        if self.found != self.wanted:
            return False
        if case.cause is None:
            return all(part.label == OUTSIDE for part in self.parts)
        label = case.bridge or case.cause.value
        first = self.divergence.differences[0]
        said = any(case.says in told for told in (first.says, *first.keys))
        return said and all(part.label == label for part in self.parts)


def try_out(case: Case, bench: Bench) -> Trial:
    """Make the two runs of a case and compare them."""
    a, b = case.make(bench)
    return Trial(case=case, divergence=compare(a, b))


def main(argv: Sequence[str] | None = None) -> int:
    """Print found of planted; 1 where one is missed or something is found in a clean pair."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("--clean", type=int, default=50, help="pairs without a difference (50)")
    parser.add_argument("--seed", type=int, default=7, help="of the market they are put in (7)")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--json", action="store_true", help="print the trials as JSON only")
    args = parser.parse_args(argv)
    begun = time.monotonic()
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seed=args.seed)
        planted = _all(CASES, bench, args.only)
        untouched = _all(clean(Path(folder), args.clean), bench, args.only)
    wrong = [trial for trial in (*planted, *untouched) if not trial.is_right]
    if args.json:
        print(json.dumps([_told(trial) for trial in (*planted, *untouched)], indent=2))
    else:
        _show(planted, untouched, time.monotonic() - begun)
    return int(bool(wrong))


def _all(cases: Iterable[Case], bench: Bench, only: str) -> list[Trial]:
    return [try_out(case, bench) for case in cases if only in case.name]


def _told(trial: Trial) -> dict[str, str | bool]:
    return {
        "name": trial.case.name,
        "real": trial.case.real,
        "wanted": trial.wanted,
        "found": trial.found,
        "bridge": trial.worth,
        "right": trial.is_right,
    }


def _show(planted: Sequence[Trial], untouched: Sequence[Trial], secs: float) -> None:
    table = Table("Planted", "How", "Found", "Bridge", "", title_justify="left")
    for trial in planted:
        sign = "yes" if trial.is_right else f"MISSED, wanted {trial.wanted}"
        how = "run" if trial.case.real else "journal edited"
        table.add_row(trial.case.name, how, trial.found, trial.worth, Text(sign))
        if not trial.is_right and trial.divergence.differences:
            table.add_row("", "", Text(trial.divergence.differences[0].says), "", "")
    console = Console()
    console.print(table)
    right = sum(trial.is_right for trial in planted)
    alarms = [trial for trial in untouched if not trial.is_right]
    for trial in alarms:
        console.print(Text(f"FALSE ALARM: {trial.case.name}: {trial.found} {trial.worth}"))
    fills = sum(trial.fills for trial in untouched)
    console.print(
        f"planted {len(planted)}, found {right}; clean pairs {len(untouched)}, "
        f"false alarms {len(alarms)}, {fills:,} fills compared; {secs:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
