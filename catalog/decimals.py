"""Exact decimals in Arrow columns, as the engine's Parquet files hold them."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catalog.errors import CatalogError

type FloatArray = npt.NDArray[np.float64]

SCALE = 16  # the engine's fixed precision
FIXED = pa.decimal128(38, SCALE)
MAX_INFERRED_PRECISION = 10
COMPUTED_PRECISION = 8  # what venues count in; for numbers that a source computed
_NOISE = 1e-13  # relative: what sums of binary floats leave behind


def infer_precision(columns: Iterable[FloatArray]) -> int:
    """Count the decimals that write every number of the columns.

    Digits beyond the thirteenth significant one are noise of binary arithmetic. Where numbers
    have more than ten decimals (a source that computed them), eight is the answer.
    """
    arrays = list(columns)
    for precision in range(MAX_INFERRED_PRECISION + 1):
        if all(_fits(values, precision) for values in arrays):
            return precision
    return COMPUTED_PRECISION


def _fits(values: FloatArray, precision: int) -> bool:
    head = values[:1000] * 10.0**precision  # most precisions fail at once
    if not np.all(np.abs(head - np.rint(head)) <= np.abs(head) * _NOISE):
        return False
    scaled = values * 10.0**precision
    return bool(np.all(np.abs(scaled - np.rint(scaled)) <= np.abs(scaled) * _NOISE))


def from_floats(values: FloatArray, precision: int) -> pa.Array:
    """Round floats to a number of decimals as an exact column.

    Raises CatalogError where a number is too big for the engine's fixed-point values, or where
    one that is not zero would be stored as zero.
    """
    scaled = np.rint(values * 10.0**precision)
    lost = (scaled == 0.0) & (values != 0.0)
    if lost.any():
        least = float(values[lost][0])
        raise CatalogError(f"number {least} is too small to store with {precision} decimals")
    if len(scaled) and not np.abs(scaled).max() < 2.0**63:
        worst = float(np.abs(values).max())
        raise CatalogError(f"number {worst} is too big to store with {precision} decimals")
    limbs = np.empty((len(scaled), 2), np.int64)
    limbs[:, 0] = scaled.astype(np.int64)
    limbs[:, 1] = limbs[:, 0] >> 63  # sign of a 128-bit little-endian integer
    buffers = [None, pa.py_buffer(limbs)]
    narrow = pa.Array.from_buffers(pa.decimal128(38, precision), len(scaled), buffers)
    return narrow.cast(FIXED)


def from_text(values: Sequence[str]) -> pa.Array:
    """Read decimal texts as an exact column.

    Raises CatalogError where a text is no number or has more decimals than the engine holds.
    """
    try:
        return pa.array(values, pa.string()).cast(FIXED)
    except pa.ArrowInvalid as e:
        raise CatalogError(f"not an exact number of at most {SCALE} decimals: {e}") from e


def to_floats(column: pa.ChunkedArray | pa.Array) -> FloatArray:
    """Read an exact column as floats, for statistics only."""
    return np.asarray(column.cast(pa.float64()), dtype=np.float64)


def needed_precision(columns: Iterable[pa.ChunkedArray | pa.Array], at_least: int) -> int:
    """Count the decimals that hold every number of exact columns, from a known floor upwards."""
    precision = at_least
    for column in columns:
        while precision < SCALE and not _casts(column, precision):
            precision += 1
    return precision


def _casts(column: pa.ChunkedArray | pa.Array, precision: int) -> bool:
    try:
        column.cast(pa.decimal128(38, precision))
    except pa.ArrowInvalid:
        return False
    return True
