"""Causal, scale-free features of closed bars: one definition, in batch and bar by bar."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from morningstar_strategy.core import _steps
from morningstar_strategy.core.bars import BarWindow, FloatArray, fault

__all__ = ["FEATURE_SET", "NAMES", "WARMUP", "FeatureStream", "batch", "index_of"]

NAMES: Final = _steps.NAMES
WARMUP: Final = _steps.WARMUP  # bars seen before the first vector; rows before are NaN
FEATURE_SET: Final = "morningstar-features-1"  # raise the number with any change of definition


def index_of(name: str) -> int:
    """Return the column of a feature; raises ValueError for a name that is not in `NAMES`."""
    if name not in NAMES:
        raise ValueError(f"feature must be one of {', '.join(NAMES)}, was {name}")
    return NAMES.index(name)


def batch(bars: BarWindow) -> FloatArray:
    """Return the features of a whole series, shape [bars, features], NaN before `WARMUP`."""
    return FeatureStream().extend(bars)


class FeatureStream:
    """Keep the features of one instrument up to date, bar by bar.

    The vector is the same to the last bit whether bars come one by one, in pieces or at once.
    After `WARMUP` bars it hardly depends on where the series began: window features not at all,
    exponential ones by less than a millionth of their weight.
    """

    __slots__ = ("_state", "_step", "_vector")

    def __init__(self) -> None:
        self._step = _compiled_step()
        self._adopt(_steps.fresh_state())

    @classmethod
    def restore(cls, state: FloatArray) -> "FeatureStream":
        """Return a stream that continues where `state()` was taken.

        Raises ValueError for an array that is not such a state.
        """
        if state.shape != (_steps.STATE_SIZE,) or state.dtype != np.float64:
            raise ValueError(
                f"state must be {_steps.STATE_SIZE} float64, was {state.dtype} of {state.shape}"
            )
        stream = cls()
        stream._adopt(state.copy())
        return stream

    def state(self) -> FloatArray:
        """Return a copy of everything the stream remembers, as one flat array."""
        return self._state.copy()

    @property
    def vector(self) -> FloatArray:
        """Return the features of the newest bar: a read-only view that each update overwrites."""
        return self._vector

    @property
    def is_warm(self) -> bool:
        """Return whether `vector` holds features."""
        return self.bars_seen >= WARMUP

    @property
    def bars_seen(self) -> int:
        """Return how many bars went in."""
        return int(self._state[_steps.COUNT])

    def update(
        self, ts_event: int, open: float, high: float, low: float, close: float, volume: float
    ) -> bool:
        """Absorb one closed bar and return whether the stream is warm.

        Raises ValueError naming field and value for an unsound or late bar, which changes nothing.
        """
        outcome = self._step(self._state, ts_event, open, high, low, close, volume)
        if outcome < 0:
            raise ValueError(fault(open, high, low, close, volume) or self._late(ts_event))
        return outcome > 0

    def extend(self, bars: BarWindow) -> FloatArray:
        """Absorb many bars at once and return their features, shape [bars, features]."""
        if len(bars) and int(bars.ts_event[0]) <= self._ts_event():
            raise ValueError(self._late(int(bars.ts_event[0])))
        out = np.empty((len(bars), len(NAMES)))
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        _steps.run(self._state, bars.ts_event, *columns, out)
        return out

    def _adopt(self, state: FloatArray) -> None:
        self._state = state
        self._vector = state[_steps.VECTOR : _steps.VECTOR + len(NAMES)]
        self._vector.setflags(write=False)

    def _ts_event(self) -> int:
        return _steps.last_ts_event(self._state)

    def _late(self, ts_event: int) -> str:
        last = self._ts_event()
        if last < 0:
            return f"ts_event must not be negative, was {ts_event}"
        return f"ts_event must be after {last}, was {ts_event}"


@cache
def _compiled_step() -> Callable[[FloatArray, int, float, float, float, float, float], int]:
    """Compile the step for one signature only, so that an int among the prices converts."""
    step: Any = _steps.step  # the compiler's own methods have no types
    step.compile("int64(float64[::1], int64, float64, float64, float64, float64, float64)")
    step.disable_compile()
    typed: Callable[[FloatArray, int, float, float, float, float, float], int] = step
    return typed
