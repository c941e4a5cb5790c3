"""The journal of a live node: appended without waiting, kept where its database fails."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from sqlalchemy.exc import SQLAlchemyError

from morningstar_strategy.core.records import Record
from morningstar_strategy.database.address import DatabaseError, parse_url, redacted, told
from morningstar_strategy.database.backlog import Backlog
from morningstar_strategy.database.chain import Head, Session
from morningstar_strategy.database.spill import Spill
from morningstar_strategy.database.writing import SessionWriter

__all__ = ["DatabaseJournal", "JournalManners"]

_SECOND_NS: Final = 1_000_000_000
_SHELTER_SECS: Final = 0.05
_LAST_SECS: Final = 1.0  # for a writer in the midst of a transaction when the journal is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalManners:
    """How a journal waits, gathers and tries again."""

    capacity: int = 8_192  # records in memory, more go to the spill file
    batch: int = 512  # records of a transaction, at most
    gather_secs: float = 0.02  # the first record of a batch waits so long for others
    retry_secs: float = 0.1  # after the first failure, doubled after each further one
    most_retry_secs: float = 2.0
    stall_secs: float = 5.0  # a database that has not answered for so long is a fault
    exit_secs: float = 5.0  # given to what waits when the journal is closed
    synchronous: str = "FULL"  # of SQLite: NORMAL is faster and can lose the last rows with power

    def __post_init__(self) -> None:
        for name in ("capacity", "batch"):
            if getattr(self, name) < 1:
                raise DatabaseError(f"{name} must be at least 1, was {getattr(self, name)}")
        for name in ("retry_secs", "most_retry_secs", "stall_secs"):
            if not getattr(self, name) > 0:
                raise DatabaseError(f"{name} must be above 0, was {getattr(self, name)}")
        for name in ("gather_secs", "exit_secs"):
            if not getattr(self, name) >= 0:
                raise DatabaseError(f"{name} must not be below 0, was {getattr(self, name)}")


class _Trouble(NamedTuple):
    since_ns: int
    reason: str


class DatabaseJournal:
    """Append-only, hash-chained records of one session; whoever opens it closes it.

    `append` belongs to one thread, `fault`, `lost` and `flush` to any. SQLite is migrated when it
    is opened, PostgreSQL must have been.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        started_ns: int,
        mode: str,
        settings: str,
        settings_sha256: str,
        versions: Mapping[str, str],
        spill: Path,
        resume: bool = False,
        manners: JournalManners | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._url = parse_url(url)
        self._session = Session(
            name=name,
            started_ns=started_ns,
            mode=mode,
            settings=settings,
            settings_sha256=settings_sha256,
            versions=versions,
        )
        self._spill_path = spill
        self._resume = resume
        self._manners = manners or JournalManners()
        self._clock_ns = clock_ns
        self._writer = SessionWriter(
            self._url, self._session, synchronous=self._manners.synchronous
        )
        self._backlog: Backlog | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._trouble: _Trouble | None = None
        self._asked_at: float | None = None  # since when the database owes an answer
        self._open = self._stopping = False

    def __repr__(self) -> str:
        return f"DatabaseJournal({redacted(self._url)!r}, name={self._session.name!r})"

    def __enter__(self) -> Self:
        try:
            self._writer.open(resume=self._resume)
            self._backlog = self._begin()
        except (SQLAlchemyError, OSError) as e:
            self._writer.close()
            raise DatabaseError(
                f"journal cannot be opened in {redacted(self._url)}: {told(e, self._url)}"
            ) from None
        except BaseException:
            self._writer.close()
            raise
        self._open = True
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        backlog = self._kept()
        self._open = False
        self.flush(self._manners.exit_secs)
        with backlog.news:
            self._stopping = True
            backlog.news.notify_all()
        self._thread.join(_LAST_SECS)
        if backlog.waiting and not backlog.shelter():
            backlog.give_up()
        if not self._thread.is_alive():
            backlog.close()

    @property
    def fault(self) -> str:
        """Say in one sentence what is wrong and since when, "" while all is well."""
        backlog, trouble = self._backlog, self._trouble or self._stalled()
        if backlog is None:
            return ""
        parts = []
        if trouble is not None:
            since = datetime.fromtimestamp(trouble.since_ns // _SECOND_NS, UTC)
            parts.append(
                f"the journal is not written since {since:%Y-%m-%dT%H:%M:%SZ}: {trouble.reason}"
            )
        if backlog.untold:
            parts.append(
                f"{backlog.untold} records are lost: the spill file {self._spill_path} cannot be "
                f"written either: {backlog.spill_fault}"
            )
        elif backlog.waiting and not self._open:
            parts.append(f"{backlog.waiting} records are left in {self._spill_path}")
        return "; ".join(parts)

    @property
    def waiting(self) -> int:
        """Count the records that are not in the database yet."""
        return 0 if self._backlog is None else self._backlog.waiting

    @property
    def lost(self) -> int:
        """Count the records that neither database nor spill file could take."""
        return 0 if self._backlog is None else self._backlog.lost

    @property
    def head(self) -> Head:
        """Give the last record that is written: its place in the chain and its hash."""
        return self._writer.head

    def append(self, record: Record) -> None:
        """Take one record to be written at the end, without waiting for the database."""
        if not self._open:
            raise DatabaseError(f"journal of session {self._session.name!r} is not open")
        self._kept().put(record)

    def flush(self, timeout_secs: float) -> bool:
        """Wait until all that was appended before is written; say whether it is.

        Records that were lost are written when the journal tells of them.
        """
        backlog = self._kept()
        deadline = time.monotonic() + timeout_secs
        with backlog.news:
            wanted = backlog.seq
            backlog.news.notify_all()
            while backlog.untold or self._writer.head.seq < wanted:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                backlog.news.wait(left)
        return True

    # ------------------------------------------------------------ the writer's thread

    def _run(self) -> None:
        backlog, tries = self._kept(), 0
        try:
            while self._wait(backlog, tries):
                tries = 0 if self._write(backlog) else tries + 1
        except Exception as e:  # a thread must not end unheard
            self._fail(f"its writer ended with {type(e).__name__}: {told(e, self._url)}")
        finally:
            self._writer.close()

    def _wait(self, backlog: Backlog, tries: int) -> bool:
        """Wait for something to write, and after a failure for a while; say whether to go on."""
        if tries:
            self._rest(backlog, tries)
        with backlog.news:
            while not backlog.waiting and not self._stopping:
                backlog.wait(None)
            if not self._stopping and not tries and backlog.waiting < self._manners.batch:
                backlog.news.wait(self._manners.gather_secs)
            return not self._stopping

    def _rest(self, backlog: Backlog, tries: int) -> None:
        """Wait before the next try, and bring to the disk meanwhile what is appended."""
        delay = self._manners.retry_secs * 2 ** min(tries - 1, 16)
        deadline = time.monotonic() + min(delay, self._manners.most_retry_secs)
        while (left := deadline - time.monotonic()) > 0:
            with backlog.news:
                if self._stopping:
                    return
                backlog.news.wait(min(left, _SHELTER_SECS))
            if not backlog.spill_fault:
                backlog.shelter()

    def _write(self, backlog: Backlog) -> bool:
        self._asked_at = time.monotonic()
        try:
            self._writer.write(backlog.batch(self._manners.batch))
            self._asked_at = None
            backlog.settle(self._writer.head.seq)
        except (SQLAlchemyError, OSError, DatabaseError) as e:
            self._fail(told(e, self._url))
            backlog.shelter()
            return False
        else:
            self._trouble = None
            return True
        finally:
            self._asked_at = None

    def _fail(self, reason: str) -> None:
        since_ns = self._clock_ns() if self._trouble is None else self._trouble.since_ns
        self._trouble = _Trouble(since_ns, reason)

    def _stalled(self) -> _Trouble | None:
        asked_at = self._asked_at
        if asked_at is None:
            return None
        secs = time.monotonic() - asked_at
        if secs < self._manners.stall_secs:
            return None
        return _Trouble(self._clock_ns() - int(secs * _SECOND_NS), "the database does not answer")

    # ------------------------------------------------------------ opening

    def _begin(self) -> Backlog:
        spill = Spill(self._spill_path, self._writer.origin)
        if not self._resume and self._spill_path.exists():
            raise DatabaseError(f"spill file {self._spill_path} is left by another session")
        self._spill_path.parent.mkdir(parents=True, exist_ok=True)
        seq = self._writer.head.seq
        backlog = Backlog(spill, seq=seq, capacity=self._manners.capacity)
        try:
            backlog.take_up(self._writer.holds)
        except BaseException:
            spill.close()
            raise
        return backlog

    def _kept(self) -> Backlog:
        if self._backlog is None:
            raise DatabaseError(f"journal of session {self._session.name!r} is not open")
        return self._backlog
