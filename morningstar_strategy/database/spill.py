"""The file beside the database: records that wait there until it can be written again."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from morningstar_strategy.database.address import DatabaseError
from morningstar_strategy.database.chain import Entry

__all__ = ["Spill"]

_FORMAT: Final = "morningstar-spill-1"
_BLOCK: Final = 1 << 20


class Spill:
    """A file of entries in their order, there only while it holds some.

    One thread adds at a time, and one reads and clears; each line is whole or is not there.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self.last = 0  # place of the last entry in it
        self._head = f"{_FORMAT} {origin}\n".encode()
        self._file: int | None = None
        self._length = self._read = 0  # bytes that are sound, and that were read and are settled

    def __bool__(self) -> bool:
        return self._file is not None

    def take_up(self) -> Iterator[Entry]:
        """Open what an earlier process left and give its entries; raises DatabaseError if damaged.

        A last line that was never finished is cut off.
        """
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return
        size, head = os.fstat(self._file).st_size, os.pread(self._file, len(self._head), 0)
        if head != self._head and not self._head.startswith(head):
            self.close()
            raise DatabaseError(f"spill file {self.path} holds records of another session")
        if head != self._head:  # cut before the first record
            self.clear()
            return
        self._length, self._read = size, len(self._head)
        end, expected = self._read, None
        for raw in self._lines(self._read):
            entry = self._entry(raw, end, expected)
            yield entry
            end, expected = end + len(raw) + 1, entry.seq + 1
            self.last = entry.seq
        self._length = end
        os.ftruncate(self._file, end)
        if expected is None:
            self.clear()

    def add(self, entries: Iterable[Entry]) -> None:
        """Append entries, all or none; raises OSError where the disk does not take them."""
        content, last = [], self.last
        for entry in entries:
            content.append("\t".join(map(str, entry)))
            last = entry.seq
        if not content:
            return
        if self._file is None:
            self._begin()
        self._write("".join(f"{line}\n" for line in content).encode())
        self.last = last

    def read(self, after: int, most: int) -> list[Entry]:
        """Give the next entries behind a place in the chain."""
        found: list[Entry] = []
        for raw in self._lines(self._read):
            entry = self._entry(raw, self._read, None)
            if entry.seq <= after and not found:
                self._read += len(raw) + 1
                continue
            found.append(entry)
            if len(found) == most:
                break
        return found

    def sync(self) -> None:
        """Bring what was added to the disk itself."""
        if self._file is not None:
            os.fsync(self._file)

    def clear(self) -> None:
        """Remove the file, whose entries are all in the database."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the file and leave it."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._length = self._read = self.last = 0

    def _begin(self) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            self._write(self._head)
        except OSError:
            self.clear()
            raise
        self._read = self._length

    def _write(self, content: bytes) -> None:
        assert self._file is not None
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self._length)
            raise
        self._length += len(content)

    def _lines(self, offset: int) -> Iterator[bytes]:
        """Give the finished lines from an offset on, without their ends."""
        assert self._file is not None
        rest, end = b"", self._length
        while offset < end:
            block = os.pread(self._file, min(_BLOCK, end - offset), offset)
            if not block:
                return
            offset += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from lines

    def _entry(self, raw: bytes, offset: int, expected: int | None) -> Entry:
        try:
            seq, ts_event, kind, instrument_id, line = raw.decode("ascii").split("\t")
            entry = Entry(int(seq), int(ts_event), kind, instrument_id, line)
        except ValueError as e:
            raise DatabaseError(f"spill file {self.path} is damaged at byte {offset}") from e
        if expected is not None and entry.seq != expected:
            raise DatabaseError(
                f"spill file {self.path} must go on with record {expected}, had {entry.seq}"
            )
        return entry
