"""Laws of the limits and of what risk remembers."""

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.limits import (
    RiskLimits,
    RiskMemory,
    calm,
    observe,
    remember,
    reset,
    rest,
)
from tests.property.strategies import DAY_NS, NAMES, NOT_MONEY, NOT_POSITIVE, numbers, risk_limits

_EQUITIES: Final = numbers(1, 2_000_000, 2)
_STEPS: Final = st.lists(
    st.tuples(_EQUITIES | NOT_POSITIVE, st.integers(0, 2 * DAY_NS)), min_size=1, max_size=12
)
_FRACTIONS: Final = numbers(1, 1_000, 3)
_PERCENTS: Final = st.sampled_from(
    [field.name for field in fields(RiskLimits) if field.name.endswith("_percent")]
)


def _is_positive(value: Decimal) -> bool:
    return value.is_finite() and value > 0


@given(_PERCENTS, NOT_MONEY | numbers(10_000_001, 10**9, 5))
def test_limits_hold_percents_only(name: str, value: Decimal) -> None:
    with pytest.raises(ValueError, match=name):
        RiskLimits(**{name: value})  # type: ignore[arg-type]  # every percent is a Decimal


@given(NOT_MONEY, st.integers(max_value=0))
def test_limits_hold_positive_numbers_only(value: Decimal, count: int) -> None:
    with pytest.raises(ValueError, match="max_order_notional must be positive"):
        RiskLimits(max_order_notional=value)
    with pytest.raises(ValueError, match="max_open_plans must be positive"):
        RiskLimits(max_open_plans=count)
    with pytest.raises(ValueError, match="max_price_age_secs must be positive"):
        RiskLimits(max_price_age_secs=count)


@given(risk_limits(), numbers(1, 10_000, 2))
def test_the_warning_comes_before_the_halt(limits: RiskLimits, warn: Decimal) -> None:
    if warn > limits.max_drawdown_percent:
        with pytest.raises(ValueError, match="warn_drawdown_percent must not exceed"):
            replace(limits, warn_drawdown_percent=warn)
    else:
        assert replace(limits, warn_drawdown_percent=warn).warn_drawdown_percent == warn


@given(NOT_POSITIVE)
def test_a_memory_holds_no_nonsense(value: Decimal) -> None:
    for name in ("peak_equity", "day_equity"):
        changed: dict[str, Any] = {name: value}
        if value.is_finite() and value == 0:
            assert RiskMemory(**changed)
        else:
            with pytest.raises(ValueError, match=f"{name} must be zero or"):
                RiskMemory(**changed)


def _walk(
    memory: RiskMemory, steps: list[tuple[Decimal, int]], most: Decimal, daily: Decimal
) -> list[tuple[RiskMemory, Decimal, int]]:
    """Observe the equities one after the other; `steps` hold equity and elapsed time."""
    found, now_ns = [], 0
    for equity, elapsed in steps:
        now_ns += elapsed
        memory = observe(
            memory, equity=equity, now_ns=now_ns, max_drawdown=most, max_daily_loss=daily
        )
        found.append((memory, equity, now_ns))
    return found


@given(_STEPS, _FRACTIONS, _FRACTIONS)
def test_a_halt_is_latched_exactly_when_the_drawdown_was_reached_once(
    steps: list[tuple[Decimal, int]], most: Decimal, daily: Decimal
) -> None:
    peak, halted = Decimal(0), False
    for memory, equity, _ in _walk(RiskMemory(), steps, most, daily):
        if _is_positive(equity):
            peak = max(peak, equity)
            halted = halted or peak - equity >= most * peak
        else:
            halted = True
        assert bool(memory.halted) == halted
        assert memory.peak_equity == peak


@given(_STEPS, _STEPS, _FRACTIONS, _FRACTIONS)
def test_a_halt_is_absorbing_until_a_person_resets_it(
    before: list[tuple[Decimal, int]],
    after: list[tuple[Decimal, int]],
    most: Decimal,
    daily: Decimal,
) -> None:
    memory, _, now_ns = _walk(RiskMemory(), before, most, daily)[-1]
    memory = replace(memory, halted=memory.halted or "halted by hand")
    for later, _, _ in _walk(memory, after, most, daily):
        assert later.halted == memory.halted
    rested = rest(memory, NAMES[0], until_ns=now_ns + 1, now_ns=now_ns)
    assert rested.halted == memory.halted
    lifted = reset(rested, operator="Ada", equity=Decimal(100))
    assert not lifted.halted
    assert not lifted.day_halted
    assert lifted.drawdown(Decimal(100)) == lifted.day_loss(Decimal(100)) == 0
    assert lifted.cooldowns == rested.cooldowns


