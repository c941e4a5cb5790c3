"""Runs the migrations on the connection that `upgrading` hands over."""

from alembic import context

from morningstar_strategy.database.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,  # of SQLite too: its connections begin in plain words
)
with context.begin_transaction():
    context.run_migrations()
