"""Laws of the baseline rule: a sound signal for any vector, mirrored, never bolder on less."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.features import NAMES, index_of
from morningstar_strategy.core.prediction import Prediction

MOMENTUM = index_of("momentum_288")
EFFICIENCY = index_of("efficiency_ratio_96")
VOLATILITY = index_of("volatility_96")
UNREST = index_of("log_volatility_96_480")

rules = st.builds(
    BaselineRule,
    threshold=st.floats(0.1, 5.0),
    slope=st.floats(0.1, 50.0),
    min_efficiency=st.floats(0.0, 0.9),
    horizon_bars=st.integers(1, 1000),
    stop_sigmas=st.floats(0.1, 10.0),
    target_sigmas=st.floats(0.1, 10.0),
    min_stop=st.floats(1e-4, 0.01),
    max_stop=st.floats(0.01, 0.5),
    min_target=st.floats(1e-4, 0.01),
    max_target=st.floats(0.01, 0.5),
)
sigmas = st.floats(-200.0, 200.0)
shares = st.floats(0.0, 1.0)
volatilities = st.floats(1e-8, 10.0)
unrests = st.floats(-2.5, 2.5)


@st.composite
def vectors(draw: st.DrawFn) -> FloatArray:
    """Return a warm vector in which the four features that the rule reads take any value."""
    vector = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).normal(0.0, 1.0, len(NAMES))
    vector[MOMENTUM], vector[EFFICIENCY] = draw(sigmas | st.just(0.0)), draw(shares)
    vector[VOLATILITY], vector[UNREST] = draw(volatilities), draw(unrests)
    return vector


def changed(vector: FloatArray, column: int, value: float) -> FloatArray:
    other = vector.copy()
    other[column] = value
    return other


@given(rules, vectors())
def test_every_signal_makes_a_sound_prediction_within_floors_and_caps(
    rule: BaselineRule, vector: FloatArray
) -> None:
    signal = rule.signal(vector)
    prediction = Prediction(
        instrument_id="BTCUSDT-PERP.BINANCE",
        ts_event=1,
        price=1.0,
        model="baseline",
        **signal._asdict(),
    )
    assert math.isclose(sum(prediction.odds), 1.0, abs_tol=1e-15)
    assert signal.confidence == max(signal.p_short, signal.p_long)
    assert min(signal.p_short, signal.p_long) == 0.0
    assert rule.min_stop <= signal.stop_distance <= rule.max_stop
    assert rule.min_target <= signal.target_distance <= rule.max_target
    assert signal == rule.signal(vector)


@given(rules, vectors())
def test_only_the_four_named_features_count(rule: BaselineRule, vector: FloatArray) -> None:
    other = np.full(len(NAMES), math.nan)
    for column in (MOMENTUM, EFFICIENCY, VOLATILITY, UNREST):
        other[column] = vector[column]
    assert rule.signal(other) == rule.signal(vector)


@given(rules, vectors())
def test_turning_the_momentum_swaps_long_and_short(rule: BaselineRule, vector: FloatArray) -> None:
    signal = rule.signal(vector)
    mirrored = rule.signal(changed(vector, MOMENTUM, -vector[MOMENTUM]))
    if vector[MOMENTUM] == 0.0:
        assert signal == mirrored
    else:
        assert mirrored == signal._replace(p_short=signal.p_long, p_long=signal.p_short)


@given(rules, vectors(), sigmas)
def test_a_weaker_trend_is_never_a_more_confident_one(
    rule: BaselineRule, vector: FloatArray, z: float
) -> None:
    strong, weak = sorted((abs(z), abs(float(vector[MOMENTUM]))), reverse=True)
    bold = rule.signal(changed(vector, MOMENTUM, strong))
    meek = rule.signal(changed(vector, MOMENTUM, weak))
    assert bold.confidence >= meek.confidence
    if weak > rule.threshold + 1e-9 and vector[EFFICIENCY] >= rule.min_efficiency:
        assert meek.p_long >= 0.5
    if strong < rule.threshold - 1e-9:
        assert bold.p_flat > 0.5


@given(rules, vectors(), shares)
def test_without_a_straight_enough_path_the_rule_stands_aside(
    rule: BaselineRule, vector: FloatArray, share: float
) -> None:
    crooked = share * 0.999 * rule.min_efficiency
    signal = rule.signal(changed(vector, EFFICIENCY, crooked))
    if crooked < rule.min_efficiency:  # not so for the smallest floats, which round back up
        assert (signal.p_flat, signal.confidence) == (1.0, 0.0)


@given(rules, vectors(), volatilities, unrests)
def test_more_volatility_never_narrows_a_distance_nor_calms_the_regime(
    rule: BaselineRule, vector: FloatArray, volatility: float, unrest: float
) -> None:
    calm, wild = sorted((float(vector[VOLATILITY]), volatility))
    near = rule.signal(changed(vector, VOLATILITY, calm))
    far = rule.signal(changed(vector, VOLATILITY, wild))
    assert near.stop_distance <= far.stop_distance
    assert near.target_distance <= far.target_distance
    quiet, loud = sorted((float(vector[UNREST]), unrest))
    assert (
        rule.signal(changed(vector, UNREST, quiet)).turbulence
        <= rule.signal(changed(vector, UNREST, loud)).turbulence
    )


@given(
    rules,
    vectors(),
    st.sampled_from([MOMENTUM, EFFICIENCY, VOLATILITY, UNREST]),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
def test_a_vector_that_is_not_finite_is_refused_by_name(
    rule: BaselineRule, vector: FloatArray, column: int, odd: float
) -> None:
    with pytest.raises(ValueError, match=f"feature {NAMES[column]} must be finite, was {odd}"):
        rule.signal(changed(vector, column, odd))
