"""Limits and memory at their boundaries, with the numbers written out."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.limits import (
    Calm,
    RiskLimits,
    RiskMemory,
    calm,
    observe,
    remember,
    reset,
    rest,
)
from tests.unit.gate_cases import DAY


def seen(memory: RiskMemory, equity: str, now_ns: int = DAY) -> RiskMemory:
    return observe(
        memory,
        equity=Decimal(equity),
        now_ns=now_ns,
        max_drawdown=Decimal("0.1"),
        max_daily_loss=Decimal("0.03"),
    )


def test_the_defaults_are_the_documented_ones() -> None:
    limits = RiskLimits()
    assert limits.max_position_percent == 15
    assert limits.max_exposure_percent == 85
    assert limits.warn_drawdown_percent == 5
    assert limits.max_drawdown_percent == 10
    assert limits.max_daily_loss_percent == 3
    assert limits.max_risk_percent == 1
    assert RiskMemory() == RiskMemory(peak_equity=Decimal(0), day=-1, day_equity=Decimal(0))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_risk_percent", Decimal(0), "max_risk_percent must be in (0, 100], was 0"),
        (
            "max_position_percent",
            Decimal("100.1"),
            "max_position_percent must be in (0, 100], was 100.1",
        ),
        (
            "max_exposure_percent",
            Decimal("NaN"),
            "max_exposure_percent must be in (0, 100], was NaN",
        ),
        ("max_open_plans", 0, "max_open_plans must be positive, was 0"),
        ("max_order_notional", Decimal(0), "max_order_notional must be positive, was 0"),
        ("max_price_age_secs", 0, "max_price_age_secs must be positive, was 0"),
        (
            "warn_drawdown_percent",
            Decimal("10.1"),
            "warn_drawdown_percent must not exceed max_drawdown_percent 10, was 10.1",
        ),
    ],
)
def test_limits_say_what_is_wrong_with_them(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        RiskLimits(**{name: value})
    assert f"{raised.value}" == message


def test_limits_may_be_at_their_bounds() -> None:
    whole = RiskLimits(
        max_position_percent=Decimal(100),
        max_risk_percent=Decimal("0.000000000001"),
        max_open_plans=1,
        max_price_age_secs=1,
        warn_drawdown_percent=Decimal(10),
        max_drawdown_percent=Decimal(10),
    )
    assert whole.max_open_plans == 1


@pytest.mark.parametrize("name", ["peak_equity", "day_equity"])
@pytest.mark.parametrize("value", ["-0.01", "NaN", "Infinity"])
def test_a_memory_says_what_is_wrong_with_it(name: str, value: str) -> None:
    changed: dict[str, Any] = {name: Decimal(value)}
    with pytest.raises(ValueError) as raised:
        RiskMemory(**changed)
    assert f"{raised.value}" == f"{name} must be zero or a positive number, was {value}"


def test_drawdown_and_daily_loss_are_fractions_and_never_negative() -> None:
    memory = RiskMemory(peak_equity=Decimal(200), day_equity=Decimal(160))
    assert memory.drawdown(Decimal(150)) == Decimal("0.25")
    assert memory.day_loss(Decimal(120)) == Decimal("0.25")
    assert memory.drawdown(Decimal(201)) == memory.day_loss(Decimal(161)) == 0
    assert RiskMemory().drawdown(Decimal(1)) == RiskMemory().day_loss(Decimal(1)) == 0
    small = RiskMemory(peak_equity=Decimal("0.5"), day_equity=Decimal("0.5"))
    assert small.drawdown(Decimal("0.25")) == small.day_loss(Decimal("0.25")) == Decimal("0.5")


def test_the_first_equity_is_peak_and_start_of_the_day() -> None:
    assert seen(RiskMemory(), "100") == RiskMemory(
        peak_equity=Decimal(100), day=1, day_equity=Decimal(100)
    )
    assert seen(RiskMemory(), "100", DAY - 1).day == 0
    assert seen(RiskMemory(), "0.5").peak_equity == Decimal("0.5")


def test_a_drawdown_at_the_limit_is_latched_with_its_numbers() -> None:
    memory = RiskMemory(peak_equity=Decimal(100), day=1, day_equity=Decimal(0))
    assert not seen(memory, "90.01").halted
    halted = seen(memory, "90")
    assert halted.halted == "drawdown 10.00% reached the limit 10.00%"
    assert seen(halted, "50").halted == halted.halted
    assert seen(halted, "200").halted == halted.halted
    assert seen(halted, "200").peak_equity == 200
    assert seen(halted, "-1").halted == halted.halted


def test_a_daily_loss_at_the_limit_is_latched_until_the_next_day() -> None:
    memory = RiskMemory(peak_equity=Decimal(100), day=1, day_equity=Decimal(100))
    assert not seen(memory, "97.01").day_halted
    halted = seen(memory, "97")
    assert halted.day_halted == "daily loss 3.00% reached the limit 3.00%"
    assert not halted.halted
    assert seen(halted, "96", 2 * DAY - 1).day_halted == halted.day_halted
    fresh = seen(halted, "96", 2 * DAY)
    assert (fresh.day, fresh.day_halted) == (2, "")
    assert fresh.day_equity == 96
    assert seen(fresh, "96", DAY).day == 2


@pytest.mark.parametrize("equity", ["0", "-5", "NaN", "Infinity"])
def test_an_equity_that_is_no_positive_number_halts(equity: str) -> None:
    memory = RiskMemory(peak_equity=Decimal(100), day=1, day_equity=Decimal(100))
    halted = seen(memory, equity, 3 * DAY)
    assert halted == replace(memory, halted=f"equity is not positive: {equity}")
    assert not seen(RiskMemory(), "0.01").halted


def test_the_percents_of_the_limits_are_watched_as_fractions() -> None:
    memory = RiskMemory(peak_equity=Decimal(100), day=1, day_equity=Decimal(93))
    limits = RiskLimits()
    calm = remember(memory, equity=Decimal("90.22"), now_ns=DAY, limits=limits)
    assert not calm.halted
    assert not calm.day_halted
    assert remember(memory, equity=Decimal("90.21"), now_ns=DAY, limits=limits).day_halted
    assert remember(memory, equity=Decimal("90"), now_ns=DAY, limits=limits).halted
    assert remember(memory, equity=Decimal("50"), now_ns=2 * DAY, limits=limits).day_equity == 50


def test_calm_is_where_nothing_needs_to_be_remembered() -> None:
    memory = RiskMemory(peak_equity=Decimal(100), day=1, day_equity=Decimal(96))
    rest_range = calm(memory, RiskLimits())
    assert rest_range == Calm(floor=Decimal("93.12"), ceiling=Decimal(100), day=1)
    deep = replace(memory, day_equity=Decimal(92))
    assert calm(deep, RiskLimits()).floor == 90
    assert rest_range.holds(Decimal(100), now_ns=DAY)
    assert rest_range.holds(Decimal("93.13"), now_ns=2 * DAY - 1)
    for equity, now_ns in (("100.01", DAY), ("93.12", DAY), ("95", DAY - 1), ("95", 2 * DAY)):
        assert not rest_range.holds(Decimal(equity), now_ns=now_ns)
    for equity in ("NaN", "Infinity", "-Infinity"):
        assert not rest_range.holds(Decimal(equity), now_ns=DAY)


def test_a_rest_replaces_the_one_before_and_drops_what_is_over() -> None:
    memory = rest(RiskMemory(), "BTC", until_ns=10, now_ns=0)
    memory = rest(memory, "ETH", until_ns=20, now_ns=5)
    assert memory.cooldowns == (("BTC", 10), ("ETH", 20))
    assert memory.cooling("BTC", now_ns=9)
    assert not memory.cooling("BTC", now_ns=10)
    assert not memory.cooling("SOL", now_ns=0)
    assert rest(memory, "BTC", until_ns=30, now_ns=5).cooldowns == (("ETH", 20), ("BTC", 30))
    assert rest(memory, "SOL", until_ns=30, now_ns=10).cooldowns == (("ETH", 20), ("SOL", 30))


def test_a_reset_lifts_halts_and_measures_anew_but_keeps_the_rests() -> None:
    memory = RiskMemory(
        peak_equity=Decimal(100),
        day=7,
        day_equity=Decimal(90),
        halted="drawdown",
        day_halted="daily loss",
        cooldowns=(("BTC", 5),),
    )
    assert reset(memory, operator="Ada", equity=Decimal(80)) == RiskMemory(
        peak_equity=Decimal(80), day=7, day_equity=Decimal(80), cooldowns=(("BTC", 5),)
    )


POSITIVE = "a reset needs an equity that is a positive number below 1e+15"


@pytest.mark.parametrize(
    ("operator", "equity", "message"),
    [
        ("Ada", "1e400", f"{POSITIVE}, was 1e+400"),
        ("", "1", "a reset needs the operator's name"),
        (" \t", "1", "a reset needs the operator's name"),
        ("Ada", "0", f"{POSITIVE}, was 0"),
        ("Ada", "-1", f"{POSITIVE}, was -1"),
        ("Ada", "NaN", f"{POSITIVE}, was NaN"),
        ("Ada", "Infinity", f"{POSITIVE}, was Infinity"),
    ],
)
def test_a_reset_says_what_it_needs(operator: str, equity: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        reset(RiskMemory(halted="drawdown"), operator=operator, equity=Decimal(equity))
    assert f"{raised.value}" == message
    assert reset(RiskMemory(), operator="Ada", equity=Decimal("0.5")).peak_equity == Decimal("0.5")
