"""Check the catalog: gaps, duplicates, order, OHLC sanity, zero volume, stale runs."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from catalog.errors import CatalogError
from catalog.instruments import known_ids
from catalog.kinds import (
    BARS,
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

type BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What is not a fault."""

    max_gap: int = 0  # missing bars in a row
    allow_gaps: bool = False
    stale_bars: int = 12  # bars in a row without any movement

    def __post_init__(self) -> None:
        if self.max_gap < 0:
            raise ValueError(f"max_gap must be zero or more, was {self.max_gap}")
        if self.stale_bars < 2:
            raise ValueError(f"stale_bars must be two or more, was {self.stale_bars}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found in one series."""

    check: str
    count: int
    fault: bool
    first_ns: int
    text: str


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


def gaps(ts: IntArray, step: int, tolerance: Tolerance) -> list[Finding]:
    """Find missing rows of a regular series."""
    ordered = np.unique(ts)
    holes = np.diff(ordered) // step - 1
    places = np.flatnonzero(holes > 0)
    if not len(places):
        return []
    longest = int(places[np.argmax(holes[places])])
    too_long = int(np.sum(holes > tolerance.max_gap))
    return [
        Finding(
            check="gaps",
            count=len(places),
            fault=too_long > 0 and not tolerance.allow_gaps,
            first_ns=int(ordered[places[0]]) + step,
            text=f"{int(holes[places].sum()):,} missing, longest {int(holes[longest]):,}"
            f" from {moment(int(ordered[longest]) + step)}",
        )
    ]


def found(check: str, bad: BoolArray, ts: IntArray, *, fault: bool = True) -> list[Finding]:
    """Make a finding of marked rows, if there are any."""
    if not bad.any():
        return []
    first = int(ts[int(np.argmax(bad))])
    count = int(bad.sum())
    return [
        Finding(
            check=check, count=count, fault=fault, first_ns=first, text=f"first {moment(first)}"
        )
    ]


def order(ts: IntArray) -> list[Finding]:
    """Find rows that are earlier than the one before."""
    return found("order", np.r_[False, np.diff(ts) < 0], ts)


def duplicates(ts: IntArray) -> list[Finding]:
    """Find moments told more than once."""
    ordered = np.sort(ts)
    return found("duplicates", np.r_[False, np.diff(ordered) == 0], ordered)


def sane_bars(table: pa.Table, ts: IntArray) -> list[Finding]:
    """Find bars whose prices contradict each other, exactly."""
    high, low = table["high"], table["low"]
    inside = [
        pc.and_(pc.less_equal(low, table[name]), pc.less_equal(table[name], high))
        for name in ("open", "close")
    ]
    zero = pa.scalar(0, pa.decimal128(38, 16))
    good = pc.and_(pc.and_(*inside), pc.greater(low, zero))
    return found("ohlc", _mask(pc.invert(good)), ts) + found(
        "negative volume", _mask(pc.less(table["volume"], zero)), ts
    )


def quiet(table: pa.Table, ts: IntArray, tolerance: Tolerance) -> list[Finding]:
    """Find bars without volume and long runs of bars without movement: warnings."""
    zero = _mask(pc.equal(table["volume"], pa.scalar(0, pa.decimal128(38, 16))))
    same = _mask(pc.equal(table["high"], table["low"]))
    close = table["close"].combine_chunks()
    still = np.r_[False, _mask(pc.equal(close[1:], close[:-1])) & same[1:]]
    return found("zero volume", zero, ts, fault=False) + stale(still, ts, tolerance)


def stale(still: BoolArray, ts: IntArray, tolerance: Tolerance) -> list[Finding]:
    """Find runs of bars that all stand still on the close before them."""
    edges = np.flatnonzero(np.diff(np.r_[0, still.astype(np.int8), 0]))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    long = lengths >= tolerance.stale_bars
    if not long.any():
        return []
    place = int(np.argmax(lengths))
    return [
        Finding(
            check="stale",
            count=int(long.sum()),
            fault=False,
            first_ns=int(ts[starts[np.argmax(long)]]),
            text=f"longest {int(lengths[place]):,} bars from {moment(int(ts[starts[place]]))}",
        )
    ]


def _mask(column: pa.Array | pa.ChunkedArray) -> BoolArray:
    return np.asarray(column, dtype=np.bool_)


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
        crossed = _mask(pc.greater(table["bid_price"], table["ask_price"]))
        findings += found("crossed", crossed, ts)
    return _report(kind, name, ts, findings)


def check_funding(root: Path, name: str, tolerance: Tolerance) -> Report:
    """Check funding rates: their order and, where they tell their interval, that none is missing."""
    table = read_table(root, FUNDING, name)
    ts = times(table)
    minutes = set(table["interval"].to_pylist())
    step = minutes.pop() if len(minutes) == 1 else None
    late = [] if step is None else gaps(ts, step * 60 * SECOND_NS, tolerance)
    return _report(FUNDING, name, ts, [*order(ts), *duplicates(ts), *late])


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
    for kind in (BARS, TRADES, QUOTES, FUNDING):
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
    return check_ticks(root, kind, name)


def moment(ns: int) -> str:
    """Write a moment for people, in UTC."""
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="catalog/check.py",
        description=__doc__,
        epilog="Exit 1 on faults: gaps, duplicates, order, ohlc, precision. Zero volume and stale "
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
