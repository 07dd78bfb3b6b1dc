"""Tables of what people are told and who may ask: messages, chats, codes, buttons, audit. No queries here."""

import sqlalchemy as sa

from trading.store.order_log.schema import metadata

# One row per event and recipient, written before anything is sent; `state` waiting -> sent | dropped.
messages = sa.Table(
    "messages",
    metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),  # tg:<chat id>, alerts (mail, Slack), nobody
    sa.Column("user_id", sa.Text, nullable=False, index=True),  # whom the event was for
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("urgency", sa.Integer, nullable=False),  # 0 money, 1 fills, 2 digests
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text),  # of an error: the same is sent once in ten minutes; null = no error
    sa.Column("made_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("due_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("done_wall_ms", sa.BigInteger),
    sa.Column("result", sa.Text),  # message id at Telegram, or why it was dropped
    sa.UniqueConstraint("event_id", "recipient"),
    sa.Index("ix_messages_waiting", "state", "urgency", "due_wall_ms"),
    sa.Index("ix_messages_recipient", "recipient", "state"),
    sqlite_autoincrement=True,
)

# Who is who in Telegram: a person (by their Telegram id) or a group that hears operators' alerts.
chats = sa.Table(
    "chats",
    metadata,
    sa.Column("telegram_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.Text, index=True),  # null: an operator who does not trade, or a group
    sa.Column("role", sa.Text, nullable=False),  # user | operator | group
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text),  # why it is not active
    sa.Column("linked_wall_ms", sa.BigInteger, nullable=False),
)

# Codes that link a chat: their hashes, each used once.
link_codes = sa.Table(
    "link_codes",
    metadata,
    sa.Column("code_sha256", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("expires_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("used_wall_ms", sa.BigInteger),
)

# Buttons under a question: bound to who asked, pressed once, gone after minutes.
bot_buttons = sa.Table(
    "bot_buttons",
    metadata,
    sa.Column("button_id", sa.Text, primary_key=True),
    sa.Column("telegram_id", sa.BigInteger, nullable=False),
    sa.Column("user_id", sa.Text, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),  # JSON
    sa.Column("expires_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("used_wall_ms", sa.BigInteger),
)

# Every command and button: rows are added, never changed but for a leaving user's pseudonym.
bot_audit = sa.Table(
    "bot_audit",
    metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("at_wall_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("update_id", sa.BigInteger, nullable=False, unique=True),  # Telegram's: a repeat is known by it
    sa.Column("telegram_id", sa.BigInteger, nullable=False),
    sa.Column("user_id", sa.Text, index=True),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),  # codes masked, at most 200 characters
    sa.Column("outcome", sa.Text, nullable=False),  # done | asked | refused | failed | flood, and why
    sqlite_autoincrement=True,
)

# As revision 0011; on Postgres only the code keeps to it.
_SAID = "SELECT RAISE(ABORT, 'bot_audit is added to, never changed')"
_KEPT = "seq, at_wall_ms, update_id, command, arguments, outcome"
for _name, _event in (("update", f"UPDATE OF {_KEPT}"), ("delete", "DELETE")):
    _text = f"CREATE TRIGGER bot_audit_{_name} BEFORE {_event} ON bot_audit BEGIN {_SAID}; END"
    _ddl = sa.DDL(_text)  # type: ignore[no-untyped-call]  # SQLAlchemy has it untyped
    sa.event.listen(bot_audit, "after_create", _ddl.execute_if(dialect="sqlite"))
