"""When a bar is closed, and who says so: the stream where it was whole, else the history."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import takewhile
from typing import Final

from ccxt_nt.values import BarRow

_DAY_NS: Final = 86_400_000_000_000
_MOST_TRIES: Final = 5  # to get from the history what was pushed


@dataclass(slots=True, kw_only=True)
class BarKeeper:
    """The bars of one instrument and interval; told the venue's time, it keeps no clock.

    Every bar is told once, in order, after its close. `trusts_stream` is false where the last push
    of a bar may lack its last trades; then only the history counts. `compares_volume`: pushes and
    history count it alike, so a history that has less than was pushed is not finished yet.
    """

    interval_ns: int
    confirm_ns: int  # how long after a close the history is asked for
    now_ns: int  # when it begins: bars that closed before are not told
    trusts_stream: bool = True
    compares_volume: bool = True
    _told_ns: int = field(init=False)  # open of the last bar told, or left out for good
    _running: BarRow | None = field(init=False, default=None)
    _pushed: dict[int, Decimal] = field(init=False, default_factory=dict)  # volumes, by open
    _whole_from_ns: int = field(init=False)  # bars that open from here on were seen unbroken
    _ask_ns: int = field(init=False)
    _tries: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.interval_ns <= 0:
            raise ValueError(f"interval_ns must be above 0, was {self.interval_ns}")
        if self.confirm_ns < 0:
            raise ValueError(f"confirm_ns must be 0 or more, was {self.confirm_ns}")
        if self.interval_ns > _DAY_NS:  # nobody tells where those begin
            self._told_ns = self.now_ns - 2 * self.interval_ns
        else:
            self._told_ns = self._open_of(self.now_ns) - self.interval_ns
        self._whole_from_ns = self._told_ns
        self._ask_ns = self._next_ns(self.now_ns)

    @property
    def since_ns(self) -> int:
        """Tell from which open on the history is needed."""
        return self._told_ns + self.interval_ns

    @property
    def ask_ns(self) -> int:
        """Tell at which of the venue's times the history should be asked."""
        return self._ask_ns

    def hear(self, row: BarRow) -> tuple[BarRow, ...]:
        """Take a pushed bar, and tell the one that this closes."""
        if row.open_ns < self.since_ns or not self._is_aligned(row):
            return ()
        self._pushed[row.open_ns] = row.volume
        before = self._running
        if before is None or row.open_ns == before.open_ns:
            self._running = row
            return ()
        if row.open_ns < before.open_ns:
            return ()
        self._running = row
        if not self._is_trusted(before, row):
            return ()
        return self._tell([before])

    def gap(self, *, now_ns: int) -> None:
        """Learn that pushes may have been missed: what ran until now is for the history to say."""
        self._running = None
        self._whole_from_ns = self._open_of(now_ns) + self._grid_ns

    def ask_now(self, *, now_ns: int) -> None:
        """Have the history asked at once, as after a reconnection."""
        self._ask_ns = now_ns

    def asked(self, rows: Iterable[BarRow], *, now_ns: int) -> tuple[BarRow, ...]:
        """Take the history's answer, and tell the closed bars that are new in it."""
        closed = [
            row
            for row in sorted(rows, key=lambda row: row.open_ns)
            if row.open_ns >= self.since_ns
            and row.open_ns + self.interval_ns <= now_ns
            and self._is_aligned(row)
        ]
        told = self._tell(list(takewhile(self._is_finished, closed)))
        self._schedule(now_ns)
        return told

    def failed(self, *, now_ns: int, retry_ns: int) -> None:
        """Learn that the history could not be asked; ask again a little later."""
        self._ask_ns = now_ns + retry_ns

    def _is_finished(self, row: BarRow) -> bool:
        pushed = self._pushed.get(row.open_ns)
        return pushed is None or not self.compares_volume or row.volume >= pushed

    def _is_trusted(self, closed: BarRow, later: BarRow) -> bool:
        return (
            self.trusts_stream
            and closed.open_ns == self.since_ns
            and closed.open_ns >= self._whole_from_ns
            and later.open_ns == closed.open_ns + self.interval_ns
        )

    def _tell(self, rows: list[BarRow]) -> tuple[BarRow, ...]:
        told: list[BarRow] = []
        for row in rows:
            if row.open_ns > self._told_ns:
                told.append(row)
                self._told_ns = row.open_ns
        running = self._running
        if running is not None and running.open_ns <= self._told_ns:
            self._running = None
        for open_ns in [each for each in self._pushed if each <= self._told_ns]:
            del self._pushed[open_ns]
        if told:
            self._ask_ns = max(self._ask_ns, self._due(self.since_ns))
        return tuple(told)

    def _schedule(self, now_ns: int) -> None:
        """Ask again soon for a bar that we saw running, else after the next close."""
        overdue = [each for each in self._pushed if each + self.interval_ns <= now_ns]
        self._tries = self._tries + 1 if overdue else 0
        if overdue and self._tries < _MOST_TRIES:
            self._ask_ns = now_ns + max(self.confirm_ns, 1)
            return
        for open_ns in overdue:
            del self._pushed[open_ns]  # the history has the last word, whatever it says
        self._ask_ns = self._next_ns(now_ns)

    def _is_aligned(self, row: BarRow) -> bool:
        """Say whether a bar begins where bars of its length do; weeks begin anywhere."""
        return self.interval_ns > _DAY_NS or row.open_ns % self.interval_ns == 0

    @property
    def _grid_ns(self) -> int:
        """Tell how far apart closes may be; bars longer than a day close at some midnight."""
        return min(self.interval_ns, _DAY_NS)

    def _open_of(self, now_ns: int) -> int:
        return now_ns // self._grid_ns * self._grid_ns

    def _next_ns(self, now_ns: int) -> int:
        return self._open_of(now_ns) + self._grid_ns + self.confirm_ns

    def _due(self, open_ns: int) -> int:
        return open_ns + self.interval_ns + self.confirm_ns
