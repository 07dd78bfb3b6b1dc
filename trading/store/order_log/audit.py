"""Does the log agree with itself? Recomputes everything derived and names every difference."""

from decimal import Decimal

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.entries_audit import entry_breaks
from trading.store.order_log.ledger import booked
from trading.store.order_log.positions import add_up
from trading.store.order_log.records import ZERO


def breaks(database: Database) -> list[str]:
    """Return one sentence per broken invariant; an empty list means the ledger holds.

    Checked: each trade's sums are those of its fills; nothing negative is held; a closed trade holds
    nothing; each intent's executed quantity is that of its fills and never above the intended one; and all
    that `entries_audit` checks of the double-entry ledger.
    """
    return [said for found in breaks_by_kind(database).values() for said in found]


def breaks_by_kind(database: Database) -> dict[str, list[str]]:
    """Return the same by kind: positions, fills, unbalanced, reservations, marks."""
    with database.read() as connection:
        fills = connection.execute(sa.select(schema.fills)).mappings().all()
        trades = connection.execute(sa.select(schema.trades)).mappings().all()
        intents = connection.execute(sa.select(schema.intents)).mappings().all()
        of_entries = entry_breaks(connection)
    by_trade: dict[str, list[sa.RowMapping]] = {}
    by_coid: dict[str, Decimal] = {}
    for fill in fills:
        by_trade.setdefault(fill["trade_id"], []).append(fill)
        by_coid[fill["coid"]] = by_coid.get(fill["coid"], ZERO) + fill["amount"]
    positions = []
    for trade in trades:
        positions += _trade_breaks(trade, by_trade.pop(trade["trade_id"], []))
    positions += [f"fills of trade {trade_id} belong to no trade" for trade_id in by_trade]
    booked = [line for row in intents for line in _intent_breaks(row, by_coid.get(row["coid"], ZERO))]
    found = {"positions": positions, "fills": booked}
    return {kind: found.get(kind, []) + of_entries.get(kind, []) for kind in {**found, **of_entries}}


def _trade_breaks(trade: sa.RowMapping, fills: list[sa.RowMapping]) -> list[str]:
    name = f"trade {trade['trade_id']}"
    if not fills:
        return [f"{name} has no fills"]
    sums = add_up(trade["symbol"], [booked(row) for row in fills])
    found = [
        f"{name}: {column} is {trade[column]}, its fills say {getattr(sums, column)}"
        for column in ("bought", "bought_cost", "sold", "sold_cost", "base_fees", "fees_quote", "pnl_quote")
        if trade[column] != getattr(sums, column)
    ]
    held = sums.held - trade["dust"]
    if held < 0:
        found.append(f"{name} holds {held}, which is below 0")
    if trade["is_closed"] != (held <= 0):
        found.append(f"{name} has is_closed={trade['is_closed']} and holds {held}")
    return found


def _intent_breaks(intent: sa.RowMapping, filled: Decimal) -> list[str]:
    name = f"intent {intent['coid']}"
    found = []
    if intent["filled"] != filled:
        found.append(f"{name}: filled is {intent['filled']}, its fills say {filled}")
    if filled > intent["amount"]:
        found.append(f"{name}: filled {filled} is above the intended {intent['amount']}")
    return found
