"""The transparent rule that a trained model has to beat."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Final, NamedTuple

import numba
import numpy as np

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.features import NAMES, index_of

__all__ = ["BaselineRule", "Signal"]


class Signal(NamedTuple):
    """What the rule says at one bar's close, all floats."""

    p_short: float
    p_flat: float
    p_long: float
    confidence: float  # [0, 1], of the favoured direction; 0.5 exactly at the threshold
    volatility: float  # of one bar's log return, as a fraction
    turbulence: float  # [0, 1], above 0.5 when volatility is unusually high for its time
    stop_distance: float  # fraction of price
    target_distance: float  # fraction of price


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRule:
    """Follow a trend of about three days while the last day moves straight enough.

    It stands aside otherwise, and puts stop and target at multiples of the volatility expected
    over the horizon. The probabilities are the rule's votes, not calibrated odds, and at a cost of
    0.1 % a side the rule is not expected to earn anything.

    Defaults were chosen for a low turnover, a few entries per instrument and week, on 15-minute
    bars of 2023. Raises ValueError naming the field and the value for a rule that makes no sense.
    """

    momentum: str = "momentum_288"  # the feature that names trend and horizon, in sigmas
    threshold: float = 1.0  # sigmas of momentum from which a direction outweighs standing aside
    slope: float = 2.0  # of the logistic, per sigma beyond the threshold
    min_efficiency: float = 0.15  # of `efficiency_ratio_96`, [0, 1): below it there is no trend
    horizon_bars: int = 96  # over which stop and target are meant to be reached
    stop_sigmas: float = 1.5  # in units of volatility times the root of the horizon
    target_sigmas: float = 3.0
    min_stop: float = 0.008  # fractions of price, several times the cost of a round trip
    max_stop: float = 0.06
    min_target: float = 0.016
    max_target: float = 0.12
    turbulent_ratio: float = 1.2  # of 96 bars' volatility to 480 bars'; one bar in six is beyond
    turbulence_slope: float = 6.0  # of the logistic, per unit of that ratio's logarithm
    _columns: IntArray = field(init=False, repr=False, compare=False)
    _numbers: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check()
        columns = [index_of(name) for name in (self.momentum, *_ALSO_READ)]
        horizon = math.sqrt(self.horizon_bars)
        numbers = [
            *(self.threshold, self.slope, self.min_efficiency),
            *(self.stop_sigmas * horizon, self.min_stop, self.max_stop),
            *(self.target_sigmas * horizon, self.min_target, self.max_target),
            *(math.log(self.turbulent_ratio), self.turbulence_slope),
        ]
        object.__setattr__(self, "_columns", np.array(columns, dtype=np.int64))
        object.__setattr__(self, "_numbers", np.array(numbers, dtype=np.float64))
        self._columns.setflags(write=False)
        self._numbers.setflags(write=False)

    def signal(self, vector: FloatArray) -> Signal:
        """Judge one warm feature vector, shape [features]; raises ValueError if it is not warm."""
        if len(vector) != len(NAMES):
            raise ValueError(f"vector must hold {len(NAMES)} features, held {len(vector)}")
        signal = Signal._make(_compiled_judge()(vector, self._columns, self._numbers))
        if math.isnan(signal.confidence):
            raise ValueError(self._not_finite(vector))
        return signal

    def _not_finite(self, vector: FloatArray) -> str:
        read = {NAMES[k]: float(vector[k]) for k in self._columns}
        name = next(name for name, value in read.items() if not math.isfinite(value))
        return f"feature {name} must be finite, was {read[name]}"

    def _check(self) -> None:
        for name in (item.name for item in fields(self) if item.type is float):
            value = getattr(self, name)
            if not 0.0 < value < math.inf and name != "min_efficiency":
                raise ValueError(f"{name} must be positive and finite, was {value}")
        if not 0.0 <= self.min_efficiency < 1.0:
            raise ValueError(f"min_efficiency must be in [0, 1), was {self.min_efficiency}")
        if self.horizon_bars < 1:
            raise ValueError(f"horizon_bars must be at least 1, was {self.horizon_bars}")
        if not self.momentum.startswith("momentum_"):
            raise ValueError(f"momentum must name a momentum feature, was {self.momentum}")
        if not self.min_stop <= self.max_stop < 1.0:
            raise ValueError(f"max_stop must be in [{self.min_stop}, 1), was {self.max_stop}")
        if not self.min_target <= self.max_target < 1.0:
            raise ValueError(f"max_target must be in [{self.min_target}, 1), was {self.max_target}")


type _Numbers = tuple[float, float, float, float, float, float, float, float]
type _Judge = Callable[[FloatArray, IntArray, FloatArray], _Numbers]
_ALSO_READ: Final = ("efficiency_ratio_96", "volatility_96", "log_volatility_96_480")


def _judge(vector: FloatArray, columns: IntArray, numbers: FloatArray) -> _Numbers:
    z, efficiency = vector[columns[0]], vector[columns[1]]
    volatility, unrest = vector[columns[2]], vector[columns[3]]
    if not math.isfinite(z + efficiency + volatility + unrest):
        nan = math.nan
        return nan, nan, nan, nan, nan, nan, nan, nan
    straight = efficiency >= numbers[2]
    vote = 1.0 / (1.0 + math.exp(numbers[1] * (numbers[0] - abs(z)))) if straight else 0.0
    p_short, p_long = (0.0, vote) if z > 0.0 else (vote, 0.0)
    turbulence = 1.0 / (1.0 + math.exp(numbers[10] * (numbers[9] - unrest)))
    stop = min(max(numbers[3] * volatility, numbers[4]), numbers[5])
    target = min(max(numbers[6] * volatility, numbers[7]), numbers[8])
    return p_short, 1.0 - vote, p_long, vote, volatility, turbulence, stop, target


@cache
def _compiled_judge() -> _Judge:
    """Compile the judgement for one signature, on the first call, cached on disk."""
    judge: Any = numba.njit(cache=True, error_model="numpy")(_judge)  # numba has no types
    floats = numba.types.Array(numba.float64, 1, "C", readonly=True)
    judge.compile((floats, numba.types.Array(numba.int64, 1, "C", readonly=True), floats))
    judge.disable_compile()
    typed: _Judge = judge
    return typed
