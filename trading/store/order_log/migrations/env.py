"""Alembic's entry: runs the revisions on the connection, and in the transaction, that `upgrade.py` opened."""

from alembic import context

from trading.store.order_log.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
