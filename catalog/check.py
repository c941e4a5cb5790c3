"""Check the catalog: gaps, duplicates, order, OHLC sanity, zero volume, stale runs."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from catalog.errors import CatalogError
from catalog.findings import (
    Finding,
    Tolerance,
    duplicates,
    found,
    gaps,
    mask,
    moment,
    order,
    quiet,
    sane_bars,
)
from catalog.instruments import known_ids
from catalog.kinds import (
    BARS,
    EXTERNALS,
    FUNDING,
    QUOTES,
    SECOND_NS,
    TRADES,
    Kind,
    instrument_of,
    split_bar_type,
)
from catalog.merging import IntArray, times
from catalog.store import interval_ns, load_instruments, read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings of one series."""

    kind: str
    series: str
    rows: int
    start_ns: int
    end_ns: int
    findings: tuple[Finding, ...]

    @property
    def faulty(self) -> bool:
        """Say whether anything found is a fault."""
        return any(finding.fault for finding in self.findings)


def check_bars(root: Path, name: str, tolerance: Tolerance) -> Report:
    """Check one series of bars."""
    table = read_table(root, BARS, name)
    ts = times(table)
    _, interval = split_bar_type(name)
    step = interval_ns(interval)
    weekly = step > 86_400 * SECOND_NS  # weeks do not begin where the epoch did
    findings = [
        *order(ts),
        *duplicates(ts),
        *([] if weekly else found("off the grid", ts % step != 0, ts)),
        *gaps(ts, step, tolerance),
        *sane_bars(table, ts),
        *_precision(root, BARS, name, table),
        *quiet(table, ts, tolerance),
    ]
    return _report(BARS, name, ts, findings)


def check_ticks(root: Path, kind: Kind, name: str) -> Report:
    """Check trades or quotes: their order and precision, and that no bid is above the ask."""
    table = read_table(root, kind, name)
    ts = times(table)
    findings = [*order(ts), *_precision(root, kind, name, table)]
    if kind is QUOTES:
        crossed = mask(pc.greater(table["bid_price"], table["ask_price"]))
        findings += found("crossed", crossed, ts)
    return _report(kind, name, ts, findings)


def check_funding(root: Path, name: str, tolerance: Tolerance) -> Report:
    """Check funding rates: their order and, where the interval is told, that none is missing."""
    table = read_table(root, FUNDING, name)
    ts = times(table)
    minutes = set(table["interval"].to_pylist())
    step = minutes.pop() if len(minutes) == 1 else None
    late = [] if step is None else gaps(ts, step * 60 * SECOND_NS, tolerance)
    return _report(FUNDING, name, ts, [*order(ts), *duplicates(ts), *late])


def check_externals(root: Path, name: str) -> Report:
    """Check what was known outside: its order, and that nothing was known before it was."""
    table = read_table(root, EXTERNALS, name)
    ts = times(table)
    early = mask(pc.less(table["ts_init"], table["ts_event"]))
    empty = mask(pc.and_(pc.is_null(table["value"]), pc.is_null(table["text"])))
    findings = [*order(ts), *found("known too early", early, ts), *found("says nothing", empty, ts)]
    return _report(EXTERNALS, name, ts, findings)


def _precision(root: Path, kind: Kind, name: str, table: pa.Table) -> list[Finding]:
    """Find a series that the engine would read at another precision than its instrument."""
    instrument_id = instrument_of(name)
    first = int(times(table)[0])
    if instrument_id not in known_ids(root):
        text = f"instrument {instrument_id} is not defined"
        return [Finding(check="instrument", count=1, fault=True, first_ns=first, text=text)]
    (instrument,) = load_instruments(root, [instrument_id])
    metadata = table.schema.metadata
    told = (int(metadata[b"price_precision"]), int(metadata[b"size_precision"]))
    known = (instrument.price_precision, instrument.size_precision)
    if told == known:
        return []
    text = f"price and size precision {told}, of the instrument {known}"
    return [Finding(check="precision", count=1, fault=True, first_ns=first, text=text)]


def _report(kind: Kind, name: str, ts: IntArray, findings: Sequence[Finding]) -> Report:
    return Report(
        kind=kind.folder,
        series=name,
        rows=len(ts),
        start_ns=int(ts.min()),
        end_ns=int(ts.max()),
        findings=tuple(findings),
    )


def check(root: Path, tolerance: Tolerance, *, instruments: Sequence[str] = ()) -> list[Report]:
    """Check every series of a catalog, or those of some instruments.

    Raises CatalogError where there is nothing to check.
    """
    load_instruments(root, instruments)  # refuses an unknown one
    reports = []
    for kind in (BARS, TRADES, QUOTES, FUNDING, EXTERNALS):
        for folder in sorted((root / "data" / kind.folder).glob("*")):
            if instruments and instrument_of(folder.name) not in instruments:
                continue
            if any(folder.glob("*.parquet")):
                reports.append(_check_one(root, kind, folder.name, tolerance))
    if not reports:
        raise CatalogError(f"catalog {root} has no series to check")
    return reports


def _check_one(root: Path, kind: Kind, name: str, tolerance: Tolerance) -> Report:
    if kind is BARS:
        return check_bars(root, name, tolerance)
    if kind is FUNDING:
        return check_funding(root, name, tolerance)
    if kind is EXTERNALS:
        return check_externals(root, name)
    return check_ticks(root, kind, name)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="catalog/check.py",
        description=__doc__,
        epilog="Exit 1 on faults: gaps, duplicates, order, off the grid, ohlc, negative volume, "
        "crossed, precision, instrument, known too early, says nothing. Zero volume and stale "
        "runs are warnings.",
    )
    parser.add_argument("--catalog", type=Path, default=Path("data/catalog"), metavar="FOLDER")
    parser.add_argument("--instruments", nargs="+", default=[], metavar="ID", help="only these")
    parser.add_argument(
        "--max-gap", type=int, default=0, metavar="BARS", help="gaps up to this are no fault (0)"
    )
    parser.add_argument("--allow-gaps", action="store_true", help="no gap is a fault")
    parser.add_argument(
        "--stale-bars", type=int, default=12, metavar="BARS", help="still this long is stale (12)"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser.parse_args(argv)


def _show(reports: Sequence[Report]) -> None:
    table = Table("series", "from", "to", title="Catalog check")
    table.add_column("rows", justify="right")
    table.add_column("findings", overflow="fold")
    for report in reports:
        lines = [
            f"[{'red' if item.fault else 'yellow'}]{item.check}: {item.count:,}[/] ({item.text})"
            for item in report.findings
        ]
        span = (moment(report.start_ns), moment(report.end_ns))
        name = report.series if report.kind == BARS.folder else f"{report.series} {report.kind}"
        table.add_row(name, *span, f"{report.rows:,}", "\n".join(lines) or "[green]good[/]")
    console = Console()
    console.print(table)
    faulty = sum(report.faulty for report in reports)
    console.print(f"{len(reports)} series, {faulty} with faults")


def main(argv: Sequence[str] | None = None) -> int:
    """Check the catalog and show what was found."""
    args = parse_args(argv)
    try:
        tolerance = Tolerance(
            max_gap=args.max_gap, allow_gaps=args.allow_gaps, stale_bars=args.stale_bars
        )
        reports = check(args.catalog, tolerance, instruments=args.instruments)
    except (ValueError, OSError) as e:
        print(e, file=sys.stderr)
        return 2
    if args.json:
        print(
            json.dumps([asdict(report) | {"faulty": report.faulty} for report in reports], indent=2)
        )
    else:
        _show(reports)
    return 1 if any(report.faulty for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
