"""The catalog: instruments, bars, trades, quotes and funding in the engine's Parquet layout."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.model import Bar, FundingRateUpdate, InstrumentId, QuoteTick, TradeTick
from nautilus_trader.persistence import (
    BarDataWrangler,
    QuoteTickDataWrangler,
    TradeTickDataWrangler,
)

from catalog import instruments as definitions
from catalog.errors import CatalogError, nearest
from catalog.files import Piece, folder_of, pieces, read_piece, read_times, writing
from catalog.instruments import Definition, Fees, Instrument, fees
from catalog.kinds import (
    BARS,
    FUNDING,
    QUOTES,
    TRADES,
    Kind,
    bar_type,
    instrument_of,
    interval_ns,
    split_bar_type,
)
from catalog.merging import IntArray, Merge, in_order, merge, times
from catalog.writers import (
    SYNTHETIC_MARK,
    mark_synthetic,
    write_bars,
    write_funding,
    write_instruments,
    write_quotes,
    write_trades,
)
from morningstar_strategy.core.bars import BarWindow

__all__ = [
    "CatalogError",
    "Definition",
    "Fees",
    "Instrument",
    "Merge",
    "Series",
    "bar_type",
    "digest",
    "event_times",
    "fees",
    "interval_ns",
    "is_synthetic",
    "list_series",
    "load_bars",
    "load_funding",
    "load_instruments",
    "load_quotes",
    "load_trades",
    "mark_synthetic",
    "read_table",
    "synthetic_seed",
    "window",
    "write_bars",
    "write_funding",
    "write_instruments",
    "write_quotes",
    "write_trades",
    "writing",
]


_END_OF_TIME: Final = 2**63 - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of bars and how far it reaches."""

    instrument_id: str
    interval: str
    bar_type: str
    rows: int
    start_ns: int  # close of the first bar
    end_ns: int  # close of the last bar


def list_series(root: Path) -> tuple[Series, ...]:
    """List the bar series of a catalog, by name."""
    folders = sorted((root / "data" / BARS.folder).glob("*"))
    found = (_series(folder) for folder in folders if pieces(folder))
    return tuple(found)


def _series(folder: Path) -> Series:
    instrument_id, interval = split_bar_type(folder.name)
    extents = [_extent(piece) for piece in pieces(folder)]
    return Series(
        instrument_id=instrument_id,
        interval=interval,
        bar_type=folder.name,
        rows=sum(rows for rows, _, _ in extents),
        start_ns=min(start for _, start, _ in extents),
        end_ns=max(end for _, _, end in extents),
    )


def _extent(piece: Piece) -> tuple[int, int, int]:
    metadata = pq.read_metadata(piece.path)
    column = metadata.schema.names.index("ts_event")
    groups = [
        metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)
    ]
    # The name may promise more than a killed writer stored, so the content is asked
    lows, highs = [int(s.min_raw) for s in groups], [int(s.max_raw) for s in groups]
    return metadata.num_rows, min(lows), max(highs)


def load_instruments(root: Path, instrument_ids: Sequence[str]) -> list[Instrument]:
    """Load the engine's instruments, in the order asked.

    Raises CatalogError naming an unknown id and the nearest known ones.
    """
    return definitions.read(root, instrument_ids)


def load_bars(
    root: Path, bar_type: str, *, start_ns: int | None = None, end_ns: int | None = None
) -> list[Bar]:
    """Load bars by close time, both ends included.

    Raises CatalogError where the catalog has no such series.
    """
    result: list[Bar] = []
    wrangler: BarDataWrangler | None = None
    for table in _tables(root, BARS, bar_type, start_ns, end_ns):
        wrangler = wrangler or BarDataWrangler(bar_type, *_precisions(table))
        result += wrangler.process_record_batch_bytes(_stream(table))
    return result


def load_trades(
    root: Path, instrument_id: str, *, start_ns: int | None = None, end_ns: int | None = None
) -> list[TradeTick]:
    """Load trades by exchange time, both ends included.

    Raises CatalogError where the catalog has none of this instrument.
    """
    result: list[TradeTick] = []
    for table in _tables(root, TRADES, instrument_id, start_ns, end_ns):
        wrangler = TradeTickDataWrangler(instrument_id, *_precisions(table))
        result += wrangler.process_record_batch_bytes(_stream(table))
    return result


def load_quotes(
    root: Path, instrument_id: str, *, start_ns: int | None = None, end_ns: int | None = None
) -> list[QuoteTick]:
    """Load best bids and asks by exchange time, both ends included.

    Raises CatalogError where the catalog has none of this instrument.
    """
    result: list[QuoteTick] = []
    for table in _tables(root, QUOTES, instrument_id, start_ns, end_ns):
        wrangler = QuoteTickDataWrangler(instrument_id, *_precisions(table))
        result += wrangler.process_record_batch_bytes(_stream(table))
    return result


