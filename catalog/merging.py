"""Joining of overlapping rows: the first told stays, holes stay holes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catalog.kinds import Kind

type IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """What joining rows with a series did."""

    added: int = 0
    duplicates: int = 0  # rows dropped because an earlier one says the same
    conflicts: int = 0  # rows dropped although they say something else than the earlier one
    first_conflict_ns: int | None = None

    def __add__(self, other: "Merge") -> "Merge":
        return Merge(
            added=self.added + other.added,
            duplicates=self.duplicates + other.duplicates,
            conflicts=self.conflicts + other.conflicts,
            first_conflict_ns=_earlier(self.first_conflict_ns, other.first_conflict_ns),
        )


def _earlier(one: int | None, other: int | None) -> int | None:
    known = [ns for ns in (one, other) if ns is not None]
    return min(known) if known else None


def times(table: pa.Table) -> IntArray:
    """Read the event times of a table in nanoseconds."""
    return np.asarray(table["ts_event"].cast(pa.int64()), dtype=np.int64)


def in_order(table: pa.Table) -> pa.Table:
    """Sort rows by event time; rows of one moment keep their order."""
    stamps = times(table)
    if np.all(stamps[1:] >= stamps[:-1]):
        return table
    return table.take(np.argsort(stamps, kind="stable"))


def merge(kind: Kind, stored: pa.Table, rows: pa.Table) -> tuple[pa.Table, Merge]:
    """Join ordered rows with ordered stored ones; the earlier told of two equal keys stays."""
    both = in_order(pa.concat_tables([stored, rows]))
    if _strictly_rising(times(both)):
        return both, Merge(added=rows.num_rows)
    codes = _codes(both, kind.keys)
    _, first, group = np.unique(codes, return_index=True, return_inverse=True)
    dropped = np.setdiff1d(np.arange(len(codes)), first, assume_unique=True)
    differs = _differs(both, dropped, first[group[dropped]])
    clash = times(both)[dropped[differs]]
    counts = Merge(
        added=max(len(first) - stored.num_rows, 0),
        duplicates=int(np.sum(~differs)),
        conflicts=int(np.sum(differs)),
        first_conflict_ns=int(clash.min()) if len(clash) else None,
    )
    return both.take(np.sort(first)), counts


def _strictly_rising(stamps: IntArray) -> bool:
    return bool(np.all(stamps[1:] > stamps[:-1]))


def _codes(table: pa.Table, keys: tuple[str, ...]) -> IntArray:
    codes = times(table)
    for key in keys:
        if key == "ts_event":
            continue
        column = table[key].combine_chunks().dictionary_encode()
        index = np.asarray(column.indices, dtype=np.int64)
        _, codes = np.unique(codes, return_inverse=True)
        codes = codes * len(column.dictionary) + index
    return codes


def _differs(
    table: pa.Table, rows: IntArray, others: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    result = np.zeros(len(rows), dtype=np.bool_)
    for name in table.column_names:
        if name == "ts_init":
            continue
        column = table[name].combine_chunks().dictionary_encode()
        # A null differs from a value and equals a null
        index = np.asarray(column.indices.fill_null(-1), dtype=np.int64)
        result |= index[rows] != index[others]
    return result
