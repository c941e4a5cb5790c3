"""The trading floor: prints trades on tape, candles and marks, and tells who listens."""

from collections.abc import Collection
from decimal import Decimal

from tests.venue.announcing import Announcer
from tests.venue.clock import VenueClock
from tests.venue.marks import Marks
from tests.venue.model import (
    BookChanged,
    CandleChanged,
    MarkChanged,
    PublicTrade,
    Side,
    Traded,
)
from tests.venue.pit import Pit

_FIRST_TRADE_ID = 1_000_000_000


class Floor:
    """All pits, on one clock."""

    def __init__(
        self,
        pits: dict[str, Pit],
        marks: dict[str, Marks],
        *,
        clock: VenueClock,
        announcer: Announcer,
        candle_push_ms: int,
        told_intervals_ms: Collection[int],
    ) -> None:
        self.pits = pits
        self.marks = marks
        self.clock = clock
        self.announcer = announcer
        self._candle_push_ms = candle_push_ms
        self._told_intervals_ms = tuple(sorted(set(told_intervals_ms)))
        self._candles_told_ms: dict[str, int] = {}
        self._trade_id = _FIRST_TRADE_ID
        self._latest_ms = clock.now_ms()

    def now(self) -> int:
        """Tell market time, which never runs back even where the clock is skewed."""
        now = self.clock.now_ms()
        if now > self._latest_ms:
            self._latest_ms = now
        return self._latest_ms

    def next_trade_id(self) -> str:
        """Give every trade and fill its own id."""
        self._trade_id += 1
        return str(self._trade_id)

    def print(
        self, pit: Pit, price: Decimal, quantity: Decimal, side: Side, trade_id: str
    ) -> PublicTrade:
        """Write one trade on the tape, the candles and the marks."""
        now = self.now()
        symbol = pit.listing.symbol
        trade = PublicTrade(
            trade_id=trade_id, symbol=symbol, price=price, quantity=quantity, side=side, ts_ms=now
        )
        pit.tape.append(trade)
        pit.printed(price)
        if self.announcer.wants(Traded):
            self.announcer.say(Traded(trade=trade))
        if pit.candles.is_over(now):
            self._close_candles(pit, now)
        pit.candles.add(now, price, quantity * pit.listing.contract_size)
        if self.announcer.wants(CandleChanged):
            self._tell_candles(pit, now)
        marks = self.marks.get(symbol)
        if marks is not None and marks.move(price) and self.announcer.wants(MarkChanged):
            self.tell_marks(marks, symbol)
        return trade

    def roll(self) -> None:
        """Close candles whose time is over and tell those that wait to be told."""
        now = self.now()
        for pit in self.pits.values():
            if pit.candles.is_over(now):
                self._close_candles(pit, now)
            if self._candles_told_ms.get(pit.listing.symbol, 0) < 0:
                self._tell_candles(pit, now, force=True)

    def tell_marks(self, marks: Marks, symbol: str) -> None:
        """Announce mark, index and funding."""
        self.announcer.say(
            MarkChanged(symbol=symbol, mark=marks.mark, index=marks.index, funding=marks.funding)
        )

    def tell_book(self, pit: Pit) -> None:
        """Announce what moved in the book since it was last told."""
        if not pit.is_book_dirty:
            return
        pit.is_book_dirty = False
        if not self.announcer.wants(BookChanged):
            pit.sequence += 1
            return
        change = pit.book_change(self.now())
        if change is not None:
            self.announcer.say(change)

    def _close_candles(self, pit: Pit, now: int) -> None:
        symbol = pit.listing.symbol
        for interval_ms, candle in pit.candles.close(now):
            if interval_ms not in self._told_intervals_ms:
                continue
            self.announcer.say(
                CandleChanged(symbol=symbol, interval_ms=interval_ms, candle=candle, closed=True)
            )

    def _tell_candles(self, pit: Pit, now: int, *, force: bool = False) -> None:
        """Announce running candles; between pushes a negative time marks that some are due."""
        symbol = pit.listing.symbol
        told = abs(self._candles_told_ms.get(symbol, 0))
        if not force and now - told < self._candle_push_ms:
            self._candles_told_ms[symbol] = -told
            return
        self._candles_told_ms[symbol] = now
        for interval_ms in self._told_intervals_ms:
            candle = pit.candles.running(interval_ms)
            if candle is not None:
                self.announcer.say(
                    CandleChanged(
                        symbol=symbol, interval_ms=interval_ms, candle=candle, closed=False
                    )
                )
