"""A model's outputs as the numbers of predictions: one compiled definition for one bar or many."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.features import index_of
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.model.heads import QUANTILES, Float32Array
from morningstar_strategy.model.learning.labels import LabelConfig

__all__ = ["COLUMNS", "Reader", "abstaining", "prediction_of", "stand_aside"]

# The numbers of a prediction, in the order of its fields
COLUMNS: Final = (
    "price",
    "p_short",
    "p_flat",
    "p_long",
    "confidence",
    "volatility",
    "turbulence",
    "stop_distance",
    "target_distance",
    "barrier",
    "efficiency",
)
_STOP: Final = QUANTILES.index(0.9)  # of the adverse excursion
_TARGET: Final = QUANTILES.index(0.5)  # of the favourable one
_SHORT, _FLAT, _LONG, _CONFIDENCE = (COLUMNS.index(name) for name in COLUMNS[1:5])
_SIGMA: Final = index_of("volatility_96")
_EFFICIENCY: Final = index_of("efficiency_ratio_96")
_NEAREST: Final = 1e-6  # distances, as fractions of price, are kept between these two
_FURTHEST: Final = 0.99
_LN_LIMIT: Final = 60.0  # a log variance beyond it is no market's
_SUM: Final = 1e-3  # rounding of single precision, and room


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Turns outputs into the numbers of predictions, given what the labels meant."""

    labels: LabelConfig

    def values(
        self, outputs: Mapping[str, Float32Array], price: FloatArray, vectors: FloatArray
    ) -> FloatArray:
        """Give the numbers (shape [N, `COLUMNS`]) of forecasts made at prices and vectors [N, F].

        Raises ValueError where the three probabilities do not sum to one.
        """
        values = np.empty((len(price), len(COLUMNS)))
        at = _read(
            outputs["signal"],
            outputs["ln_rv"],
            outputs["regime"],
            outputs["mfe_q"],
            outputs["mae_q"],
            price,
            vectors,
            float(self.labels.horizon),
            float(self.labels.barrier_sigmas),
            float(self.labels.min_barrier),
            values,
        )
        if at >= 0:
            signal = outputs["signal"][at].tolist()
            raise ValueError(f"signal must be probabilities that sum to 1, was {signal}")
        return values


def stand_aside(values: FloatArray, rows: npt.NDArray[np.bool_]) -> None:
    """Make the forecasts of some rows say that nothing new may be opened."""
    values[rows, _SHORT] = values[rows, _LONG] = values[rows, _CONFIDENCE] = 0.0
    values[rows, _FLAT] = 1.0


def prediction_of(
    instrument_id: str, ts_event: int, values: list[float], model: str, abstained: str
) -> Prediction:
    """Build a prediction from one row of numbers (`COLUMNS`)."""
    (
        price,
        short,
        flat,
        long,
        confidence,
        volatility,
        turbulence,
        stop,
        target,
        barrier,
        straight,
    ) = values
    return Prediction(
        instrument_id=instrument_id,
        ts_event=ts_event,
        price=price,
        p_short=short,
        p_flat=flat,
        p_long=long,
        confidence=confidence,
        volatility=volatility,
        turbulence=turbulence,
        stop_distance=stop,
        target_distance=target,
        model=model,
        barrier=barrier,
        efficiency=straight,
        abstained=abstained,
    )


def abstaining(prediction: Prediction, reason: str) -> Prediction:
    """Say the same of the market, but that nothing new may be opened."""
    return replace(
        prediction, p_short=0.0, p_flat=1.0, p_long=0.0, confidence=0.0, abstained=reason
    )


# Everything compiled and what it calls is in this file: the compiler's cache notices edits of
# one file only. Any: the compiler has no types
_compiled: Any = numba.njit(cache=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator]  # the compiler has no types
def _between(low: float, value: float, high: float) -> float:
    return min(max(value, low), high)


@_compiled  # type: ignore[untyped-decorator]  # the compiler has no types
def _distances(
    scale: float, rising: bool, mfe_q: Float32Array, mae_q: Float32Array
) -> tuple[float, float]:
    """Give the distances of stop and target, as fractions of price."""
    if rising:
        rise, fall = float(mfe_q[_TARGET]), float(mae_q[_STOP])
        stop, target = -math.expm1(-scale * fall), math.expm1(scale * rise)
    else:
        rise, fall = float(mfe_q[_STOP]), float(mae_q[_TARGET])
        stop, target = math.expm1(scale * rise), -math.expm1(-scale * fall)
    return _between(_NEAREST, stop, _FURTHEST), _between(_NEAREST, target, _FURTHEST)


@_compiled  # type: ignore[untyped-decorator]  # the compiler has no types
def _read(
    signal: Float32Array,
    ln_rv: Float32Array,
    regime: Float32Array,
    mfe_q: Float32Array,
    mae_q: Float32Array,
    price: FloatArray,
    vectors: FloatArray,
    horizon: float,
    barrier_sigmas: float,
    min_barrier: float,
    out: FloatArray,
) -> int:
    """Write each row's numbers; return the first row without probabilities, -1 if there is none."""
    for t in range(len(price)):
        short, flat, long = float(signal[t, 0]), float(signal[t, 1]), float(signal[t, 2])
        total = short + long + flat
        if not (min(short, flat, long) >= -_SUM and abs(total - 1.0) <= _SUM):
            return t
        short, flat, long = max(short, 0.0), max(flat, 0.0), max(long, 0.0)
        touch = short + long
        total = touch + flat
        scale = vectors[t, _SIGMA] * math.sqrt(horizon)
        log_variance = _between(-_LN_LIMIT, float(ln_rv[t]), _LN_LIMIT)
        barrier = math.expm1(max(barrier_sigmas * scale, min_barrier))
        out[t, 0] = price[t]
        out[t, 1], out[t, 2], out[t, 3] = short / total, flat / total, long / total
        out[t, 4] = max(short, long) / touch if touch > 0.0 else 0.5
        out[t, 5] = math.sqrt(math.exp(log_variance) / horizon)
        out[t, 6] = _between(0.0, float(regime[t, 1]), 1.0)
        out[t, 7], out[t, 8] = _distances(scale, long >= short, mfe_q[t], mae_q[t])
        out[t, 9] = _between(0.0, barrier, _FURTHEST)
        out[t, 10] = _between(0.0, vectors[t, _EFFICIENCY], 1.0)
    return -1
