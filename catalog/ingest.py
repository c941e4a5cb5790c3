"""Ingest Parquet and CSV files of bars, trades, quotes and funding into the catalog."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from catalog import columns
from catalog.columns import IntArray, Rows
from catalog.decimals import COMPUTED_PRECISION, from_floats, infer_precision
from catalog.errors import CatalogError
from catalog.instruments import Definition, decimals, split_pair, standard_fees, step
from catalog.kinds import BARS, FUNDING, QUOTES, SECOND_NS, TRADES, Kind
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
    rows = columns.read(source.path, source.kind)
    if len(rows.ts) == 0:
        raise CatalogError(f"file {source.path} has no rows")
    interval = None
    if rows.kind is BARS:
        interval = source.interval or spacing(source.path, rows.ts)
    return Plan(
        source=source,
        kind=rows.kind,
        interval=interval,
        price_precision=infer_precision(rows.numbers[name] for name in rows.kind.prices),
        size_precision=infer_precision(rows.numbers[name] for name in rows.kind.sizes),
        rows=len(rows.ts),
    )


def spacing(path: Path, ts: IntArray) -> str:
    """Infer the interval of bars from their commonest distance."""
    steps, counts = np.unique(np.diff(np.unique(ts)), return_counts=True)
    seconds, rest = divmod(int(steps[np.argmax(counts)]) if len(steps) else 0, SECOND_NS)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if seconds and not rest and seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise CatalogError(f"file {path}: its bars tell no interval; say --interval")


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
    )


def write(root: Path, plan: Plan, *, close_stamped: bool) -> Done:
    """Write one checked file."""
    source = plan.source
    rows = columns.read(source.path, plan.kind)
    if plan.kind is FUNDING:
        series, merge = source.instrument_id, _write_funding(root, source, rows)
    else:
        shift = 0
        series = source.instrument_id
        if plan.interval is not None:
            series = bar_type(series, plan.interval)
            shift = 0 if close_stamped else interval_ns(plan.interval)
        exact = {name: from_floats(rows.numbers[name], plan.price_precision) for name in plan.kind.prices}
        exact |= {name: from_floats(rows.numbers[name], plan.size_precision) for name in plan.kind.sizes}
        merge = _WRITERS[plan.kind.folder](root, series, rows.ts + shift, {**exact, **rows.texts})
    return Done(
        file=source.path.name,
        series=f"{plan.kind.folder} {series}",
        rows=plan.rows,
        merge=merge,
        note=_note(merge),
    )


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
    found: Sequence[Source],
    *,
    tick: Decimal | None = None,
    lot: Decimal | None = None,
    close_stamped: bool = False,
    track: Callable[[Sequence[Plan]], "object"] | None = None,
) -> list[Done]:
    """Ingest files: all are checked before the first is written."""
    raise NotImplementedError
