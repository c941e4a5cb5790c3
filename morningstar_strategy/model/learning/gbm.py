"""The gbm family: gradient-boosted trees for every head, as one graph."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from morningstar_strategy.model.heads import QUANTILES
from morningstar_strategy.model.learning import baselines
from morningstar_strategy.model.learning.sketch import raw_graph
from morningstar_strategy.model.learning.tasks import FitTask
from morningstar_strategy.model.learning.trees import draw_forest

__all__ = ["GbmFamily"]

_FARTHEST: Final = 6.0  # ln ratio of two variances beyond which QLIKE is not followed

type Params = dict[str, int | float | str | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class GbmFamily:
    """Boost touch, direction, variance above HAR, turbulence and eight quantiles.

    Direction has next to no content, so its trees are few, small and made of many rows each.
    """

    trees: int = 150
    leaves: int = 15
    learning_rate: float = 0.05
    leaf_rows: int = 100  # at least so many rows in each leaf
    direction_trees: int = 60
    direction_leaves: int = 4
    direction_leaf_share: float = 0.05  # of the touched rows
    quantile_trees: int = 40
    quantile_leaves: int = 6
    row_share: float = 0.7  # of the rows, drawn for every tree
    feature_share: float = 0.6  # of the features, drawn for every tree
    l2: float = 1.0
    bins: int = 63  # of each feature

    def __post_init__(self) -> None:
        for name in ("trees", "direction_trees", "quantile_trees", "leaf_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, was {getattr(self, name)}")
        for name in ("leaves", "direction_leaves", "quantile_leaves", "bins"):
            if not 2 <= getattr(self, name) <= 255:
                raise ValueError(f"{name} must be in [2, 255], was {getattr(self, name)}")
        for name in ("learning_rate", "row_share", "feature_share", "direction_leaf_share"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in (0, 1], was {getattr(self, name)}")
        if not 0.0 <= self.l2 < np.inf:
            raise ValueError(f"l2 must be finite and not negative, was {self.l2}")

    @property
    def name(self) -> str:
        """Name the family."""
        return "gbm"

    @property
    def window(self) -> int:
        """Look at the last bar only: its features hold the past."""
        return 1

    @property
    def recipe(self) -> dict[str, int | float | str]:
        """Give everything that defines the fit."""
        return asdict(self)

    def fit(self, task: FitTask, progress: Callable[[float], None]) -> bytes:
        """Boost every head and return the raw graph."""
        models = [each.dump_model() for each in self.boost(task, progress)]
        return raw_graph(
            task.panel.features.shape[1],
            task.baselines.har,
            lambda sketch, last: draw_forest(sketch, last, models),
            name=self.name,
        )

    def boost(self, task: FitTask, progress: Callable[[float], None]) -> tuple[lgb.Booster, ...]:
        """Boost head after head, in the order of the score table."""
        common = self._common(task)
        features = np.ascontiguousarray(task.panel.features[task.rows])
        known = task.targets.touch == 1
        rows = lgb.Dataset(features, params=common)
        touched = lgb.Dataset(features[known], params=common)
        har = baselines.forecast(task.panel, task.rows, task.baselines).ln_rv
        above = np.clip(task.targets.ln_rv - har, -_FARTHEST, _FARTHEST)
        total = 3 * self.trees + self.direction_trees + 2 * len(QUANTILES) * self.quantile_trees
        count = _Counter(total, progress)
        large: Params = {"num_leaves": self.leaves, "min_data_in_leaf": self.leaf_rows}
        binary = common | large | {"objective": "binary"}
        # The deviance of a gamma distribution is QLIKE: what is judged is what is learnt
        variance = common | large | {"objective": "gamma"}
        direction = binary | {
            "num_leaves": self.direction_leaves,
            "min_data_in_leaf": max(1, round(self.direction_leaf_share * int(known.sum()))),
        }
        return (
            _boosted(binary, rows, task.targets.touch, self.trees, count),
            _boosted(direction, touched, task.targets.up[known], self.direction_trees, count),
            _boosted(variance, rows, np.exp(above), self.trees, count),
            _boosted(binary, rows, task.targets.turbulent, self.trees, count),
            *(
                _boosted(self._quantile(variance, share), rows, reach, self.quantile_trees, count)
                for reach in (task.targets.mfe, task.targets.mae)
                for share in QUANTILES
            ),
        )

    def _quantile(self, params: Params, share: float) -> Params:
        return params | {
            "objective": "quantile",
            "alpha": share,
            "num_leaves": self.quantile_leaves,
        }

    def _common(self, task: FitTask) -> Params:
        return {
            "learning_rate": self.learning_rate,
            "lambda_l2": self.l2,
            "max_bin": self.bins,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "seed": task.seed,
            "num_threads": task.threads,
            "deterministic": True,
            "force_row_wise": True,
            "use_missing": False,
            "feature_pre_filter": False,  # so that all heads share one binning
            "verbosity": -1,
        }


class _Counter:
    """Report the share of trees that have grown."""

    def __init__(self, total: int, progress: Callable[[float], None]) -> None:
        self._grown = 0
        self._total = total
        self._progress = progress

    def __call__(self, _: lgb.callback.CallbackEnv) -> None:
        self._grown += 1
        self._progress(self._grown / self._total)


def _boosted(
    params: Params, rows: lgb.Dataset, label: npt.NDArray[Any], trees: int, count: _Counter
) -> lgb.Booster:
    rows.set_label(label)
    return lgb.train(params, rows, trees, callbacks=[count])
