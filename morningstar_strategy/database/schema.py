"""The tables of the journal."""

from typing import Final

from sqlalchemy import (
    CHAR,
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = ["METADATA", "RECORDS", "SESSIONS"]

METADATA: Final = MetaData()

SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("started_ns", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("settings", Text, nullable=False),  # YAML
    Column("settings_sha256", CHAR(64), nullable=False),
    Column("versions", JSON, nullable=False),
)

RECORDS: Final = Table(
    "records",
    METADATA,
    Column("session_id", BigInteger, ForeignKey("sessions.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # from 1
    Column("ts_event", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("instrument_id", Text, nullable=False),  # in visible ASCII, for looking things up
    Column("line", Text, nullable=False),
    Column("hash", CHAR(64), nullable=False),
)
