"""What was appended and is not in the database yet: in the spill file, and after that in memory."""

import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from morningstar_strategy.core.records import Record, of_health
from morningstar_strategy.database.address import DatabaseError
from morningstar_strategy.database.chain import Entry, entry_of, line_of
from morningstar_strategy.database.spill import Spill

__all__ = ["Backlog"]

_ATTEMPT: Final = 64  # of so many records that cannot be kept, one tries the spill file again


class Backlog:
    """Keeps entries in their order; one thread appends, one writes them away.

    Waiters on `news` hear of everything that happens here.
    """

    def __init__(self, spill: Spill, *, seq: int, capacity: int) -> None:
        self.news = threading.Condition()
        self.lost = 0  # records that neither memory nor disk could take
        self.spill_fault = ""
        self._spill = spill
        self._capacity = capacity
        self._memory: deque[Entry] = deque()
        self._seq = seq  # of the last entry that was taken
        self._written = seq
        self._untold = self._lost_at = 0
        self._idle = False

    def take_up(self, holds: Callable[[Entry], bool]) -> None:
        """Take up the spill file of an earlier process.

        `holds` says whether an entry is in the database. Raises DatabaseError where the file does
        not go on with what is there.
        """
        for entry in self._spill.take_up():
            if entry.seq > self._seq + 1 or (entry.seq <= self._written and not holds(entry)):
                raise DatabaseError(
                    f"spill file {self._spill.path} does not go on with the database, which ends "
                    f"with record {self._written}: it holds another record {entry.seq}"
                )
            self._seq = max(self._seq, entry.seq)
        self.settle(self._written)

    @property
    def seq(self) -> int:
        """Give the place in the chain of the last record that was taken."""
        return self._seq

    @property
    def waiting(self) -> int:
        """Count the records that are not in the database yet."""
        return self._seq - self._written

    @property
    def untold(self) -> int:
        """Count the lost records of which the journal itself does not tell yet."""
        return self._untold

    def put(self, record: Record) -> None:
        """Take a record, or count it as lost."""
        line = line_of(record)
        with self.news:
            if len(self._memory) >= self._capacity and not self._make_room():
                self.lost += 1
                self._untold += 1
                self._lost_at = record.ts_event
                return
            self._tell_of_losses()
            self._take(record, line)
            if self._idle:
                self.news.notify_all()

    def wait(self, timeout_secs: float | None) -> None:
        """Wait until there is something to write, or for so long; the caller holds `news`."""
        self._idle = True
        self.news.wait(timeout_secs)
        self._idle = False

    def batch(self, most: int) -> list[Entry]:
        """Give the oldest entries."""
        with self.news:
            if not self._spill:
                return list(islice(self._memory, most))
        return self._spill.read(self._written, most)

    def settle(self, seq: int) -> None:
        """Forget the entries up to a place in the chain, which are in the database."""
        with self.news:
            self._written = max(self._written, seq)
            while self._memory and self._memory[0].seq <= seq:
                self._memory.popleft()
            if self._spill and self._spill.last <= seq:
                self._spill.clear()
            self._tell_of_losses()
            self.news.notify_all()

    def shelter(self) -> bool:
        """Bring what is in memory to the disk, into the spill file; say whether it is there."""
        with self.news:
            if not self._memory:
                return True
            if not self._to_disk():
                return False
        try:
            self._spill.sync()
        except OSError as e:
            self.spill_fault = e.strerror or type(e).__name__
            return False
        return True

    def give_up(self) -> None:
        """Count as lost what only the memory holds."""
        with self.news:
            self.lost += len(self._memory)
            self._untold += len(self._memory)

    def close(self) -> None:
        """Close the spill file and leave it."""
        self._spill.close()

    def _take(self, record: Record, line: str) -> None:
        self._seq += 1
        self._memory.append(entry_of(record, self._seq, line))

    def _tell_of_losses(self) -> None:
        """Let the journal itself say what it lacks, as soon as there is room to say it."""
        if not self._untold or len(self._memory) >= self._capacity:
            return
        reason = f"{self._untold} records could not be kept: {self.spill_fault}"
        told = of_health(
            ts_event=self._lost_at, instrument_id="", state="records lost", reason=reason
        )
        self._take(told, line_of(told))
        self._untold = 0

    def _make_room(self) -> bool:
        if self.spill_fault and self._untold % _ATTEMPT:
            return False
        return self._to_disk()

    def _to_disk(self) -> bool:
        try:
            self._spill.add(self._memory)
        except OSError as e:
            self.spill_fault = e.strerror or type(e).__name__
            return False
        self._memory.clear()
        self.spill_fault = ""
        return True
