"""Platt calibration of logits, which turns a logit without skill into the base rate."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model.statistics import variance_of_sum

__all__ = [
    "IDENTITY",
    "Calibration",
    "Platt",
    "apply",
    "fit_cautious",
    "fit_platt",
    "logistic",
]

_SURE: Final = 2.5  # standard errors, as many as a significant direction must show
_STEPS: Final = 100  # of Newton; a handful do
_PRECISION: Final = 1e-10  # of a weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """Correct a logit: offset + slope * logit."""

    offset: float
    slope: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.offset):
            raise ValueError(f"offset must be finite, was {self.offset}")
        if not (np.isfinite(self.slope) and self.slope >= 0.0):
            raise ValueError(f"slope must be finite and not negative, was {self.slope}")


IDENTITY: Final = Platt(offset=0.0, slope=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Hold the correction of each logit of a raw graph; by default none is changed."""

    touch: Platt = IDENTITY
    direction: Platt = IDENTITY
    turbulent: Platt = IDENTITY


def apply(platt: Platt, logit: npt.ArrayLike) -> FloatArray:
    """Give the calibrated probability of each logit."""
    return _sigmoid(platt.offset + platt.slope * np.asarray(logit, dtype=np.float64))


def fit_platt(logit: npt.ArrayLike, label: npt.ArrayLike, *, slope_limit: float = 1.0) -> Platt:
    """Find the likeliest correction with its slope in [0, slope_limit].

    The likelihood is concave, so beyond a limit the best slope is that limit.
    Labels of one kind only give a slope of 0 and a base rate half an observation from the edge.
    Raises ValueError for empty, unequal or non-finite columns and for labels other than 0 and 1.
    """
    x, y = _columns(logit, label)
    if not (np.isfinite(slope_limit) and slope_limit >= 0.0):
        raise ValueError(f"slope_limit must be finite and not negative, was {slope_limit}")
    base = float(np.clip(y.mean(), 0.5 / len(y), 1.0 - 0.5 / len(y)))
    prior = float(np.log(base / (1.0 - base)))
    one_kind = bool((y == y[0]).all() or (x == x[0]).all())
    if one_kind or _slope_gradient(x, y, Platt(offset=prior, slope=0.0)) <= 0.0:
        return Platt(offset=prior, slope=0.0)
    ones = np.ones((len(x), 1))
    steepest = Platt(offset=float(logistic(ones, y, fixed=slope_limit * x)[0]), slope=slope_limit)
    if _slope_gradient(x, y, steepest) >= 0.0:
        return steepest
    # Around the mean and in units of the spread, so that the two weights hardly interact
    centre, spread = float(x.mean()), float(x.std())
    offset, slope = logistic(np.column_stack((ones, (x - centre) / spread)), y)
    slope = float(np.clip(slope / spread, 0.0, slope_limit))
    return Platt(offset=float(offset) - slope * centre, slope=slope)


def fit_cautious(
    logit: npt.ArrayLike, label: npt.ArrayLike, moments: IntArray, *, lag: int
) -> Platt:
    """Shrink a logit's departure from its own mean towards even odds, as far as evidence asks.

    The slope is the likeliest less 2.5 standard errors, at least 0 and at most 1: where no skill is
    proven every probability is one half, and a base rate that merely went one way is no skill. The
    standard error is that of White with Newey and West (1987) over the sums of `moments` (ns),
    `lag` of them long, since outcomes overlap in time and instruments move together.
    """
    x, y = _columns(logit, label)
    centre = float(x.mean())
    design = np.column_stack((np.ones(len(x)), x - centre))
    if np.ptp(x) == 0.0 or (y == y[0]).all():
        return Platt(offset=0.0, slope=0.0)
    weights = logistic(design, y)
    p = _sigmoid(design @ weights)
    weight = p * (1.0 - p)
    if not weight.sum() > 0.0:
        return Platt(offset=0.0, slope=0.0)  # told apart without a miss: too few to prove anything
    # At the best weights the base rate is fitted too, so only the slope's own error counts
    lone = x - float((weight * x).sum() / weight.sum())
    curvature = float((weight * lone * lone).sum())
    if not curvature > 0.0:
        return Platt(offset=0.0, slope=0.0)
    _, places = np.unique(moments, return_inverse=True)
    scores = np.bincount(places, weights=(y - p) * lone)
    error = max(variance_of_sum(scores, lag), 0.0) ** 0.5 / curvature
    slope = float(np.clip(float(weights[1]) - _SURE * error, 0.0, 1.0))
    return Platt(offset=-slope * centre, slope=slope)


def logistic(
    design: FloatArray, label: FloatArray, *, fixed: FloatArray | None = None, ridge: float = 0.0
) -> FloatArray:
    """Find the weights of a logistic regression by Newton's method.

    `design` has shape [N, K], `fixed` [N] is added to each logit, `ridge` penalises all columns
    but the first. Labels that can be told apart perfectly need a ridge.
    """
    weights = np.zeros(design.shape[1])
    base = np.zeros(len(label)) if fixed is None else fixed
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0

    def loss(candidate: FloatArray) -> float:
        z = base + design @ candidate
        return float((np.logaddexp(0.0, z) - label * z).sum() + 0.5 * penalty @ candidate**2)

    best = loss(weights)
    for _ in range(_STEPS):
        p = _sigmoid(base + design @ weights)
        gradient = design.T @ (p - label) + penalty * weights
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design + np.diag(penalty + 1e-12)
        step = np.linalg.solve(curvature, gradient)
        while (value := loss(weights - step)) > best and np.abs(step).max() > _PRECISION:
            step *= 0.5
        if value > best:
            break
        weights, best = weights - step, value
        if np.abs(step).max() <= _PRECISION:
            break
    return weights


def _slope_gradient(x: FloatArray, y: FloatArray, at: Platt) -> float:
    """Give the derivative of the log-likelihood with respect to the slope."""
    # Around the mean of x: at the best offset the residuals add up to nothing
    return float(((y - apply(at, x)) * (x - x.mean())).sum())


def _columns(logit: npt.ArrayLike, label: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(logit, dtype=np.float64), np.asarray(label, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(f"logit and label must be equal rows, were {x.shape} and {y.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"logit must be finite, was {x[~np.isfinite(x)][0]}")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError(f"label must be 0 or 1, was {y[~np.isin(y, (0.0, 1.0))][0]:g}")
    return x, y


def _sigmoid(z: FloatArray) -> FloatArray:
    # Of the half that cannot overflow
    small = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, small) / (1.0 + small)
