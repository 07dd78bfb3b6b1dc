"""Rows of the bot's audit cannot be changed or removed: triggers, where the log is a SQLite file."""

from alembic import op

revision = "0011"
down_revision = "0010"

_SAID = "SELECT RAISE(ABORT, 'bot_audit is added to, never changed')"


def upgrade() -> None:
    """Add two triggers; who it was (`user_id`, `telegram_id`) may still be made nobody when they leave."""
    if op.get_bind().dialect.name != "sqlite":
        return
    told = "seq, at_wall_ms, update_id, command, arguments, outcome"
    op.execute(f"CREATE TRIGGER bot_audit_update BEFORE UPDATE OF {told} ON bot_audit BEGIN {_SAID}; END")
    op.execute(f"CREATE TRIGGER bot_audit_delete BEFORE DELETE ON bot_audit BEGIN {_SAID}; END")
