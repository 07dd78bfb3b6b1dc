"""The double-entry ledger: what every booking moves between a user's accounts, summing to zero in each asset.

=========  =====================================================================================
base       units that our executions bought and still hold
quote      what our executions paid and got, less what is reserved
reserved   quote units held back for entries that may still spend them
dust       residues of ours too small to sell
other      what the user owns apart from us: deposits, older holdings, coins that pay fees
fee        fees, in the asset in which they were really taken
external   the other side of `other`: deposits, withdrawals, manual trades, older holdings
equity     the other side of every exchange of one asset for another
=========  =====================================================================================

A position is `base`; nothing in `other` is ever sold or counted as profit. Entries are written in the
transaction that books what they are of, and never changed; no id holds a name, so a user who leaves is gone.
`entries_audit` holds them against fills, intents and trades.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from trading.market.errors import BadInput
from trading.market.lineage import digest
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.positions import assets
from trading.store.order_log.prepared import Prepared, given
from trading.store.order_log.records import IN_FLIGHT, ZERO, IntentStatus, Leg
from trading.store.order_log.schema_ledger import high_water, ledger_entries

_TABLE = ledger_entries
# Accounts that are the user's own at the venue: their sum in an asset is the venue's balance of it.
OWNED = ("base", "quote", "reserved", "dust", "other")
# An entry of these statuses may still spend what it reserved.
HOLDING = frozenset(status.value for status in (IntentStatus.NEW, *IN_FLIGHT, IntentStatus.LOST))

Fact = Mapping[str, Any] | sa.RowMapping  # one row of a table
_INTENT = Prepared(sa.select(schema.intents).where(schema.intents.c.coid == given("coid")))
_TRADE = Prepared(sa.select(schema.trades).where(schema.trades.c.trade_id == given("trade_id")))
_MADE = Prepared(
    sa.select(schema.trades.c.pnl_quote).where(
        schema.trades.c.user_id == given("user_id"), schema.trades.c.is_closed
    )
)
_HIGH = Prepared(sa.select(high_water.c.realised).where(high_water.c.user_id == given("user_id")))
_MOVED = Prepared(
    sa.select(_TABLE.c.amount).where(_TABLE.c.ref == given("ref"), _TABLE.c.account == given("account"))
)
_INSERT = Prepared(_TABLE.insert(), list(_TABLE.c.keys()))
Line = tuple[str, str, Decimal]


class External(StrEnum):
    """What happens outside of us."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    MANUAL_TRADE = "manual_trade"
    OPENING = "opening"  # held before we came
    OBSERVED = "observed"  # seen in the venue's balance; nobody said what it was


def fill_lines(fill: Fact) -> list[Line]:
    """Return what one row of `fills` moves."""
    base, quote = assets(fill["symbol"])
    sign = 1 if fill["side"] == "buy" else -1
    amount, cost = sign * fill["amount"], sign * fill["cost"]
    lines = [
        ("base", base, amount),
        ("equity", base, -amount),
        ("quote", quote, -cost),
        ("equity", quote, cost),
    ]
    fee, asset = fill["fee"], fill["fee_asset"]
    if fee != 0:
        source = "base" if asset == base else "quote" if asset == quote else "other"
        lines += [(source, asset, -fee), ("fee", asset, fee)]
    return lines


def fill_txn(fill: Fact) -> str:
    """Return the id of the transaction of one row of `fills`."""
    return f"fill:{fill['coid']}:{fill['order_id']}:{fill['fill_id']}"


def still_reserved(intent: Fact) -> Decimal:
    """Return what one row of `intents` may still spend, in quote units."""
    if intent["leg"] != Leg.OPEN.value or intent["status"] not in HOLDING:
        return ZERO
    return max(Decimal(intent["reserved"] - intent["filled_cost"]), ZERO)


