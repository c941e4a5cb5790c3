"""Laws of the size before the gate, and of the size after it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.sizing import (
    SizingPolicy,
    confidence_share,
    expected_gain,
    kelly_fraction,
    size_percent,
)
from tests.property.scenes import Scene, quantity_in, scenes
from tests.property.strategies import NOT_MONEY, calibrated, numbers, predictions

_SHARES: Final = st.floats(0.0, 1.0)
_POLICIES: Final = st.builds(
    SizingPolicy,
    target_volatility_percent=numbers(1, 10_000, 2) | numbers(1, 10**6, 12),
    horizon_bars=st.integers(1, 10_000),
    max_size_percent=numbers(1, 10_000, 2) | numbers(1, 10**14, 12),
    full_confidence=st.floats(0.01, 1.0),
    least_share=st.floats(0.01, 1.0),
)


@given(predictions(), _SHARES, _POLICIES)
def test_a_size_is_a_percent_within_the_policy(
    prediction: Prediction, scale: float, policy: SizingPolicy
) -> None:
    size = size_percent(prediction, scale=scale, policy=policy, cost=0.0)
    assert 0 <= size <= policy.max_size_percent
    assert size == round(size, 4)


@given(predictions(), _SHARES, _POLICIES, _SHARES)
def test_worse_confidence_never_raises_the_size(
    prediction: Prediction, scale: float, policy: SizingPolicy, confidence: float
) -> None:
    other = replace(prediction, confidence=confidence)
    worse, better = sorted((prediction, other), key=lambda each: each.confidence)
    low = size_percent(worse, scale=scale, policy=policy, cost=0.0)
    assert low <= size_percent(better, scale=scale, policy=policy, cost=0.0)
    assert confidence_share(worse.confidence, policy) >= policy.least_share


@given(predictions(), _SHARES, _POLICIES, st.floats(1e-6, 0.2))
def test_higher_volatility_never_raises_the_size(
    prediction: Prediction, scale: float, policy: SizingPolicy, volatility: float
) -> None:
    assume(prediction.volatility > 0.0)  # zero volatility is no forecast: it trades nothing
    other = replace(prediction, volatility=volatility)
    calm, wild = sorted((prediction, other), key=lambda each: each.volatility)
    high = size_percent(calm, scale=scale, policy=policy, cost=0.0)
    assert size_percent(wild, scale=scale, policy=policy, cost=0.0) <= high


@given(predictions(), _SHARES, _SHARES, _POLICIES)
def test_a_supervisor_can_only_shrink_the_size(
    prediction: Prediction, one: float, other: float, policy: SizingPolicy
) -> None:
    less, more = sorted((one, other))
    low = size_percent(prediction, scale=less, policy=policy, cost=0.0)
    assert low <= size_percent(prediction, scale=more, policy=policy, cost=0.0)
    assert low <= size_percent(prediction, scale=1.0, policy=policy, cost=0.0)


@given(predictions(), st.sampled_from((0.0, -0.0, -1.0, 1.0000001, float("nan"), float("inf"))))
def test_nothing_is_sized_without_a_volatility_or_outside_the_scale(
    prediction: Prediction, scale: float
) -> None:
    assert size_percent(prediction, scale=scale, policy=SizingPolicy(), cost=0.0) == 0
    still = replace(prediction, volatility=0.0)
    assert size_percent(still, scale=1.0, policy=SizingPolicy(), cost=0.0) == 0


@given(predictions(), _SHARES, _POLICIES)
def test_the_size_times_the_forecast_is_the_target(
    prediction: Prediction, scale: float, policy: SizingPolicy
) -> None:
    size = size_percent(prediction, scale=scale, policy=policy, cost=0.0)
    share = Decimal(confidence_share(prediction.confidence, policy) * scale)
    deviation = Decimal(prediction.volatility) * Decimal(policy.horizon_bars).sqrt()
    target = policy.target_volatility_percent * share
    rounding = Decimal("1e-12") * target
    assert size * deviation <= target + rounding
    if prediction.volatility > 0.0 and scale > 0.0 and size < policy.max_size_percent - 1:
        assert (size + Decimal("0.0001")) * deviation >= target - rounding


@given(calibrated(), _SHARES, _POLICIES, st.floats(0.0, 0.05))
def test_odds_that_do_not_cover_the_cost_are_not_traded(
    prediction: Prediction, scale: float, policy: SizingPolicy, cost: float
) -> None:
    size = size_percent(prediction, scale=scale, policy=policy, cost=cost)
    if expected_gain(prediction, cost=cost) <= 0.0:
        assert size == 0
    even = min(prediction.p_short, 0.5)
    fair = replace(prediction, p_short=even, p_long=even, p_flat=1.0 - 2.0 * even)
    assert size_percent(fair, scale=scale, policy=policy, cost=cost) == 0


@given(calibrated(), _SHARES, _POLICIES, st.floats(0.0, 0.05), st.floats(0.0, 0.05))
def test_a_higher_cost_never_raises_the_size(
    prediction: Prediction, scale: float, policy: SizingPolicy, one: float, other: float
) -> None:
    cheap, dear = sorted((one, other))
    low = size_percent(prediction, scale=scale, policy=policy, cost=dear)
    assert low <= size_percent(prediction, scale=scale, policy=policy, cost=cheap)


@given(calibrated(), _SHARES, _POLICIES, st.floats(0.0, 0.05))
def test_odds_never_raise_the_size_above_what_votes_get(
    prediction: Prediction, scale: float, policy: SizingPolicy, cost: float
) -> None:
    size = size_percent(prediction, scale=scale, policy=policy, cost=cost)
    votes = replace(prediction, barrier=0.0)
    assert size <= size_percent(votes, scale=scale, policy=policy, cost=cost)
    growth = Decimal(100.0 * policy.kelly_share * kelly_fraction(prediction, cost=cost))
    assert size <= growth * (1 + Decimal("1e-9"))


@given(calibrated(), st.floats(0.0, 0.05), _SHARES)
def test_better_odds_never_lower_the_kelly_fraction(
    prediction: Prediction, cost: float, share: float
) -> None:
    """Move probability from the losing side to the winning one, and from flat to winning."""
    p_short, p_flat, p_long = prediction.odds
    assume(p_long >= p_short)
    before = kelly_fraction(prediction, cost=cost)
    moved = p_short * share
    surer = replace(prediction, p_short=p_short - moved, p_long=p_long + moved)
    assert kelly_fraction(surer, cost=cost) >= before * (1.0 - 1e-9)
    likelier = replace(
        prediction, p_flat=p_flat * (1.0 - share), p_long=min(p_long + p_flat * share, 1.0)
    )
    assert kelly_fraction(likelier, cost=cost) >= before * (1.0 - 1e-9)


@given(
    NOT_MONEY | numbers(100_001, 10**9, 3),
    st.sampled_from((0.0, -0.5, 1.5, float("nan"), float("inf"))),
    st.integers(max_value=0),
)
def test_a_policy_holds_no_nonsense(value: Decimal, share: float, bars: int) -> None:
    for name, wrong in (
        ("target_volatility_percent", value),
        ("max_size_percent", value),
        ("full_confidence", share),
        ("least_share", share),
        ("kelly_share", share),
        ("horizon_bars", bars),
    ):
        changed: dict[str, Any] = {name: wrong}
        with pytest.raises(ValueError, match=f"{name} must be"):
            SizingPolicy(**changed)


@given(scenes(), predictions(), _SHARES, st.floats(1e-6, 0.2))
def test_worse_confidence_and_higher_volatility_never_raise_the_approved_quantity(
    scene: Scene, prediction: Prediction, confidence: float, volatility: float
) -> None:
    def approved(forecast: Prediction) -> Decimal:
        size = size_percent(forecast, scale=1.0, policy=SizingPolicy(), cost=0.0)
        if not size:
            return Decimal(0)
        return quantity_in(replace(scene, plan=scene.plan.sized(size)).ruling())

    assume(prediction.volatility > 0.0)
    best = replace(
        prediction,
        confidence=max(prediction.confidence, confidence),
        volatility=min(prediction.volatility, volatility),
    )
    assert approved(prediction) <= approved(best)
    assert approved(replace(best, confidence=confidence, volatility=volatility)) <= approved(best)
