"""Bars straight from the catalog's Parquet files, without the engine, for training."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray

__all__ = ["bar_type", "interval_ns", "read_bars"]

_VALUES: Final = ("open", "high", "low", "close", "volume")
_UNITS: Final = {"m": ("MINUTE", 60), "h": ("HOUR", 3_600), "d": ("DAY", 86_400)}
_INTERVAL: Final = re.compile(r"([1-9]\d{0,3})([mhd])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SCALE: Final = 16  # decimals of a stored number
_END_OF_TIME: Final = 2**63 - 1


def bar_type(instrument_id: str, interval: str) -> str:
    """Name the external last-price bars; raises ValueError for an interval without a name."""
    count, unit = _interval(interval)
    return f"{instrument_id}-{count}-{_UNITS[unit][0]}-LAST-EXTERNAL"


def interval_ns(interval: str) -> int:
    """Measure an interval such as 15m or 1h in nanoseconds."""
    count, unit = _interval(interval)
    return count * _UNITS[unit][1] * 1_000_000_000


def _interval(interval: str) -> tuple[int, str]:
    match = _INTERVAL.fullmatch(interval)
    if match is None:
        raise ValueError(f"interval must be like 1m, 15m, 1h or 1d, was {interval!r}")
    return int(match[1]), match[2]


def read_bars(
    catalog: Path, bar_type: str, *, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[BarWindow, str]:
    """Read bars by close time, both ends included, and the sha256 of what was read.

    Numbers come out as the engine's own `as_double` gives them, to the last bit. The hash covers
    bar type and rows, not how a file stores them: equal bars have equal hashes.
    Raises ValueError in one sentence where the catalog has no such bars.
    """
    low = 0 if start_ns is None else start_ns
    high = _END_OF_TIME if end_ns is None else end_ns
    folder = catalog / "data" / "bars" / bar_type
    spans = sorted((*_span(path), path) for path in folder.glob("*.parquet"))
    if not spans:
        raise ValueError(f"catalog {catalog} has no bars of {bar_type!r}")
    tables = [_read(path) for start, end, path in spans if end >= low and start <= high]
    bars = _window(tables, low, high, bar_type)
    return bars, _digest(bars, bar_type)


def _window(tables: list[pa.Table], low: int, high: int, bar_type: str) -> BarWindow:
    table = pa.concat_tables(tables).combine_chunks() if tables else None
    stamps = np.empty(0, np.int64) if table is None else _times(table["ts_event"])
    inside = (stamps >= low) & (stamps <= high)
    if table is None or not inside.any():
        raise ValueError(f"catalog has no bars of {bar_type!r} between {low} and {high} ns")
    columns = {name: _floats(table[name], name)[inside] for name in _VALUES}
    try:
        return BarWindow(ts_event=stamps[inside], **columns)
    except ValueError as e:
        raise ValueError(f"bars of {bar_type!r} are unsound: {e}") from e


def _read(path: Path) -> pa.Table:
    # A path would make it guess at partitions; a file of Python may abort a process that ends
    with pa.OSFile(str(path)) as handle:
        try:
            return pq.read_table(handle, columns=[*_VALUES, "ts_event"])
        except pa.ArrowException as e:
            raise ValueError(f"file {path} holds no readable bars: {e}") from e


def _times(column: pa.ChunkedArray) -> IntArray:
    return np.asarray(column.cast(pa.timestamp("ns")).cast(pa.int64()), dtype=np.int64)


def _floats(column: pa.ChunkedArray, name: str) -> FloatArray:
    """Divide the 128-bit integers by their scale, in the engine's order of rounding."""
    if column.type != pa.decimal128(38, _SCALE) or column.null_count:
        raise ValueError(
            f"{name} must be decimal128(38, {_SCALE}) without nulls, was {column.type}"
        )
    parts = [_limbs(chunk) for chunk in column.chunks]
    limbs: npt.NDArray[Any] = np.concatenate(parts)  # Any: two views of one buffer follow
    upper = limbs[:, 1].view(np.int64).astype(np.float64) * 2.0**64
    return np.asarray((upper + limbs[:, 0].astype(np.float64)) / 10.0**_SCALE, dtype=np.float64)


def _limbs(chunk: pa.Array) -> npt.NDArray[np.uint64]:
    whole = np.frombuffer(chunk.buffers()[1], dtype=np.uint64).reshape(-1, 2)
    return whole[chunk.offset : chunk.offset + len(chunk)]


def _digest(bars: BarWindow, bar_type: str) -> str:
    total = hashlib.sha256(f"{bar_type}\n".encode())
    for column in (bars.ts_event, *(getattr(bars, name) for name in _VALUES)):
        total.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()


def _span(path: Path) -> tuple[int, int]:
    try:
        start, end = (_moment(stamp) for stamp in path.stem.split("_"))
    except ValueError as e:
        raise ValueError(f"file {path} is not named START_END.parquet") from e
    return start, end


def _moment(stamp: str) -> int:
    text, _, rest = stamp.removesuffix("Z").rpartition("-")
    moment = datetime.strptime(text, "%Y-%m-%dT%H-%M-%S").replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(seconds=1) * 1_000_000_000 + int(rest)
