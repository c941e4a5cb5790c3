"""Examples of Platt calibration and of the logistic regression below it."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from morningstar_strategy.model.learning.calibration import (
    IDENTITY,
    Calibration,
    Platt,
    apply,
    fit_platt,
    logistic,
)


def test_logits_without_skill_become_the_base_rate() -> None:
    rng = np.random.default_rng(1)
    logit, label = rng.standard_normal(40_000), rng.random(40_000) < 0.3
    platt = fit_platt(logit, label)
    assert platt.slope < 0.02
    np.testing.assert_allclose(apply(platt, logit), 0.3, atol=0.02)


def test_logits_that_point_the_wrong_way_are_not_turned_round() -> None:
    rng = np.random.default_rng(2)
    logit = rng.standard_normal(5_000)
    label = rng.random(5_000) < 1.0 / (1.0 + np.exp(logit))
    platt = fit_platt(logit, label)
    assert platt.slope == 0.0
    assert platt.offset == pytest.approx(np.log(label.mean() / (1.0 - label.mean())))


def test_overconfident_logits_are_brought_back() -> None:
    rng = np.random.default_rng(3)
    truth = rng.standard_normal(200_000)
    label = rng.random(len(truth)) < 1.0 / (1.0 + np.exp(-truth))
    platt = fit_platt((truth + 0.5) / 0.4, label)  # a known distortion
    assert platt.slope == pytest.approx(0.4, abs=0.02)
    assert platt.offset == pytest.approx(-0.5, abs=0.03)


def test_timid_logits_are_not_made_bolder() -> None:
    rng = np.random.default_rng(4)
    truth = rng.standard_normal(20_000)
    label = rng.random(len(truth)) < 1.0 / (1.0 + np.exp(-truth))
    assert fit_platt(truth / 3.0, label).slope == 1.0
    assert fit_platt(truth / 3.0, label, slope_limit=9.0).slope == pytest.approx(3.0, abs=0.15)


def test_logits_that_separate_perfectly_stop_at_the_limit() -> None:
    platt = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert platt.slope == 1.0
    assert platt.offset == pytest.approx(0.0, abs=1e-9)


def test_labels_of_one_kind_give_a_rate_half_a_row_from_the_edge() -> None:
    platt = fit_platt(np.linspace(-1.0, 1.0, 10), np.ones(10))
    assert platt.slope == 0.0
    assert apply(platt, 0.0) == pytest.approx(0.95)


def test_equal_logits_have_no_skill() -> None:
    platt = fit_platt(np.full(7, 0.1), np.array([1, 0, 1, 0, 0, 1, 1]))
    assert platt.slope == 0.0
    assert apply(platt, 0.1) == pytest.approx(4 / 7)


def test_nothing_is_corrected_by_default() -> None:
    assert Calibration() == Calibration(touch=IDENTITY, direction=IDENTITY, turbulent=IDENTITY)
    assert apply(IDENTITY, np.log(3.0)) == pytest.approx(0.75)


def test_extreme_logits_neither_overflow_nor_warn() -> None:
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(apply(IDENTITY, [-1e308, 1e308]), [0.0, 1.0])
        fit_platt(np.array([-1e6, 1e6, 3.0]), np.array([1, 0, 1]))


@pytest.mark.parametrize(
    ("logit", "label", "fault"),
    [
        ([], [], r"logit and label must be equal rows, were \(0,\) and \(0,\)"),
        ([1.0], [0, 1], r"logit and label must be equal rows, were \(1,\) and \(2,\)"),
        ([1.0, np.nan], [0, 1], "logit must be finite, was nan"),
        ([1.0, 2.0], [0, -1], "label must be 0 or 1, was -1"),
    ],
)
def test_unsound_columns_are_refused(logit: list[float], label: list[int], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        fit_platt(np.array(logit), np.array(label))


def test_unsound_corrections_are_refused() -> None:
    with pytest.raises(ValueError, match=r"slope must be finite and not negative, was -0\.1"):
        Platt(offset=0.0, slope=-0.1)
    with pytest.raises(ValueError, match="offset must be finite, was nan"):
        Platt(offset=float("nan"), slope=1.0)
    with pytest.raises(ValueError, match="slope_limit must be finite and not negative, was inf"):
        fit_platt([0.0, 1.0], [0, 1], slope_limit=float("inf"))


def test_the_logistic_regression_is_that_of_the_textbook() -> None:
    rng = np.random.default_rng(5)
    features = rng.standard_normal((800, 6)) * np.array([1, 2, 5, 0.1, 1, 1])
    label = (rng.random(800) < 1.0 / (1.0 + np.exp(1.0 - features[:, 0]))).astype(np.float64)
    known = LogisticRegression(C=1.0 / 4.0, tol=1e-12, max_iter=5_000).fit(features, label)
    weights = logistic(np.column_stack((np.ones(800), features)), label, ridge=4.0)
    np.testing.assert_allclose(weights[1:], known.coef_[0], atol=1e-5)
    assert weights[0] == pytest.approx(known.intercept_[0], abs=1e-5)
