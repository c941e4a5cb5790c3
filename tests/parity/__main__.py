"""Hold live sessions against their replays: `python -m tests.parity [--dialects bitget,...]`."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from backtests.compare import compare
from backtests.replay import DECISIONS, replay
from tests.catalogs import sample_folder
from tests.parity.session import live_sessions

__all__ = ["Parity", "main", "parities"]

_DIALECTS: Final = ("bitget", "kucoin", "gate")
_WIDTH: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """A session held against its replay; `first` is the rung at which the two part, "" for none."""

    dialect: str
    session: str
    counts: dict[str, int]
    different: int
    outside: int
    parted: str
    first: str

    @property
    def is_same(self) -> bool:
        """Say whether nothing differs, of the decisions and on the whole ladder."""
        return not (self.different or self.parted or self.first)


def parities(dialect: str, folder: Path, *, catalog: Path, plans: int) -> Iterator[Parity]:
    """Run the sessions of a dialect, and replay and compare each."""
    for run in live_sessions(dialect, folder, catalog=catalog, plans=plans):
        replayed = replay(run)
        rung = compare(run, replayed.folder, slack_ns=0).first
        held = replayed.held
        yield Parity(
            dialect=dialect,
            session=run.name,
            counts={kind.value: held.counts.get(kind.value, 0) for kind in DECISIONS},
            different=sum(held.different.values()),
            outside=held.outside,
            parted=replayed.parted,
            first="" if rung is None else rung.value,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was compared; 1 where anything differs."""
    args = _parse(argv)
    with TemporaryDirectory() as temporary:
        root = Path(temporary) if args.folder is None else args.folder
        found = [
            each
            for dialect in args.dialects.split(",")
            for each in parities(dialect, root / dialect, catalog=sample_folder(), plans=args.plans)
        ]
    if args.json:
        print(json.dumps([{**asdict(each), "same": each.is_same} for each in found], indent=2))
    else:
        Console(width=_WIDTH).print(_table(found))
        decisions = sum(sum(each.counts.values()) for each in found)
        different = sum(each.different for each in found)
        print(
            f"{len(found)} sessions, {decisions:,} decisions, {different} decision differences, "
            f"{sum(not each.is_same for each in found)} sessions that differ anywhere"
        )
    return int(not all(each.is_same for each in found))


def _table(found: Sequence[Parity]) -> Table:
    kinds = [kind.value for kind in DECISIONS]
    table = Table("Dialect", "Session", *kinds, "Different", "Outside", "Parts at")
    for each in found:
        counts = (f"{each.counts[kind]:,}" for kind in kinds)
        parts = each.parted or each.first or "nowhere"
        table.add_row(
            each.dialect, each.session, *counts, f"{each.different}", f"{each.outside}", parts[:200]
        )
    return table


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--dialects", default=",".join(_DIALECTS), help="separated by commas")
    parser.add_argument("--plans", type=int, default=6, help="begun in each session")
    parser.add_argument("--folder", type=Path, help="keep the run folders here")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
