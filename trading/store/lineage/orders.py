"""Signal sets, intents, fills and trades as nodes, found in the order log by id. Writes nothing."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from trading.market.errors import NoVersion
from trading.market.lineage import PREFIXES
from trading.store.lineage import order_nodes as nodes
from trading.store.lineage.node import Node
from trading.store.order_log import OrderLog, schema
from trading.store.order_log.schema_exits import exit_states, exit_words

Row = Mapping[str, Any]  # a row of the log: its columns are of many types
BackRow = Callable[[str], Node]
BackVersion = Callable[[str], Node]

# Table of rows -> column of the log that carries their ids.
_CARRIED = {"signals": "signal_id", "approved_symbols": "approval_id"}


class Orders:
    """Walks the order log; one object per answer. `log` None: nothing was ever traded in this world."""

    def __init__(self, log: OrderLog | None) -> None:
        self._log = log
        self._told: set[tuple[str, str]] = set()

    # --- forward --------------------------------------------------------------------------------

    def after_row(self, asset: str, row_id: str) -> tuple[Node, ...]:
        """Return the signal sets that carried a signal or an approval, each with what came of that row."""
        column = _CARRIED.get(asset)
        if column is None:
            return ()
        found = []
        for decision in self._rows(schema.decisions, column, row_id):
            set_id, symbol = decision["signal_set_id"], decision["symbol"]
            batch = self._set(self._one(schema.signal_sets, "signal_set_id", set_id))
            # A signal and its approval are carried by the same sets: their orders are told once.
            if (set_id, symbol) in self._told:
                found.append(batch.repeated())
            else:
                self._told.add((set_id, symbol))
                found.append(replace(batch, led_to=self._of_set(set_id, column, row_id)))
        return (*found, *(self._after_exit(row_id) if asset == "signals" else ()))

    def _after_exit(self, row_id: str) -> tuple[Node, ...]:
        """Return the sets of exits that carried a signal to leave, each with the trades that left on it."""
        found = []
        for word in self._rows(exit_words, "signal_id", row_id):
            batch = self._one(schema.signal_sets, "signal_set_id", word["signal_set_id"])
            states = self._rows(exit_states, "exit_set_id", word["signal_set_id"])
            told = [state["trade_id"] for state in states if state["exit_signal_id"] == row_id]
            trades = tuple(nodes.trade(row) for row in self._rows(schema.trades, "trade_id", *told))
            found.append(replace(self._set(batch), led_to=trades))
        return tuple(found)

    def after_version(self, version_id: str) -> tuple[Node, ...]:
        """Return the signal sets that were made from a version."""
        if self._log is None:
            return ()
        # The id in quotes inside the JSON body; no other text there can hold it.
        wanted = schema.signal_sets.c.body.contains(f'"{version_id}"', autoescape=True)
        rows = self._query(sa.select(schema.signal_sets).where(wanted))
        return tuple(replace(self._set(row), led_to=self._of_set(row["signal_set_id"])) for row in rows)

    def forward(self, found_id: str) -> tuple[Node, ...]:
        """Return what came of a signal set, an intent or a trade."""
        kind = found_id.partition("-")[0]
        if kind == PREFIXES["signal_set"]:
            return self._of_set(found_id)
        if kind == PREFIXES["intent"]:
            return self._of_intent(self._one(schema.intents, "intent_id", found_id))
        return ()

    def _of_set(self, set_id: str, column: str | None = None, row_id: str | None = None) -> tuple[Node, ...]:
        def wanted(rows: Iterable[Row]) -> list[Row]:
            return [row for row in rows if column is None or row[column] == row_id]

        intents = wanted(self._rows(schema.intents, "signal_set_id", set_id))
        opened = [row for row in intents if row["leg"] == "open"]
        told = [replace(nodes.intent(row), led_to=self._of_intent(row)) for row in opened]
        # A skip names its signal, not the approval behind it.
        skips = self._rows(schema.skips, "signal_set_id", set_id)
        skipped = nodes.skips(set_id, wanted(skips) if column == "signal_id" else skips)
        return (*told, *skipped)

    def _of_intent(self, intent: Row) -> tuple[Node, ...]:
        fills = self._fills(intent)
        if intent["leg"] != "open":
            return fills
        closes = [
            row for row in self._rows(schema.intents, "trade_id", intent["trade_id"]) if row["leg"] == "close"
        ]
        trades = tuple(
            replace(
                nodes.trade(row),
                led_to=tuple(replace(nodes.intent(c), led_to=self._fills(c)) for c in closes),
            )
            for row in self._rows(schema.trades, "trade_id", intent["trade_id"])
        )
        return (*fills, *trades)

    def _fills(self, intent: Row) -> tuple[Node, ...]:
        return tuple(nodes.fill(row) for row in self._rows(schema.fills, "coid", intent["coid"]))

    # --- back -----------------------------------------------------------------------------------

    def back(self, found_id: str, row: BackRow, version: BackVersion) -> Node:
        """Return a signal set, an intent or a trade with what it rests on.

        `row` and `version` continue into the lake.

        Raises
        ------
        NoVersion
            If the log has none of that id.
        """
        kind = found_id.partition("-")[0]
        if kind == PREFIXES["trade"]:
            trade = self._one(schema.trades, "trade_id", found_id)
            # "open" before "close".
            intents = sorted(self._rows(schema.intents, "trade_id", found_id), key=_leg, reverse=True)
            orders = tuple(replace(nodes.intent(found), led_to=self._fills(found)) for found in intents)
            told = (*self._reasons(trade, row), *self._told_to_leave(found_id, row))
            return replace(nodes.trade(trade), made_from=(*orders, *told))
        if kind == PREFIXES["intent"]:
            intent = self._one(schema.intents, "intent_id", found_id)
            node = nodes.intent(intent)
            return replace(
                node, made_from=self._reasons(intent, row), facts={**node.facts, **self._grounds(intent)}
            )
        batch = self._one(schema.signal_sets, "signal_set_id", found_id)
        signals = self._rows(schema.decisions, "signal_set_id", found_id)
        carried = [row(name) for found in signals for name in (found["signal_id"], found["approval_id"])]
        versions = [version(name) for name in json.loads(batch["body"])["versions"]]
        return replace(self._set(batch), made_from=(*carried, *versions))

    def _reasons(self, found: Row, row: BackRow) -> tuple[Node, ...]:
        sets = (
            self._set(batch)
            for batch in self._rows(schema.signal_sets, "signal_set_id", found["signal_set_id"])
        )
        return (*sets, row(found["signal_id"]), row(found["approval_id"]))

    def _told_to_leave(self, trade_id: str, row: BackRow) -> tuple[Node, ...]:
        """The set of exits and the signal that told a trade to leave; nothing if none did."""
        if self._log is None:
            return ()
        state = self._log.exits.get(trade_id)
        if state is None or state.exit_signal_id is None:
            return ()
        batches = self._rows(schema.signal_sets, "signal_set_id", state.exit_set_id or "")
        return (*(self._set(batch) for batch in batches), row(state.exit_signal_id))

    def _grounds(self, found: Row) -> dict[str, str]:
        """What the approvals of an order's set rest on."""
        sets = self._rows(schema.signal_sets, "signal_set_id", found["signal_set_id"])
        return nodes.grounds(sets[0]["body"]) if sets else {}

    def by_client_id(self, coid: str) -> str | None:
        """Return the intent id of a client order id, None if there is none."""
        rows = self._rows(schema.intents, "coid", coid)
        return rows[0]["intent_id"] if rows else None

    def begins_with(self, start: str) -> list[str]:
        """Return the ids of sets, intents and trades that begin with `start`, at most a handful."""
        columns = {
            PREFIXES["signal_set"]: schema.signal_sets.c.signal_set_id,
            PREFIXES["intent"]: schema.intents.c.intent_id,
            PREFIXES["trade"]: schema.trades.c.trade_id,
        }
        column = columns.get(start.partition("-")[0])
        if column is None or self._log is None:
            return []
        query = sa.select(column.label("id")).where(column.startswith(start, autoescape=True)).limit(5)
        return [row["id"] for row in self._query(query)]

    # --- reading --------------------------------------------------------------------------------

    def _set(self, row: Row) -> Node:
        return nodes.signal_set(row, self._rows(schema.decisions, "signal_set_id", row["signal_set_id"]))

    def _one(self, table: sa.Table, column: str, value: str) -> Row:
        rows = self._rows(table, column, value)
        if not rows:
            raise NoVersion(f"the order log has no {value}")
        return rows[0]

    def _rows(self, table: sa.Table, column: str, *values: str) -> list[Row]:
        if self._log is None or not values:
            return []
        query = sa.select(table).where(table.c[column].in_(values))
        order = [table.c[name] for name in ("created_ms", "at_ms", "opened_ms", "attempt") if name in table.c]
        return self._query(query.order_by(*order, *table.primary_key.columns))

    def _query(self, query: sa.Select[Any]) -> list[Row]:
        if self._log is None:
            return []
        with self._log.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _leg(intent: Row) -> str:
    return str(intent["leg"])
