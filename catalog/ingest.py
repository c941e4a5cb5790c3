"""Ingest Parquet and CSV files of markets, and of what was known outside, into the catalog."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from catalog import columns, outside
from catalog.columns import Rows
from catalog.decimals import from_floats, infer_precision
from catalog.errors import CatalogError
from catalog.externals import write_externals
from catalog.instruments import Definition, decimals, split_pair, standard_fees, step
from catalog.kinds import BARS, EXTERNALS, FUNDING, QUOTES, SECOND_NS, TRADES, Kind
from catalog.sources import Aside, Source, find
from catalog.store import (
    Merge,
    bar_type,
    interval_ns,
    write_bars,
    write_funding,
    write_instruments,
    write_quotes,
    write_trades,
    writing,
)
from catalog.writers import refuse_synthetic

_WRITERS: dict[str, Callable[..., Merge]] = {
    BARS.folder: write_bars,
    TRADES.folder: write_trades,
    QUOTES.folder: write_quotes,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One checked file, ready to be written."""

    source: Source
    kind: Kind
    interval: str | None
    price_precision: int
    size_precision: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one file."""

    file: str
    series: str
    rows: int
    merge: Merge
    note: str = ""


def inspect(source: Source) -> Plan:
    """Read and check one file and find its precision.

    Raises CatalogError where it cannot be a series of a market.
    """
    if source.kind is EXTERNALS:
        return _outside(source)
    rows = columns.read(source.path, source.kind)
    if len(rows.ts) == 0:
        raise CatalogError(f"file {source.path} has no rows")
    interval = None
    if rows.kind is BARS:
        interval = source.interval or columns.spacing(source.path, rows.ts)
    return Plan(
        source=source,
        kind=rows.kind,
        interval=interval,
        price_precision=infer_precision(rows.numbers[name] for name in rows.kind.prices),
        size_precision=infer_precision(rows.numbers[name] for name in rows.kind.sizes),
        rows=len(rows.ts),
    )


def _outside(source: Source) -> Plan:
    return Plan(
        source=source,
        kind=EXTERNALS,
        interval=None,
        price_precision=0,
        size_precision=0,
        rows=outside.read(source.path).num_rows,
    )


def define(
    instrument_id: str, plans: Sequence[Plan], tick: Decimal | None, lot: Decimal | None
) -> Definition:
    """Define an instrument from the decimals of its files, or as told.

    Raises CatalogError where a told tick or lot is coarser than the data.
    """
    symbol, _, venue = instrument_id.rpartition(".")
    if not symbol or not venue:
        raise CatalogError(f"instrument must be like BTCUSDT-PERP.BINANCE, was {instrument_id!r}")
    perpetual = symbol.endswith("-PERP")
    base, quote = split_pair(symbol.removesuffix("-PERP"))
    price = max((plan.price_precision for plan in plans), default=0)
    size = max((plan.size_precision for plan in plans), default=0)
    for name, told, needed in (("tick", tick, price), ("lot", lot, size)):
        if told is not None and decimals(told) < needed:
            raise CatalogError(f"--{name} {told} is coarser than the {needed} decimals of the data")
    return Definition(
        instrument_id=instrument_id,
        base=base,
        quote=quote,
        tick=tick or step(price),
        lot=lot or step(size),
        fees=standard_fees(venue, perpetual=perpetual),
        min_notional=Decimal(5) if "USD" in quote else None,  # the usual least order
    )


def write(root: Path, plan: Plan, *, close_stamped: bool) -> Done:
    """Write one checked file."""
    source = plan.source
    if plan.kind is EXTERNALS:
        merge = write_externals(root, source.instrument_id, outside.read(source.path))
    elif plan.kind is FUNDING:
        merge = _write_funding(root, source, columns.read(source.path, FUNDING))
    else:
        merge = _write_priced(root, plan, close_stamped=close_stamped)
    return Done(
        file=source.path.name,
        series=f"{plan.interval or plan.kind.folder} {source.instrument_id}",
        rows=plan.rows,
        merge=merge,
        note=_note(merge),
    )


def _write_priced(root: Path, plan: Plan, *, close_stamped: bool) -> Merge:
    rows = columns.read(plan.source.path, plan.kind)
    shift = 0
    series = plan.source.instrument_id
    if plan.interval is not None:
        series = bar_type(series, plan.interval)
        shift = 0 if close_stamped else interval_ns(plan.interval)
    exact = {
        name: from_floats(rows.numbers[name], plan.price_precision) for name in plan.kind.prices
    }
    exact |= {
        name: from_floats(rows.numbers[name], plan.size_precision) for name in plan.kind.sizes
    }
    return _WRITERS[plan.kind.folder](root, series, rows.ts + shift, {**exact, **rows.texts})


def _write_funding(root: Path, source: Source, rows: Rows) -> Merge:
    rates = [Decimal(repr(rate)) for rate in rows.numbers["rate"].tolist()]
    gaps, counts = np.unique(np.diff(rows.ts), return_counts=True)
    minutes = int(gaps[np.argmax(counts)]) // (60 * SECOND_NS) if len(gaps) else None
    return write_funding(root, source.instrument_id, rows.ts, rates, interval_minutes=minutes)


def _note(merge: Merge) -> str:
    if not merge.conflicts:
        return ""
    first = np.datetime64(merge.first_conflict_ns, "ns").astype("datetime64[s]")
    return f"{merge.conflicts} rows differ from those stored before (first {first}Z): left out"


def ingest(
    root: Path,
    sources: Sequence[Source],
    *,
    tick: Decimal | None = None,
    lot: Decimal | None = None,
    close_stamped: bool = False,
    console: Console | None = None,
) -> list[Done]:
    """Ingest files; all are checked before the first is written.

    Raises CatalogError naming the first file that cannot be held.
    """
    refuse_synthetic(root)
    bar = partial(track, console=console, disable=console is None, transient=True)
    plans = [inspect(source) for source in bar(sources, "Checking")]
    by_instrument: dict[str, list[Plan]] = {}
    for plan in plans:
        if plan.kind is EXTERNALS:
            continue
        by_instrument.setdefault(plan.source.instrument_id, []).append(plan)
    known = [define(name, group, tick, lot) for name, group in by_instrument.items()]
    with writing(root):
        write_instruments(root, known)
        return [write(root, plan, close_stamped=close_stamped) for plan in bar(plans, "Writing")]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="catalog/ingest.py", description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="a file or a folder")
    parser.add_argument("--catalog", type=Path, default=Path("data/catalog"), metavar="FOLDER")
    parser.add_argument("--instrument", metavar="ID", help="such as BTCUSDT-PERP.BINANCE")
    parser.add_argument("--interval", help="of the bars, such as 5m, where no file name tells")
    parser.add_argument(
        "--stamp",
        choices=("open", "close"),
        default="open",
        help="whether the times of bars are those of their open (default) or close",
    )
    parser.add_argument("--tick", type=_step, help="smallest price step, else from the data")
    parser.add_argument("--lot", type=_step, help="smallest quantity step, else from the data")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    return parser.parse_args(argv)


def _step(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as e:
        raise argparse.ArgumentTypeError(f"must be a number, was {text!r}") from e
    if not (value.is_finite() and value > 0):
        raise argparse.ArgumentTypeError(f"must be above zero, was {text}")
    return value


def _show(console: Console, done: Sequence[Done], aside: Sequence[Aside]) -> None:
    table = Table(title="Ingested")
    for name in ("file", "series"):
        table.add_column(name, overflow="fold")
    for name in ("rows", "new", "known"):
        table.add_column(name, justify="right")
    table.add_column("note", overflow="fold")
    for item in done:
        counts = (item.rows, item.merge.added, item.merge.duplicates)
        table.add_row(item.file, item.series, *(f"{count:,}" for count in counts), item.note)
    console.print(table)
    if aside:
        left = Table("file", "why", title="Left aside")
        left.columns[0].overflow = "fold"
        for file in aside:
            left.add_row(file.path.name, file.reason)
        console.print(left)


def _as_json(done: Sequence[Done], aside: Sequence[Aside]) -> str:
    files = [
        {
            "file": item.file,
            "series": item.series,
            "rows": item.rows,
            "added": item.merge.added,
            "duplicates": item.merge.duplicates,
            "conflicts": item.merge.conflicts,
        }
        for item in done
    ]
    left = [{"file": item.path.name, "reason": item.reason} for item in aside]
    return json.dumps({"ingested": files, "left_aside": left}, indent=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest what the command line names and show what became of it."""
    args = parse_args(argv)
    try:
        if args.interval is not None:
            interval_ns(args.interval)
        found = find(args.paths, instrument=args.instrument, interval=args.interval)
        aside = [item for item in found if isinstance(item, Aside)]
        done = ingest(
            args.catalog,
            [item for item in found if isinstance(item, Source)],
            tick=args.tick,
            lot=args.lot,
            close_stamped=args.stamp == "close",
            console=None if args.json else Console(stderr=True),
        )
    except (ValueError, OSError) as e:
        print(e, file=sys.stderr)
        return 2
    if args.json:
        print(_as_json(done, aside))
    else:
        _show(Console(), done, aside)
    return 0


if __name__ == "__main__":
    sys.exit(main())
