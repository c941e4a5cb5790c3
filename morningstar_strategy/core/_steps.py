"""The one compiled definition of every feature: absorb a closed bar, write its vector.

Everything compiled lives in this file because the compiler's cache notices edits of one file only.
A stream's whole memory is one flat array: a head of running scalars, the feature vector, then
rings of window sums. A sum over 96 bars is two sums over 48, those two over 24, and so on down to
3 bars: every window is added up exactly, without drift, from about seven additions.
"""

import math
from collections.abc import Callable
from typing import Final

import numba
import numpy as np

from morningstar_strategy.core.bars import MAX_VALUE, MIN_PRICE, FloatArray, IntArray

_MOMENTUM_NAMES: Final = tuple(f"momentum_{w}" for w in (1, 3, 6, 12, 24, 48, 96, 288))
_VOLATILITY_NAMES: Final = (
    "volatility_96",
    "log_volatility_96",
    "log_volatility_12_96",
    "log_volatility_48_96",
    "log_volatility_96_480",
    "parkinson_ratio_24",
    "jump_share_48",
)
_RANGE_NAMES: Final = (
    "range_position_24",
    "range_position_96",
    "range_position_288",
    "range_width_96",
    "bar_range",
    "close_location",
    "wick_balance",
)
_VOLUME_NAMES: Final = (
    "volume_z_96",
    "volume_ratio_12_96",
    "volume_ratio_96_480",
    "signed_volume_24",
    "signed_volume_96",
    "illiquidity_24_288",
)
_OSCILLATOR_NAMES: Final = ("rsi_14", "macd", "ema_distance_24", "ema_distance_96")
_PATH_NAMES: Final = (
    "efficiency_ratio_24",
    "efficiency_ratio_96",
    "autocorrelation_96",
    "skewness_96",
)
_CALENDAR_NAMES: Final = ("day_sine", "day_cosine", "week_sine", "week_cosine")
NAMES: Final[tuple[str, ...]] = (
    *_MOMENTUM_NAMES,
    *_VOLATILITY_NAMES,
    *_RANGE_NAMES,
    *_VOLUME_NAMES,
    *_OSCILLATOR_NAMES,
    *_PATH_NAMES,
    *_CALENDAR_NAMES,
)

# Seven times the longest exponential span: what was before weighs less than a millionth
WARMUP: Final = 672
_DAY_NS: Final = 86_400_000_000_000
_SIGMA_FLOOR: Final = 1e-8  # of a log return: a thousandth of the finest tick in any market
_DUST: Final = 1e-30  # volumes below it are none: their squares would lose their digits
_LOG_LIMIT: Final = 5.0  # a ratio beyond e^5 tells nothing more

# The head of the state
(COUNT, _DAY, _NS, _CLOSE, _RETURN, _VAR96, _FAST, _SLOW, _MACD, _EMA24, _EMA96, _UP, _DOWN) = (
    range(13)
)
VECTOR: Final = 16
_MOMENTUM: Final = VECTOR
_VOLATILITY: Final = VECTOR + NAMES.index(_VOLATILITY_NAMES[0])
_RANGE: Final = VECTOR + NAMES.index(_RANGE_NAMES[0])
_VOLUME: Final = VECTOR + NAMES.index(_VOLUME_NAMES[0])
_OSCILLATOR: Final = VECTOR + NAMES.index(_OSCILLATOR_NAMES[0])
_PATH: Final = VECTOR + NAMES.index(_PATH_NAMES[0])
_CALENDAR: Final = VECTOR + NAMES.index(_CALENDAR_NAMES[0])

# Columns of a ring: ten that are summed, two of which the maximum is taken
(_R, _ABS, _SQUARE, _CUBE, _LAGGED, _BIPOWER, _PARKINSON, _V, _V2, _SIGNED, _HIGH, _NEG_LOW) = (
    range(12)
)
_SUMS: Final = 10
_COLUMNS: Final = 12

