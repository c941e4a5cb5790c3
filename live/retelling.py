"""What a killed node had booked and not yet journalled is told by the next one."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from morningstar_strategy.actors.journaling import Sink
from morningstar_strategy.core.records import from_line
from morningstar_strategy.database.journal import DatabaseJournal
from morningstar_strategy.database.reading import newest_lines, sessions
from morningstar_strategy.store import StateStore, StoreError

__all__ = ["SPILL", "Forgetter", "retell", "take_up_spills"]

_PAUSE_NS = 1_000_000_000  # after a failure: who waits for a lock here keeps the guard waiting

SPILL = ".journal.spill"  # ends the name of a session's file of records not in the database yet

_SESSIONS = 5  # that may have been killed one after another before they could tell
_LEAST = 4_000  # lines that are looked at: what is owed was booked in the last moments


def retell(store: StateStore, journal: Sink, url: str) -> int:
    """Journal what the store knows and no session has; give the number of records.

    Raises DatabaseError where the journal cannot be read, RecordError for a line that is none.
    """
    owed = store.untold()
    if not owed:
        return 0
    many = max(_LEAST, 4 * len(owed))
    names = [each.session.name for each in sessions(url)]
    known = Counter(
        line
        for name in islice(reversed(names), _SESSIONS)
        for line in newest_lines(url, name, count=many)
    )
    told = 0
    for line in owed:
        if known[line] > 0:
            known[line] -= 1
        else:
            journal.append(from_line(line))
            told += 1
    return told


class Forgetter:
    """Lets the store forget what the journal has; nothing is told meanwhile on this thread."""

    def __init__(self, store: StateStore, is_journalled: Callable[[], bool]) -> None:
        self._store = store
        self._is_journalled = is_journalled
        self._fault, self._due_ns = "", 0

    def __call__(self, now_ns: int) -> str:
        """Say why it could not, "" where it could; after a failure it pauses."""
        if now_ns < self._due_ns or not self._is_journalled():
            return self._fault
        try:
            self._store.forget_untold()
        except StoreError as e:
            self._fault, self._due_ns = f"{e}", now_ns + _PAUSE_NS
        else:
            self._fault = ""
        return self._fault


def take_up_spills(folder: Path, url: str) -> int:
    """Bring what sessions left beside the database into it; give the number of files.

    Raises DatabaseError where that cannot be done: the file is left as it is.
    """
    left = {path.name.removesuffix(SPILL): path for path in folder.glob(f"*{SPILL}")}
    found = [kept.session for kept in sessions(url) if kept.session.name in left] if left else []
    for session in found:
        with DatabaseJournal(
            url,
            name=session.name,
            started_ns=session.started_ns,
            mode=session.mode,
            settings=session.settings,
            settings_sha256=session.settings_sha256,
            versions=session.versions,
            spill=left[session.name],
            resume=True,
        ):
            pass  # it writes what it finds, and removes the file when all is there
    return len(found)
