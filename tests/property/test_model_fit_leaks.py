"""Every planted leak of a fit or a split is found, and none in ours."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.model.learning import splits
from morningstar_strategy.model.learning.baselines import HAR_COLUMNS, Baselines, fit, ln_variance
from morningstar_strategy.model.learning.dataset import Panel, usable
from morningstar_strategy.model.learning.leaks import scaler_window, split_leak
from tests.rows import HOUR_NS, SMALL, panel

DAY_NS: Final = 24 * HOUR_NS

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


FIT_LEAKS: Final = (
    baselines_of_train_and_test,
    scaler_of_all_rows,
    threshold_of_all_rows,
    har_of_train_and_test,
    prior_of_the_test_rows,
    quantiles_of_one_test_row,
)


@pytest.mark.parametrize("fitted", FIT_LEAKS)
def test_a_number_fitted_on_later_rows_is_found(fitted: Callable[[Panel], FloatArray]) -> None:
    found = scaler_window(fitted, PANEL, TRAIN)
    assert found is not None
    assert found.detector == "scaler_window"


@pytest.mark.parametrize("fitted", [baselines_of_train, scaler_of_train])
def test_what_we_fit_knows_its_training_rows_only(fitted: Callable[[Panel], FloatArray]) -> None:
    assert scaler_window(fitted, PANEL, TRAIN) is None


# ---- splits


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


SPLIT_LEAKS: Final = (
    by_decision_time_only,
    purged_without_embargo,
    at_random,
    by_another_instrument,
    labels_unknown,
)


@pytest.mark.parametrize("split", SPLIT_LEAKS)
def test_a_split_that_lets_labels_reach_the_test_is_found(
    split: Callable[[splits.Fold, IntArray], IntArray],
) -> None:
    for fold in FOLDS[1:]:
        test = splits.test_rows(PANEL, fold, ROWS)
        test = test[PANEL.instrument[test] == 1]
        train = np.setdiff1d(split(fold, ROWS), test)
        found = split_leak(PANEL, train, test, embargo_ns=5 * DAY_NS)
        assert found is not None
        assert found.detector == "split_leak"


@settings(max_examples=50)
@given(st.integers(0, 60 * DAY_NS), st.integers(1, 5))
def test_our_splits_let_no_label_reach_a_test(embargo: int, stride: int) -> None:
    first, last = int(PANEL.ts_event.min()), int(PANEL.ts_event.max())
    for fold in splits.quarterly(first, last + 1, embargo_ns=embargo):
        train = splits.train_rows(PANEL, fold, ROWS, stride=stride)
        test = splits.test_rows(PANEL, fold, ROWS)
        assert split_leak(PANEL, train, test, embargo_ns=embargo) is None


def test_a_row_on_both_sides_is_named() -> None:
    found = split_leak(PANEL, TEST[:2], TEST[1:])
    assert found is not None
    assert found.message == f"row {TEST[1]} is in train and in test"


def test_a_check_of_no_rows_or_of_a_negative_embargo_is_refused() -> None:
    with pytest.raises(ValueError, match="train must have rows"):
        scaler_window(scaler_of_train, PANEL, TRAIN[:0])
    with pytest.raises(ValueError, match="embargo_ns must not be negative, was -1"):
        split_leak(PANEL, TRAIN, TEST, embargo_ns=-1)
    assert split_leak(PANEL, TRAIN[:0], TEST) is None
