"""Bars in, records out."""

from collections.abc import Sequence

from nautilus_trader.model import Bar, BarType

from morningstar_strategy.core.records import Record, of_bar

__all__ = ["BarLog"]


class BarLog:
    """Makes a record of every bar as it came, and knows each instrument's newest.

    `newest_ns` holds the close of each instrument's newest bar, the start before there is one.
    """

    def __init__(self, bar_types: Sequence[BarType]) -> None:
        self._bar_types = tuple(bar_types)
        self.newest_ns: dict[str, int] = {}  # when the newest bar of each instrument closed

    def begin(self, now_ns: int) -> None:
        """Begin to wait for bars."""
        self.newest_ns = {each.instrument_id.value: now_ns for each in self._bar_types}

    def take(self, bar: Bar) -> Record:
        """Give the record of a bar."""
        name = bar.bar_type.instrument_id.value
        self.newest_ns[name] = max(self.newest_ns[name], bar.ts_event)  # some come late
        return of_bar(
            ts_event=bar.ts_event,
            instrument_id=name,
            ohlcv=(
                bar.open.as_decimal(),
                bar.high.as_decimal(),
                bar.low.as_decimal(),
                bar.close.as_decimal(),
                bar.volume.as_decimal(),
            ),
        )
