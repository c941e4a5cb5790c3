"""The logistic family: what straight lines through the features can say, as an ablation."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.learning import baselines
from morningstar_strategy.model.learning.calibration import logistic
from morningstar_strategy.model.learning.sketch import SCORES, Sketch, dense, raw_graph
from morningstar_strategy.model.learning.tasks import FitTask

__all__ = ["LogisticFamily"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticFamily:
    """Fit logistic regressions, ridge above HAR for the variance, and leave quantiles constant."""

    ridge: float = 10.0  # pseudo-rows that hold each weight at zero
    clip: float = 5.0  # of a scaled feature

    def __post_init__(self) -> None:
        for name in ("ridge", "clip"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be positive and finite, was {getattr(self, name)}")

    @property
    def name(self) -> str:
        """Name the family."""
        return "logistic"

    @property
    def window(self) -> int:
        """Look at the last bar only."""
        return 1

    @property
    def recipe(self) -> dict[str, int | float | str]:
        """Give everything that defines the fit."""
        return asdict(self)

    def fit(self, task: FitTask, progress: Callable[[float], None]) -> bytes:
        """Fit every head and return the raw graph."""
        features = task.panel.features[task.rows].astype(np.float64)
        centre, spread = _scale(features)
        scaled = np.clip((features - centre) / spread, -self.clip, self.clip)
        table = self._weights(np.column_stack((np.ones(len(scaled)), scaled)), task, progress)

        def scores(sketch: Sketch, last: str) -> str:
            moved = sketch.add("Sub", last, sketch.constant(centre))
            ratio = sketch.add("Div", moved, sketch.constant(spread))
            limits = (sketch.constant(-self.clip), sketch.constant(self.clip))
            return dense(sketch, sketch.add("Clip", ratio, *limits), table[1:], table[0])

        return raw_graph(features.shape[1], task.baselines.har, scores, name=self.name)

    def _weights(
        self, design: FloatArray, task: FitTask, progress: Callable[[float], None]
    ) -> FloatArray:
        """Fit the table [1 + features, SCORES] of intercepts and weights."""
        targets, constants = task.targets, task.baselines
        touched = targets.touch == 1
        residual = targets.ln_rv - baselines.forecast(task.panel, task.rows, constants).ln_rv
        table = np.zeros((design.shape[1], SCORES))
        table[0, 4:] = *constants.mfe_q, *constants.mae_q
        table[:, 0] = logistic(design, targets.touch.astype(np.float64), ridge=self.ridge)
        progress(0.3)
        up = targets.up[touched].astype(np.float64)
        table[:, 1] = logistic(design[touched], up, ridge=self.ridge)
        progress(0.6)
        table[:, 2] = _ridge(design, residual, self.ridge)
        # To where QLIKE is least, as the baseline is: Duan (1983), "Smearing estimate"
        table[0, 2] += np.log(np.mean(np.exp(residual - design @ table[:, 2])))
        table[:, 3] = logistic(design, targets.turbulent.astype(np.float64), ridge=self.ridge)
        progress(1.0)
        return table


def _scale(features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give the median of each feature and its interquartile range, 1 where that is nothing."""
    lower, centre, upper = np.quantile(features, (0.25, 0.5, 0.75), axis=0)
    spread = upper - lower
    return centre, np.where(spread > 0.0, spread, 1.0)


def _ridge(design: FloatArray, target: FloatArray, ridge: float) -> FloatArray:
    """Find the least squares with a penalty on all weights but the first."""
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    weights: FloatArray = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ target)
    return weights
