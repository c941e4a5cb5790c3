"""Other futures: the same bars up to a moment, and others from there on."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import BarWindow

__all__ = ["FACTORS", "milder", "shocked"]

FACTORS: Final = (3.0, 1.0 / 3.0)
# Powers of a price by the last one before, mirrored and twice as far, each after a gap: without
# one a bar that opens where the last one closed would keep its open
_MILDER: Final = ((-1.0, 1.004), (2.0, 0.996))


def shocked(bars: BarWindow, at: int, factor: float) -> BarWindow:
    """Make the bars from `at` on others: level, returns, ranges and volumes."""
    if not 0 <= at < len(bars):
        raise ValueError(f"at must be in [0, {len(bars) - 1}], was {at}")
    later = np.arange(len(bars)) >= at
    wave = np.ones(len(bars))
    # A constant factor would leave every later return as it was
    wave[at:] = factor * np.exp(0.3 * np.sin(1.7 * np.arange(1, len(bars) - at + 1)))
    open_, low, high = (
        bars.open * wave,
        bars.low * wave,
        bars.high * wave * np.where(later, 1.01, 1.0),
    )
    middle = np.clip(np.sqrt(high * low), low, high)
    return BarWindow(
        ts_event=bars.ts_event,
        open=open_,
        high=high,
        low=low,
        close=np.where(later, middle, bars.close),
        volume=np.where(later, 50.0 * wave * bars.volume + 1.0, bars.volume),
    )


def milder(bars: BarWindow, at: int) -> Iterator[BarWindow]:
    """Yield futures that a venue can trade: a gap, then moves that are mirrored, or doubled."""
    if not 0 < at < len(bars):
        raise ValueError(f"at must be in [1, {len(bars) - 1}], was {at}")
    level = float(bars.close[at - 1])
    for power, gap in _MILDER:
        moved = {
            name: np.concatenate((column[:at], gap * level * (column[at:] / level) ** power))
            for name in ("open", "high", "low", "close")
            for column in (getattr(bars, name),)
        }
        ends = moved["high"], moved["low"]  # a mirror turns them round
        yield BarWindow(
            ts_event=bars.ts_event,
            open=moved["open"],
            high=np.maximum(*ends),
            low=np.minimum(*ends),
            close=moved["close"],
            volume=np.concatenate((bars.volume[:at], 2.0 * bars.volume[at:] + 1.0)),
        )
