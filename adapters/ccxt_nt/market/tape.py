"""Trades in order, each once: neither those of before, nor twice, nor lost in a reconnection."""

from collections import deque
from collections.abc import Iterable

from ccxt_nt.values import TradeRow


def in_order(rows: Iterable[TradeRow]) -> list[TradeRow]:
    """Sort trades as they happened: those of one moment by their numbers, where they have any."""
    return sorted(rows, key=_moment)


def _moment(row: TradeRow) -> tuple[int, int, str]:
    number = row.trade_id if row.trade_id.isdecimal() else ""
    return row.ts_event, len(number), number


class Tape:
    """The trades of one instrument.

    After a gap they are held back until the venue's history has told what was missed.
    """

    def __init__(self, *, start_ns: int, memory: int = 5_000) -> None:
        if memory < 1:
            raise ValueError(f"memory must be 1 or more, was {memory}")
        self._floor_ns = start_ns  # what happened before is known, or none of our business
        self._seen: set[str] = set()
        self._order: deque[TradeRow] = deque()
        self._memory = memory
        self._held: list[TradeRow] | None = None

    @property
    def is_holding(self) -> bool:
        """Say whether trades are being held back."""
        return self._held is not None

    def hold(self) -> None:
        """Hold back what comes until `release`."""
        if self._held is None:
            self._held = []

    def take(self, rows: Iterable[TradeRow]) -> tuple[TradeRow, ...]:
        """Take pushed trades, and tell those that are new."""
        if self._held is not None:
            self._held.extend(rows)
            return ()
        return tuple(row for row in rows if self._is_new(row))

    def release(self, history: Iterable[TradeRow]) -> tuple[TradeRow, ...]:
        """Tell what the history and the pushes since the gap had, in order."""
        held, self._held = self._held or [], None
        return tuple(row for row in in_order([*history, *held]) if self._is_new(row))

    def knows(self, row: TradeRow) -> bool:
        """Say whether a trade was told, or is older than the tape."""
        return row.trade_id in self._seen or row.ts_event < self._floor_ns

    def _is_new(self, row: TradeRow) -> bool:
        if self.knows(row):
            return False
        self._seen.add(row.trade_id)
        self._order.append(row)
        if len(self._order) > self._memory:
            oldest = self._order.popleft()
            self._seen.discard(oldest.trade_id)
            # Never above the newest: one wrong time must not make all that follows old
            self._floor_ns = max(self._floor_ns, min(oldest.ts_event + 1, row.ts_event))
        return True
