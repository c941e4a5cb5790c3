"""Laws of Platt calibration: bounded, honest on average, and silent where there is no skill."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.learning.calibration import Platt, apply, fit_platt

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
