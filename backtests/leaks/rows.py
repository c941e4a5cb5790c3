"""Detectors of rows made from bars: features, forecasts, windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from backtests.leaks.findings import BoolArray, Detector, Finding, first_change
from backtests.leaks.futures import FACTORS, shocked
from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray

__all__ = [
    "BITS",
    "PLAIN",
    "Compute",
    "Reading",
    "batch_against_stream",
    "future_shock",
    "look_ahead",
    "prefix_invariance",
    "responds",
]

type Compute = Callable[[BarWindow], FloatArray]  # [bars] or [bars, columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a table of rows is read: what its columns are called, when a row is used, what differs.

    By default a row is used at the close of its bar. Two numbers are the same where they are
    within `atol + rtol * size`, to the bit where both are 0.
    """

    names: tuple[str, ...] = ()
    used_at: Callable[[BarWindow], IntArray] | None = None
    rtol: float = 1e-9
    atol: float = 1e-12

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must not be negative, was {getattr(self, name)}")

    def changed(self, before: FloatArray, after: FloatArray) -> BoolArray:
        """Say which cells of two tables differ."""
        if self.rtol == 0.0 == self.atol:
            both = np.isnan(before) & np.isnan(after)
            told, now = (np.ascontiguousarray(table).view(np.int64) for table in (before, after))
            differs: BoolArray = (told != now) & ~both
            return differs
        return ~np.isclose(after, before, rtol=self.rtol, atol=self.atol, equal_nan=True)

    def known_before(self, bars: BarWindow, at: int) -> IntArray:
        """List the rows that are used before bar `at` closes."""
        if not 0 <= at < len(bars):
            raise ValueError(f"at must be in [0, {len(bars) - 1}], was {at}")
        used = bars.ts_event if self.used_at is None else self.used_at(bars)
        if used.shape != bars.ts_event.shape:
            raise ValueError(f"used_at must give {len(bars)} moments, gave {used.shape}")
        return np.flatnonzero(used < bars.ts_event[at]).astype(np.int64)


PLAIN: Final = Reading()
BITS: Final = Reading(rtol=0.0, atol=0.0)


def prefix_invariance(
    compute: Compute, bars: BarWindow, cuts: Sequence[int], reading: Reading = PLAIN
) -> Finding | None:
    """Find a row that changes when the bars after it are taken away.

    Each cut is a number of bars kept; raises ValueError for one outside the series.
    """
    whole = _table(compute(bars), len(bars))
    for cut in cuts:
        if not 0 < cut < len(bars):
            raise ValueError(f"cuts must be in [1, {len(bars) - 1}], held {cut}")
        part = _table(compute(bars[:cut]), cut)
        rows = reading.known_before(bars, cut)
        rows = rows[rows < cut]  # of a bar that is gone nothing can be asked
        event = f"the bars from {cut} on are removed"
        if found := _compared(
            Detector.PREFIX_INVARIANCE, whole[rows], part[rows], reading, event, rows
        ):
            return found
    return None


def future_shock(
    compute: Compute, bars: BarWindow, at: int, reading: Reading = PLAIN
) -> Finding | None:
    """Find a row used before bar `at` closes that changes when the bars from `at` on do."""
    rows = reading.known_before(bars, at)
    before = _table(compute(bars), len(bars))[rows]
    for factor in FACTORS:
        after = _table(compute(shocked(bars, at, factor)), len(bars))[rows]
        event = f"the bars from {at} on are shocked"
        if found := _compared(Detector.FUTURE_SHOCK, before, after, reading, event, rows):
            return found
    return None


def look_ahead(
    compute: Compute, bars: BarWindow, cuts: Sequence[int], reading: Reading = PLAIN
) -> Finding | None:
    """Look for a leak both ways at every cut: each detector misses some that the other finds.

    Removal misses an extreme that already happened; a shock misses what a fill takes from further
    on. Cuts should be odd and even, and lie inside days as well as between them.
    """
    if found := prefix_invariance(compute, bars, cuts, reading):
        return found
    return next((found for at in cuts if (found := future_shock(compute, bars, at, reading))), None)


def responds(compute: Compute, bars: BarWindow, at: int) -> bool:
    """Say whether row `at` reacts to its own bar: a detector proves nothing about the dead."""
    before = _table(compute(bars), len(bars))[at]
    after = _table(compute(shocked(bars, at, FACTORS[0])), len(bars))[at]
    return bool(PLAIN.changed(before, after).any())


def batch_against_stream(
    batch: Compute, stream: Compute, bars: BarWindow, reading: Reading = BITS
) -> Finding | None:
    """Find a row that training computes otherwise than serving does bar by bar.

    Raises ValueError where they give tables of different shapes.
    """
    told, served = batch(bars), stream(bars)
    if told.shape != served.shape:
        raise ValueError(f"stream must give a table of {told.shape}, gave {served.shape}")
    return _compared(
        Detector.BATCH_AGAINST_STREAM,
        _wide(told),
        _wide(served),
        reading,
        "the bars come one by one",
    )


def _compared(
    detector: Detector,
    before: FloatArray,
    after: FloatArray,
    reading: Reading,
    event: str,
    rows: IntArray | None = None,
) -> Finding | None:
    changed = reading.changed(before, after)
    return first_change(
        detector, changed, before, after, event=event, names=reading.names, rows=rows
    )


def _wide(values: FloatArray) -> FloatArray:
    table = values[:, None] if values.ndim == 1 else values
    return np.asarray(table, dtype=np.float64)


def _table(values: FloatArray, count: int) -> FloatArray:
    table = _wide(values)
    if len(table) != count:
        raise ValueError(f"compute must give {count} rows, gave {len(table)}")
    return table
