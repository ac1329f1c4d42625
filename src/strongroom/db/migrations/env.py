"""Alembic's entry point: runs the revisions on the connection `db/migrate.py` hands over.

That connection's transaction is the caller's: a migration is kept whole or not at all.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
)
with context.begin_transaction():
    context.run_migrations()
