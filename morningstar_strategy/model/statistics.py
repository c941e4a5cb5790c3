"""Scores of forecasts, row by row, and how sure a difference between two of them is."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model.heads import QUANTILES

__all__ = [
    "ReliabilityBin",
    "by_time",
    "ece",
    "hac_t",
    "log_loss",
    "pinball",
    "qlike",
    "reliability",
    "sums_by_time",
    "variance_of_sum",
]

type Outcomes = npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]] | FloatArray

_SURE: Final = 1e-7  # no forecast counts as surer, so that one miss is not the end of the world
_FLAT: Final = 1e-12
_FAR: Final = 6.0  # of an error in ln variance: a factor of 400


def log_loss(p: FloatArray, y: Outcomes) -> FloatArray:
    """Score probabilities of events that came (1) or not (0), row by row, in nats."""
    sure = np.clip(p, _SURE, 1.0 - _SURE)
    return -np.log(np.where(np.asarray(y, dtype=np.float64) > 0.0, sure, 1.0 - sure))


def qlike(ln_rv: FloatArray, ln_h: FloatArray) -> FloatArray:
    """Score forecasts `ln_h` of a log variance, row by row: exp(e) - e - 1, e = ln_rv - ln_h.

    Patton (2011), "Volatility forecast comparison using imperfect volatility proxies".
    """
    error = np.clip(ln_rv - ln_h, -_FAR, _FAR)
    return np.asarray(np.expm1(error) - error, dtype=np.float64)


def pinball(q: FloatArray, y: FloatArray) -> FloatArray:
    """Score quantiles [N, 4] at `QUANTILES`, row by row, as the mean over the four."""
    level = np.asarray(QUANTILES)
    miss = y[:, None] - q
    return np.asarray(np.maximum(level * miss, (level - 1.0) * miss).mean(axis=1))


def by_time(values: FloatArray, ts: IntArray) -> FloatArray:
    """Average the values of each moment, in time order: instruments move together."""
    _, place = np.unique(ts, return_inverse=True)
    return np.bincount(place, weights=values) / np.bincount(place)


def sums_by_time(values: FloatArray, ts: IntArray) -> FloatArray:
    """Add up the values of each moment, in time order, so that every row counts the same."""
    _, place = np.unique(ts, return_inverse=True)
    return np.bincount(place, weights=values)


def hac_t(difference_by_time: FloatArray, lag: int) -> float:
    """Give the t of the mean of an autocorrelated series; 0 where it does not vary.

    Newey and West (1987): Bartlett weights 1 - k / (lag + 1). Raises ValueError for NaN.
    """
    if lag < 0:
        raise ValueError(f"lag must not be negative, was {lag}")
    if not np.isfinite(difference_by_time).all():
        raise ValueError("difference_by_time must be finite, held NaN or infinity")
    count = len(difference_by_time)
    if count < 2 or np.ptp(difference_by_time) <= _FLAT * np.abs(difference_by_time).max():
        return 0.0
    mean = float(difference_by_time.mean())
    centred = difference_by_time - mean
    variance = variance_of_sum(centred, lag)
    floor = _FLAT * float(centred @ centred)  # what rounding leaves where the sum is none
    return mean * count / variance**0.5 if variance > floor else 0.0


def variance_of_sum(centred: FloatArray, lag: int) -> float:
    """Estimate the variance of the sum of an autocorrelated series around zero (Newey-West)."""
    variance = float(centred @ centred)
    for k in range(1, min(lag, len(centred) - 1) + 1):
        variance += 2.0 * (1.0 - k / (lag + 1)) * float(centred[k:] @ centred[:-k])
    return variance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """What was forecast and what came, of forecasts between two probabilities."""

    low: float
    high: float
    count: int
    forecast: float  # mean probability
    observed: float  # share of events


def reliability(p: FloatArray, y: Outcomes, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Compare forecasts with events in bins of equal width; empty bins are left out."""
    if bins < 1:
        raise ValueError(f"bins must be at least 1, was {bins}")
    if len(p) != len(y):
        raise ValueError(f"y must have {len(p)} rows, had {len(y)}")
    place = np.clip((p * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    told = np.bincount(place, weights=p, minlength=bins)
    came = np.bincount(place, weights=np.asarray(y, dtype=np.float64), minlength=bins)
    return tuple(
        ReliabilityBin(
            low=i / bins,
            high=(i + 1) / bins,
            count=int(counts[i]),
            forecast=float(told[i] / counts[i]),
            observed=float(came[i] / counts[i]),
        )
        for i in np.flatnonzero(counts).tolist()
    )


def ece(p: FloatArray, y: Outcomes, bins: int = 10) -> float:
    """Measure the expected calibration error: mean distance of forecast and event share."""
    if not len(p):
        return 0.0
    table = reliability(p, y, bins)
    return sum(row.count * abs(row.forecast - row.observed) for row in table) / len(p)