class Entries:
    """Writes entries inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fills(self, connection: sa.Connection, fills: Iterable[Mapping[str, Any]]) -> None:
        """Book executions; booked before, they change nothing."""
        lines = []
        for fill in fills:
            key = (fill_txn(fill), fill["user_id"], "fill", fill["trade_id"], fill["at_ms"])
            lines += _rows(key, fill_lines(fill))
        self._database.insert_new(connection, _TABLE, lines)

    def reservation(self, connection: sa.Connection, coid: str, at_ms: int) -> None:
        """Bring what is reserved for one order to what it may still spend."""
        row = _INTENT.first(connection, coid=coid)
        if row is not None:
            self.reserve(connection, row, at_ms)

    def reserve(self, connection: sa.Connection, row: Fact, at_ms: int) -> None:
        """Do what `reservation` does, for a row of `intents` as it stands in this transaction."""
        if row["leg"] != Leg.OPEN.value:
            return
        coid, quote = row["coid"], assets(row["symbol"])[1]
        key = (f"reserve:{coid}", row["user_id"], "reserve", coid, at_ms)
        self._bring(connection, key, ("quote", "reserved"), quote, still_reserved(row))

    def reserve_new(self, connection: sa.Connection, rows: Iterable[Fact], at_ms: int) -> None:
        """Reserve for rows of `intents` that were inserted a moment ago: nothing is booked of them yet."""
        lines = []
        for row in rows:
            amount, quote = still_reserved(row), assets(row["symbol"])[1]
            key = (f"reserve:{row['coid']}:0", row["user_id"], "reserve", row["coid"], at_ms)
            if amount != 0:
                lines += _rows(key, [("quote", quote, -amount), ("reserved", quote, amount)])
        if lines:
            _INSERT.each(connection, lines)

    def dust(self, connection: sa.Connection, trade_id: str, at_ms: int) -> None:
        """Bring the dust of one trade to what the trade says."""
        row = _TRADE.rows(connection, trade_id=trade_id)[0]
        key = (f"dust:{trade_id}", row["user_id"], "dust", trade_id, at_ms)
        self._bring(connection, key, ("base", "dust"), assets(row["symbol"])[0], row["dust"])

    def mark_high_water(self, connection: sa.Connection, user_id: str, at_ms: int) -> None:
        """Raise the user's high-water mark if closed trades never came to more."""
        made = sum((row["pnl_quote"] for row in _MADE.rows(connection, user_id=user_id)), ZERO)
        before = _HIGH.scalar(connection, user_id=user_id)
        if made <= (before or ZERO):
            return
        row = {"user_id": user_id, "realised": made, "at_ms": at_ms}
        if not self._database.insert_new(connection, high_water, [row]):
            connection.execute(high_water.update().where(high_water.c.user_id == user_id).values(**row))

    def external(
        self, user_id: str, asset: str, amount: Decimal, *, kind: External, ref: str, at_ms: int
    ) -> bool:
        """Book what came from outside (`amount` above 0) or went there; False if `ref` is booked already.

        Raises
        ------
        BadInput
            If the amount is 0 or no number.
        """
        if not amount.is_finite() or amount == 0:
            raise BadInput(f"an external amount must be a number other than 0, was {amount}")
        key = (f"external:{digest(user_id, asset, ref)}", user_id, kind.value, ref, at_ms)
        with self._database.write() as connection:
            return self._write(connection, key, [("other", asset, amount), ("external", asset, -amount)]) > 0

    def observe(self, user_id: str, totals: Mapping[str, Decimal], at_ms: int) -> dict[str, Decimal]:
        """Book as external what the venue's balances show beyond our accounts, asset by asset.

        An asset of which the venue has less than we hold is left alone: a shortage is for people.

        Returns
        -------
        dict
            Asset -> what was booked.
        """
        booked: dict[str, Decimal] = {}
        with self._database.write() as connection:
            owned = _balances(connection, user_id)
            for asset, total in sorted(totals.items()):
                mine = {name: owned.get((name, asset), ZERO) for name in OWNED}
                change = total - sum(mine.values(), ZERO)
                is_short = mine["base"] > 0 and mine["other"] + change < 0
                if change == 0 or is_short:
                    continue
                number = connection.scalar(
                    sa.select(sa.func.count()).where(
                        _TABLE.c.user_id == user_id, _TABLE.c.kind == External.OBSERVED.value
                    )
                )
                key = (
                    f"observed:{digest(user_id, asset, str(number))}",
                    user_id,
                    External.OBSERVED.value,
                    asset,
                    at_ms,
                )
                self._write(connection, key, [("other", asset, change), ("external", asset, -change)])
                booked[asset] = change
        return booked

    def balances(self, user_id: str) -> dict[tuple[str, str], Decimal]:
        """Return (account, asset) -> units of one user."""
        with self._database.read() as connection:
            return _balances(connection, user_id)

    def high_water(self, user_id: str) -> Decimal:
        """Return the most that the user's closed trades ever came to, in quote units; at least 0."""
        with self._database.read() as connection:
            query = sa.select(high_water.c.realised).where(high_water.c.user_id == user_id)
            return connection.scalar(query) or ZERO

    def _bring(
        self,
        connection: sa.Connection,
        key: tuple[str, str, str, str, int],
        accounts: tuple[str, str],
        asset: str,
        wanted: Decimal,
    ) -> None:
        source, target = accounts
        amounts = [row["amount"] for row in _MOVED.rows(connection, ref=key[3], account=target)]
        change = wanted - sum(amounts, ZERO)
        if change != 0:
            numbered = (f"{key[0]}:{len(amounts)}", *key[1:])
            self._write(connection, numbered, [(source, asset, -change), (target, asset, change)])

    def _write(
        self, connection: sa.Connection, key: tuple[str, str, str, str, int], lines: list[Line]
    ) -> int:
        return self._database.insert_new(connection, _TABLE, _rows(key, lines))


def _rows(key: tuple[str, str, str, str, int], lines: list[Line]) -> list[dict[str, Any]]:
    facts = dict(zip(("txn_id", "user_id", "kind", "ref", "at_ms"), key, strict=True))
    return [
        facts | {"line": number, "account": account, "asset": asset, "amount": amount}
        for number, (account, asset, amount) in enumerate(lines)
    ]


def _balances(connection: sa.Connection, user_id: str) -> dict[tuple[str, str], Decimal]:
    query = sa.select(_TABLE.c.account, _TABLE.c.asset, _TABLE.c.amount).where(_TABLE.c.user_id == user_id)
    found: dict[tuple[str, str], Decimal] = {}
    for row in connection.execute(query):
        key = (row.account, row.asset)
        found[key] = found.get(key, ZERO) + row.amount
    return found
