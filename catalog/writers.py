"""Writing into the catalog: exact columns in, one canonical file a month out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from catalog import instruments as definitions
from catalog.decimals import needed_precision
from catalog.errors import CatalogError
from catalog.files import merge_rows, pieces, read_piece, replace_files
from catalog.instruments import Definition, build, decimals, definition_of, step
from catalog.kinds import BARS, FUNDING, PRICED, QUOTES, TIME, TRADES, Kind, instrument_of
from catalog.merging import IntArray, Merge, in_order

SYNTHETIC_MARK: Final = "SYNTHETIC.json"

type Columns = Mapping[str, pa.Array]


def write_instruments(root: Path, instruments: Iterable[Definition]) -> None:
    """Write definitions; a stored one of finer precision keeps its precision.

    Bars of an instrument that becomes finer are marked anew, for the engine reads every price of
    an instrument at one precision.
    """
    known = set(definitions.known_ids(root))
    merged = []
    for definition in instruments:
        if definition.instrument_id in known:
            (stored,) = definitions.read(root, [definition.instrument_id])
            definition = _at_least(
                definition, price=stored.price_precision, size=stored.size_precision
            )
        merged.append(definition)
        _restamp(root, definition)
    definitions.write(root, [build(definition) for definition in merged])


def _at_least(definition: Definition, *, price: int, size: int) -> Definition:
    if decimals(definition.tick) < price:
        definition = replace(definition, tick=step(price))
    if decimals(definition.lot) < size:
        definition = replace(definition, lot=step(size))
    return definition


def _restamp(root: Path, definition: Definition) -> None:
    for kind in PRICED:
        for folder in sorted((root / "data" / kind.folder).glob(f"{definition.instrument_id}*")):
            if instrument_of(folder.name) == definition.instrument_id:
                _restamp_folder(folder, _schema(kind, folder.name, definition))


def _restamp_folder(folder: Path, schema: pa.Schema) -> None:
    for piece in pieces(folder):
        metadata = pq.read_schema(piece.path).metadata
        if metadata != schema.metadata:
            replace_files(folder, [piece], read_piece(piece, schema))


def _schema(kind: Kind, identifier: str, definition: Definition) -> pa.Schema:
    return kind.schema(
        identifier,
        price_precision=decimals(definition.tick),
        size_precision=decimals(definition.lot),
    )


def write_bars(root: Path, bar_type: str, ts_event: IntArray, columns: Columns) -> Merge:
    """Join bars with those stored: exact columns open, high, low, close, volume; close times in ns.

    The instrument must be stored; it becomes finer where the numbers need it.
    """
    return _write_priced(root, BARS, bar_type, ts_event, columns)


def write_trades(root: Path, instrument_id: str, ts_event: IntArray, columns: Columns) -> Merge:
    """Join trades with those stored.

    Columns: price, size, aggressor_side (BUY, SELL or NO_AGGRESSOR) and trade_id.
    """
    return _write_priced(root, TRADES, instrument_id, ts_event, columns)


def write_quotes(root: Path, instrument_id: str, ts_event: IntArray, columns: Columns) -> Merge:
    """Join quotes with those stored; columns bid_price, ask_price, bid_size, ask_size."""
    return _write_priced(root, QUOTES, instrument_id, ts_event, columns)


def _write_priced(
    root: Path, kind: Kind, identifier: str, ts_event: IntArray, columns: Columns
) -> Merge:
    definition = _widened(root, kind, instrument_of(identifier), columns)
    return _write(root, kind, identifier, _schema(kind, identifier, definition), ts_event, columns)


def _widened(root: Path, kind: Kind, instrument_id: str, columns: Columns) -> Definition:
    (stored,) = definitions.read(root, [instrument_id])
    price, size = stored.price_precision, stored.size_precision
    needed_price = needed_precision((columns[name] for name in kind.prices), price)
    needed_size = needed_precision((columns[name] for name in kind.sizes), size)
    definition = definition_of(stored)
    if (needed_price, needed_size) != (price, size):
        definition = _at_least(definition, price=needed_price, size=needed_size)
        write_instruments(root, [definition])
    return definition


def write_funding(
    root: Path,
    instrument_id: str,
    ts_event: IntArray,
    rates: Sequence[Decimal],
    *,
    interval_minutes: int | None = None,
) -> Merge:
    """Join funding rates with those stored, as exact decimal text at their settlement times."""
    count = len(rates)
    columns = {
        "rate": pa.array([format(rate.normalize(), "f") for rate in rates], pa.string()),
        "interval": pa.array([interval_minutes] * count, pa.uint64()),
        "next_funding_ns": pa.nulls(count, TIME),
    }
    schema = FUNDING.schema(instrument_id)
    return _write(root, FUNDING, instrument_id, schema, ts_event, columns)


def _write(
    root: Path,
    kind: Kind,
    identifier: str,
    schema: pa.Schema,
    ts_event: IntArray,
    columns: Columns,
) -> Merge:
    if len(ts_event) == 0:
        return Merge()
    stamps = pa.array(ts_event, pa.int64()).cast(TIME)
    arrays = {**columns, "ts_event": stamps, "ts_init": stamps}
    rows = pa.table([arrays[field.name] for field in schema], schema=schema)
    return merge_rows(root, kind, schema, identifier, in_order(rows))


def mark_synthetic(root: Path, details: Mapping[str, int | str]) -> None:
    """Mark a catalog as generated, with what it was generated from."""
    root.mkdir(parents=True, exist_ok=True)
    text = json.dumps(details, indent=2, sort_keys=True) + "\n"
    (root / SYNTHETIC_MARK).write_text(text, encoding="utf-8")


def refuse_synthetic(root: Path) -> None:
    """Refuse to mix real data into a generated catalog."""
    if (root / SYNTHETIC_MARK).exists():
        raise CatalogError(f"catalog {root} is synthetic: choose another folder for real data")
