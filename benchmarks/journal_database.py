"""What a record costs its caller in a database's journal and in a file's, and rows a second.

The caller's cost is the CPU of the calling thread, in pauses that let the writer keep up as on a
node; the speed is that of a long run in one piece, with every transaction on the disk.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.features import Figure
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.database.journal import DatabaseJournal
from morningstar_strategy.journal import Journal

GOAL_RATIO: Final = 3.0
_ROUNDS: Final = 5
_BLOCK: Final = 500


def typical_records(count: int) -> list[Record]:
    """Build fills."""
    return [
        Record(
            ts_event=1_700_000_000_000_000_000 + number,
            kind=Kind.FILL,
            instrument_id="BTCUSDT-PERP.BINANCE",
            fields={
                "order_id": f"O-20231114-{number:08d}",
                "side": "BUY",
                "quantity": "0.123",
                "price": "36512.3",
                "fee": "2.694607",
                "liquidity": "TAKER",
            },
        )
        for number in range(count)
    ]


def measure(count: int, *, rounds: int = _ROUNDS) -> list[Figure]:
    """Give the cost of an append in both journals, their ratio, and the rows of a second."""
    records, ours, plain, speeds = typical_records(count), [], [], []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="bench-") as place:
            folder = Path(place)
            with Journal(folder / "journal.jsonl") as file:
                plain.append(_cost(file.append, records, lambda: None))
            with _journal(folder, "paused") as journal:
                ours.append(_cost(journal.append, records, lambda: _wait(journal)))
            with _journal(folder, "rushed") as journal:
                began = time.perf_counter()
                for record in records:
                    journal.append(record)
                _wait(journal)
                speeds.append(count / (time.perf_counter() - began))
    return [
        Figure("append, database ÷ file, CPU", median(ours) / median(plain), "x", GOAL_RATIO),
        Figure("append into the database's journal", median(ours), "µs"),
        Figure("append into the file's journal", median(plain), "µs"),
        Figure("rows written in a second, SQLite", median(speeds), "rows"),
    ]


def _cost(
    append: Callable[[Record], None], records: Sequence[Record], pause: Callable[[], None]
) -> float:
    """Give the CPU of one append, µs."""
    spent = 0
    for place in range(0, len(records), _BLOCK):
        began = time.thread_time_ns()
        for record in records[place : place + _BLOCK]:
            append(record)
        spent += time.thread_time_ns() - began
        pause()
    return spent / len(records) / 1e3


def _journal(folder: Path, name: str) -> DatabaseJournal:
    return DatabaseJournal(
        f"sqlite:///{folder / 'journal.sqlite'}",
        name=name,
        started_ns=1_700_000_000_000_000_000,
        mode="paper",
        settings="",
        settings_sha256="0" * 64,
        versions={},
        spill=folder / f"{name}.spill",
    )


def _wait(journal: DatabaseJournal) -> None:
    if not journal.flush(60.0):
        raise RuntimeError(f"the journal must be written within 60 s, was not: {journal.fault}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures as a table, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--records", type=int, default=20_000, help="records of a round")
    args = parser.parse_args(argv)
    if args.records < 1:
        parser.error(f"--records must be positive, was {args.records}")
    found = measure(args.records)
    if args.json:
        print(json.dumps([figure._asdict() for figure in found]))
        return 0
    table = Table("what", "measured", "unit", "goal", title="The journal in a database")
    for name, value, unit, goal in found:
        table.add_row(name, f"{value:,.1f}", unit, "" if goal is None else f"{goal:g}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
