"""What the recent bars amount to, beside a calculation by hand."""

import numpy as np
import pytest

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.summary import SPANS, Summariser


def summed(bars: FloatArray) -> Summariser:
    summariser = Summariser()
    for high, low, close, volume in bars.tolist():
        summariser.absorb(high, low, close, volume)
    return summariser


def random_bars(count: int) -> FloatArray:
    rng = np.random.default_rng(5)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, count)))
    wicks = np.abs(rng.normal(0.0, 0.5, (2, count)))
    volumes = rng.uniform(1.0, 9.0, count)
    return np.column_stack((closes + wicks[0], closes - wicks[1], closes, volumes))


def test_before_the_first_bar_there_is_nothing() -> None:
    assert Summariser().summary() is None


def test_one_bar_has_no_change_and_no_volatility() -> None:
    told = summed(np.array([[102.0, 98.0, 101.0, 7.0]])).summary()
    assert told is not None
    assert (told.bars, told.close, told.changes, told.volatility) == (1, 101.0, (), 0.0)
    assert (told.high, told.low, told.range_place, told.volume_ratio) == (102.0, 98.0, 0.75, 1.0)


@pytest.mark.parametrize("count", [2, 5, 25, 97, 500])
def test_the_numbers_are_those_of_the_last_bars(count: int) -> None:
    bars = random_bars(count)
    told = summed(bars).summary()
    assert told is not None
    closes = bars[:, 2]
    wanted = [closes[-1] / closes[-1 - span] - 1.0 for span in SPANS if span < count]
    assert told.changes == pytest.approx(wanted)
    moves = np.diff(np.log(closes[-25:]))
    spread = float(np.std(moves, ddof=1)) if len(moves) > 1 else 0.0
    assert told.volatility == pytest.approx(spread)
    assert (told.bars, told.high, told.low) == (count, bars[-96:, 0].max(), bars[-96:, 1].min())
    assert told.volume_ratio == pytest.approx(bars[-1, 3] / bars[-24:, 3].mean())
    assert told.range_place == pytest.approx((closes[-1] - told.low) / (told.high - told.low))


def test_the_range_is_that_of_the_last_bars_at_every_bar_and_with_equal_extremes() -> None:
    wicks = np.random.default_rng(3).integers(0, 4, (400, 2)).astype(float)
    bars = np.column_stack((110.0 + wicks[:, 0], 90.0 - wicks[:, 1], np.full((400, 2), 100.0)))
    bars[50, 0], bars[60, 1] = 200.0, 10.0  # extremes that leave after ninety-six bars
    summariser = Summariser()
    for count, (high, low, close, volume) in enumerate(bars.tolist(), start=1):
        summariser.absorb(high, low, close, volume)
        told, last = summariser.summary(), bars[max(0, count - 96) : count]
        assert told is not None
        assert (told.high, told.low) == (last[:, 0].max(), last[:, 1].min())


def test_prices_that_stand_still_and_bars_without_volume_are_summed_up_too() -> None:
    told = summed(np.array([[5.0, 5.0, 5.0, 0.0]] * 3)).summary()
    assert told is not None
    assert (told.range_place, told.volume_ratio, told.volatility) == (0.5, 0.0, 0.0)
