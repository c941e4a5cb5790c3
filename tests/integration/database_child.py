"""A process that keeps a journal: it appends without end, or until the disk is full and after."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from morningstar_strategy.database.journal import DatabaseJournal, JournalManners
from tests.integration.database_places import QUICK, journal_in, record, until

_ROUND: Final = 7  # records between two confirmations


def append_for_ever(url: str, folder: Path, capacity: int) -> None:
    """Go on with the session and tell each time how many records are surely written."""
    manners = JournalManners(capacity=capacity, batch=5, gather_secs=0.0)
    with journal_in(url, folder, resume=True, manners=manners) as journal:
        _sure(journal.flush(10.0))
        number = journal.head.seq
        while True:
            for _ in range(_ROUND):
                journal.append(record(number))
                number += 1
            if number % 3:
                _sure(journal.flush(10.0))
                print(number, flush=True)


def fill_the_disk(url: str, folder: Path, relieve: Callable[[], None]) -> None:
    """Append until records are lost, make room, and tell what was said meanwhile."""
    manners = JournalManners(capacity=32, batch=16, gather_secs=0.0, retry_secs=0.02)
    with journal_in(url, folder, manners=manners) as journal:
        put = _append_until(journal, 0, lambda: bool(journal.fault))
        until(lambda: bool(journal.fault))
        first = journal.fault
        put = _append_until(journal, put, lambda: journal.lost > 100)
        losing, lost = journal.fault, journal.lost
        relieve()
        until(lambda: not journal.waiting and not journal.fault)
        journal.append(record(put))
        healed = journal.flush(10.0)
        until(lambda: not journal.fault)
        told = {"first": first, "losing": losing, "lost": lost}
        told |= {"healed": healed, "put": put + 1, "head": journal.head.seq}
    print(json.dumps(told | {"last": journal.fault}), flush=True)


def _append_until(journal: DatabaseJournal, put: int, enough: Callable[[], bool]) -> int:
    deadline = time.monotonic() + 20.0
    while not enough():
        _sure(time.monotonic() < deadline)
        journal.append(record(put))
        put += 1
        if put % 8 == 0:
            journal.flush(0.002)  # the disk is to be full, not the memory
    return put


def _sure(so: object) -> None:
    if not so:
        sys.exit("it did not come so")


def main(act: str, url: str, place: str, more: str) -> None:
    """Do one of them."""
    folder = Path(place)
    match act:
        case "append":
            append_for_ever(url, folder, int(more))
        case "limit":  # of the size of a file, for this process
            with journal_in(url, folder, name="before", manners=QUICK):
                pass
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(more), most))
            fill_the_disk(
                url, folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            )
        case "disk":  # a small one, on which a file takes some of the room
            filler = folder / "filler"
            filler.write_bytes(b"-" * int(more))
            fill_the_disk(url, folder, filler.unlink)


if __name__ == "__main__":
    main(*sys.argv[1:])