# One ring per window; a ring is longer than the furthest look back into it
_WIDTH: Final = (1, 3, 6, 12, 24, 48, 96)
_PARTS: Final = (1, 3, 2, 2, 2, 2, 2)  # windows of the level below that make one of this level
_LENGTH: Final = (4, 4, 8, 16, 32, 64, 512)  # powers of two; the last is looked back into by 384
_ROOT: Final = tuple(math.sqrt(w) for w in _WIDTH)
_RINGS: Final = VECTOR + len(NAMES)
_OFFSET: Final = tuple(_RINGS + _COLUMNS * sum(_LENGTH[:level]) for level in range(len(_LENGTH)))
STATE_SIZE: Final = _RINGS + _COLUMNS * sum(_LENGTH)
_W12, _W24, _W48, _W96 = 3, 4, 5, 6


def compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile on the first call, cached on disk; strict IEEE arithmetic, no reordering."""
    dispatcher: Callable[P, R] = numba.njit(cache=True, error_model="numpy")(function)
    return dispatcher


def fresh_state() -> FloatArray:
    """Return the memory of a stream that has seen no bar."""
    state = np.zeros(STATE_SIZE)
    state[_DAY] = -1.0
    state[VECTOR:_RINGS] = np.nan
    state[_RINGS:].reshape(-1, _COLUMNS)[:, _SUMS:] = -np.inf
    return state


def last_ts_event(state: FloatArray) -> int:
    """Return the close of the newest bar absorbed, negative before the first."""
    return int(state[_DAY]) * _DAY_NS + int(state[_NS])


@compiled
def _log_ratio(numerator: float, denominator: float) -> float:
    if numerator <= 0.0 and denominator <= 0.0:
        return 0.0
    if numerator <= 0.0:
        return -_LOG_LIMIT
    if denominator <= 0.0:
        return _LOG_LIMIT
    return min(max(math.log(numerator / denominator), -_LOG_LIMIT), _LOG_LIMIT)


@compiled
def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else 0.0


@compiled
def _window(state: FloatArray, n: int, level: int, column: int) -> float:
    value: float = state[_OFFSET[level] + (n & (_LENGTH[level] - 1)) * _COLUMNS + column]
    return value


@compiled
def _long_sum(state: FloatArray, n: int, column: int, parts: int) -> float:
    total = 0.0
    for part in range(parts):
        total += _window(state, n - 96 * part, _W96, column)
    return total


@compiled
def _observe(
    state: FloatArray, n: int, open: float, high: float, low: float, close: float, volume: float
) -> None:
    """Write what one bar adds to every window, and remember its return and close."""
    before = state[_RETURN]
    r = math.log(close / state[_CLOSE]) if n > 0 else 0.0
    at = _OFFSET[0] + (n & (_LENGTH[0] - 1)) * _COLUMNS
    state[at + _R] = r
    state[at + _ABS] = abs(r)
    state[at + _SQUARE] = r * r
    state[at + _CUBE] = r * r * r
    state[at + _LAGGED] = r * before
    state[at + _BIPOWER] = abs(r) * abs(before)
    reach = math.log(high / low)
    state[at + _PARKINSON] = reach * reach
    state[at + _V] = volume
    state[at + _V2] = volume * volume
    state[at + _SIGNED] = volume * ((r > 0.0) - (r < 0.0))
    state[at + _HIGH] = high
    state[at + _NEG_LOW] = -low
    state[_RETURN] = r
    state[_CLOSE] = close


@compiled
def _cascade(state: FloatArray, n: int) -> None:
    """Build each window from two or three windows of the level below."""
    for level in range(1, len(_WIDTH)):
        to = _OFFSET[level] + (n & (_LENGTH[level] - 1)) * _COLUMNS
        below, mask, width = _OFFSET[level - 1], _LENGTH[level - 1] - 1, _WIDTH[level - 1]
        newest = below + (n & mask) * _COLUMNS
        for k in range(_COLUMNS):
            state[to + k] = state[newest + k]
        for part in range(1, _PARTS[level]):
            older = below + ((n - part * width) & mask) * _COLUMNS
            for k in range(_SUMS):
                state[to + k] += state[older + k]
            for k in range(_SUMS, _COLUMNS):
                state[to + k] = max(state[to + k], state[older + k])


@compiled
def _decay(state: FloatArray, n: int, close: float) -> None:
    """Move the exponential averages: span s has the weight 2 / (s + 1), Wilder's 14 has 1/14."""
    r = state[_RETURN]
    if n == 0:
        state[_FAST] = state[_SLOW] = state[_EMA24] = state[_EMA96] = close
        return
    state[_VAR96] += (r * r - state[_VAR96]) * (2.0 / 97.0)
    state[_FAST] += (close - state[_FAST]) * (2.0 / 13.0)
    state[_SLOW] += (close - state[_SLOW]) * (2.0 / 27.0)
    state[_MACD] += (math.log(state[_FAST] / state[_SLOW]) - state[_MACD]) * (2.0 / 10.0)
    state[_EMA24] += (close - state[_EMA24]) * (2.0 / 25.0)
    state[_EMA96] += (close - state[_EMA96]) * (2.0 / 97.0)
    state[_UP] += (max(r, 0.0) - state[_UP]) / 14.0
    state[_DOWN] += (max(-r, 0.0) - state[_DOWN]) / 14.0


