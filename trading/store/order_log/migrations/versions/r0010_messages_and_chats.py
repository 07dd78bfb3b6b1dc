"""What people are told and who may ask: messages, chats, link codes, buttons and the bot's audit."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def _seq() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("seq", kind, primary_key=True, autoincrement=True)


def upgrade() -> None:
    """Add five tables."""
    _messages()
    _people()
    op.create_table(
        "bot_audit",
        _seq(),
        sa.Column("at_wall_ms", sa.BigInteger, nullable=False, index=True),
        sa.Column("update_id", sa.BigInteger, nullable=False, unique=True),
        sa.Column("telegram_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Text, index=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )


def _messages() -> None:
    op.create_table(
        "messages",
        _seq(),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text),
        sa.Column("made_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("due_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("done_wall_ms", sa.BigInteger),
        sa.Column("result", sa.Text),
        sa.UniqueConstraint("event_id", "recipient"),
        sa.Index("ix_messages_waiting", "state", "urgency", "due_wall_ms"),
        sa.Index("ix_messages_recipient", "recipient", "state"),
        sqlite_autoincrement=True,
    )


def _people() -> None:
    op.create_table(
        "chats",
        sa.Column("telegram_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.Text, index=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("linked_wall_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "link_codes",
        sa.Column("code_sha256", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, index=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("expires_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("used_wall_ms", sa.BigInteger),
    )
    op.create_table(
        "bot_buttons",
        sa.Column("button_id", sa.Text, primary_key=True),
        sa.Column("telegram_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", sa.Text, index=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("expires_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("used_wall_ms", sa.BigInteger),
    )
