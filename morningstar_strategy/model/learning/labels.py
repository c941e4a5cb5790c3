"""What came after each bar: barrier touched, variance and excursions, for training only."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray

__all__ = ["NEVER", "LabelConfig", "Labels", "label"]

type Int8Array = npt.NDArray[np.int8]
type Int32Array = npt.NDArray[np.int32]
type BoolArray = npt.NDArray[np.bool_]

NEVER: Final = 2**63 - 1  # the end of a label that the series is too short to know


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelConfig:
    """How far labels look and where the barriers stand."""

    horizon: int = 24  # bars
    barrier_sigmas: float = 1.0  # distance of the barriers, in sigma * sqrt(horizon)
    min_barrier: float = 0.004  # and never nearer, in log units
    regime_horizon: int = 96  # bars
    regime_quantile: float = 0.8  # of the variance ahead: what lies above is turbulent

    def __post_init__(self) -> None:
        for name in ("horizon", "regime_horizon"):
            if not 1 <= (bars := getattr(self, name)) <= 10_000:
                raise ValueError(f"{name} must be in [1, 10000] bars, was {bars}")
        if not 0.0 < self.barrier_sigmas <= 100.0:
            raise ValueError(f"barrier_sigmas must be in (0, 100], was {self.barrier_sigmas}")
        if not 0.0 <= self.min_barrier <= 1.0:
            raise ValueError(f"min_barrier must be in [0, 1], was {self.min_barrier}")
        if not 0.0 < self.regime_quantile < 1.0:
            raise ValueError(f"regime_quantile must be in (0, 1), was {self.regime_quantile}")

    @property
    def reach(self) -> int:
        """Count the bars ahead that the labels of a row look at."""
        return max(self.horizon, self.regime_horizon)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """What followed each of M bars, as read-only columns.

    Rows that are not `valid` hold no label: -1, NaN and `NEVER`; their `rv_past`, `scale` and
    `barrier`, which look back only, are there as soon as enough bars are.
    """

    touch: Int8Array  # [M], 1 a barrier was touched within the horizon, 0 none was
    up: Int8Array  # [M], 1 the upper one, 0 the lower one, -1 none
    hit: Int32Array  # [M], bars to the touch, else the horizon
    ret: FloatArray  # [M], simple return of a long entered at the close, left at barrier or horizon
    rv: FloatArray  # [M], sum of squared log returns over the horizon
    rv_long: FloatArray  # [M], the same over the regime horizon
    rv_past: FloatArray  # [M], the same over the regime horizon behind, this bar included
    mfe: FloatArray  # [M], highest reach over the horizon, in units of scale, not negative
    mae: FloatArray  # [M], deepest fall over the horizon, in units of scale, not negative
    scale: FloatArray  # [M], sigma * sqrt(horizon), log units
    barrier: FloatArray  # [M], distance of both barriers, log units
    t_end: IntArray  # [M], ns, close of the last bar that any label of the row looks at
    valid: BoolArray  # [M]

    def __post_init__(self) -> None:
        shape = (len(self.touch),)
        for item in fields(self):
            column: npt.NDArray[np.generic] = getattr(self, item.name)
            if column.shape != shape:
                raise ValueError(f"{item.name} must have shape {shape}, was {column.shape}")
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.touch)

    def take(self, rows: IntArray | BoolArray) -> "Labels":
        """Give the labels of some rows."""
        return Labels(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


def label(bars: BarWindow, sigma: FloatArray, config: LabelConfig) -> Labels:
    """Label every bar of one instrument from the bars that follow it.

    `sigma` is the volatility of one bar known at its close, log units, NaN while it is not known.
    Where one bar touches both barriers nobody knows which came first: the row counts as not
    touched and pays nothing, never as a win. Raises ValueError for a sigma that fits no bar.
    """
    _check_sigma(sigma, len(bars))
    count, reach = len(bars), config.reach
    scale = sigma * math.sqrt(config.horizon)
    barrier = np.maximum(config.barrier_sigmas * scale, config.min_barrier)
    high, low, close = np.log(bars.high), np.log(bars.low), np.log(bars.close)
    valid = np.isfinite(sigma)
    valid[max(count - reach, 0) :] = False
    valid[: config.regime_horizon] = False
    integers = np.full((3, count), -1, np.int64)
    numbers = np.full((4, count), np.nan)
    _look_ahead(valid, high, low, close, barrier, config.horizon, integers, numbers)
    ahead, behind = _long_variance(close, config.regime_horizon)
    t_end = np.full(count, NEVER, np.int64)
    t_end[valid] = bars.ts_event[np.flatnonzero(valid) + reach]
    return Labels(
        touch=integers[0].astype(np.int8),
        up=integers[1].astype(np.int8),
        hit=integers[2].astype(np.int32),
        ret=numbers[0],
        rv=numbers[1],
        rv_long=np.where(valid, ahead, np.nan),
        rv_past=behind,
        mfe=numbers[2] / scale,
        mae=numbers[3] / scale,
        scale=scale,
        barrier=barrier,
        t_end=t_end,
        valid=valid,
    )


def _check_sigma(sigma: FloatArray, count: int) -> None:
    if sigma.shape != (count,):
        raise ValueError(f"sigma must have shape {(count,)}, was {sigma.shape}")
    unsound = (sigma <= 0.0) | np.isinf(sigma)
    if unsound.any():
        at = int(np.argmax(unsound))
        raise ValueError(f"sigma must be positive and finite, was {sigma[at]} at bar {at}")


def _compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile on the first call, cached on disk."""
    dispatcher: Callable[P, R] = numba.njit(cache=True, error_model="numpy")(function)
    return dispatcher