@compiled
def _write_momentum(state: FloatArray, n: int, sigma: float) -> None:
    for level in range(len(_WIDTH)):
        state[_MOMENTUM + level] = _window(state, n, level, _R) / (sigma * _ROOT[level])
    state[_MOMENTUM + 7] = _long_sum(state, n, _R, 3) / (sigma * math.sqrt(288.0))


@compiled
def _write_volatility(state: FloatArray, n: int, sigma: float) -> None:
    k, variance = _VOLATILITY, sigma * sigma
    state[k] = sigma
    state[k + 1] = math.log(sigma)
    state[k + 2] = 0.5 * _log_ratio(_window(state, n, _W12, _SQUARE) / 12.0, variance)
    realised = _window(state, n, _W48, _SQUARE)
    state[k + 3] = 0.5 * _log_ratio(realised / 48.0, variance)
    state[k + 4] = 0.5 * _log_ratio(variance, _long_sum(state, n, _SQUARE, 5) / 480.0)
    parkinson = _window(state, n, _W24, _PARKINSON) / (4.0 * math.log(2.0))
    state[k + 5] = 0.5 * _log_ratio(parkinson, _window(state, n, _W24, _SQUARE))
    smooth = 0.5 * math.pi * _window(state, n, _W48, _BIPOWER)
    state[k + 6] = 1.0 - min(1.0, smooth / realised) if realised > 0.0 else 0.0


@compiled
def _position(close: float, high: float, low: float) -> float:
    return (close - low) / (high - low) - 0.5 if high > low else 0.0


@compiled
def _write_range(
    state: FloatArray, n: int, sigma: float, open: float, high: float, low: float
) -> None:
    k, close = _RANGE, state[_CLOSE]
    top, floor = _window(state, n, _W96, _HIGH), -_window(state, n, _W96, _NEG_LOW)
    near_top, near_floor = _window(state, n, _W24, _HIGH), -_window(state, n, _W24, _NEG_LOW)
    state[k] = _position(close, near_top, near_floor)
    state[k + 1] = _position(close, top, floor)
    state[k + 3] = _log_ratio(math.log(top / floor), sigma * _ROOT[_W96])
    for part in range(1, 3):
        top = max(top, _window(state, n - 96 * part, _W96, _HIGH))
        floor = min(floor, -_window(state, n - 96 * part, _W96, _NEG_LOW))
    state[k + 2] = _position(close, top, floor)
    state[k + 4] = _log_ratio(math.log(high / low), sigma)
    state[k + 5] = _position(close, high, low)
    upper, lower = high - max(open, close), min(open, close) - low
    state[k + 6] = _share(upper - lower, high - low)


@compiled
def _write_volume(state: FloatArray, n: int, volume: float) -> None:
    k = _VOLUME
    near, day = _window(state, n, _W24, _V), _window(state, n, _W96, _V)
    mean = day / 96.0
    spread = _window(state, n, _W96, _V2) / 96.0 - mean * mean
    state[k] = _share(volume - mean, math.sqrt(max(spread, 1e-6 * mean * mean)))
    state[k + 1] = _log_ratio(_window(state, n, _W12, _V) * 8.0, day)
    state[k + 2] = _log_ratio(day * 5.0, _long_sum(state, n, _V, 5))
    state[k + 3] = _share(_window(state, n, _W24, _SIGNED), near)
    state[k + 4] = _share(_window(state, n, _W96, _SIGNED), day)
    near_cost = _window(state, n, _W24, _ABS) * _long_sum(state, n, _V, 3)
    state[k + 5] = _log_ratio(near_cost, _long_sum(state, n, _ABS, 3) * near)


