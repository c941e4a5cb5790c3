"""Where a database is: its URL checked, told without passwords, and opened."""

import re
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

__all__ = ["DatabaseError", "parse_url", "reading_engine", "redacted", "told", "writing_engine"]

# `Any` in this module: a driver's connection has no type that two drivers share

_BUSY_SECS: Final = 0.2  # whoever writes tries again, and must be able to say so meanwhile
_READER_BUSY_SECS: Final = 5.0
_SYNCHRONOUS: Final = ("FULL", "NORMAL")
_SECRET: Final = re.compile(r"pass|secret|token|key", re.IGNORECASE)
_LINE: Final[dict[str, str | int]] = {  # libpq: a line that went dead is noticed in seconds
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SERVER: Final = {  # and the server lets go of a writer that vanished
    "statement_timeout": "10s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class DatabaseError(ValueError):
    """A journal's database, or what it holds, is not what it should be."""


def parse_url(text: str) -> URL:
    """Read the URL of a SQLite file or of a PostgreSQL database; raises DatabaseError."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # neither text may be told: it can hold a password
        raise DatabaseError(
            "database must be a URL such as sqlite:///journal.sqlite or "
            "postgresql+psycopg://user@host/name, was none"
        ) from None
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if not url.database or url.database.startswith((":memory:", "file:")):
                raise DatabaseError(
                    f"database must name a file of SQLite by its path, was {redacted(url)}"
                )
            return url.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgresql+psycopg":
            if isinstance(hidden := url.query.get("password"), str):  # where it is never shown
                url = url.set(password=hidden).difference_update_query(["password"])
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise DatabaseError(
                f"database must be of sqlite or postgresql+psycopg, was of {other!r:.40}"
            )


def redacted(url: URL) -> str:
    """Write a URL without its secrets."""
    query = {name: "***" if _SECRET.search(name) else said for name, said in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def told(e: Exception, url: URL) -> str:
    """Say in one line what a database answered, without secrets."""
    words = str(e.orig if isinstance(e, DBAPIError) and e.orig is not None else e)
    secrets = [url.password, *(url.query[name] for name in url.query if _SECRET.search(name))]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            words = words.replace(secret, "***")
    return " ".join(words.split())[:300] or type(e).__name__


def sqlite_path(url: URL) -> Path | None:
    """Give the file of a SQLite database, None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def writing_engine(url: URL, *, synchronous: str = "FULL") -> Engine:
    """Make an engine that writes; every connection is new and closed by whoever opened it."""
    if synchronous not in _SYNCHRONOUS:
        raise DatabaseError(f"synchronous must be one of {_SYNCHRONOUS}, was {synchronous!r:.40}")
    if sqlite_path(url) is None:
        return _server_engine(url, _SERVER)
    first = ("PRAGMA journal_mode", f"PRAGMA synchronous={synchronous}", "PRAGMA foreign_keys=ON")
    return _file_engine(url, "BEGIN IMMEDIATE", first, _BUSY_SECS)


def reading_engine(url: URL) -> Engine:
    """Make an engine that reads only; raises DatabaseError where there is no database."""
    path = sqlite_path(url)
    if path is None:
        return _server_engine(url, _SERVER | {"default_transaction_read_only": "on"})
    if not path.is_file():
        raise DatabaseError(f"database {path} does not exist")
    return _file_engine(url, "BEGIN", ("PRAGMA query_only=ON",), _READER_BUSY_SECS, lenient=True)


def _server_engine(url: URL, settings: dict[str, str]) -> Engine:
    line = {name: value for name, value in _LINE.items() if name not in url.query}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=line)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.commit()

    return engine


def _file_engine(
    url: URL, begin: str, first: tuple[str, ...], busy_secs: float, *, lenient: bool = False
) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": busy_secs, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver must not begin and commit on its own
        if lenient:  # a byte that was changed is for the chain to find
            connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        for statement in first:
            (mode,) = connection.execute(statement).fetchone() or ("",)
            if statement == "PRAGMA journal_mode" and mode != "wal":  # readers beside the writer
                connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def open_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
