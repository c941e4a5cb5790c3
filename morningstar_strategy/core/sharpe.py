"""How much a Sharpe ratio proves: probabilistic and deflated Sharpe ratio of daily returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import e, isfinite, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import FloatArray

__all__ = ["MIN_DAYS", "SharpeEvidence", "best_of", "probability_above", "sharpe_evidence"]

MIN_DAYS: Final = 30
_EULER: Final = 0.5772156649015329
_FLAT: Final = 1e-12
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeEvidence:
    """What the daily returns prove; every ratio here is per day, none is annualised.

    `benchmark` is the best Sharpe ratio that `trials` skill-less trials would have shown by luck;
    it is 0 where there was one trial or where the spread across trials is not known, and
    `trial_variance` is None then: in that case `deflated` equals `probabilistic`.
    """

    days: int
    sharpe: float
    skewness: float
    kurtosis: float  # 3 for a normal distribution
    probabilistic: float
    trials: int
    trial_variance: float | None
    benchmark: float
    deflated: float


def sharpe_evidence(
    returns: FloatArray, *, trials: int, trial_sharpes: Sequence[float]
) -> SharpeEvidence | None:
    """Weigh the Sharpe ratio of daily returns against chance and against the number of trials.

    Probabilistic: Bailey and Lopez de Prado (2012), "The Sharpe Ratio Efficient Frontier".
    Deflated: Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio". `trial_sharpes` are
    daily, not annualised, Sharpe ratios. None below 30 days or where the returns do not vary.
    Raises ValueError for fewer than one trial or a Sharpe ratio that is not finite.
    """
    if trials < 1:
        raise ValueError(f"trials must be at least 1, was {trials}")
    for value in trial_sharpes:
        if not isfinite(value):
            raise ValueError(f"trial_sharpes must be finite, held {value}")
    if len(returns) < MIN_DAYS or float(np.std(returns)) < _FLAT:
        return None
    variance = _spread(trial_sharpes) if trials > 1 else None
    benchmark = 0.0 if variance is None else best_of(trials, variance)
    sharpe = float(np.mean(returns) / np.std(returns, ddof=1))
    skewness, kurtosis = _shape(returns)
    above = partial(
        probability_above, sharpe, count=len(returns), skewness=skewness, kurtosis=kurtosis
    )
    probabilistic, deflated = above(benchmark=0.0), above(benchmark=benchmark)
    if probabilistic is None or deflated is None:
        return None
    return SharpeEvidence(
        days=len(returns),
        sharpe=sharpe,
        skewness=skewness,
        kurtosis=kurtosis,
        probabilistic=probabilistic,
        trials=trials,
        trial_variance=variance,
        benchmark=benchmark,
        deflated=deflated,
    )


def probability_above(
    sharpe: float, *, benchmark: float, count: int, skewness: float, kurtosis: float
) -> float | None:
    """Give the probability that the true Sharpe ratio per period lies above `benchmark`.

    PSR(SR*) = Z[(SR - SR*) sqrt(n - 1) / sqrt(1 - skew SR + (kurt - 1) / 4 SR^2)], with kurt 3
    for a normal distribution and n = `count` periods. None where the estimate has no error.
    """
    error = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    if error < _FLAT:
        return None
    return _NORMAL.cdf((sharpe - benchmark) * sqrt(count - 1) / sqrt(error))


def best_of(trials: int, variance: float) -> float:
    """Give the Sharpe ratio that the luckiest of `trials` skill-less trials is expected to show.

    SR* = sqrt(V) ((1 - g) Z^-1[1 - 1/N] + g Z^-1[1 - 1/(N e)]) with g the Euler-Mascheroni
    constant, V the variance of the Sharpe ratios across trials and N their number (at least 2).
    """
    if trials < 2:
        raise ValueError(f"trials must be at least 2, was {trials}")
    usual = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    beyond = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
    return sqrt(variance) * ((1.0 - _EULER) * usual + _EULER * beyond)


def _spread(trial_sharpes: Sequence[float]) -> float | None:
    if len(trial_sharpes) < 2:
        return None
    return float(np.var(np.asarray(trial_sharpes, dtype=np.float64), ddof=1))


def _shape(returns: FloatArray) -> tuple[float, float]:
    """Give skewness and kurtosis as moments of the sample."""
    scaled = (returns - np.mean(returns)) / np.std(returns)
    return float(np.mean(scaled**3)), float(np.mean(scaled**4))
