"""The double-entry ledger, filled from the executions, reservations, dust and closed trades that are there.

Frozen: what an execution books today is written out here as it was when this revision was made.
"""

from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ZERO = Decimal(0)
HOLDING = ("NEW", "SENT", "ACKED", "UNKNOWN", "LOST")
Row = dict[str, object]


def upgrade() -> None:
    """Make two tables and fill them."""
    entries = op.create_table(
        "ledger_entries",
        sa.Column("txn_id", sa.Text, primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.Text, nullable=False, index=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False, index=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    marks = op.create_table(
        "high_water",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("realised", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    rows = [*_of_fills(), *_of_reservations(), *_of_dust()]
    if rows:
        op.get_bind().execute(entries.insert(), rows)
    found = _marks()
    if found:
        op.get_bind().execute(marks.insert(), found)


def _read(sql: str) -> list[sa.RowMapping]:
    return list(op.get_bind().execute(sa.text(sql)).mappings())


def _lines(txn_id: str, user_id: object, kind: str, ref: object, at_ms: object, lines: list[tuple[str, str, Decimal]]) -> list[Row]:  # fmt: skip  # noqa: E501 - one row of facts
    return [
        {"txn_id": txn_id, "line": number, "user_id": user_id, "account": account, "asset": asset,
         "amount": format(amount, "f"), "kind": kind, "ref": ref, "at_ms": at_ms}
        for number, (account, asset, amount) in enumerate(lines)
    ]  # fmt: skip


def _of_fills() -> list[Row]:
    rows: list[Row] = []
    for fill in _read("SELECT * FROM fills"):
        base, _, quote = fill["symbol"].partition("/")
        sign = 1 if fill["side"] == "buy" else -1
        amount, cost, fee = (Decimal(fill[name]) for name in ("amount", "cost", "fee"))
        lines = [
            ("base", base, sign * amount), ("equity", base, -sign * amount),
            ("quote", quote, -sign * cost), ("equity", quote, sign * cost),
        ]  # fmt: skip
        asset = fill["fee_asset"]
        if fee != 0:
            source = "base" if asset == base else "quote" if asset == quote else "other"
            lines += [(source, asset, -fee), ("fee", asset, fee)]
        txn_id = f"fill:{fill['coid']}:{fill['order_id']}:{fill['fill_id']}"
        rows += _lines(txn_id, fill["user_id"], "fill", fill["trade_id"], fill["at_ms"], lines)
    return rows


def _of_reservations() -> list[Row]:
    rows: list[Row] = []
    for intent in _read("SELECT * FROM intents WHERE leg = 'open'"):
        left = max(Decimal(intent["reserved"]) - Decimal(intent["filled_cost"]), ZERO)
        if intent["status"] in HOLDING and left > 0:
            quote = intent["symbol"].partition("/")[2]
            lines = [("quote", quote, -left), ("reserved", quote, left)]
            rows += _lines(
                f"reserve:{intent['coid']}:0", intent["user_id"], "reserve", intent["coid"],
                intent["created_ms"], lines,
            )  # fmt: skip
    return rows


def _of_dust() -> list[Row]:
    rows: list[Row] = []
    for trade in _read("SELECT * FROM trades"):
        dust = Decimal(trade["dust"])
        if dust != 0:
            base = trade["symbol"].partition("/")[0]
            lines = [("base", base, -dust), ("dust", base, dust)]
            rows += _lines(
                f"dust:{trade['trade_id']}:0", trade["user_id"], "dust", trade["trade_id"],
                trade["closed_ms"] or trade["opened_ms"], lines,
            )  # fmt: skip
    return rows


def _marks() -> list[Row]:
    made: dict[str, Decimal] = {}
    best: dict[str, tuple[Decimal, int]] = {}
    for trade in _read("SELECT * FROM trades WHERE is_closed ORDER BY closed_ms, trade_id"):
        user_id = trade["user_id"]
        made[user_id] = made.get(user_id, ZERO) + Decimal(trade["pnl_quote"])
        if made[user_id] > best.get(user_id, (ZERO, 0))[0]:
            best[user_id] = (made[user_id], trade["closed_ms"])
    return [
        {"user_id": user_id, "realised": format(mark, "f"), "at_ms": at_ms}
        for user_id, (mark, at_ms) in best.items()
    ]
