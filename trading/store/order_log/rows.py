"""From table rows to values and back: the one place that knows both spellings."""

from dataclasses import fields
from typing import Any

from trading.market.exit_terms import ExitTerms
from trading.market.orders import PLAIN, OrderType, Side
from trading.store.order_log.prepared import AnyRow
from trading.store.order_log.records import Intent, IntentStatus, Leg, Trade

_INTENT_FIELDS = tuple(item.name for item in fields(Intent))
_TRADE_FIELDS = tuple(item.name for item in fields(Trade))


def intent_of(row: AnyRow) -> Intent:
    """Read one row of `intents`."""
    values: dict[str, Any] = {name: row[name] for name in _INTENT_FIELDS}
    values["leg"] = Leg(values["leg"])
    values["side"] = Side(values["side"])
    values["type"] = OrderType(values["type"])
    values["status"] = IntentStatus(values["status"])
    values["exits"] = ExitTerms.of_text(values["exits"])
    return Intent(**values)


def intent_row(intent: Intent, wall_ms: int) -> dict[str, Any]:
    """Return one row for `intents`, as new at `wall_ms`."""
    row: dict[str, Any] = {name: getattr(intent, name) for name in _INTENT_FIELDS}
    for name in ("leg", "side", "type", "status"):
        row[name] = row[name].value
    row["exits"] = terms_text(intent.exits)
    return row | {"created_wall_ms": wall_ms, "changed_wall_ms": wall_ms}


def trade_of(row: AnyRow) -> Trade:
    """Read one row of `trades`."""
    values = {name: row[name] for name in _TRADE_FIELDS}
    return Trade(**(values | {"exits": ExitTerms.of_text(values["exits"])}))


def terms_text(terms: ExitTerms) -> str | None:
    """Return how terms are kept; None = nothing beside stop, target and longest hold, ages without bars."""
    return None if terms == PLAIN else terms.to_text()
