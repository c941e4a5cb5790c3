"""What the recent bars amount to, in numbers that are computed here and nowhere else."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from math import inf, log, sqrt
from typing import Final

__all__ = ["SPANS", "MarketSummary", "Summariser"]

SPANS: Final = (1, 4, 24, 96)  # bars
_SHORT: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSummary:
    """Moves over the last bars as fractions, and where the price stands.

    `changes` are the returns over `SPANS` bars, as many as the bars allow; `volatility` is the
    standard deviation of one bar's log return over the last 24; `range_place` is where the close
    stands between the lowest and highest price of the last 96 bars, in [0, 1]; `volume_ratio` the
    last bar's volume by the mean of the last 24.
    """

    bars: int
    close: float
    changes: tuple[float, ...]
    volatility: float
    high: float
    low: float
    range_place: float
    volume_ratio: float


class Summariser:
    """Keeps the newest bars of one instrument and sums them up."""

    def __init__(self) -> None:
        self._highs: deque[float] = deque(maxlen=SPANS[-1])
        self._lows: deque[float] = deque(maxlen=SPANS[-1])
        self._closes: deque[float] = deque(maxlen=SPANS[-1] + 1)
        self._volumes: deque[float] = deque(maxlen=_SHORT)
        self._moves: deque[float] = deque(maxlen=_SHORT)  # log returns of a bar
        self._high, self._low = 0.0, inf  # of all that are kept
        self._count = 0

    def absorb(self, high: float, low: float, close: float, volume: float) -> None:
        """Take in a closed bar; prices must be positive."""
        if self._closes:
            self._moves.append(log(close / self._closes[-1]))
        # Looked for anew only where the extreme itself leaves, which is seldom
        is_full = len(self._highs) == SPANS[-1]
        highest_leaves = is_full and self._highs[0] == self._high
        lowest_leaves = is_full and self._lows[0] == self._low
        self._highs.append(high)
        self._lows.append(low)
        self._high = max(self._highs) if highest_leaves else max(self._high, high)
        self._low = min(self._lows) if lowest_leaves else min(self._low, low)
        self._closes.append(close)
        self._volumes.append(volume)
        self._count += 1

    def summary(self) -> MarketSummary | None:
        """Sum up what was absorbed; None before the first bar."""
        closes, volumes = self._closes, self._volumes
        if not closes:
            return None
        close, high, low = closes[-1], self._high, self._low
        mean = sum(volumes) / len(volumes)
        return MarketSummary(
            bars=self._count,
            close=close,
            changes=tuple([close / closes[-1 - n] - 1.0 for n in SPANS if n < len(closes)]),
            volatility=_deviation(self._moves),
            high=high,
            low=low,
            range_place=(close - low) / (high - low) if high > low else 0.5,
            volume_ratio=volumes[-1] / mean if mean > 0.0 else 0.0,
        )


def _deviation(moves: Collection[float]) -> float:
    if len(moves) < 2:
        return 0.0
    mean = sum(moves) / len(moves)
    return sqrt(sum([(move - mean) ** 2 for move in moves]) / (len(moves) - 1))
