"""Laws of reading a model: whatever a graph answers, a prediction is sound and says what it may."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.features import NAMES, index_of
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.learning.labels import LabelConfig
from morningstar_strategy.model.reading import (
    COLUMNS,
    Reader,
    abstaining,
    prediction_of,
    stand_aside,
)

type Answer = Mapping[str, Float32Array]

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
shares = st.floats(0.0, 1.0, width=32)
configs = st.builds(
    LabelConfig,
    horizon=st.integers(1, 10_000),
    barrier_sigmas=st.floats(0.01, 100.0),
    min_barrier=st.floats(0.0, 1.0),
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Draw what a graph may say: probabilities, and any numbers at all for the rest."""
    touch, up, turbulent = draw(st.tuples(shares, shares, shares))
    ln_rv, *reach = draw(st.tuples(finite, finite, finite, finite, finite))
    odds = [touch * (1 - up), 1 - touch, touch * up]
    return {
        "signal": np.array([odds], np.float32),
        "ln_rv": np.array([ln_rv], np.float32),
        "regime": np.array([[1 - turbulent, turbulent]], np.float32),
        "mfe_q": np.array([[0.0, *reach[:2], 0.0]], np.float32)[:, [0, 1, 3, 2]],
        "mae_q": np.array([[0.0, *reach[2:], 0.0]], np.float32)[:, [0, 1, 3, 2]],
    }


def vector(sigma: float, efficiency: float) -> FloatArray:
    values = np.zeros((1, len(NAMES)))
    values[0, index_of("volatility_96")] = sigma
    values[0, index_of("efficiency_ratio_96")] = efficiency
    return values


def read(
    answer: Answer,
    config: LabelConfig,
    *,
    sigma: float = 0.01,
    efficiency: float = 0.5,
) -> Prediction:
    values = Reader(labels=config).values(answer, np.array([9.5]), vector(sigma, efficiency))
    return prediction_of("A.B", 7, values[0].tolist(), "m", "")


@given(
    answer=answers(),
    config=configs,
    sigma=st.floats(1e-8, 1e6),
    efficiency=st.floats(-1.0, 1.0000001),
)
def test_whatever_a_graph_answers_the_prediction_is_sound(
    answer: Answer,
    config: LabelConfig,
    sigma: float,
    efficiency: float,
) -> None:
    said = read(answer, config, sigma=sigma, efficiency=efficiency)
    assert sum(said.odds) == pytest.approx(1.0, abs=1e-12)
    assert 0.5 <= said.confidence <= 1.0
    assert 1e-6 <= said.stop_distance <= 0.99
    assert 1e-6 <= said.target_distance <= 0.99
    assert math.isfinite(said.volatility)


@given(answer=answers(), config=configs)
def test_the_mirrored_market_is_read_the_other_way_round(
    answer: Answer, config: LabelConfig
) -> None:
    mirrored = dict(answer) | {"signal": answer["signal"][:, ::-1].copy()}
    here, there = read(answer, config), read(mirrored, config)
    assert here.odds == there.odds[::-1]
    assert (here.confidence, here.volatility, here.barrier, here.turbulence) == (
        there.confidence,
        there.volatility,
        there.barrier,
        there.turbulence,
    )


@given(answer=answers(), config=configs, count=st.integers(1, 20))
def test_many_rows_are_read_like_one(
    answer: Answer,
    config: LabelConfig,
    count: int,
) -> None:
    many = {name: np.repeat(array, count, axis=0) for name, array in answer.items()}
    reader, one = Reader(labels=config), vector(0.01, 0.5)
    whole = reader.values(many, np.full(count, 9.5), np.repeat(one, count, axis=0))
    assert (whole == reader.values(answer, np.array([9.5]), one)).all()


@given(answer=answers(), config=configs)
def test_a_model_that_abstains_says_no_direction_and_the_same_risk(
    answer: Answer, config: LabelConfig
) -> None:
    said = read(answer, config)
    silent = abstaining(said, "why")
    assert (silent.odds, silent.confidence) == ((0.0, 1.0, 0.0), 0.0)
    for name in COLUMNS:
        if name not in ("p_short", "p_flat", "p_long", "confidence"):
            assert getattr(silent, name) == getattr(said, name)
    values = Reader(labels=config).values(answer, np.array([9.5]), vector(0.01, 0.5))
    stand_aside(values, np.array([True]))
    assert prediction_of("A.B", 7, values[0].tolist(), "m", "why") == silent
