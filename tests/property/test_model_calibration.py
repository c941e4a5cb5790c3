"""Laws of Platt calibration: bounded, honest on average, and silent where there is no skill."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model.learning.calibration import (
    Platt,
    apply,
    fit_cautious,
    fit_platt,
)

seeds = st.integers(0, 2**32 - 1)
counts = st.integers(1, 300)
scales = st.sampled_from((1e-6, 0.01, 1.0, 30.0, 1e4))
signs = st.sampled_from((-1.0, 1.0))


def likelihood(platt: Platt, logit: FloatArray, label: FloatArray) -> float:
    z = platt.offset + platt.slope * logit
    return float((label * z - np.logaddexp(0.0, z)).sum())


def drawn(seed: int, count: int, scale: float, sign: float) -> tuple[FloatArray, FloatArray]:
    """Give logits of any size that tell the truth, the contrary, or nothing."""
    rng = np.random.default_rng(seed)
    logit = scale * (rng.standard_normal(count) + rng.uniform(-2.0, 2.0))
    skill = sign * rng.uniform(0.0, 2.0) / scale
    p = 1.0 / (1.0 + np.exp(-np.clip(skill * logit, -30.0, 30.0)))
    return logit, (rng.random(count) < p).astype(np.float64)


@settings(max_examples=150)
@given(seeds, counts, scales, signs)
def test_the_slope_is_never_below_zero_nor_above_its_limit(
    seed: int, count: int, scale: float, sign: float
) -> None:
    logit, label = drawn(seed, count, scale, sign)
    for limit in (1.0, 0.25):
        platt = fit_platt(logit, label, slope_limit=limit)
        assert 0.0 <= platt.slope <= limit
        assert np.isfinite(platt.offset)


@settings(max_examples=150)
@given(seeds, st.integers(2, 300), scales, signs)
def test_the_mean_probability_is_the_base_rate(
    seed: int, count: int, scale: float, sign: float
) -> None:
    logit, label = drawn(seed, count, scale, sign)
    if label.min() == label.max():
        label[0] = 1.0 - label[0]
    platt = fit_platt(logit, label)
    assert apply(platt, logit).mean() == pytest.approx(label.mean(), abs=1e-6)


@settings(max_examples=150)
@given(seeds, st.integers(2, 300), scales, signs, st.floats(0.0, 1.0), st.floats(-1.0, 1.0))
def test_no_other_correction_within_the_limits_is_likelier(
    seed: int, count: int, scale: float, sign: float, slope: float, shift: float
) -> None:
    logit, label = drawn(seed, count, scale, sign)
    if label.min() == label.max():
        label[0] = 1.0 - label[0]
    best = fit_platt(logit, label)
    other = Platt(offset=best.offset + shift, slope=slope)
    found = likelihood(best, logit, label)
    assert likelihood(other, logit, label) <= found + 1e-6 * (1.0 + abs(found))


@settings(max_examples=150)
@given(seeds, counts, scales)
def test_the_order_of_the_rows_does_not_matter(seed: int, count: int, scale: float) -> None:
    logit, label = drawn(seed, count, scale, 1.0)
    order = np.random.default_rng(seed).permutation(count)
    one, other = fit_platt(logit, label), fit_platt(logit[order], label[order])
    np.testing.assert_allclose(apply(other, logit), apply(one, logit), atol=1e-6)


@settings(max_examples=150)
@given(seeds, st.integers(1, 300))
def test_probabilities_stay_in_order_and_within_bounds(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    logit = np.sort(rng.standard_normal(count) * 10.0 ** rng.integers(-3, 4))
    p = apply(Platt(offset=rng.normal(), slope=rng.random()), logit)
    assert ((p >= 0.0) & (p <= 1.0)).all()
    assert (np.diff(p) >= 0.0).all()


HOUR: int = 3_600_000_000_000


def moments(count: int, instruments: int = 1) -> IntArray:
    return np.repeat(np.arange(count // instruments + 1, dtype=np.int64) * HOUR, instruments)[
        :count
    ]


@settings(max_examples=150)
@given(seeds, st.integers(2, 300), scales, signs, st.integers(0, 50))
def test_caution_keeps_the_slope_within_zero_and_the_likeliest(
    seed: int, count: int, scale: float, sign: float, lag: int
) -> None:
    logit, label = drawn(seed, count, scale, sign)
    cautious = fit_cautious(logit, label, moments(count), lag=lag)
    assert 0.0 <= cautious.slope <= fit_platt(logit, label).slope + 1e-9
    if cautious.slope == 0.0:
        assert (apply(cautious, logit) == 0.5).all()
    assert apply(cautious, logit.mean()) == pytest.approx(0.5, abs=1e-9)


@settings(max_examples=100)
@given(seeds, st.floats(0.2, 0.8))
def test_a_base_rate_alone_is_no_skill(seed: int, rate: float) -> None:
    """Mean logits tell of the base rate, single ones of nothing: hardly ever is that believed."""
    rng = np.random.default_rng(seed)
    logit = np.log(rate / (1.0 - rate)) + 0.3 * rng.standard_normal(600)
    label = (rng.random(600) < rate).astype(np.float64)
    assert fit_cautious(logit, label, moments(600), lag=4).slope < 0.35


def test_skill_that_is_proven_is_used_and_more_so_with_more_proof() -> None:
    rng = np.random.default_rng(3)
    logit = rng.standard_normal(40_000)
    label = (rng.random(40_000) < apply(Platt(offset=0.0, slope=0.8), logit)).astype(np.float64)
    few = fit_cautious(logit[:2_000], label[:2_000], moments(2_000), lag=4).slope
    many = fit_cautious(logit, label, moments(40_000), lag=4).slope
    assert 0.3 < few < many < 0.8
    assert many == pytest.approx(0.8, abs=0.06)


def test_copies_of_one_outcome_are_no_more_proof() -> None:
    rng = np.random.default_rng(5)
    logit = rng.standard_normal(2_000)
    label = (rng.random(2_000) < apply(Platt(offset=0.0, slope=0.3), logit)).astype(np.float64)
    once = fit_cautious(logit, label, moments(2_000), lag=0).slope
    copied = fit_cautious(
        np.repeat(logit, 5), np.repeat(label, 5), moments(10_000, instruments=5), lag=0
    ).slope
    assert once > 0.0
    assert copied == pytest.approx(once, abs=1e-9)
    blindly = fit_cautious(np.repeat(logit, 5), np.repeat(label, 5), moments(10_000), lag=0).slope
    assert blindly > once


def test_columns_that_prove_nothing_are_even_odds() -> None:
    for logit, label in (([1.0] * 4, [0, 1, 0, 1]), ([1.0, 2.0, 3.0], [1, 1, 1])):
        even = fit_cautious(logit, label, moments(len(label)), lag=1)
        assert even == Platt(offset=0.0, slope=0.0)
