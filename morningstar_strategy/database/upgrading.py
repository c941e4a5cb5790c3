"""The revision of a database: brought up to that of this code, or told why it cannot be."""

from functools import cache
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from morningstar_strategy.database.address import (
    DatabaseError,
    parse_url,
    redacted,
    sqlite_path,
    told,
    writing_engine,
)

__all__ = ["check_revision", "upgrade"]

_LOCK: Final = 7_739_274_116  # of PostgreSQL, held by whoever migrates


def upgrade(url: str) -> str:
    """Make or renew the tables of a database and give its revision; raises DatabaseError."""
    address = parse_url(url)
    config = _config()
    try:
        if (path := sqlite_path(address)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with writing_engine(address).begin() as connection:
            if path is None:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            if _current(connection, address) != _revisions()[0]:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
    except (SQLAlchemyError, OSError) as e:
        raise DatabaseError(
            f"database {redacted(address)} cannot be migrated: {told(e, address)}"
        ) from None
    return _revisions()[0]


def check_revision(connection: Connection, url: URL) -> None:
    """Raise DatabaseError unless the tables are those of this code."""
    found = _current(connection, url)
    if found != _revisions()[0]:
        state = f"has revision {found}" if found else "has no journal"
        raise DatabaseError(
            f"database {redacted(url)} {state}, must have {_revisions()[0]}: "
            "run python -m morningstar_strategy.database migrate URL"
        )


def _current(connection: Connection, url: URL) -> str:
    heads = MigrationContext.configure(connection).get_current_heads()
    unknown = [head for head in heads if head not in _revisions()]
    if unknown:
        raise DatabaseError(
            f"database {redacted(url)} has revision {unknown[0]}, which is newer than this program"
        )
    return heads[0] if heads else ""


@cache
def _revisions() -> tuple[str, ...]:
    """Give the revisions that this code knows, newest first."""
    script = ScriptDirectory.from_config(_config())
    return tuple(found.revision for found in script.walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "morningstar_strategy.database:migrations")
    return config
