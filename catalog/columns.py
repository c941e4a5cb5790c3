"""Reading of Parquet and CSV columns, checked before anything is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from catalog.decimals import FloatArray
from catalog.errors import CatalogError
from catalog.files import opened
from catalog.kinds import BARS, FUNDING, QUOTES, SECOND_NS, TIME, TRADES, Kind
from catalog.merging import IntArray

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "ts": ("ts", "ts_event", "timestamp", "time", "open_time", "datetime", "date"),
    "price": ("price",),
    "size": ("size", "amount", "qty", "quantity"),
    "volume": ("volume", "vol"),
    "bid_price": ("bid_price", "bid"),
    "ask_price": ("ask_price", "ask"),
    "bid_size": ("bid_size", "bid_qty"),
    "ask_size": ("ask_size", "ask_qty"),
    "rate": ("funding_rate", "rate"),
    "side": ("side", "aggressor_side", "taker_side"),
    "trade_id": ("trade_id", "id"),
}
_SIDES: Final = {
    **dict.fromkeys(("buy", "buyer", "b"), "BUY"),
    **dict.fromkeys(("sell", "seller", "s"), "SELL"),
}
_LARGEST_FLOAT: Final = 9e15  # of microseconds; above it a float cannot hold a nanosecond
_UNIT_LIMITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))  # s, ms, us as ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The checked content of one file, every array of the same length."""

    kind: Kind
    ts: IntArray  # as stamped in the file, ns
    numbers: Mapping[str, FloatArray]
    texts: Mapping[str, pa.Array]


def read(path: Path, kind: Kind | None) -> Rows:
    """Read and check one file.

    Raises CatalogError naming file, column and row of the first number that no market can have.
    """
    table = read_raw(path)
    names = {column.casefold(): column for column in table.column_names}
    kind = kind or _kind(path, names)
    wanted = ("rate",) if kind is FUNDING else (*kind.prices, *kind.sizes)
    numbers = {name: _numbers(path, table, names, name) for name in wanted}
    _check(path, kind, numbers)
    ts = read_times(path, table[_find(path, names, "ts")])
    return Rows(kind=kind, ts=ts, numbers=numbers, texts=_texts(kind, table, names, ts))


def read_raw(path: Path) -> pa.Table:
    """Read a Parquet or CSV file as it is; raises CatalogError where it is no sound table."""
    try:
        if path.suffix == ".csv":
            table = pyarrow.csv.read_csv(path)
        else:
            with opened(path) as handle:
                table = pq.read_table(handle)
    except (pa.ArrowInvalid, OSError) as e:
        raise CatalogError(f"file {path} cannot be read: {e}") from e
    name, count = next(iter(Counter(table.column_names).most_common(1)), ("", 0))
    if count > 1:
        raise CatalogError(f"file {path} must have each column once, had {name} {count} times")
    return table


def spacing(path: Path, ts: IntArray) -> str:
    """Infer the interval of bars from their commonest distance."""
    steps, counts = np.unique(np.diff(np.unique(ts)), return_counts=True)
    seconds, rest = divmod(int(steps[np.argmax(counts)]) if len(steps) else 0, SECOND_NS)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if seconds and not rest and seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise CatalogError(f"file {path}: its bars tell no interval; say --interval")


def _kind(path: Path, names: Mapping[str, str]) -> Kind:
    for kind, marks in (
        (BARS, {"open", "high", "low", "close"}),
        (QUOTES, {"bid_size", "ask_size"}),
        (TRADES, {"price"}),
        (FUNDING, {"funding_rate"}),
    ):
        if marks <= names.keys():
            return kind
    raise CatalogError(
        f"file {path} has no columns of bars, trades, quotes or funding, but {', '.join(names)}"
    )


def _find(path: Path, names: Mapping[str, str], wanted: str) -> str:
    for alias in _NAMES.get(wanted, (wanted,)):
        if alias in names:
            return names[alias]
    raise CatalogError(f"file {path} has no column {wanted}, but {', '.join(names)}")


