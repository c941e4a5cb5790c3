"""What a model must beat: priors, the HAR regression, persistence and train quantiles."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.features import index_of
from morningstar_strategy.model.heads import QUANTILES, Forecast
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.labels import Int8Array, LabelConfig

__all__ = ["HAR_COLUMNS", "Baselines", "Targets", "ewma", "fit", "forecast", "ln_variance"]
__all__ += ["targets"]

HAR_COLUMNS: Final = tuple(
    index_of(name)
    for name in (
        "log_volatility_96",
        "log_volatility_12_96",
        "log_volatility_48_96",
        "log_volatility_96_480",
    )
)
_MIN_VARIANCE: Final = 1e-16  # of one bar: the floor of the feature's sigma, squared


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baselines:
    """Everything that forecasts without a model, fitted on training rows only."""

    touch: float  # P(touch)
    direction: float  # P(up | touch)
    har: FloatArray  # [5], weights of `HAR_COLUMNS`, then the intercept, for ln rv
    turbulent_threshold: FloatArray  # [instruments], of rv_long and rv_past
    turbulent_after: FloatArray  # [2], P(turbulent | calm behind) and P(turbulent | turbulent)
    turbulent: float  # P(turbulent)
    mfe_q: FloatArray  # [4]
    mae_q: FloatArray  # [4]

    def __post_init__(self) -> None:
        for name in ("touch", "direction", "turbulent"):
            if not 0.0 < (p := getattr(self, name)) < 1.0:
                raise ValueError(f"{name} must be in (0, 1), was {p}")
        sizes = {"har": 5, "turbulent_after": 2, "mfe_q": len(QUANTILES), "mae_q": len(QUANTILES)}
        for name, size in sizes.items():
            if (shape := getattr(self, name).shape) != (size,):
                raise ValueError(f"{name} must have shape {(size,)}, was {shape}")
        for name in (*sizes, "turbulent_threshold"):
            if not np.isfinite(column := getattr(self, name)).all():
                raise ValueError(f"{name} must be finite, was {column.tolist()}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """What came, of N rows, as models learn it."""

    touch: Int8Array  # [N], 1 or 0
    up: Int8Array  # [N], 1 or 0, -1 where nothing was touched
    ln_rv: FloatArray  # [N]
    turbulent: Int8Array  # [N], 1 or 0, against the threshold that the training rows gave
    mfe: FloatArray  # [N]
    mae: FloatArray  # [N]

    def __len__(self) -> int:
        return len(self.touch)

    def take(self, rows: IntArray | npt.NDArray[np.bool_]) -> "Targets":
        """Give the targets of some rows."""
        return Targets(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


def fit(panel: Panel, rows: IntArray, config: LabelConfig) -> Baselines:
    """Fit every baseline on the training rows and on nothing else.

    Probabilities are (k + 1) / (n + 2), so that none is ever 0 or 1.
    Raises ValueError where there are fewer rows than weights or one without labels.
    """
    if len(rows) < 10:
        raise ValueError(f"rows must be at least 10, were {len(rows)}")
    if not panel.labels.valid[rows].all():
        row = int(rows[np.argmin(panel.labels.valid[rows])])
        raise ValueError(f"rows must have labels, row {row} has none")
    labels = panel.labels.take(rows)
    threshold = _thresholds(panel, rows, config.regime_quantile)
    limit = threshold[panel.instrument[rows]]
    before, after = labels.rv_past > limit, labels.rv_long > limit
    return Baselines(
        touch=_share(labels.touch == 1),
        direction=_share(labels.up[labels.touch == 1] == 1),
        har=_har(_har_columns(panel, rows), ln_variance(labels.rv, panel.horizon)),
        turbulent_threshold=threshold,
        turbulent_after=np.array([_share(after[~before]), _share(after[before])]),
        turbulent=_share(after),
        mfe_q=np.quantile(labels.mfe, QUANTILES),
        mae_q=np.quantile(labels.mae, QUANTILES),
    )


def forecast(panel: Panel, rows: IntArray, baselines: Baselines) -> Forecast:
    """Forecast the rows without a model."""
    count = len(rows)
    limit = baselines.turbulent_threshold[panel.instrument[rows]]
    behind = (panel.labels.rv_past[rows] > limit).astype(np.int64)
    return Forecast(
        touch=np.full(count, baselines.touch),
        direction=np.full(count, baselines.direction),
        ln_rv=_har_columns(panel, rows) @ baselines.har,
        turbulent=baselines.turbulent_after[behind],
        mfe_q=np.tile(baselines.mfe_q, (count, 1)),
        mae_q=np.tile(baselines.mae_q, (count, 1)),
    )


def ewma(panel: Panel, rows: IntArray) -> FloatArray:
    """Forecast ln variance over the horizon as if today's volatility stayed: ln(H sigma^2)."""
    return np.asarray(2.0 * np.log(panel.labels.scale[rows]), dtype=np.float64)


def targets(panel: Panel, rows: IntArray, baselines: Baselines) -> Targets:
    """Give what came of the rows; turbulent is above the threshold of the training rows."""
    labels = panel.labels.take(rows)
    limit = baselines.turbulent_threshold[panel.instrument[rows]]
    return Targets(
        touch=labels.touch,
        up=labels.up,
        ln_rv=ln_variance(labels.rv, panel.horizon),
        turbulent=(labels.rv_long > limit).astype(np.int8),
        mfe=labels.mfe,
        mae=labels.mae,
    )


def ln_variance(rv: FloatArray, horizon: int) -> FloatArray:
    """Take the logarithm of a variance over the horizon; a dead market counts as a tiny one."""
    return np.asarray(np.log(np.maximum(rv, horizon * _MIN_VARIANCE)), dtype=np.float64)


def _har(columns: FloatArray, ln_rv: FloatArray) -> FloatArray:
    """Fit by least squares, then shift the intercept to where QLIKE is least.

    Least squares of a logarithm aims at the median, QLIKE asks for the mean: without the shift of
    ln mean exp(residual), Duan (1983) "Smearing estimate", anything that merely knows the
    difference would beat the baseline.
    """
    weights, *_ = np.linalg.lstsq(columns, ln_rv, rcond=None)
    weights[-1] += np.log(np.mean(np.exp(ln_rv - columns @ weights)))
    return np.asarray(weights, dtype=np.float64)


def _har_columns(panel: Panel, rows: IntArray) -> FloatArray:
    columns = panel.features[np.ix_(rows, HAR_COLUMNS)].astype(np.float64)
    return np.column_stack((columns, np.ones(len(rows))))


def _thresholds(panel: Panel, rows: IntArray, quantile: float) -> FloatArray:
    """Fit one threshold per instrument; one that has no training rows takes that of all."""
    variance, owner = panel.labels.rv_long[rows], panel.instrument[rows]
    pooled = float(np.quantile(variance, quantile))
    own = [variance[owner == index] for index in range(len(panel.instruments))]
    return np.array([np.quantile(each, quantile) if len(each) else pooled for each in own])


def _share(events: npt.NDArray[np.bool_]) -> float:
    return (int(np.count_nonzero(events)) + 1) / (len(events) + 2)
