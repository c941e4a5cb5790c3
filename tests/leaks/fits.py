"""Planted leaks of fits and splits: numbers and rows that know the test."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector, Finding
from backtests.leaks.learning import embargo, scaler_window
from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.model.learning import splits
from morningstar_strategy.model.learning.baselines import HAR_COLUMNS, Baselines, fit, ln_variance
from morningstar_strategy.model.learning.calibration import fit_platt, logistic
from morningstar_strategy.model.learning.dataset import Panel, usable
from tests.leaks.planting import Plant, named
from tests.rows import HOUR_NS, SMALL, panel

__all__ = ["DAY_NS", "FITS", "FIT_LEAKS", "FOLDS", "HONEST_FITS", "PANEL", "ROWS", "SPLIT_LEAKS"]
__all__ += ["TEST", "TRAIN", "found_in_split", "scaler_of_train"]

type Fitted = Callable[[Panel], FloatArray]
type Split = Callable[[splits.Fold, IntArray], IntArray]

DAY_NS: Final = 24 * HOUR_NS
_EPOCHS: Final = 12

PANEL: Final = panel(11, 12, count=WARMUP + 500, step_ns=12 * HOUR_NS)
ROWS: Final = usable(PANEL, 4)
FOLDS: Final = splits.quarterly(
    int(PANEL.ts_event.min()), int(PANEL.ts_event.max()) + 1, embargo_ns=5 * DAY_NS
)
TRAIN: Final = splits.train_rows(PANEL, FOLDS[1], ROWS, stride=2)
TEST: Final = splits.test_rows(PANEL, FOLDS[1], ROWS)
BOTH: Final = np.concatenate((TRAIN, TEST))


def numbers(fitted: Baselines) -> FloatArray:
    columns = (fitted.har, fitted.turbulent_threshold, fitted.turbulent_after)
    shares = [fitted.touch, fitted.direction, fitted.turbulent]
    return np.concatenate((*columns, fitted.mfe_q, fitted.mae_q, shares))


def baselines_of_train(data: Panel) -> FloatArray:
    return numbers(fit(data, TRAIN, SMALL))


def baselines_of_train_and_test(data: Panel) -> FloatArray:
    return numbers(fit(data, BOTH, SMALL))


def scaler_of_train(data: Panel) -> FloatArray:
    spread = np.quantile(data.features[TRAIN], (0.25, 0.5, 0.75), axis=0)
    return spread.ravel().astype(np.float64)


def scaler_of_all_rows(data: Panel) -> FloatArray:
    return np.median(data.features, axis=0).astype(np.float64)


def threshold_of_all_rows(data: Panel) -> FloatArray:
    return np.array([np.nanquantile(data.labels.rv_long, 0.8)])


def har_of_train_and_test(data: Panel) -> FloatArray:
    columns = data.features[np.ix_(BOTH, HAR_COLUMNS)].astype(np.float64)
    weights, *_ = np.linalg.lstsq(columns, ln_variance(data.labels.rv[BOTH], 6), rcond=None)
    return np.asarray(weights, dtype=np.float64)


def prior_of_the_test_rows(data: Panel) -> FloatArray:
    return np.array([data.labels.touch[TEST].mean()])


def quantiles_of_one_test_row(data: Panel) -> FloatArray:
    rows = np.append(TRAIN, TEST[-1])
    return np.array([np.quantile(data.labels.mae[rows], q) for q in (0.25, 0.5, 0.75, 0.9)])


def calibration_of(data: Panel, rows: IntArray) -> FloatArray:
    """Calibrate a score that was there before."""
    platt = fit_platt(data.features[rows, HAR_COLUMNS[0]], data.labels.touch[rows])
    return np.array([platt.offset, platt.slope])


def calibration_on_the_test(data: Panel) -> FloatArray:
    return calibration_of(data, TEST)


def calibration_on_train(data: Panel) -> FloatArray:
    return calibration_of(data, TRAIN)


def descended(data: Panel, rows: IntArray, judge: IntArray) -> FloatArray:
    """Descend by epochs and keep the weights that some rows like best."""
    x = np.column_stack((np.ones(len(data)), np.tanh(data.features[:, HAR_COLUMNS])))
    y, weights, kept, least = data.labels.touch, np.zeros(x.shape[1]), np.zeros(x.shape[1]), np.inf
    for _ in range(_EPOCHS):
        p = 1.0 / (1.0 + np.exp(-(x[rows] @ weights)))
        weights = weights - 2.0 * x[rows].T @ (p - y[rows]) / len(rows)
        z = x[judge] @ weights
        loss = float((np.logaddexp(0.0, z) - y[judge] * z).mean())
        if loss < least:
            kept, least = weights, loss
    return kept


def early_stopping_on_the_test(data: Panel) -> FloatArray:
    return descended(data, TRAIN, TEST)


def early_stopping_on_the_end_of_train(data: Panel) -> FloatArray:
    return descended(data, TRAIN[: -len(TRAIN) // 4], TRAIN[-len(TRAIN) // 4 :])


def encoding_of(data: Panel, rows: IntArray) -> FloatArray:
    """Encode the hour of the day as how often a barrier was touched."""
    hour = (data.ts_event // HOUR_NS) % 24
    return np.array(
        [data.labels.touch[rows[hour[rows] == h]].mean() for h in np.unique(hour[rows])]
    )


def target_encoded_by_all_rows(data: Panel) -> FloatArray:
    return encoding_of(data, ROWS)


def target_encoded_by_train(data: Panel) -> FloatArray:
    return encoding_of(data, TRAIN)


def columns_chosen_by_all_rows(data: Panel) -> FloatArray:
    """Choose the columns that follow the label best, and learn on the training rows alone."""
    x, y = data.features[BOTH].astype(np.float64), data.labels.touch[BOTH].astype(np.float64)
    follows = np.abs((x - x.mean(axis=0)).T @ (y - y.mean())) / (x.std(axis=0) + 1e-12)
    chosen = np.sort(np.argsort(follows)[-5:])
    design = np.column_stack((np.ones(len(TRAIN)), np.tanh(data.features[np.ix_(TRAIN, chosen)])))
    weights = logistic(design, data.labels.touch[TRAIN].astype(np.float64), ridge=1.0)
    return np.concatenate((chosen, weights))


FIT_LEAKS: Final = (
    baselines_of_train_and_test,
    scaler_of_all_rows,
    threshold_of_all_rows,
    har_of_train_and_test,
    prior_of_the_test_rows,
    quantiles_of_one_test_row,
    calibration_on_the_test,
    early_stopping_on_the_test,
    target_encoded_by_all_rows,
    columns_chosen_by_all_rows,
)
HONEST_FITS: Final = (
    baselines_of_train,
    scaler_of_train,
    calibration_on_train,
    early_stopping_on_the_end_of_train,
    target_encoded_by_train,
)


def by_decision_time_only(fold: splits.Fold, rows: IntArray) -> IntArray:
    """Take every row before the test: no purge."""
    return rows[PANEL.ts_event[rows] < fold.test_start_ns]


def purged_without_embargo(fold: splits.Fold, rows: IntArray) -> IntArray:
    return rows[PANEL.labels.t_end[rows] < fold.test_start_ns]


def at_random(fold: splits.Fold, rows: IntArray) -> IntArray:
    """Split as if rows were independent."""
    half: IntArray = np.random.default_rng(7).permutation(rows)[: len(rows) // 2]
    return half


def by_another_instrument(fold: splits.Fold, rows: IntArray) -> IntArray:
    """Take the test's span of the first instrument: the second one moves with it."""
    first: IntArray = rows[PANEL.instrument[rows] == 0]
    return first


