"""Forecasts with planted skill, or planted lack of it, that the tests of the evaluation judge."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np

from morningstar_strategy.core import features
from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.model.heads import QUANTILES, Forecast
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.labels import LabelConfig, Labels, label
from morningstar_strategy.model.learning.out_of_sample import OutOfSample
from morningstar_strategy.model.manifest import Draft
from tests.models import draft

HOUR_NS: Final = 3_600_000_000_000
START_NS: Final = 1_672_531_200_000_000_000  # 2023-01-01
CONFIG: Final = LabelConfig(horizon=12, min_barrier=0.002, regime_horizon=24)
_COLUMNS: Final = ("touch", "up", "hit", "ret", "rv", "rv_long", "rv_past", "mfe", "mae", "scale")
_ALL: Final = (*_COLUMNS, "barrier", "t_end", "valid")


def market_panel(seed: int = 1, *, instruments: int = 3, bars: int = 2_400) -> Panel:
    """Build hourly random walks that move together, with real labels and blank features."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0.0, 0.004, bars)
    pieces = [_series(rng, common) for _ in range(instruments)]
    labels = [label(piece, _sigma(piece), CONFIG) for piece in pieces]
    count = instruments * bars
    return Panel(
        instruments=tuple(f"I{number}" for number in range(instruments)),
        interval_ns=HOUR_NS,
        horizon=CONFIG.horizon,
        features=np.zeros((count, len(features.NAMES)), np.float32),
        instrument=np.repeat(np.arange(instruments, dtype=np.int16), bars),
        ts_event=np.concatenate([piece.ts_event for piece in pieces]),
        close=np.concatenate([piece.close for piece in pieces]),
        age=np.tile(np.arange(1, bars + 1, dtype=np.int32), instruments),
        labels=Labels(
            **{name: np.concatenate([getattr(own, name) for own in labels]) for name in _ALL}
        ),
        data_sha256="0" * 64,
    )


def out_of_sample(
    panel: Panel,
    *,
    direction: Mapping[str, float],
    volatility: Mapping[str, float] | None = None,
    seed: int = 2,
) -> OutOfSample:
    """Plant forecasts on all labelled rows, in two folds.

    `direction` gives each family's logit in favour of what comes (0 knows nothing, below zero is
    wrong), `volatility` the noise of its log variance; the baselines' noise is 0.8.
    """
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(panel.labels.valid)
    middle = np.median(panel.ts_event[rows])
    fold = (panel.ts_event[rows] > middle).astype(np.int16)
    order = np.lexsort((rows, fold))
    rows, fold = rows[order].astype(np.int64), fold[order]
    turbulent = (panel.labels.rv_long[rows] > np.quantile(panel.labels.rv_long[rows], 0.8)).astype(
        np.int8
    )
    reference = reference_of(panel, rows, rng)
    noise = volatility or {}
    return OutOfSample(
        rows=rows,
        fold=fold,
        folds=("2023Q1", "2023Q2"),
        reference=reference,
        ewma=np.log(panel.labels.rv[rows]) + rng.normal(0.0, 1.0, len(rows)),
        turbulent=turbulent,
        families={
            name: planted(panel, rows, reference, turbulent, favour, noise.get(name, 0.8), rng)
            for name, favour in direction.items()
        },
    )


def reference_of(panel: Panel, rows: np.ndarray, rng: np.random.Generator) -> Forecast:
    """Make baselines that know the base rates and a blurred variance."""
    labels, count = panel.labels, len(rows)
    touched = labels.touch[rows] == 1
    return Forecast(
        touch=np.full(count, touched.mean()),
        direction=np.full(count, (labels.up[rows][touched] == 1).mean()),
        ln_rv=np.log(labels.rv[rows]) + rng.normal(0.0, 0.8, count),
        turbulent=np.full(count, 0.2),
        mfe_q=np.tile(np.quantile(labels.mfe[rows], QUANTILES), (count, 1)),
        mae_q=np.tile(np.quantile(labels.mae[rows], QUANTILES), (count, 1)),
    )


def planted(
    panel: Panel,
    rows: np.ndarray,
    reference: Forecast,
    turbulent: np.ndarray,
    favour: float,
    noise: float,
    rng: np.random.Generator,
) -> Forecast:
    """Make forecasts that lean towards what comes by `favour`, and blur the variance by `noise`."""
    labels, count = panel.labels, len(rows)
    sign = np.where(labels.up[rows] == 1, 1.0, -1.0) * (labels.touch[rows] == 1)
    lean = favour * sign + rng.normal(0.0, 0.15, count)
    return replace(
        reference,
        touch=_logistic(0.5 * (2.0 * labels.touch[rows] - 1.0) + rng.normal(0.0, 1.0, count)),
        direction=_logistic(lean),
        ln_rv=np.log(labels.rv[rows]) + rng.normal(0.0, noise, count),
        turbulent=np.clip(0.2 + 0.1 * (turbulent - 0.2) + rng.normal(0, 0.02, count), 0.01, 0.99),
    )


def facts(family: str = "gbm") -> Draft:
    """State the facts of a model that was never made."""
    stated: dict[str, object] = {
        "model_id": f"{family}-1h-20230401-0123abcd",
        "family": family,
        "interval": "1h",
        "window": 1,
        "instruments": ("I0", "I1", "I2"),
        "created": datetime(2023, 6, 1, tzinfo=UTC),
        "life_days": 365,
        "train_start": datetime(2022, 1, 1, tzinfo=UTC),
        "train_end": datetime(2023, 3, 1, tzinfo=UTC),
        "test_start": datetime(2023, 3, 3, tzinfo=UTC),
        "test_end": datetime(2023, 4, 10, tzinfo=UTC),
        "labels": CONFIG,
        "recipe": {"stride": 3, "families": ["gbm"]},
        "seed": 7,
        "trials": 40,
        "tolerance": 0.001,
        "data_sha256": "a" * 64,
        "data_licence": "Made up by a <random> number generator & free to use.",
        "code_sha256": "b" * 64,
        "versions": {"numpy": "2.5"},
    }
    return draft(**stated)


def _series(rng: np.random.Generator, common: FloatArray) -> BarWindow:
    count = len(common)
    steps = 0.7 * common + rng.normal(0.0, 0.003, count)
    close = 100.0 * np.exp(np.cumsum(steps))
    open_ = np.concatenate(([100.0], close[:-1]))
    above, below = np.exp(np.abs(rng.normal(0.0, 0.0015, (2, count))))
    return BarWindow(
        ts_event=START_NS + HOUR_NS * np.arange(1, count + 1),
        open=open_,
        high=np.maximum(open_, close) * above,
        low=np.minimum(open_, close) / below,
        close=close,
        volume=np.ones(count),
    )


def _sigma(bars: BarWindow) -> FloatArray:
    sigma = np.full(len(bars), 0.004)
    sigma[:48] = np.nan
    return sigma


def _logistic(logit: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
