"""Closed bars as read-only columns, checked at birth."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

# Far outside any market, close enough that no product of two values overflows
MIN_PRICE: Final = 1e-30
MAX_VALUE: Final = 1e30
_VALUES: Final = ("open", "high", "low", "close", "volume")


def fault(open: float, high: float, low: float, close: float, volume: float) -> str | None:
    """Say in one sentence what is wrong with a bar's values, or None for a sound bar."""
    for name, price in (("open", open), ("high", high), ("low", low), ("close", close)):
        if not MIN_PRICE <= price <= MAX_VALUE:
            return f"{name} must be a positive finite price, was {price}"
    if high < max(open, close):
        return f"high must be at least max(open, close) {max(open, close)}, was {high}"
    if low > min(open, close):
        return f"low must be at most min(open, close) {min(open, close)}, was {low}"
    if not 0.0 <= volume <= MAX_VALUE:
        return f"volume must be finite and not negative, was {volume}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarWindow:
    """Hold consecutive closed bars of one instrument; missing bars stay missing.

    Columns given writable are copied, read-only ones of the right type are shared.
    Raises ValueError naming the field, the value and the bar for anything unsound.
    """

    ts_event: IntArray  # UNIX nanoseconds of the bar's close, strictly increasing
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray  # base units

    def __post_init__(self) -> None:
        stamps = np.asarray(self.ts_event)
        if stamps.dtype.kind not in "iu":
            raise ValueError(f"ts_event must be integer nanoseconds, was {stamps.dtype}")
        object.__setattr__(self, "ts_event", _read_only(stamps, np.int64))
        for name in _VALUES:
            object.__setattr__(self, name, _read_only(getattr(self, name), np.float64))
        self._check_shapes()
        self._check_order()
        self._check_values()

    def __len__(self) -> int:
        return len(self.ts_event)

    def __getitem__(self, bars: slice) -> "BarWindow":
        return BarWindow(
            ts_event=self.ts_event[bars],
            open=self.open[bars],
            high=self.high[bars],
            low=self.low[bars],
            close=self.close[bars],
            volume=self.volume[bars],
        )

    def rows(self) -> Iterator[tuple[int, float, float, float, float, float]]:
        """Yield (ts_event, open, high, low, close, volume) bar by bar, as plain numbers."""
        columns = (self.open, self.high, self.low, self.close, self.volume)
        yield from zip(self.ts_event.tolist(), *(c.tolist() for c in columns), strict=True)

    def _check_shapes(self) -> None:
        if self.ts_event.ndim != 1:
            raise ValueError(f"ts_event must have one dimension, had {self.ts_event.ndim}")
        for name in _VALUES:
            if (shape := getattr(self, name).shape) != self.ts_event.shape:
                raise ValueError(f"{name} must have shape {self.ts_event.shape}, was {shape}")

    def _check_order(self) -> None:
        if len(self) and self.ts_event[0] < 0:
            raise ValueError(f"ts_event must not be negative, was {self.ts_event[0]} at bar 0")
        later = self.ts_event[1:] > self.ts_event[:-1]
        if not later.all():
            at = int(np.argmin(later)) + 1
            before, stamp = self.ts_event[at - 1], self.ts_event[at]
            raise ValueError(f"ts_event must be after {before}, was {stamp} at bar {at}")

    def _check_values(self) -> None:
        sound = self.low >= MIN_PRICE
        sound &= self.high <= MAX_VALUE
        sound &= self.low <= np.minimum(self.open, self.close)
        sound &= self.high >= np.maximum(self.open, self.close)
        sound &= (self.volume >= 0.0) & (self.volume <= MAX_VALUE)
        if not sound.all():
            at = int(np.argmin(sound))
            values = (float(getattr(self, name)[at]) for name in _VALUES)
            raise ValueError(f"{fault(*values)} at bar {at}")


def joined(first: BarWindow, second: BarWindow) -> BarWindow:
    """Put two windows of one instrument together; the second must begin after the first ends."""
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("ts_event", *_VALUES)
    }
    return BarWindow(**columns)


def _read_only[T: np.generic](column: NDArray[Any], dtype: type[T]) -> NDArray[T]:
    """Return the column as a contiguous read-only array, copied if anybody could write to it."""
    array = np.asarray(column, dtype=dtype)  # Any above: what a caller hands in is not yet checked
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, dtype=dtype, order="C")
    array.setflags(write=False)
    return array