def labels_unknown(fold: splits.Fold, rows: IntArray) -> IntArray:
    """Take rows whose labels never ended."""
    known = splits.train_rows(PANEL, fold, rows, stride=1)
    unknown = np.flatnonzero(~PANEL.labels.valid)
    both: IntArray = np.concatenate((known, unknown))
    return both


def every_second_block(fold: splits.Fold, rows: IntArray) -> IntArray:
    """Fold as if time did not matter: blocks before and after the test alike."""
    blocks: IntArray = rows[(PANEL.ts_event[rows] // (30 * DAY_NS)) % 2 == 0]
    return blocks


SPLIT_LEAKS: Final = (
    by_decision_time_only,
    purged_without_embargo,
    at_random,
    by_another_instrument,
    labels_unknown,
    every_second_block,
)


def as_we_split(fold: splits.Fold, rows: IntArray) -> IntArray:
    return splits.train_rows(PANEL, fold, rows, stride=1)


def found_in_split(split: Split, fold: splits.Fold) -> Finding | None:
    """Look at what a split of the rows leaves to learn from, one instrument's rows tested."""
    test = splits.test_rows(PANEL, fold, ROWS)
    test = test[PANEL.instrument[test] == 1]
    train = np.setdiff1d(split(fold, ROWS), test)
    return embargo(PANEL, train, test, embargo_ns=5 * DAY_NS)


def _fitted(fitted: Fitted, detector: Detector | None) -> Plant:
    find = partial(scaler_window, fitted, PANEL, TRAIN)
    return Plant(name=named(fitted), detector=detector, find=find)


def _split(split: Split, detector: Detector | None) -> Plant:
    return Plant(
        name=f"split {named(split)}",
        detector=detector,
        find=partial(found_in_split, split, FOLDS[1]),
    )


FITS: Final = (
    *(_fitted(each, Detector.SCALER_WINDOW) for each in FIT_LEAKS),
    *(_fitted(each, None) for each in HONEST_FITS),
    *(_split(each, Detector.EMBARGO) for each in SPLIT_LEAKS),
    _split(as_we_split, None),
)
