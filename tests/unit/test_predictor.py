"""The baseline as a predictor: a name that says what it is made of, and the rule's own words."""

from dataclasses import replace

import numpy as np
import pytest

from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.features import NAMES, index_of
from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.core.review import ReviewRequest, Verdict
from morningstar_strategy.model.predictor import BaselinePredictor
from morningstar_strategy.supervisor.reviewer import AbstainingReviewer
from tests.harness.market import prediction

RULE = BaselineRule()


def vector(**told: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.zeros(len(NAMES))
    for name, value in {"volatility_96": 0.001, "efficiency_ratio_96": 0.5, **told}.items():
        values[index_of(name)] = value
    return values


def test_it_is_a_predictor_and_names_its_model() -> None:
    predictor: Predictor = BaselinePredictor(RULE)
    assert predictor.model.startswith("baseline-")
    assert predictor.model == BaselinePredictor(BaselineRule()).model


@pytest.mark.parametrize(
    "changes",
    [{"threshold": 1.1}, {"momentum": "momentum_96"}, {"horizon_bars": 95}, {"min_stop": 0.009}],
    ids=lambda changes: next(iter(changes)),
)
def test_another_rule_has_another_name(changes: dict[str, float]) -> None:
    other = BaselinePredictor(replace(RULE, **changes))  # type: ignore[arg-type]  # of any field
    assert other.model != BaselinePredictor(RULE).model


@pytest.mark.parametrize("momentum", [2.0, -2.0, 0.0])
def test_a_prediction_says_what_the_rule_says(momentum: float) -> None:
    told = vector(momentum_288=momentum)
    said = BaselinePredictor(RULE).predict("X.Y", 7, 99.5, told[np.newaxis])
    signal = RULE.signal(told)
    assert (said.instrument_id, said.ts_event, said.price) == ("X.Y", 7, 99.5)
    assert said.odds == (signal.p_short, signal.p_flat, signal.p_long)
    assert (said.confidence, said.volatility) == (signal.confidence, signal.volatility)
    assert (said.stop_distance, said.target_distance) == (
        signal.stop_distance,
        signal.target_distance,
    )
    assert said.turbulence == signal.turbulence
    assert (said.barrier, said.efficiency, said.abstained) == (0.0, 0.5, "")
    assert said.model == BaselinePredictor(RULE).model


def test_the_direction_follows_the_momentum() -> None:
    up = BaselinePredictor(RULE).predict("X.Y", 7, 99.5, vector(momentum_288=2.0)[np.newaxis])
    down = BaselinePredictor(RULE).predict("X.Y", 7, 99.5, vector(momentum_288=-2.0)[np.newaxis])
    assert up.p_long > up.p_flat
    assert (up.p_long, up.p_short) == (down.p_short, down.p_long)


def test_a_vector_that_is_not_warm_or_not_whole_is_refused() -> None:
    told = vector(momentum_288=float("nan"))
    with pytest.raises(ValueError, match="momentum_288 must be finite, was nan"):
        BaselinePredictor(RULE).predict("X.Y", 7, 99.5, told[np.newaxis])
    with pytest.raises(ValueError, match="vector must hold"):
        BaselinePredictor(RULE).predict("X.Y", 7, 99.5, np.zeros((1, 3)))
    for wrong in (vector(), np.zeros((0, len(NAMES)))):
        with pytest.raises(ValueError, match=r"window must have shape \[1, features\], was"):
            BaselinePredictor(RULE).predict("X.Y", 7, 99.5, wrong)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="price must be positive"):
        BaselinePredictor(RULE).predict("X.Y", 7, price, vector()[np.newaxis])


def test_the_abstaining_reviewer_says_why_and_scales_nothing() -> None:
    request = ReviewRequest(prediction=prediction("X.Y", 7, 99.5, long=0.9, short=0.0))
    review = AbstainingReviewer("off").review(request)
    assert (review.verdict, review.reason, review.scale) == (Verdict.ABSTAINED, "off", 1.0)
    assert review.proposal is None
    with pytest.raises(ValueError, match="needs a reason"):
        AbstainingReviewer("")