def load_funding(
    root: Path, instrument_id: str, *, start_ns: int | None = None, end_ns: int | None = None
) -> list[FundingRateUpdate]:
    """Load funding rates by settlement time, both ends included; none is an empty list."""
    if not pieces(folder_of(root, FUNDING, instrument_id)):
        return []
    name = InstrumentId.from_str(instrument_id)
    return [
        FundingRateUpdate(name, Decimal(rate), ns, ns, interval)
        for table in _tables(root, FUNDING, instrument_id, start_ns, end_ns)
        for rate, interval, ns in zip(
            table["rate"].to_pylist(),
            table["interval"].to_pylist(),
            times(table).tolist(),
            strict=True,
        )
    ]


def _tables(
    root: Path, kind: Kind, identifier: str, start_ns: int | None, end_ns: int | None
) -> list[pa.Table]:
    held = pieces(folder_of(root, kind, identifier))
    if not held:
        present = [path.name for path in (root / "data" / kind.folder).glob("*")]
        raise CatalogError(
            f"no {kind.folder} of {identifier!r} in catalog {root}: {nearest(identifier, present)}"
        )
    low = 0 if start_ns is None else start_ns
    high = _END_OF_TIME if end_ns is None else end_ns
    wanted = [piece for piece in held if piece.end_ns >= low and piece.start_ns <= high]
    tables = [_cut(read_piece(piece), low, high) for piece in wanted]
    return _disjoint(kind, [table for table in tables if table.num_rows])


def _cut(table: pa.Table, low: int, high: int) -> pa.Table:
    stamps = times(table)
    start, end = np.searchsorted(stamps, [low, high + 1])
    return table.slice(int(start), int(end - start))


def _disjoint(kind: Kind, tables: list[pa.Table]) -> list[pa.Table]:
    edges = [(int(times(table)[0]), int(times(table)[-1])) for table in tables]
    if all(end < start for (_, end), (start, _) in itertools.pairwise(edges)):
        return tables
    joined = in_order(pa.concat_tables(tables))  # files of other writers may overlap
    return [merge(kind, joined.slice(0, 0), joined)[0]]


def event_times(root: Path, kind: Kind, identifier: str) -> IntArray:
    """Read the event times that a series really holds; an absent series has none."""
    held = [read_times(piece) for piece in pieces(folder_of(root, kind, identifier))]
    return np.unique(np.concatenate([np.empty(0, np.int64), *held]))


def read_table(root: Path, kind: Kind, identifier: str) -> pa.Table:
    """Read a whole series as it is stored, in file order, faults included."""
    held = pieces(folder_of(root, kind, identifier))
    return pa.concat_tables([read_piece(piece) for piece in held])


def digest(root: Path, series: Sequence[str]) -> str:
    """Hash the bytes of bar types, of their instruments and of their funding.

    Neither the folder's place nor the files' times matter.
    Raises CatalogError where the catalog has no such series.
    """
    total = hashlib.sha256()
    for name in sorted(set(series)):
        instrument_id = instrument_of(name)
        bars = pieces(folder_of(root, BARS, name))
        definition = definitions.file_of(root, instrument_id)
        if not bars or definition is None:
            raise CatalogError(f"catalog {root} has no bars or no instrument for {name!r}")
        funding = pieces(folder_of(root, FUNDING, instrument_id))
        for path in (definition, *(piece.path for piece in (*bars, *funding))):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.parent.parent.name}/{path.parent.name}/{content}\n".encode())
    return total.hexdigest()


def synthetic_seed(root: Path) -> int | None:
    """Give the seed that a synthetic catalog was made from; None for recorded data."""
    if not is_synthetic(root):
        return None
    return int(json.loads((root / SYNTHETIC_MARK).read_text(encoding="utf-8"))["seed"])


def is_synthetic(root: Path) -> bool:
    """Say whether the catalog was generated and shows no market that ever was."""
    return (root / SYNTHETIC_MARK).exists()


def _precisions(table: pa.Table) -> tuple[int, int]:
    metadata = table.schema.metadata
    return int(metadata[b"price_precision"]), int(metadata[b"size_precision"])


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def window(bars: Sequence[Bar]) -> BarWindow:
    """Turn the engine's bars into columns."""
    return BarWindow(
        ts_event=np.fromiter((bar.ts_event for bar in bars), np.int64, len(bars)),
        open=np.fromiter((bar.open.as_double() for bar in bars), np.float64, len(bars)),
        high=np.fromiter((bar.high.as_double() for bar in bars), np.float64, len(bars)),
        low=np.fromiter((bar.low.as_double() for bar in bars), np.float64, len(bars)),
        close=np.fromiter((bar.close.as_double() for bar in bars), np.float64, len(bars)),
        volume=np.fromiter((bar.volume.as_double() for bar in bars), np.float64, len(bars)),
    )
