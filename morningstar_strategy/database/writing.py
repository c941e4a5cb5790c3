"""The one writer of a session: it claims it, goes on with its chain, and writes nothing twice."""

import fcntl
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from morningstar_strategy.database.address import (
    DatabaseError,
    redacted,
    sqlite_path,
    writing_engine,
)
from morningstar_strategy.database.chain import Entry, Head, Session, chained
from morningstar_strategy.database.schema import RECORDS, SESSIONS
from morningstar_strategy.database.upgrading import check_revision, upgrade

__all__ = ["SessionWriter", "find_session", "last_record"]

# `Any` in this module: the values of a row

_CLAIM: Final = text("SELECT pg_try_advisory_lock(:key)")


class SessionWriter:
    """Writes entries over one connection, which is made anew after every failure."""

    def __init__(self, url: URL, session: Session, *, synchronous: str) -> None:
        self.head = Head(0, session.origin)
        self.origin = session.origin
        self._url = url
        self._session = session
        self._engine = writing_engine(url, synchronous=synchronous)
        self._connection: Connection | None = None
        self._id = self._inode = 0
        self._lock: int | None = None

    def open(self, *, resume: bool) -> None:
        """Claim the session and make it, or go on with it; raises what a database raises.

        Raises DatabaseError where it exists and is not to be resumed, or has a writer.
        """
        if (path := sqlite_path(self._url)) is not None:
            upgrade(self._url.render_as_string(hide_password=False))
            self._claim_file(path)
            self._inode = path.stat().st_ino
        self._connection = self._connect()
        with self._connection.begin():
            found = find_session(self._connection, self._session.name)
            if found is None:
                made = insert(SESSIONS).values(**_row(self._session)).returning(SESSIONS.c.id)
                self._id = int(self._connection.execute(made).scalar_one())
                return
            self._id, session = found
            self._check(session, resume=resume)
            self.origin = session.origin
            self.head = last_record(self._connection, self._id) or Head(0, self.origin)

    def write(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction; those that are written already are passed over.

        Raises what a database raises, and DatabaseError where somebody else wrote meanwhile.
        """
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._catch_up(self._connection, entries)
            rows, head = self._rows(entries)
            if not rows:
                return
            self._look_for_file()
            with self._connection.begin():
                self._connection.execute(insert(RECORDS), rows)
        except BaseException:
            self._disconnect()
            raise
        self.head = head

    def holds(self, entry: Entry) -> bool:
        """Say whether the database has an entry as it is."""
        assert self._connection is not None
        line = select(RECORDS.c.line).where(
            RECORDS.c.session_id == self._id, RECORDS.c.seq == entry.seq
        )
        with self._connection.begin():
            return self._connection.execute(line).scalar() == entry.line

    def close(self) -> None:
        """Close the connection and give the session free."""
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _rows(self, entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], Head]:
        rows, head = [], self.head
        for entry in entries:
            if entry.seq <= head.seq:
                continue
            if entry.seq != head.seq + 1:
                raise DatabaseError(f"record {head.seq + 1} is missing, the next is {entry.seq}")
            head = Head(entry.seq, chained(head.hash, entry.line))
            rows.append(entry._asdict() | {"session_id": self._id, "hash": head.hash})
        return rows, head

    def _catch_up(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Find out whether the last transaction was committed although nobody said so."""
        with connection.begin():
            last = last_record(connection, self._id) or Head(0, self.origin)
        if last == self.head:
            return
        rows, _ = self._rows(entries)
        for row in rows:
            if last == Head(row["seq"], row["hash"]):
                self.head = last
                return
        raise DatabaseError(
            f"session {self._session.name!r} ends with record {last.seq}, which is not what was "
            f"written here up to {self.head.seq}: somebody else wrote to it"
        )

    def _check(self, found: Session, *, resume: bool) -> None:
        name = self._session.name
        if not resume:
            raise DatabaseError(f"session {name!r} exists already in {redacted(self._url)}")
        for field in ("mode", "settings_sha256"):
            was, wanted = getattr(found, field), getattr(self._session, field)
            if was != wanted:
                raise DatabaseError(
                    f"session {name!r} has {field} {was}, to resume it had {wanted}"
                )

    # ------------------------------------------------------------ connection and claim

    def _connect(self) -> Connection:
        if self._id:
            self._look_for_file()  # SQLite would make a new one
        connection = self._engine.connect()
        try:
            with connection.begin():
                check_revision(connection, self._url)
                if self._lock is None:
                    self._claim_on(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _look_for_file(self) -> None:
        """Raise DatabaseError where the file is gone: SQLite would write on into nowhere."""
        path = sqlite_path(self._url)
        if path is None:
            return
        try:
            found = path.stat().st_ino
        except FileNotFoundError:
            raise DatabaseError(f"database {path} is gone") from None
        if found != self._inode:
            raise DatabaseError(f"database {path} was replaced by another file")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):  # it was lost already
                connection.invalidate()
                connection.close()

    def _claim_on(self, connection: Connection) -> None:
        key = int.from_bytes(sha256(self._session.name.encode()).digest()[:8], signed=True)
        if not connection.execute(_CLAIM, {"key": key}).scalar_one():
            raise self._taken()

    def _claim_file(self, path: Path) -> None:
        mark = sha256(self._session.name.encode()).hexdigest()[:16]
        lock = os.open(path.with_name(f"{path.name}.{mark}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise self._taken() from None
        self._lock = lock

    def _taken(self) -> DatabaseError:
        return DatabaseError(
            f"session {self._session.name!r} in {redacted(self._url)} is being written by another "
            "process"
        )


def find_session(connection: Connection, name: str) -> tuple[int, Session] | None:
    """Find a session and its number by its name."""
    row = connection.execute(select(SESSIONS).where(SESSIONS.c.name == name)).mappings().first()
    if row is None:
        return None
    fields = dict(row)
    return int(fields.pop("id")), Session(**fields)


def last_record(connection: Connection, session_id: int) -> Head | None:
    """Give the last record of a session, None before the first."""
    columns = select(RECORDS.c.seq, RECORDS.c.hash).where(RECORDS.c.session_id == session_id)
    row = connection.execute(columns.order_by(RECORDS.c.seq.desc()).limit(1)).first()
    return None if row is None else Head(int(row.seq), str(row.hash))


def _row(session: Session) -> dict[str, Any]:
    return {
        "name": session.name,
        "started_ns": session.started_ns,
        "mode": session.mode,
        "settings": session.settings,
        "settings_sha256": session.settings_sha256,
        "versions": json.loads(json.dumps(dict(session.versions))),
    }
