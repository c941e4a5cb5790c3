"""What a database holds, read and checked beside whoever writes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import URL, Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from morningstar_strategy.core.records import Record, RecordError, from_line
from morningstar_strategy.database.address import DatabaseError, parse_url, reading_engine, told
from morningstar_strategy.database.chain import Head, Session, chained, columns_of
from morningstar_strategy.database.schema import RECORDS, SESSIONS
from morningstar_strategy.database.upgrading import check_revision
from morningstar_strategy.database.writing import find_session, last_record

__all__ = ["Kept", "newest_lines", "read_lines", "read_records", "sessions", "verified", "verify"]

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A session in a database and how much of it there is."""

    session: Session
    records: int
    last_ts_event: int | None  # UNIX nanoseconds, None without a record
    head: Head


class _Row(NamedTuple):
    seq: int
    ts_event: int
    kind: str
    instrument_id: str
    line: str
    hash: str


def sessions(url: str) -> list[Kept]:
    """List the sessions of a database, oldest first."""
    with _reading(url) as connection:
        found = [_session(connection, name) for name in _names(connection)]
        return [_kept(connection, session_id, session) for session_id, session in found]


def read_records(url: str, name: str) -> Iterator[Record]:
    """Read the records of a session in their order; raises DatabaseError naming the faulty one."""
    for seq, line in read_lines(url, name):
        yield _record(name, seq, line)


def read_lines(url: str, name: str) -> Iterator[tuple[int, str]]:
    """Read the lines of a session with their places, in their order."""
    with _reading(url) as connection:
        session_id, _ = _session(connection, name)
        for row in _rows(connection, session_id):
            yield row.seq, row.line


def newest_lines(url: str, name: str, *, count: int) -> list[str]:
    """Read the last lines of a session, the newest first."""
    with _reading(url) as connection:
        session_id, _ = _session(connection, name)
        found = select(RECORDS.c.line).where(RECORDS.c.session_id == session_id)
        with connection.begin():
            rows = connection.execute(found.order_by(RECORDS.c.seq.desc()).limit(count)).all()
    return [str(line) for (line,) in rows]


def verify(url: str, name: str, *, head: str = "") -> int:
    """Check a session's chain from its first record to its last; give the number of records.

    `head` is a hash that was seen before: a chain without it was cut. Raises DatabaseError naming
    the first record that is wrong.
    """
    return verified(url, name, head=head).records


def verified(url: str, name: str, *, head: str = "") -> Kept:
    """Do as `verify` and give the session."""
    with _reading(url) as connection:
        session_id, session = _session(connection, name)
        last, seen, ts_event = Head(0, session.origin), not head, None
        for row in _rows(connection, session_id):
            if row.seq != last.seq + 1:
                raise DatabaseError(f"record {last.seq + 1} of session {name!r} is missing")
            if row.hash != chained(last.hash, row.line):
                raise DatabaseError(_fault(connection, session_id, name, row))
            if columns_of(_record(name, row.seq, row.line)) != row[1:4]:
                raise DatabaseError(f"record {row.seq} of session {name!r} has other columns")
            last, ts_event = Head(row.seq, row.hash), row.ts_event
            seen = seen or row.hash == head
    if not seen and head != session.origin:
        raise DatabaseError(f"record with hash {head:.64} of session {name!r} is missing")
    return Kept(session=session, records=last.seq, last_ts_event=ts_event, head=last)


def _fault(connection: Connection, session_id: int, name: str, wrong: _Row) -> str:
    """Tell a record in another's place from one that was changed."""
    for other in _rows(connection, session_id):
        if chained(other.hash, wrong.line) == wrong.hash:
            return f"record {wrong.seq} of session {name!r} is out of order: it follows {other.seq}"
    return f"record {wrong.seq} of session {name!r} was changed"


def _record(name: str, seq: int, line: str) -> Record:
    try:
        return from_line(line)
    except RecordError as e:
        raise DatabaseError(f"record {seq} of session {name!r} is {e}") from e


def _rows(connection: Connection, session_id: int) -> Iterator[_Row]:
    """Give the rows page by page, so that no transaction lasts."""
    columns = [RECORDS.c[name] for name in _Row._fields]
    last = None
    while True:
        page = select(*columns).where(RECORDS.c.session_id == session_id)
        if last is not None:
            page = page.where(RECORDS.c.seq > last)
        with connection.begin():
            rows = connection.execute(page.order_by(RECORDS.c.seq).limit(_PAGE)).all()
        if not rows:
            return
        yield from (_Row(*row) for row in rows)
        last = rows[-1].seq


def _names(connection: Connection) -> list[str]:
    with connection.begin():
        return list(connection.execute(select(SESSIONS.c.name).order_by(SESSIONS.c.id)).scalars())


def _session(connection: Connection, name: str) -> tuple[int, Session]:
    with connection.begin():
        found = find_session(connection, name)
    if found is None:
        raise DatabaseError(f"session {name!r} is not in the database")
    return found


def _kept(connection: Connection, session_id: int, session: Session) -> Kept:
    of_session = RECORDS.c.session_id == session_id
    times = select(RECORDS.c.ts_event).where(of_session).order_by(RECORDS.c.seq.desc()).limit(1)
    with connection.begin():
        count = connection.execute(select(func.count()).where(of_session)).scalar_one()
        return Kept(
            session=session,
            records=int(count),
            last_ts_event=connection.execute(times).scalar(),
            head=last_record(connection, session_id) or Head(0, session.origin),
        )


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    address = parse_url(url)
    try:
        with reading_engine(address).connect() as connection:
            with connection.begin():
                check_revision(connection, address)
            yield connection
    except SQLAlchemyError as e:
        raise _unreadable(e, address) from None


def _unreadable(e: SQLAlchemyError, address: URL) -> DatabaseError:
    return DatabaseError(f"database cannot be read: {told(e, address)}")
