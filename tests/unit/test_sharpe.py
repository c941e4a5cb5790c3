"""How much a Sharpe ratio proves."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.sharpe import best_of, probability_above, sharpe_evidence


@given(
    st.integers(0, 2**32 - 1),
    st.integers(30, 400),
    st.integers(1, 500),
    st.lists(st.floats(-0.5, 0.5), max_size=6),
)
def test_deflating_never_raises_the_probability_of_skill(
    seed: int, count: int, trials: int, others: list[float]
) -> None:
    returns = np.random.default_rng(seed).normal(0.0005, 0.02, count)
    found = sharpe_evidence(returns, trials=trials, trial_sharpes=others)
    more = sharpe_evidence(returns, trials=trials + 50, trial_sharpes=others)
    assert found is not None
    assert more is not None
    assert 0 <= found.deflated <= found.probabilistic <= 1
    assert more.deflated <= found.deflated
    if trials == 1 or len(others) < 2:
        assert found.deflated == found.probabilistic
        assert found.trial_variance is None


def test_the_published_example_of_the_deflated_sharpe_ratio_is_met() -> None:
    # Bailey and Lopez de Prado (2014): 5 years of 250 days, annual Sharpe 2.5, skew -3,
    # kurtosis 10, 100 trials whose annual Sharpe ratios have variance 1/2
    benchmark = best_of(100, 0.5 / 250)
    assert benchmark == pytest.approx(0.1132, abs=5e-5)
    found = probability_above(
        2.5 / sqrt(250), benchmark=benchmark, count=1250, skewness=-3, kurtosis=10
    )
    assert found == pytest.approx(0.9004, abs=5e-5)


def test_too_few_days_or_days_that_do_not_vary_prove_nothing() -> None:
    varied = np.random.default_rng(1).normal(0, 0.01, 30)
    assert sharpe_evidence(varied, trials=1, trial_sharpes=[]) is not None
    assert sharpe_evidence(varied[:29], trials=1, trial_sharpes=[]) is None
    assert sharpe_evidence(np.zeros(100), trials=1, trial_sharpes=[]) is None
    assert sharpe_evidence(np.full(100, 0.001), trials=1, trial_sharpes=[]) is None


def test_senseless_trials_are_refused_with_their_value() -> None:
    with pytest.raises(ValueError, match="trials must be at least 1, was 0"):
        sharpe_evidence(np.zeros(40), trials=0, trial_sharpes=[])
    with pytest.raises(ValueError, match="trial_sharpes must be finite, held nan"):
        sharpe_evidence(np.zeros(40), trials=2, trial_sharpes=[float("nan")])
