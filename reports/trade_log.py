"""Export the plans of runs: `python reports/trade_log.py RUN [--out trade_log.csv]`."""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import numpy as np

from morningstar_strategy.core.plans import PlanRow, plan_rows
from morningstar_strategy.core.records import RecordError
from morningstar_strategy.journal import JournalError, read_records

COLUMNS: Final = (
    "order_id",
    "symbol",
    "direction",
    "status",
    "planned",
    "opened",
    "ended",
    "quantity",
    "entry_price",
    "stop_loss_price",
    "exit_price",
    "gross",
    "costs",
    "funding",
    "net",
    "planned_reason",
    "end_reason",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_trade_log(plans: Sequence[PlanRow], file: IO[str]) -> None:
    """Write a row for each plan."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(plan) for plan in plans)


def _cells(row: PlanRow) -> tuple[str, ...]:
    numbers = (row.quantity, row.entry_price, row.stop_loss_price, row.exit_price)
    return (
        row.order_id,
        row.instrument_id,
        row.direction,
        row.standing.value,
        *(_utc(moment) for moment in (row.planned_ns, row.opened_ns, row.ended_ns)),
        *("" if value is None else f"{value:f}" for value in numbers),
        *(f"{value:f}" for value in (row.gross, row.costs, row.funding, row.net)),
        _harmless(row.planned_reason),
        _harmless(row.end_reason),
    )


def _utc(moment: int | None) -> str:
    return "" if moment is None else f"{np.datetime64(moment, 'ns')}Z"


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking somebody's words for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def main(argv: Sequence[str] | None = None) -> int:
    """Export one run; 2 where it has no journal."""
    parser = argparse.ArgumentParser(
        prog="python reports/trade_log.py",
        description="Write the plans of a run as CSV, one row each. Nothing reads it back.",
    )
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--out", type=Path, help="file to write (trade_log.csv in the run folder)")
    args = parser.parse_args(argv)
    out = args.out or args.run / "trade_log.csv"
    try:
        plans = plan_rows(read_records(args.run))
        with out.open("w", encoding="utf-8", newline="") as file:
            write_trade_log(plans, file)
    except (JournalError, RecordError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    except OSError as e:
        print(f"error: {out} cannot be written: {e.strerror}", file=sys.stderr)
        return 2
    print(f"{len(plans):,} plans in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