def _numbers(path: Path, table: pa.Table, names: Mapping[str, str], wanted: str) -> FloatArray:
    column = table[_find(path, names, wanted)]
    try:
        floats = column.cast(pa.float64()).fill_null(float("nan"))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as e:
        raise CatalogError(f"file {path}, column {wanted}: not numbers ({e})") from e
    return np.asarray(floats, dtype=np.float64)


def _check(path: Path, kind: Kind, numbers: Mapping[str, FloatArray]) -> None:
    for name, values in numbers.items():
        bad = ~np.isfinite(values)
        if name in kind.prices:
            bad |= values <= 0
        elif name in kind.sizes:
            bad |= (values < 0) | ((values == 0) & (kind is TRADES))
        if bad.any():
            row = int(np.argmax(bad))
            raise CatalogError(f"file {path}, row {row + 1}: {name} cannot be {values[row]}")


def read_times(path: Path, column: pa.ChunkedArray) -> IntArray:
    """Read a column of times in nanoseconds; raises CatalogError where a row has none."""
    if column.null_count:
        raise CatalogError(f"file {path}: {column.null_count} rows have no time")
    try:
        if pa.types.is_integer(column.type):
            return _from_integers(np.asarray(column.cast(pa.int64())))
        if pa.types.is_floating(column.type):
            return _from_integers(_thousandths(path, np.asarray(column, np.float64)))
        return np.asarray(column.cast(TIME).cast(pa.int64()), dtype=np.int64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as e:
        raise CatalogError(f"file {path}: times cannot be read ({e})") from e


def _thousandths(path: Path, stamps: FloatArray) -> IntArray:
    bad = ~(np.abs(stamps) < _LARGEST_FLOAT)
    if bad.any():
        row = int(np.argmax(bad))
        raise CatalogError(
            f"file {path}, row {row + 1}: a time cannot be {stamps[row]}; "
            "times with a point are seconds, milli- or microseconds"
        )
    whole = np.floor(stamps)  # times a thousand it may be more than a float can hold
    return whole.astype(np.int64) * 1_000 + np.rint((stamps - whole) * 1e3).astype(np.int64)


def _from_integers(stamps: IntArray) -> IntArray:
    largest = max(abs(int(stamps.max())), abs(int(stamps.min()))) if len(stamps) else 0
    factor = next((factor for limit, factor in _UNIT_LIMITS if largest < limit), 1)
    return stamps * factor


def _texts(
    kind: Kind, table: pa.Table, names: Mapping[str, str], ts: IntArray
) -> Mapping[str, pa.Array]:
    if kind is not TRADES:
        return {}
    return {
        "aggressor_side": _sides(table, names),
        "trade_id": _trade_ids(table, names, ts),
    }


def _sides(table: pa.Table, names: Mapping[str, str]) -> pa.Array:
    if "is_buyer_maker" in names:
        maker = table[names["is_buyer_maker"]].cast(pa.bool_())
        return pc.if_else(maker, "SELL", "BUY").combine_chunks()
    given = next((names[alias] for alias in _NAMES["side"] if alias in names), None)
    if given is None:
        return pa.array(["NO_AGGRESSOR"] * table.num_rows, pa.string())
    column = pc.utf8_lower(table[given].cast(pa.string())).combine_chunks().dictionary_encode()
    words = [_SIDES.get(word, "NO_AGGRESSOR") for word in column.dictionary.to_pylist()]
    taken = pa.array(words, pa.string()).take(column.indices)
    return taken.fill_null("NO_AGGRESSOR")


def _trade_ids(table: pa.Table, names: Mapping[str, str], ts: IntArray) -> pa.Array:
    given = next((names[alias] for alias in _NAMES["trade_id"] if alias in names), None)
    if given is not None:
        return table[given].cast(pa.string()).combine_chunks()
    _, first, group = np.unique(ts, return_index=True, return_inverse=True)
    ordinal = np.arange(len(ts)) - first[group]  # 0, 1, … among the trades of one moment
    return pa.array(ordinal).cast(pa.string())
