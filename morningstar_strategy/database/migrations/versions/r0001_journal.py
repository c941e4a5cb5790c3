"""The tables of sessions and records, and the triggers that refuse to change them."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

_KEYS: Final = {  # what makes a row the same: SQLite replaces one without asking its triggers
    "sessions": "id = NEW.id OR name = NEW.name",
    "records": "session_id = NEW.session_id AND seq = NEW.seq",
}


def upgrade() -> None:
    """Make tables and triggers."""
    op.create_table(
        "sessions",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(),
            primary_key=True,
        ),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("started_ns", sa.BigInteger, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("settings_sha256", sa.CHAR(64), nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
    )
    op.create_table(
        "records",
        sa.Column("session_id", sa.BigInteger, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ts_event", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("instrument_id", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("hash", sa.CHAR(64), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for table, same in _KEYS.items():
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, 'the journal is append-only: {act} of {table} refused'); END"
            )
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608  # constants
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {exists} BEGIN "
            f"SELECT RAISE(ABORT, 'the journal is append-only: the row of {table} exists'); END"
        )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'the journal is append-only: % of % refused', "
        "lower(TG_OP), TG_TABLE_NAME; END $$"
    )
    for table in _KEYS:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse()"
        )
