"""One Parquet file per series and calendar month, replaced atomically, of the same bytes always."""

import contextlib
import fcntl
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalog.errors import CatalogError
from catalog.kinds import SECOND_NS, SIDES, Kind
from catalog.merging import IntArray, Merge, in_order, merge, times

_STAMP = "%Y-%m-%dT%H-%M-%S"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file of a series; the name may promise more time than the rows cover, never less."""

    path: Path
    start_ns: int
    end_ns: int

    @property
    def months(self) -> tuple[str, str]:
        """Name the first and last calendar month."""
        return _month(self.start_ns), _month(self.end_ns)


@contextlib.contextmanager
def writing(root: Path) -> Iterator[None]:
    """Hold the catalog for one writing process; a killed process lets go by itself."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise CatalogError(f"catalog {root} is being written by another process") from e
        yield


def folder_of(root: Path, kind: Kind, identifier: str) -> Path:
    """Locate the folder of a series."""
    return root / "data" / kind.folder / identifier


def pieces(folder: Path) -> list[Piece]:
    """List the files of a series by time; an absent series has none."""
    found = [_piece(path) for path in folder.glob("*.parquet")]
    return sorted(found, key=lambda piece: (piece.start_ns, piece.end_ns))


def _piece(path: Path) -> Piece:
    stamps = path.stem.split("_")
    try:
        # The engine's own writer adds a digest where it writes down a session
        start, end = (_parse(stamp) for stamp in (stamps[:2] if len(stamps) == 3 else stamps))
    except ValueError as e:
        raise CatalogError(f"file {path} is not named by the catalog: START_END.parquet") from e
    return Piece(path=path, start_ns=start, end_ns=end)


def read_piece(piece: Piece, schema: pa.Schema | None = None) -> pa.Table:
    """Read one file as a table."""
    with opened(piece.path) as handle:
        table = _read(handle)
    return table if schema is None else table.cast(schema)


def read_times(piece: Piece) -> IntArray:
    """Read the event times of one file and nothing else."""
    with opened(piece.path) as handle:
        return times(_read(handle, ["ts_event"]))


def _read(handle: pa.NativeFile, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one file by itself; a data set of one would import pandas, which takes half a second."""
    file = pq.ParquetFile(handle)
    # What the engine itself wrote tells of precisions in the Arrow schema only
    return file.read(columns).replace_schema_metadata(file.schema_arrow.metadata)


def opened(path: Path) -> pa.NativeFile:
    """Open a file for the reader's own threads.

    A path would make it guess at partitions; a file of Python's is let go of by those threads, and
    a process that ends meanwhile is aborted.
    """
    return pa.OSFile(str(path))


def merge_rows(root: Path, kind: Kind, schema: pa.Schema, identifier: str, rows: pa.Table) -> Merge:
    """Join rows with what the series holds; each month's file changes atomically or not at all."""
    folder = folder_of(root, kind, identifier)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob("*.tmp"):
        leftover.unlink()
    held = pieces(folder)
    long = [piece for piece in held if piece.months[0] != piece.months[1]]
    found = in_order(pa.concat_tables([*(read_piece(p, schema) for p in long), rows.cast(schema)]))
    total = Merge()
    for month, part in _by_month(found):
        same = [p for p in held if p not in long and p.months[0] == month]
        total += _merge_month(folder, kind, schema, same, part)
    for piece in long:  # written by other means, now spread over its months
        piece.path.unlink()
    return total


def _merge_month(
    folder: Path, kind: Kind, schema: pa.Schema, held: Sequence[Piece], part: pa.Table
) -> Merge:
    stored = pa.concat_tables([schema.empty_table(), *(read_piece(p, schema) for p in held)])
    table, counts = merge(kind, stored, part)
    unchanged = len(held) == 1 and counts.added == 0 and table.num_rows == stored.num_rows
    if not (unchanged and held[0].path.name == _name(table) and _same_schema(held[0], schema)):
        replace_files(folder, held, table)
    return counts


def _same_schema(piece: Piece, schema: pa.Schema) -> bool:
    stored: bool = pq.read_schema(piece.path).equals(schema, check_metadata=True)
    return stored


def replace_files(folder: Path, held: Sequence[Piece], table: pa.Table) -> None:
    """Put a table in the place of the files it was made from.

    The old file is renamed before it is replaced, so that no moment shows its rows twice.
    """
    target = folder / _name(table)
    temporary = target.with_suffix(".tmp")
    pq.write_table(_filed(table), temporary, compression="zstd", use_dictionary=False)
    others = [piece.path for piece in held if piece.path != target]
    if others and not target.exists():
        others.pop(0).rename(target)
    temporary.rename(target)
    for path in others:
        path.unlink()


def _filed(table: pa.Table) -> pa.Table:
    """Give a table the one physical form that equal rows always have."""
    table = table.combine_chunks()
    if "aggressor_side" not in table.column_names:
        return table
    sides = pa.array(SIDES)  # imports pandas where that is installed, which takes half a second
    index = pc.index_in(table["aggressor_side"], sides).cast(pa.int8()).combine_chunks()
    column = pa.DictionaryArray.from_arrays(index, sides)
    place = table.column_names.index("aggressor_side")
    return table.set_column(place, pa.field("aggressor_side", column.type, nullable=False), column)


def _name(table: pa.Table) -> str:
    stamps = times(table)
    return f"{_stamp(int(stamps[0]))}_{_stamp(int(stamps[-1]))}.parquet"


def _by_month(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    stamps: npt.NDArray[np.datetime64] = times(table).astype("datetime64[ns]")
    months = stamps.astype("datetime64[M]")
    changes = np.flatnonzero(months[1:] != months[:-1]) + 1
    for start, end in itertools.pairwise([0, *changes.tolist(), len(months)]):
        if end > start:
            yield str(months[start]), table.slice(start, end - start)


def _month(ns: int) -> str:
    return (_EPOCH + timedelta(seconds=ns // SECOND_NS)).strftime("%Y-%m")


def _stamp(ns: int) -> str:
    seconds, rest = divmod(ns, SECOND_NS)
    return f"{(_EPOCH + timedelta(seconds=seconds)).strftime(_STAMP)}-{rest:09d}Z"


def _parse(stamp: str) -> int:
    text, _, rest = stamp.removesuffix("Z").rpartition("-")
    moment = datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
    return int((moment - _EPOCH).total_seconds()) * SECOND_NS + int(rest)
