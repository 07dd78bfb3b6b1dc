"""Rows of the order log as nodes: what a person reads of each, and the facts kept beside it. No queries."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from trading.market.exit_terms import ExitTerms
from trading.market.exit_words import reason_in_words, rules_in_words
from trading.market.timeframes import from_ms
from trading.store.lineage.node import Node

Row = Mapping[str, Any]  # a row of the log: its columns are of many types


def signal_set(row: Row, signals: Sequence[Row]) -> Node:
    """Return a signal set; `signals` are its decisions."""
    words = json.loads(row["body"]).get("words", {})
    symbols = ", ".join(sorted({found["symbol"] for found in signals} | words.keys()))
    told = f"exits, {_leaving(words)} of " if words else ""
    what = f"of the {row['timeframe']} bar {from_ms(row['bar_ms']):%Y-%m-%d %H:%M}: {told}{symbols}"
    facts = {
        "symbols": symbols,
        "timeframe": row["timeframe"],
        "bar_time": from_ms(row["bar_ms"]),
        "expires_at": from_ms(row["expires_ms"]),
        **grounds(row["body"]),
    }
    return Node(row["signal_set_id"], "signal set", what, at=from_ms(row["created_ms"]), facts=facts)


def _leaving(words: Mapping[str, str | None]) -> str:
    leave = sorted(symbol for symbol, signal_id in words.items() if signal_id is not None)
    return f"leave {', '.join(leave)}" if leave else "leave none"


def grounds(body: str) -> dict[str, str]:
    """Return what a set's approvals rest on (`lineage.GROUNDS`), as far as its body tells."""
    return {f"{name}_id": value for name, value in json.loads(body).get("rests_on", {}).items()}


def intent(row: Row) -> Node:
    """Return an intended order."""
    limit = "" if row["price"] is None else f" at {_plain(row['price'])}"
    what = (
        f"{row['user_id']}: {row['side']} {_plain(row['amount'])} {row['symbol']}{limit} ({row['type']}), "
        f"{row['status'].lower()}, {_plain(row['filled'])} filled"
    )
    return Node(row["intent_id"], "intent", what, at=from_ms(row["created_ms"]), facts=_facts(row))


def fill(row: Row) -> Node:
    """Return a booked execution; its id is the venue's."""
    what = (
        f"{row['side']} {_plain(row['amount'])} at {_plain(row['price'])}, "
        f"fee {_plain(row['fee'])} {row['fee_asset']}"
    )
    return Node(row["fill_id"], "fill", what, at=from_ms(row["at_ms"]), facts=_facts(row))


def trade(row: Row) -> Node:
    """Return a round trip."""
    outcome = (
        f"closed by {reason_in_words(row['exit_reason'])}, {row['pnl_quote']:+.4f} in quote units"
        if row["is_closed"]
        else "still open"
    )
    closed = None if row["closed_ms"] is None else from_ms(row["closed_ms"])
    rules = rules_in_words(row["stop_loss"], row["take_profit"], ExitTerms.of_text(row["exits"]))
    facts = _facts(row) | {"opened_at": from_ms(row["opened_ms"]), "closed_at": closed, "exits": rules}
    what = f"{row['user_id']} in {row['symbol']} ({row['mode']} money): {outcome}"
    return Node(row["trade_id"], "trade", what, at=closed or from_ms(row["opened_ms"]), facts=facts)


def skips(set_id: str, rows: list[Row]) -> tuple[Node, ...]:
    """Return the users who did not follow a set, as one node; none if all did."""
    if not rows:
        return ()
    rules = Counter(row["rule"] for row in rows)
    told = ", ".join(f"{rule} {count}" for rule, count in rules.most_common())
    facts = {row["user_id"]: row["reason"] for row in rows}
    return (Node(set_id, "skips", f"not followed by {len(facts)}: {told}", facts=facts, is_repeat=True),)


def _facts(row: Row) -> dict[str, object]:
    # Times are told as times; the wall clock is bookkeeping.
    return {name: value for name, value in row.items() if not name.endswith("_ms")}


def _plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
