"""Laws of other futures and of the detectors that show them."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.leaks.findings import Detector
from backtests.leaks.futures import milder
from backtests.leaks.outside import known_at
from backtests.leaks.shown import Shown, World, decisions, futures_of, prompt_contents
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.scene import External, Trust
from tests.leaks.outside import as_known, joined_by_event_time
from tests.rows import HOUR_NS, START_NS, walk

COUNT: Final = 60
STAMPS: Final = START_NS + np.arange(COUNT, dtype=np.int64) * HOUR_NS
seeds = st.integers(0, 2**32 - 1)
cuts = st.integers(1, COUNT - 1)


@given(seed=seeds, at=cuts)
def test_a_milder_future_has_the_same_past_and_other_bars_from_there_on(seed: int, at: int) -> None:
    bars = walk(seed, COUNT)
    for other in milder(bars, at):
        for name in ("open", "high", "low", "close", "volume"):
            was, now = getattr(bars, name), getattr(other, name)
            assert np.array_equal(was[:at], now[:at])
            assert not np.isclose(was[at], now[at], rtol=1e-12, atol=0.0)
        assert np.array_equal(bars.ts_event, other.ts_event)
    with pytest.raises(ValueError, match=r"at must be in \[1, 59\], was 60"):
        next(milder(bars, COUNT))


numbers = st.builds(
    lambda hour, lag, value: External(
        source="flow",
        symbol="",
        ts_event=START_NS + hour * HOUR_NS,
        ts_known=START_NS + (hour + lag) * HOUR_NS,
        trust=Trust.NUMBER,
        value=value,
    ),
    hour=st.integers(0, COUNT - 1),
    lag=st.integers(0, 12),
    value=st.floats(-9.0, 9.0),
)


@settings(max_examples=100)
@given(told=st.lists(numbers, min_size=3, max_size=20), at=cuts)
def test_what_a_timeline_knew_is_never_suspected(told: list[External], at: int) -> None:
    first = min(each.ts_known for each in told)
    cut = max(int(STAMPS[at]), first)
    if all(each.ts_known <= cut for each in told):
        told = [*told, replace(told[0], ts_known=cut + 1)]
    assert known_at(as_known, told, STAMPS, (cut,)) is None


@given(lag=st.integers(2, 12), at=st.integers(12, 40))
def test_a_join_by_event_time_is_found_whatever_the_lag(lag: int, at: int) -> None:
    told = [
        External(
            source="flow",
            symbol="",
            ts_event=int(stamp),
            ts_known=int(stamp) + lag * HOUR_NS,
            trust=Trust.NUMBER,
            value=float(number),
        )
        for number, stamp in enumerate(STAMPS)
    ]
    found = known_at(joined_by_event_time, told, STAMPS, (int(STAMPS[at]),), names=("flow",))
    assert found is not None
    assert found.detector is Detector.KNOWN_AT
    assert found.columns == ("flow",)
    with pytest.raises(ValueError, match="cuts must have moments before and news after"):
        known_at(as_known, told, STAMPS, (START_NS - 1,))


def _told_of(bars: BarWindow, ahead: int) -> tuple[Shown, ...]:
    last = len(bars) - 1
    closes = [bars.close[min(at + ahead, last)] for at in range(len(bars))]
    return tuple(
        Shown(ts_event=int(ts), about="all", parts=(("close", f"{close:.6f}"), ("same", "")))
        for ts, close in zip(bars.ts_event, closes, strict=True)
    )


@settings(max_examples=40)
@given(seed=seeds, at=st.integers(1, COUNT - 2))
def test_what_shows_a_bar_ahead_is_found_at_the_cut_and_what_does_not_is_clean(
    seed: int, at: int
) -> None:
    world = World(bars={"A": walk(seed, COUNT)}, rates={"A": ((int(STAMPS[at]), Decimal(1)),)})
    cut = int(world.bars["A"].ts_event[at])
    futures = futures_of(world, (cut,))
    assert prompt_contents(lambda w: _told_of(w.bars["A"], 0), world, futures) is None
    found = decisions(lambda w: _told_of(w.bars["A"], 1), world, futures)
    assert found is not None
    assert (found.detector, found.row, found.columns) == (Detector.DECISIONS, at, ("close",))
    assert found.was != found.became


def test_a_prompt_that_is_only_asked_in_one_future_is_told_as_nothing() -> None:
    world = World(bars={"A": walk(1, COUNT)})
    cut = int(world.bars["A"].ts_event[20])

    def asked_before_a_rise(other: World) -> tuple[Shown, ...]:
        bars = other.bars["A"]
        rises = bars.close[21] > bars.close[20]
        return _told_of(bars, 0)[20:21] if rises else ()

    found = prompt_contents(asked_before_a_rise, world, futures_of(world, (cut,)))
    assert found is not None
    assert "nothing" in (found.was, found.became)
