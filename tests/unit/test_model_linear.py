"""Examples of the logistic family: straight lines, and constants where it learns nothing."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.learning import baselines, graphs
from morningstar_strategy.model.learning.families import family
from morningstar_strategy.model.learning.linear import LogisticFamily
from morningstar_strategy.model.learning.tasks import FitTask
from tests.fits import bars_of, fit_task


def unheard(_: float) -> None: ...


@cache
def task() -> FitTask:
    return fit_task()


def scaled() -> FloatArray:
    features = task().panel.features[task().rows].astype(np.float64)
    lower, middle, upper = np.quantile(features, (0.25, 0.5, 0.75), axis=0)
    lines: FloatArray = np.clip((features - middle) / (upper - lower), -5.0, 5.0)
    return lines


def test_the_graph_is_the_regression_of_the_textbook() -> None:
    outputs = graphs.run_raw(LogisticFamily().fit(task(), unheard), bars_of(task()))
    targets, lines = task().targets, scaled()
    touched = targets.touch == 1
    for name, rows, label in (
        ("touch_logit", slice(None), targets.touch),
        ("direction_logit", touched, targets.up[touched]),
        ("turbulent_logit", slice(None), targets.turbulent),
    ):
        known = LogisticRegression(C=0.1, tol=1e-10, max_iter=9_000).fit(lines[rows], label)
        np.testing.assert_allclose(outputs[name], known.decision_function(lines), atol=1e-4)
    har = baselines.forecast(task().panel, task().rows, task().baselines).ln_rv
    above = Ridge(alpha=10.0).fit(lines, targets.ln_rv - har).predict(lines)
    above += np.log(np.mean(np.exp(targets.ln_rv - har - above)))
    np.testing.assert_allclose(outputs["ln_rv"], har + above, atol=1e-4)


def test_quantiles_are_those_of_the_training_rows() -> None:
    outputs = graphs.run_raw(LogisticFamily().fit(task(), unheard), bars_of(task())[:7])
    for name in ("mfe_q", "mae_q"):
        expected = np.tile(getattr(task().baselines, name), (7, 1))
        np.testing.assert_allclose(outputs[name], expected, rtol=1e-6)


def test_a_feature_that_never_moves_does_no_harm() -> None:
    still = task().panel.features.copy()
    still[:, 3] = 7.0
    panel = dataclasses.replace(task().panel, features=still)
    given = dataclasses.replace(task(), panel=panel)
    outputs = graphs.run_raw(LogisticFamily().fit(given, unheard), bars_of(given))
    assert all(np.isfinite(values).all() for values in outputs.values())


def test_the_same_task_gives_the_same_graph() -> None:
    heard: list[float] = []
    first = LogisticFamily().fit(task(), heard.append)
    assert first == LogisticFamily().fit(task(), unheard)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert family("logistic", {"ridge": 10.0}) == LogisticFamily()


def test_unsound_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ridge must be positive and finite, was 0\.0"):
        LogisticFamily(ridge=0.0)
