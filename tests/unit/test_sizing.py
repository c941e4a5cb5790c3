"""Sizes with the numbers written out."""

from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.sizing import (
    SizingPolicy,
    confidence_share,
    expected_gain,
    kelly_fraction,
    size_percent,
)

POLICY = SizingPolicy(
    target_volatility_percent=Decimal(1),
    horizon_bars=100,
    max_size_percent=Decimal(15),
    full_confidence=0.8,
    least_share=0.2,
)


def forecast(**changed: Any) -> Prediction:  # Any: any field of a prediction
    fields: dict[str, Any] = {
        "instrument_id": "BTC",
        "ts_event": 1,
        "price": 100.0,
        "p_short": 0.25,
        "p_flat": 0.25,
        "p_long": 0.5,
        "confidence": 0.8,
        "volatility": 0.01,
        "turbulence": 0.0,
        "stop_distance": 0.035,
        "target_distance": 0.07,
        "model": "a test",
    }
    return Prediction(**(fields | changed))


@pytest.mark.parametrize(
    ("confidence", "share"), [(0.0, 0.2), (0.4, 0.6), (0.8, 1.0), (0.9, 1.0), (1.0, 1.0)]
)
def test_confidence_maps_to_a_share_of_the_full_size(confidence: float, share: float) -> None:
    assert confidence_share(confidence, POLICY) == pytest.approx(share, rel=1e-12)


def test_confidence_below_zero_gets_the_least_share() -> None:
    assert confidence_share(-1.0, POLICY) == 0.2


@pytest.mark.parametrize(
    ("changed", "scale", "size"),
    [
        ({}, 1.0, "10.0000"),  # 1 % / (0.01 * 10)
        ({}, 0.5, "5.0000"),
        ({"confidence": 0.4}, 1.0, "6.0000"),
        ({"confidence": 0.4}, 0.5, "3.0000"),
        ({"volatility": 0.03}, 1.0, "3.3333"),
        ({"volatility": 0.015}, 1.0, "6.6666"),  # rounded down
        ({"volatility": 0.001}, 1.0, "15.0000"),  # capped
        ({"volatility": 1e308}, 1.0, "0.0000"),
        ({"volatility": 5e-324}, 1.0, "15.0000"),
        ({"volatility": 0.0}, 1.0, "0"),
        ({}, 0.0, "0"),
        ({}, -0.5, "0"),
        ({}, 1.01, "0"),
    ],
)
def test_the_size_follows_volatility_confidence_and_the_supervisor(
    changed: dict[str, float], scale: float, size: str
) -> None:
    found = size_percent(forecast(**changed), scale=scale, policy=POLICY, cost=0.0)
    assert f"{found}" == size


ODDS = {"p_short": 0.25, "p_flat": 0.25, "p_long": 0.5, "barrier": 0.02}


@pytest.mark.parametrize(
    ("changed", "cost", "gain", "fraction"),
    [
        (ODDS, 0.0, 0.005, 0.005 / 0.0003),  # 0.25 * 0.02; variance 0.75 * 0.0004
        (ODDS, 0.002, 0.003, 10.0),
        (ODDS, 0.005, 0.0, 0.0),
        (ODDS, 0.014, -0.009, 0.0),
        (ODDS | {"p_short": 0.5, "p_long": 0.25}, 0.002, 0.003, 10.0),
        (ODDS | {"p_short": 0.0, "p_flat": 1.0, "p_long": 0.0}, 0.0, 0.0, 0.0),
    ],
)
def test_the_kelly_fraction_is_the_gain_over_the_variance(
    changed: dict[str, float], cost: float, gain: float, fraction: float
) -> None:
    told = forecast(**changed)
    assert expected_gain(told, cost=cost) == pytest.approx(gain, abs=1e-15)
    assert kelly_fraction(told, cost=cost) == pytest.approx(fraction, rel=1e-9)


def test_thin_odds_cut_the_size_to_a_share_of_kelly() -> None:
    thin = forecast(p_short=0.249, p_flat=0.25, p_long=0.501, barrier=0.1)
    cut = size_percent(thin, scale=1.0, policy=POLICY, cost=0.0249)
    assert f"{cut}" == "1.0000"  # 100 * 0.25 * 0.0003 / (0.75 * 0.01)
    assert f"{size_percent(thin, scale=0.5, policy=POLICY, cost=0.0249)}" == "0.5000"


def test_a_cap_finer_than_a_float_is_never_exceeded() -> None:
    policy = SizingPolicy(max_size_percent=Decimal("14.999999999999"))
    size = size_percent(forecast(volatility=1e-6), scale=1.0, policy=policy, cost=0.0)
    assert size == Decimal("14.9999")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "target_volatility_percent",
            Decimal(0),
            "target_volatility_percent must be in (0, 100], was 0",
        ),
        (
            "target_volatility_percent",
            Decimal("100.1"),
            "target_volatility_percent must be in (0, 100], was 100.1",
        ),
        ("horizon_bars", 0, "horizon_bars must be positive, was 0"),
        ("max_size_percent", Decimal(0), "max_size_percent must be in (0, 100], was 0"),
        ("max_size_percent", Decimal("100.1"), "max_size_percent must be in (0, 100], was 100.1"),
        ("max_size_percent", Decimal("NaN"), "max_size_percent must be in (0, 100], was NaN"),
        ("full_confidence", 0.0, "full_confidence must be in (0, 1], was 0.0"),
        ("full_confidence", 1.01, "full_confidence must be in (0, 1], was 1.01"),
        ("least_share", 0.0, "least_share must be in (0, 1], was 0.0"),
        ("least_share", 1.01, "least_share must be in (0, 1], was 1.01"),
        ("kelly_share", 0.0, "kelly_share must be in (0, 1], was 0.0"),
        ("kelly_share", 1.01, "kelly_share must be in (0, 1], was 1.01"),
    ],
)
def test_a_policy_says_what_is_wrong_with_it(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        SizingPolicy(**{name: value})
    assert f"{raised.value}" == message


def test_a_policy_may_be_at_its_bounds() -> None:
    whole = SizingPolicy(
        target_volatility_percent=Decimal(100),
        horizon_bars=1,
        max_size_percent=Decimal(100),
        full_confidence=1.0,
        least_share=1.0,
    )
    assert size_percent(forecast(volatility=0.5), scale=1.0, policy=whole, cost=0.0) == 100
    tiny = SizingPolicy(target_volatility_percent=Decimal("0.5"), max_size_percent=Decimal("0.5"))
    small = SizingPolicy(full_confidence=0.01, least_share=0.01)
    assert (tiny.max_size_percent, small.least_share) == (Decimal("0.5"), 0.01)


def test_the_smallest_scale_of_the_smallest_volatility_is_a_number() -> None:
    size = size_percent(
        forecast(volatility=5e-324, confidence=0.0), scale=5e-324, policy=POLICY, cost=0.0
    )
    assert Decimal(0) <= size <= POLICY.max_size_percent
