"""The baselines: fitted on the rows given, honest, and hard to beat by mere bias."""

from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.features import WARMUP, index_of
from morningstar_strategy.model.learning.baselines import HAR_COLUMNS, ewma, fit, forecast, targets
from morningstar_strategy.model.learning.dataset import Panel, usable
from morningstar_strategy.model.statistics import qlike
from tests.rows import SMALL, panel

PANEL: Final = panel(21, 22, 23, count=WARMUP + 500)
ROWS: Final = usable(PANEL, 1)
TRAIN: Final = ROWS[::3]


def with_variance(data: Panel, rv: FloatArray) -> Panel:
    return replace(data, labels=replace(data.labels, rv=rv))


def test_probabilities_are_the_shares_of_the_training_rows() -> None:
    got, labels = fit(PANEL, TRAIN, SMALL), PANEL.labels.take(TRAIN)
    count, touched = len(TRAIN), int((labels.touch == 1).sum())
    assert 50 < touched < count
    assert got.touch == (touched + 1) / (count + 2)
    assert got.direction == (int((labels.up == 1).sum()) + 1) / (touched + 2)
    assert got.turbulent == pytest.approx(1.0 - SMALL.regime_quantile, abs=0.01)


def test_probabilities_are_never_certain() -> None:
    never = replace(PANEL.labels, touch=np.zeros_like(PANEL.labels.touch))
    got = fit(replace(PANEL, labels=never), TRAIN, SMALL)
    assert got.touch == 1 / (len(TRAIN) + 2)
    assert got.direction == 0.5


def test_har_finds_the_weights_that_made_the_variance() -> None:
    weights = np.array([1.6, 0.5, -0.2, 0.3, -1.0])
    columns = np.column_stack((PANEL.features[:, HAR_COLUMNS], np.ones(len(PANEL))))
    made = with_variance(PANEL, np.exp(columns.astype(np.float64) @ weights))
    np.testing.assert_allclose(fit(made, TRAIN, SMALL).har, weights, rtol=1e-5)
    np.testing.assert_allclose(
        forecast(made, ROWS, fit(made, TRAIN, SMALL)).ln_rv, np.log(made.labels.rv[ROWS]), rtol=1e-6
    )


@pytest.mark.parametrize("shift", [-0.2, -0.01, 0.01, 0.2])
def test_no_mere_shift_beats_har_on_its_training_rows(shift: float) -> None:
    baselines = fit(PANEL, TRAIN, SMALL)
    told = forecast(PANEL, TRAIN, baselines).ln_rv
    came = targets(PANEL, TRAIN, baselines).ln_rv
    assert qlike(came, told).mean() < qlike(came, told + shift).mean()


def test_the_turbulent_threshold_is_each_instruments_own() -> None:
    got = fit(PANEL, TRAIN, SMALL).turbulent_threshold
    for index in range(3):
        mine = TRAIN[PANEL.instrument[TRAIN] == index]
        assert got[index] == np.quantile(PANEL.labels.rv_long[mine], 0.8)
    assert len(set(got.tolist())) == 3


def test_an_instrument_without_training_rows_takes_the_threshold_of_all() -> None:
    some = TRAIN[PANEL.instrument[TRAIN] != 1]
    got = fit(PANEL, some, SMALL).turbulent_threshold
    assert got[1] == np.quantile(PANEL.labels.rv_long[some], 0.8)


def test_persistence_says_what_followed_calm_and_what_followed_turbulence() -> None:
    baselines = fit(PANEL, TRAIN, SMALL)
    labels, limit = PANEL.labels, baselines.turbulent_threshold[PANEL.instrument]
    for state, behind in enumerate((labels.rv_past <= limit, labels.rv_past > limit)):
        then = (labels.rv_long > limit)[TRAIN[behind[TRAIN]]]
        assert baselines.turbulent_after[state] == (int(then.sum()) + 1) / (len(then) + 2)
        told = forecast(PANEL, ROWS, baselines).turbulent[behind[ROWS]]
        assert (told == baselines.turbulent_after[state]).all()
    assert len(np.unique(baselines.turbulent_after)) == 2


def test_the_rest_of_the_forecast_is_unconditional() -> None:
    baselines = fit(PANEL, TRAIN, SMALL)
    got = forecast(PANEL, ROWS, baselines)
    assert (got.touch == baselines.touch).all()
    assert (got.direction == baselines.direction).all()
    assert (got.mfe_q == np.quantile(PANEL.labels.mfe[TRAIN], (0.25, 0.5, 0.75, 0.9))).all()
    assert (got.mae_q == np.quantile(PANEL.labels.mae[TRAIN], (0.25, 0.5, 0.75, 0.9))).all()
    assert (np.diff(got.mfe_q, axis=1) >= 0.0).all()


def test_ewma_is_the_variance_of_today_over_the_horizon() -> None:
    sigma = PANEL.features[ROWS, index_of("volatility_96")].astype(np.float64)
    np.testing.assert_allclose(ewma(PANEL, ROWS), np.log(SMALL.horizon * sigma**2), rtol=1e-6)


def test_targets_are_the_labels_against_the_training_threshold() -> None:
    baselines = fit(PANEL, TRAIN, SMALL)
    got, labels = targets(PANEL, ROWS, baselines), PANEL.labels.take(ROWS)
    limit = baselines.turbulent_threshold[PANEL.instrument[ROWS]]
    assert np.array_equal(got.touch, labels.touch)
    assert np.array_equal(got.up, labels.up)
    assert np.array_equal(got.mfe, labels.mfe)
    assert np.array_equal(got.mae, labels.mae)
    np.testing.assert_allclose(got.ln_rv, np.log(labels.rv))
    assert np.array_equal(got.turbulent, labels.rv_long > limit)
    assert len(got) == len(ROWS)
    assert np.array_equal(got.take(np.array([4, 2])).mfe, labels.mfe[[4, 2]])


def test_a_dead_market_has_a_tiny_variance_and_not_none() -> None:
    dead = with_variance(PANEL, np.zeros(len(PANEL)))
    assert np.isfinite(targets(dead, ROWS, fit(PANEL, TRAIN, SMALL)).ln_rv).all()


def test_rows_that_cannot_be_fitted_are_refused() -> None:
    with pytest.raises(ValueError, match="rows must be at least 10, were 9"):
        fit(PANEL, TRAIN[:9], SMALL)
    blind = int(np.flatnonzero(~PANEL.labels.valid)[0])
    with pytest.raises(ValueError, match=f"rows must have labels, row {blind} has none"):
        fit(PANEL, np.append(TRAIN, blind), SMALL)


def test_baselines_that_are_no_numbers_cannot_be() -> None:
    good = fit(PANEL, TRAIN, SMALL)
    with pytest.raises(ValueError, match=r"touch must be in \(0, 1\), was 1.0"):
        replace(good, touch=1.0)
    with pytest.raises(ValueError, match=r"har must have shape \(5,\), was \(4,\)"):
        replace(good, har=good.har[:4])
    with pytest.raises(ValueError, match="mfe_q must be finite, was"):
        replace(good, mfe_q=good.mfe_q * np.nan)
