"""How an older order log becomes today's: Alembic revisions, numbered, never changed once released.

To add one: change `schema.py`, raise `schema.HEAD`, write ``versions/rNNNN_what.py`` whose ``down_revision``
is the last one. Only what holds on SQLite and Postgres alike; a new column is nullable or has a server
default; no `batch_alter_table` where ``op.add_column`` will do. There is no way down: the copy made before is
the way back.
"""