@_compiled
def _first_touch(
    t: int, high: FloatArray, low: FloatArray, barrier: float, entry: float, horizon: int
) -> tuple[int, int]:
    """Return (1 upper, 0 lower, -1 none or both in one bar) and the bars that it took."""
    for ahead in range(1, horizon + 1):
        above = high[t + ahead] - entry >= barrier
        below = entry - low[t + ahead] >= barrier
        if above and below:
            return -1, ahead
        if above or below:
            return int(above), ahead
    return -1, 0


@_compiled
def _look_ahead(
    valid: BoolArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    barrier: FloatArray,
    horizon: int,
    integers: IntArray,
    numbers: FloatArray,
) -> None:
    """Fill touch, up, hit and return, variance, highest reach, deepest fall of the valid rows."""
    for t in range(len(close)):
        if not valid[t]:
            continue
        entry = close[t]
        up, taken = _first_touch(t, high, low, barrier[t], entry, horizon)
        integers[0, t], integers[1, t] = int(up >= 0), up
        integers[2, t] = taken if taken > 0 else horizon
        if up >= 0:
            numbers[0, t] = math.expm1(barrier[t] if up == 1 else -barrier[t])
        else:
            numbers[0, t] = 0.0 if taken > 0 else math.expm1(close[t + horizon] - entry)
        top = floor = entry
        variance = 0.0
        for i in range(t + 1, t + horizon + 1):
            top, floor = max(top, high[i]), min(floor, low[i])
            variance += (close[i] - close[i - 1]) ** 2
        numbers[1, t], numbers[2, t], numbers[3, t] = variance, top - entry, entry - floor


def _long_variance(close: FloatArray, horizon: int) -> tuple[FloatArray, FloatArray]:
    """Sum the squared returns of `horizon` bars ahead of each bar and behind it, NaN where cut."""
    ahead, behind = np.full((2, len(close)), np.nan)
    squares = np.diff(close) ** 2
    if len(squares) >= horizon:
        sums = _moving_sum(squares, horizon)
        ahead[: len(sums)] = sums
        behind[horizon:] = sums
    return ahead, behind


@_compiled
def _moving_sum(values: FloatArray, width: int) -> FloatArray:
    """Add up every window anew, so that nothing outside it leaves even a rounding error."""
    out = np.empty(len(values) - width + 1)
    for start in range(len(out)):
        total = 0.0
        for i in range(start, start + width):
            total += values[i]
        out[start] = total
    return out