@compiled
def _write_oscillators(state: FloatArray, sigma: float) -> None:
    k, close = _OSCILLATOR, state[_CLOSE]
    state[k] = (state[_UP] - state[_DOWN]) / (state[_UP] + state[_DOWN] + _SIGMA_FLOOR)
    state[k + 1] = (math.log(state[_FAST] / state[_SLOW]) - state[_MACD]) / sigma
    state[k + 2] = math.log(close / state[_EMA24]) / (sigma * _ROOT[_W24])
    state[k + 3] = math.log(close / state[_EMA96]) / (sigma * _ROOT[_W96])


@compiled
def _write_path(state: FloatArray, n: int) -> None:
    k, total, square = _PATH, _window(state, n, _W96, _R), _window(state, n, _W96, _SQUARE)
    state[k] = _share(abs(_window(state, n, _W24, _R)), _window(state, n, _W24, _ABS))
    state[k + 1] = _share(abs(total), _window(state, n, _W96, _ABS))
    state[k + 2] = min(max(_share(_window(state, n, _W96, _LAGGED), square), -1.0), 1.0)
    mean, raw = total / 96.0, square / 96.0
    variance = raw - mean * mean
    third = _window(state, n, _W96, _CUBE) / 96.0 - 3.0 * mean * raw + 2.0 * mean * mean * mean
    # A straight line leaves rounding errors only, which have no shape
    state[k + 3] = third / variance**1.5 if variance > 1e-6 * raw else 0.0


@compiled
def _write_calendar(state: FloatArray) -> None:
    turn = 2.0 * math.pi
    day = state[_NS] / _DAY_NS
    week = ((state[_DAY] + 3.0) % 7.0 + day) / 7.0  # 1970-01-01 was a Thursday; 0 is Monday
    state[_CALENDAR] = math.sin(turn * day)
    state[_CALENDAR + 1] = math.cos(turn * day)
    state[_CALENDAR + 2] = math.sin(turn * week)
    state[_CALENDAR + 3] = math.cos(turn * week)


@compiled
def _absorb(
    state: FloatArray,
    ts_event: int,
    open: float,
    high: float,
    low: float,
    close: float,
    volume: float,
) -> bool:
    """Absorb one sound bar and, once warm, write its vector; return whether it is warm."""
    n = int(state[COUNT])
    state[_DAY], state[_NS] = ts_event // _DAY_NS, ts_event % _DAY_NS
    traded = volume if volume >= _DUST else 0.0
    _observe(state, n, open, high, low, close, traded)
    _cascade(state, n)
    _decay(state, n, close)
    state[COUNT] = n + 1
    if n + 1 < WARMUP:
        return False
    sigma = max(math.sqrt(state[_VAR96]), _SIGMA_FLOOR)
    _write_momentum(state, n, sigma)
    _write_volatility(state, n, sigma)
    _write_range(state, n, sigma, open, high, low)
    _write_volume(state, n, traded)
    _write_oscillators(state, sigma)
    _write_path(state, n)
    _write_calendar(state)
    return True


@compiled
def step(
    state: FloatArray,
    ts_event: int,
    open: float,
    high: float,
    low: float,
    close: float,
    volume: float,
) -> int:
    """Absorb one bar: 1 warm, 0 not yet, -1 refused with the state untouched."""
    day, ns = ts_event // _DAY_NS, ts_event % _DAY_NS
    later = day > state[_DAY] or (day == state[_DAY] and ns > state[_NS])
    ordered = low <= open <= high and low <= close <= high  # false for any NaN
    bounded = low >= MIN_PRICE and high <= MAX_VALUE and 0.0 <= volume <= MAX_VALUE
    if not (later and ordered and bounded):
        return -1
    return 1 if _absorb(state, ts_event, open, high, low, close, volume) else 0


@compiled
def run(
    state: FloatArray,
    ts_event: IntArray,
    open: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    out: FloatArray,
) -> None:
    """Absorb sound bars one after another, writing each bar's vector to its row of `out`."""
    for t in range(len(close)):
        _absorb(state, ts_event[t], open[t], high[t], low[t], close[t], volume[t])
        out[t] = state[VECTOR:_RINGS]