@given(st.sampled_from(("", " ", "\t\n")), NOT_POSITIVE)
def test_a_reset_needs_a_name_and_a_positive_equity(name: str, equity: Decimal) -> None:
    memory = RiskMemory(halted="drawdown")
    with pytest.raises(ValueError, match="operator's name"):
        reset(memory, operator=name, equity=Decimal(100))
    with pytest.raises(ValueError, match="equity"):
        reset(memory, operator="Ada", equity=equity)


@given(_STEPS, _FRACTIONS, _FRACTIONS)
def test_a_daily_halt_lasts_to_the_end_of_its_day_and_no_longer(
    steps: list[tuple[Decimal, int]], most: Decimal, daily: Decimal
) -> None:
    day, start, halted = -1, Decimal(0), False
    for memory, equity, now_ns in _walk(RiskMemory(), steps, most, daily):
        if _is_positive(equity):
            if now_ns // DAY_NS > day:
                day, start, halted = now_ns // DAY_NS, equity, False
            halted = halted or start - equity >= daily * start
        assert (memory.day, memory.day_equity) == (day, start)
        assert bool(memory.day_halted) == halted


@given(_STEPS, _FRACTIONS, _FRACTIONS)
def test_observing_the_same_again_changes_nothing(
    steps: list[tuple[Decimal, int]], most: Decimal, daily: Decimal
) -> None:
    memory, equity, now_ns = _walk(RiskMemory(), steps, most, daily)[-1]
    again = observe(memory, equity=equity, now_ns=now_ns, max_drawdown=most, max_daily_loss=daily)
    assert again == memory


@given(risk_limits(), _EQUITIES, st.integers(0, 99_999))
def test_the_limits_percents_are_the_fractions_that_are_watched(
    limits: RiskLimits, equity: Decimal, now_ns: int
) -> None:
    memory = RiskMemory(peak_equity=Decimal(10_000), day=0, day_equity=Decimal(15_000))
    seen = remember(memory, equity=equity, now_ns=now_ns, limits=limits)
    drawdown, loss = 10_000 - equity, 15_000 - equity
    assert bool(seen.halted) == (drawdown >= 100 * limits.max_drawdown_percent)
    assert bool(seen.day_halted) == (loss >= 150 * limits.max_daily_loss_percent)


@given(
    risk_limits(),
    st.lists(_EQUITIES | NOT_POSITIVE, min_size=1, max_size=6),
    st.integers(0, 3 * DAY_NS),
    st.integers(900, 1_001),
)
def test_while_it_is_calm_nothing_needs_to_be_remembered(
    limits: RiskLimits, equities: list[Decimal], now_ns: int, permille: int
) -> None:
    memory = RiskMemory()
    for equity in (*equities, memory.peak_equity * permille / 1_000):
        rested = calm(memory, limits).holds(equity, now_ns=now_ns)
        before = memory
        memory = remember(memory, equity=equity, now_ns=now_ns, limits=limits)
        assert memory == before or not rested


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 50)), max_size=8),
    st.integers(0, 60),
)
def test_an_instrument_rests_until_the_time_that_was_said_last(
    rests: list[tuple[str, int]], now_ns: int
) -> None:
    memory, last = RiskMemory(), {}
    for name, until_ns in rests:
        memory = rest(memory, name, until_ns=until_ns, now_ns=0)
        last[name] = until_ns
    for name in NAMES:
        assert memory.cooling(name, now_ns=now_ns) == (now_ns < last.get(name, 0))
    kept = [name for name, _ in memory.cooldowns]
    assert len(kept) == len(set(kept))
    gone = rest(memory, NAMES[0], until_ns=99, now_ns=now_ns)
    assert all(until > now_ns for name, until in gone.cooldowns if name != NAMES[0])
