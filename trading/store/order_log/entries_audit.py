"""Does the double-entry ledger agree with fills, intents and trades? One sentence for each difference."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.entries import fill_lines, fill_txn, still_reserved
from trading.store.order_log.positions import assets
from trading.store.order_log.records import ZERO
from trading.store.order_log.schema_ledger import high_water, ledger_entries

_Sums = defaultdict[tuple[str, str, str], Decimal]  # (ref, account, asset) -> units


def entry_breaks(connection: sa.Connection) -> dict[str, list[str]]:
    """Return every way in which the entries are wrong, by kind.

    Checked: each transaction sums to zero in each asset; every execution is booked, exactly as it was, and
    nothing else is; each trade's position, dust and P&L, and what each order reserves, are what the entries
    say; no reservation is below 0; no high-water mark is below what closed trades come to.
    """
    rows = connection.execute(sa.select(ledger_entries)).mappings().all()
    fills = connection.execute(sa.select(schema.fills)).mappings().all()
    trades = connection.execute(sa.select(schema.trades)).mappings().all()
    intents = connection.execute(sa.select(schema.intents)).mappings().all()
    marks = {row.user_id: row.realised for row in connection.execute(sa.select(high_water))}
    sums: _Sums = defaultdict(Decimal)
    for row in rows:
        sums[row["ref"], row["account"], row["asset"]] += row["amount"]
    other_fees: dict[str, Decimal] = defaultdict(Decimal)
    for fill in fills:
        if fill["fee_asset"] not in assets(fill["symbol"]) and fill["fee_quote"] is not None:
            other_fees[fill["trade_id"]] += fill["fee_quote"]
    return {
        "unbalanced": _unbalanced(rows),
        "fills": _against_fills(rows, fills),
        "positions": [
            line for trade in trades for line in _of_trade(trade, sums, other_fees[trade["trade_id"]])
        ],
        "reservations": [line for intent in intents for line in _of_intent(intent, sums)],
        "marks": _of_marks(trades, marks),
    }


def _unbalanced(rows: Sequence[sa.RowMapping]) -> list[str]:
    left: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        left[row["txn_id"], row["asset"]] += row["amount"]
    return [
        f"ledger: {txn} does not sum to 0 in {asset}: {rest}" for (txn, asset), rest in left.items() if rest
    ]


def _against_fills(rows: Sequence[sa.RowMapping], fills: Sequence[sa.RowMapping]) -> list[str]:
    booked: dict[str, list[tuple[str, str, Decimal]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["line"]):
        if row["kind"] == "fill":
            booked[row["txn_id"]].append((row["account"], row["asset"], row["amount"]))
    found = []
    for fill in fills:
        lines = booked.pop(fill_txn(fill), [])
        if lines != fill_lines(fill):
            found.append(f"ledger: execution {fill['fill_id']} of {fill['coid']} is not booked as it was")
    return found + [f"ledger: {txn} is of no execution" for txn in booked]


def _of_trade(trade: sa.RowMapping, sums: _Sums, other_fees: Decimal) -> list[str]:
    name, (base, quote) = trade["trade_id"], assets(trade["symbol"])
    held = trade["bought"] - trade["base_fees"] - trade["sold"] - trade["dust"]
    checks = (
        ("position", sums[name, "base", base], held),
        ("dust", sums[name, "dust", base], trade["dust"]),
        ("P&L", sums[name, "quote", quote] - other_fees, trade["pnl_quote"]),
    )
    return [
        f"ledger: {what} of trade {name} is {booked}, the trade says {said}"
        for what, booked, said in checks
        if booked != said
    ]


def _of_intent(intent: sa.RowMapping, sums: _Sums) -> list[str]:
    reserved = sums[intent["coid"], "reserved", assets(intent["symbol"])[1]]
    wanted = still_reserved(intent)
    if reserved == wanted and reserved >= 0:
        return []
    return [f"ledger: {intent['coid']} reserves {reserved}, its order may spend {wanted}"]


def _of_marks(trades: Sequence[sa.RowMapping], marks: dict[str, Decimal]) -> list[str]:
    made: dict[str, Decimal] = defaultdict(Decimal)
    for trade in trades:
        if trade["is_closed"]:
            made[trade["user_id"]] += trade["pnl_quote"]
    return [
        f"ledger: high-water mark of {user} is {marks.get(user, ZERO)}, closed trades come to {total}"
        for user, total in made.items()
        if total > marks.get(user, ZERO)
    ]
