"""Scores against their definitions, and the HAC t against a plain second writing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.heads import QUANTILES
from morningstar_strategy.model.statistics import (
    ReliabilityBin,
    by_time,
    ece,
    hac_t,
    log_loss,
    pinball,
    qlike,
    reliability,
    sums_by_time,
)

seeds = st.integers(0, 2**32 - 1)


def newey_west(values: list[float], lag: int) -> float:
    """Write the t of the mean as the textbook does, one product at a time."""
    n = len(values)
    mean = sum(values) / n
    variance = 0.0
    for k in range(-lag, lag + 1):
        covariance = 0.0
        for i in range(n):
            if 0 <= i - k < n:
                covariance += (values[i] - mean) * (values[i - k] - mean) / n
        variance += (1.0 - abs(k) / (lag + 1)) * covariance
    return mean / math.sqrt(variance / n)


def autocorrelated(rng: np.random.Generator, count: int, rho: float) -> FloatArray:
    out = np.empty(count)
    value = 0.0
    for i in range(count):
        value = rho * value + rng.standard_normal()
        out[i] = value
    return out


@settings(max_examples=100)
@given(seeds, st.integers(2, 60), st.integers(0, 80), st.floats(-0.9, 0.9), st.floats(-2.0, 2.0))
def test_the_hac_t_is_newey_and_wests(
    seed: int, count: int, lag: int, rho: float, mean: float
) -> None:
    values = autocorrelated(np.random.default_rng(seed), count, rho) + mean
    assert hac_t(values, lag) == pytest.approx(newey_west(values.tolist(), lag), rel=1e-7)


@settings(max_examples=50)
@given(seeds, st.integers(0, 20), st.floats(0.01, 100.0))
def test_the_hac_t_knows_no_unit_but_a_side(seed: int, lag: int, unit: float) -> None:
    values = autocorrelated(np.random.default_rng(seed), 50, 0.5) + 0.3
    assert hac_t(unit * values, lag) == pytest.approx(hac_t(values, lag))
    assert hac_t(-values, lag) == pytest.approx(-hac_t(values, lag))


def test_the_hac_t_rejects_noise_as_rarely_as_it_says() -> None:
    rng = np.random.default_rng(5)
    told = np.array([hac_t(autocorrelated(rng, 600, 0.7), 24) for _ in range(400)])
    plain = np.array([hac_t(autocorrelated(rng, 600, 0.7), 0) for _ in range(400)])
    assert 0.03 < (np.abs(told) > 1.96).mean() < 0.12
    assert (np.abs(plain) > 1.96).mean() > 0.3  # what the lag is for


def test_a_series_that_does_not_vary_proves_nothing() -> None:
    assert hac_t(np.zeros(9), 3) == 0.0
    assert hac_t(np.full(1000, 0.1), 3) == 0.0
    assert hac_t(np.array([1.0]), 3) == 0.0
    assert hac_t(np.empty(0), 3) == 0.0


def test_a_hac_t_of_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="lag must not be negative, was -1"):
        hac_t(np.ones(3), -1)
    with pytest.raises(ValueError, match="difference_by_time must be finite"):
        hac_t(np.array([1.0, math.nan]), 1)


def test_log_loss_is_the_surprise() -> None:
    got = log_loss(np.array([0.5, 0.9, 0.9]), np.array([1, 1, 0], dtype=np.int8))
    np.testing.assert_allclose(got, [math.log(2), -math.log(0.9), -math.log(0.1)])
    certain = log_loss(np.array([0.0, 1.0]), np.array([True, False]))
    assert np.isfinite(certain).all()
    assert (certain > 15.0).all()


@settings(max_examples=50)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_no_forecast_has_less_expected_log_loss_than_the_truth(p: float, other: float) -> None:
    def expected(forecast: float) -> float:
        came, not_came = log_loss(np.full(2, forecast), np.array([1, 0]))
        return float(p * came + (1.0 - p) * not_came)

    assert expected(p) <= expected(other) + 1e-12


def test_qlike_is_nothing_for_the_truth_and_dearer_for_too_little() -> None:
    assert qlike(np.array([-7.0]), np.array([-7.0])).tolist() == [0.0]
    low, high = qlike(np.array([1.0, -1.0]), np.zeros(2))
    assert low == pytest.approx(math.e - 2.0)
    assert high == pytest.approx(math.exp(-1.0))
    far, farther = qlike(np.array([6.0, 60.0]), np.zeros(2))
    assert far == farther == pytest.approx(math.exp(6.0) - 7.0)


@settings(max_examples=50)
@given(seeds)
def test_the_pinball_is_least_at_the_quantiles(seed: int) -> None:
    y = np.random.default_rng(seed).lognormal(0.0, 0.6, 801)
    best = np.tile(np.quantile(y, QUANTILES), (len(y), 1))
    least = pinball(best, y).mean()
    for column in range(4):
        for shift in (-0.1, 0.1):
            other = best.copy()
            other[:, column] += shift
            assert pinball(other, y).mean() > least


def test_the_pinball_weighs_both_sides_by_the_level() -> None:
    zeros = np.zeros((2, 4))
    above, below = pinball(zeros, np.array([1.0, -1.0]))
    assert above == pytest.approx((0.25 + 0.5 + 0.75 + 0.9) / 4)
    assert below == pytest.approx((0.75 + 0.5 + 0.25 + 0.1) / 4)


def test_values_of_one_moment_are_averaged_in_time_order() -> None:
    values, stamps = np.array([1.0, 2.0, 3.0, 6.0]), np.array([30, 10, 30, 20], dtype=np.int64)
    assert by_time(values, stamps).tolist() == [2.0, 6.0, 2.0]
    assert by_time(values[:0], stamps[:0]).tolist() == []


def test_values_of_one_moment_are_added_up_in_time_order() -> None:
    values, stamps = np.array([1.0, 2.0, 3.0, 6.0]), np.array([30, 10, 30, 20], dtype=np.int64)
    assert sums_by_time(values, stamps).tolist() == [2.0, 6.0, 4.0]
    assert sums_by_time(values[:0], stamps[:0]).tolist() == []


@settings(max_examples=50)
@given(seeds, st.integers(2, 60), st.integers(0, 10))
def test_the_t_of_sums_points_where_the_mean_of_the_rows_does(
    seed: int, count: int, lag: int
) -> None:
    rng = np.random.default_rng(seed)
    values, stamps = rng.normal(size=count), rng.integers(0, 9, count)
    t = hac_t(sums_by_time(values, stamps), lag)
    assert t == 0.0 or np.sign(t) == np.sign(math.fsum(values))


def test_reliability_compares_what_was_told_with_what_came() -> None:
    told = np.array([0.0, 0.0625, 0.5625, 0.53125, 1.0])
    came = np.array([0, 1, 1, 1, 1], dtype=np.int8)
    assert reliability(told, came, 10) == (
        ReliabilityBin(low=0.0, high=0.1, count=2, forecast=0.03125, observed=0.5),
        ReliabilityBin(low=0.5, high=0.6, count=2, forecast=0.546875, observed=1.0),
        ReliabilityBin(low=0.9, high=1.0, count=1, forecast=1.0, observed=1.0),
    )
    assert ece(told, came) == pytest.approx((2 * 0.46875 + 2 * 0.453125) / 5)
    assert ece(told[:0], came[:0]) == 0.0
    with pytest.raises(ValueError, match="bins must be at least 1, was 0"):
        reliability(told, came, 0)
    with pytest.raises(ValueError, match="y must have 5 rows, had 2"):
        reliability(told, came[:2])


@settings(max_examples=50)
@given(seeds, st.integers(1, 30))
def test_honest_forecasts_are_calibrated_and_bent_ones_are_not(seed: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    told = rng.random(20_000)
    came = rng.random(20_000) < told
    assert sum(row.count for row in reliability(told, came, bins)) == 20_000
    assert ece(told, came, bins) < 0.04
    assert ece(np.clip(told + 0.15, 0.0, 1.0), came, bins) > 0.1
