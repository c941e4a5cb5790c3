"""Sizes with the numbers written out."""

from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.sizing import SizingPolicy, confidence_share, size_percent

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
    found = size_percent(forecast(**changed), scale=scale, policy=POLICY)
    assert f"{found}" == size


def test_a_cap_finer_than_a_float_is_never_exceeded() -> None:
    policy = SizingPolicy(max_size_percent=Decimal("14.999999999999"))
    size = size_percent(forecast(volatility=1e-6), scale=1.0, policy=policy)
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
    assert size_percent(forecast(volatility=0.5), scale=1.0, policy=whole) == 100
    tiny = SizingPolicy(target_volatility_percent=Decimal("0.5"), max_size_percent=Decimal("0.5"))
    small = SizingPolicy(full_confidence=0.01, least_share=0.01)
    assert (tiny.max_size_percent, small.least_share) == (Decimal("0.5"), 0.01)


def test_the_smallest_scale_of_the_smallest_volatility_is_a_number() -> None:
    size = size_percent(forecast(volatility=5e-324, confidence=0.0), scale=5e-324, policy=POLICY)
    assert Decimal(0) <= size <= POLICY.max_size_percent
