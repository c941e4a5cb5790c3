"""Candles of every interval, folded from ten-second ones as trades arrive."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.venue.model import Candle

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
BASE_MS: Final = 10_000
INTERVALS_MS: Final = (
    BASE_MS,
    *(n * _MINUTE for n in (1, 3, 5, 15, 30)),
    *(n * _HOUR for n in (1, 2, 4, 6, 8, 12)),
    *(n * _DAY for n in (1, 3, 7)),
)
_MONDAY_MS: Final = 4 * _DAY  # the epoch was a Thursday; weeks open on Mondays


def opening(ts_ms: int, interval_ms: int) -> int:
    """Tell when the candle that holds this moment opened."""
    shift = _MONDAY_MS if interval_ms == 7 * _DAY else 0
    return (ts_ms - shift) // interval_ms * interval_ms + shift


@dataclass(slots=True)
class _Running:
    """A candle in the making."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal

    def absorb(self, other: "_Running") -> None:
        """Append what came after."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.turnover += other.turnover

    def copy(self, open_ms: int) -> "_Running":
        """Start a longer candle with this one."""
        return _Running(
            open_ms, self.open, self.high, self.low, self.close, self.volume, self.turnover
        )

    def candle(self, open_ms: int) -> Candle:
        """Freeze it, as of an interval that opened then."""
        return Candle(
            open_ms=open_ms,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            turnover=self.turnover,
        )


class _Series:
    """One interval: closed candles and what is folded into the running one so far."""

    def __init__(self, interval_ms: int, keep: int) -> None:
        self.interval_ms = interval_ms
        self.closed: deque[Candle] = deque(maxlen=keep)
        self.folded: _Running | None = None

    def fold(self, base: _Running) -> None:
        """Add a finished base candle."""
        if self.folded is None:
            self.folded = base.copy(opening(base.open_ms, self.interval_ms))
        else:
            self.folded.absorb(base)

    def running(self, base: _Running | None) -> Candle | None:
        """Join what is folded with the base candle in the making."""
        folded = self.folded
        if base is None:
            return None if folded is None else folded.candle(folded.open_ms)
        if folded is None:
            return base.candle(opening(base.open_ms, self.interval_ms))
        return Candle(
            open_ms=folded.open_ms,
            open=folded.open,
            high=max(folded.high, base.high),
            low=min(folded.low, base.low),
            close=base.close,
            volume=folded.volume + base.volume,
            turnover=folded.turnover + base.turnover,
        )

    def close_if_over(self, now_ms: int) -> Candle | None:
        """Close the folded candle whose time is over."""
        if self.folded is None or now_ms < self.folded.open_ms + self.interval_ms:
            return None
        candle = self.folded.candle(self.folded.open_ms)
        self.closed.append(candle)
        self.folded = None
        return candle


class Candles:
    """All intervals of one symbol; an interval without trades has no candle."""

    def __init__(self, *, keep: int) -> None:
        self._series = {ms: _Series(ms, keep) for ms in INTERVALS_MS}
        self._base: _Running | None = None
        self._base_end_ms = 0

    def is_over(self, now_ms: int) -> bool:
        """Say whether `close` may have something to close."""
        return now_ms >= self._base_end_ms

    def add(self, ts_ms: int, price: Decimal, volume: Decimal) -> None:
        """Count one trade; call `close` first when `is_over`."""
        base = self._base
        if base is None:
            start = opening(ts_ms, BASE_MS)
            self._base = _Running(start, price, price, price, price, volume, price * volume)
            self._base_end_ms = start + BASE_MS
            return
        if price > base.high:
            base.high = price
        elif price < base.low:
            base.low = price
        base.close = price
        base.volume += volume
        base.turnover += price * volume

    def close(self, now_ms: int) -> Iterator[tuple[int, Candle]]:
        """Close every candle whose time is over; yield (interval_ms, candle), short ones first."""
        if self._base is not None and now_ms >= self._base_end_ms:
            for series in self._series.values():
                series.fold(self._base)
            self._base = None
        for series in self._series.values():
            candle = series.close_if_over(now_ms)
            if candle is not None:
                yield series.interval_ms, candle

    def running(self, interval_ms: int) -> Candle | None:
        """Show the candle in the making."""
        return self._of(interval_ms).running(self._base)

    def between(self, interval_ms: int, start_ms: int, end_ms: int) -> list[Candle]:
        """List candles that open in [start_ms, end_ms], oldest first, the running one included."""
        series = self._of(interval_ms)
        found = [c for c in series.closed if start_ms <= c.open_ms <= end_ms]
        last = series.running(self._base)
        if last is not None and start_ms <= last.open_ms <= end_ms:
            found.append(last)
        return found

    def _of(self, interval_ms: int) -> _Series:
        try:
            return self._series[interval_ms]
        except KeyError:
            known = ", ".join(str(ms) for ms in INTERVALS_MS)
            raise ValueError(f"interval_ms must be one of {known}, was {interval_ms}") from None
