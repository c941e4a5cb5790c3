"""Every planted leak of a fit or a split is found, and none in ours."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.leaks.learning import embargo, scaler_window
from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model.learning import splits
from morningstar_strategy.model.learning.dataset import Panel
from tests.leaks.fits import (
    DAY_NS,
    FIT_LEAKS,
    FOLDS,
    HONEST_FITS,
    PANEL,
    ROWS,
    SPLIT_LEAKS,
    TEST,
    TRAIN,
    found_in_split,
    scaler_of_train,
)


@pytest.mark.parametrize("fitted", FIT_LEAKS)
def test_a_number_fitted_on_later_rows_is_found(fitted: Callable[[Panel], FloatArray]) -> None:
    found = scaler_window(fitted, PANEL, TRAIN)
    assert found is not None
    assert found.detector == "scaler_window"


@pytest.mark.parametrize("fitted", HONEST_FITS)
def test_what_we_fit_knows_its_training_rows_only(fitted: Callable[[Panel], FloatArray]) -> None:
    assert scaler_window(fitted, PANEL, TRAIN) is None


# ---- splits


@pytest.mark.parametrize("split", SPLIT_LEAKS)
def test_a_split_that_lets_labels_reach_the_test_is_found(
    split: Callable[[splits.Fold, IntArray], IntArray],
) -> None:
    for fold in FOLDS[1:]:
        found = found_in_split(split, fold)
        assert found is not None
        assert found.detector == "embargo"


@settings(max_examples=50)
@given(st.integers(0, 60 * DAY_NS), st.integers(1, 5))
def test_our_splits_let_no_label_reach_a_test(kept_ns: int, stride: int) -> None:
    first, last = int(PANEL.ts_event.min()), int(PANEL.ts_event.max())
    for fold in splits.quarterly(first, last + 1, embargo_ns=kept_ns):
        train = splits.train_rows(PANEL, fold, ROWS, stride=stride)
        test = splits.test_rows(PANEL, fold, ROWS)
        assert embargo(PANEL, train, test, embargo_ns=kept_ns) is None


def test_a_row_on_both_sides_is_named() -> None:
    found = embargo(PANEL, TEST[:2], TEST[1:])
    assert found is not None
    assert found.message == f"row {TEST[1]} is in train and in test"


def test_a_check_of_no_rows_or_of_a_negative_embargo_is_refused() -> None:
    with pytest.raises(ValueError, match="train must have rows"):
        scaler_window(scaler_of_train, PANEL, TRAIN[:0])
    with pytest.raises(ValueError, match="embargo_ns must not be negative, was -1"):
        embargo(PANEL, TRAIN, TEST, embargo_ns=-1)
    assert embargo(PANEL, TRAIN[:0], TEST) is None
