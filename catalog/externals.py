"""What was known outside, in the catalog: written, listed, hashed, and read point in time."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalog.errors import CatalogError, nearest
from catalog.files import Piece, folder_of, merge_rows, opened, pieces, read_piece
from catalog.kinds import EXTERNALS, FUNDING, TIME, Kind
from catalog.merging import Merge, times
from catalog.store import load_funding, load_instruments
from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import NUMBER_LIFE_NS

__all__ = [
    "LONGEST_LAG_NS",
    "digest_externals",
    "list_externals",
    "load_externals",
    "write_externals",
]

FUNDING_PREFIX: Final = "funding/"
LONGEST_LAG_NS: Final = 92 * 86_400_000_000_000  # a quarter's figure, told at its end
_END_OF_TIME: Final = 2**63 - 2


def write_externals(root: Path, series: str, rows: pa.Table) -> Merge:
    """Join rows with those stored: the columns of `EXTERNALS`, `ts_init` the time they were known.

    Raises CatalogError for a row known before it was, or later than the longest lag.
    """
    lags = pc.subtract(rows["ts_init"].cast(pa.int64()), rows["ts_event"].cast(pa.int64()))
    if rows.num_rows and not 0 <= pc.min(lags).as_py() <= pc.max(lags).as_py() <= LONGEST_LAG_NS:
        raise CatalogError(f"series {series}: a row is known before it was, or a quarter after it")
    return merge_rows(root, EXTERNALS, EXTERNALS.schema(series), series, rows)


def list_externals(root: Path) -> tuple[str, ...]:
    """List the names that `load_externals` knows: of a series, and of its other measures."""
    names = [
        series if not measure else f"{series}/{measure}"
        for series in _folders(root, EXTERNALS)
        for measure in _measures(root, series)
    ]
    return (*names, *(f"{FUNDING_PREFIX}{name}" for name in _folders(root, FUNDING)))


def _folders(root: Path, kind: Kind) -> list[str]:
    return sorted(path.name for path in (root / "data" / kind.folder).glob("*") if pieces(path))


def _measures(root: Path, series: str) -> list[str]:
    held = pieces(folder_of(root, EXTERNALS, series))
    return sorted({name for piece in held for name in _named(piece)})


def _named(piece: Piece) -> list[str]:
    with opened(piece.path) as handle:
        column = pq.read_table(handle, columns=["measure"])["measure"]
    names: list[str] = pc.unique(column).to_pylist()
    return names


def load_externals(
    root: Path, names: Sequence[str], *, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[External, ...]:
    """Load what became known in a span, and before it what may stand at its start.

    A name is a series, `series/measure`, or `funding/INSTRUMENT`. Raises CatalogError for a name
    that the catalog does not hold.
    """
    low = 0 if start_ns is None else max(start_ns - NUMBER_LIFE_NS, 0)
    high = _END_OF_TIME if end_ns is None else end_ns
    loaded: list[External] = []
    for name in names:
        reader = _funding if name.startswith(FUNDING_PREFIX) else _series
        loaded += reader(root, name, low, high)
    return tuple(loaded)


def _series(root: Path, name: str, low: int, high: int) -> Iterator[External]:
    for piece in _held(root, name):
        if piece.end_ns >= low - LONGEST_LAG_NS and piece.start_ns <= high:
            yield from _externals(name, _wanted(read_piece(piece), name, low, high))


def _held(root: Path, name: str) -> list[Piece]:
    series, _, measure = name.partition("/")
    held = pieces(folder_of(root, EXTERNALS, series)) if series else []
    if not any(measure in _named(piece) for piece in reversed(held)):
        raise CatalogError(
            f"nothing from outside named {name!r} in catalog {root}: "
            f"{nearest(name, list_externals(root))}"
        )
    return held


def _wanted(table: pa.Table, name: str, low: int, high: int) -> pa.Table:
    known = table["ts_init"]
    first, last = (pa.scalar(ns, pa.int64()).cast(TIME) for ns in (low, high))
    spanned = pc.and_(pc.greater_equal(known, first), pc.less_equal(known, last))
    measured = pc.equal(table["measure"], name.partition("/")[2])
    return table.filter(pc.and_(spanned, measured))


def _externals(name: str, table: pa.Table) -> Iterator[External]:
    for symbol, value, text, event, known in zip(
        table["symbol"].to_pylist(),
        table["value"].to_pylist(),
        table["text"].to_pylist(),
        times(table).tolist(),
        table["ts_init"].cast(pa.int64()).to_pylist(),
        strict=True,
    ):
        yield External(
            source=name,
            symbol=symbol,
            ts_event=event,
            ts_known=known,
            trust=Trust.TEXT if value is None else Trust.NUMBER,
            value=value,
            text=text or "",
        )


def _funding(root: Path, name: str, low: int, high: int) -> Iterator[External]:
    instrument_id = name.removeprefix(FUNDING_PREFIX)
    _held_funding(root, instrument_id)
    (instrument,) = load_instruments(root, [instrument_id])
    for rate in load_funding(root, instrument_id, start_ns=low, end_ns=high):
        yield External(
            source=name,
            symbol=str(instrument.base_currency),
            ts_event=rate.ts_event,
            ts_known=rate.ts_event,  # published before it settles
            trust=Trust.NUMBER,
            value=float(rate.rate),
        )


def _held_funding(root: Path, instrument_id: str) -> list[Piece]:
    if not (held := pieces(folder_of(root, FUNDING, instrument_id))):
        raise CatalogError(
            f"no funding of {instrument_id!r} in catalog {root}: "
            f"{nearest(instrument_id, _folders(root, FUNDING))}"
        )
    return held


def digest_externals(root: Path, names: Sequence[str]) -> str:
    """Hash the bytes of the named series; neither the folder's place nor the files' times matter.

    Raises CatalogError where the catalog has no such series.
    """
    total = hashlib.sha256()
    for name in sorted(set(names)):
        total.update(f"{name}\n".encode())
        for piece in _pieces_of(root, name):
            total.update(hashlib.sha256(piece.path.read_bytes()).digest())
    return total.hexdigest()


def _pieces_of(root: Path, name: str) -> list[Piece]:
    if name.startswith(FUNDING_PREFIX):
        return _held_funding(root, name.removeprefix(FUNDING_PREFIX))
    return _held(root, name)
