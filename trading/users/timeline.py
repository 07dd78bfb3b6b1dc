"""Why did this user trade, or not: each signal, what was done with it, and all that followed, in order."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading.market.exit_terms import ExitTerms
from trading.market.exit_words import reason_in_words, rules_in_words
from trading.market.timeframes import from_ms
from trading.store.order_log import OrderLog

FOREVER_MS = 2**52
_RANK = (
    "signal",
    "ordered",
    "skipped",
    "not offered",
    "exit signal",
    "exit",
    "fill",
    "message",
    "asked",
    "consent",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. `ref` leads to the row: a signal, client order, fill or event id."""

    at: datetime
    symbol: str | None
    kind: str
    what: str
    ref: str

    def as_row(self) -> dict[str, Any]:
        """Return it for a table."""
        return {"at": self.at, "symbol": self.symbol, "kind": self.kind, "what": self.what, "ref": self.ref}


def timeline(
    log: OrderLog,
    user_id: str,
    *,
    wording: Callable[[str, dict[str, Any]], str],
    now_ms: int,
    since_ms: int = 0,
    until_ms: int = FOREVER_MS,
    symbol: str | None = None,
) -> list[Moment]:
    """Return what happened to one user, oldest first.

    Every signal of every set ends in one of: ordered, skipped (with rule and reason), not offered (the set
    expired before this user's turn), or waiting for its turn.

    Parameters
    ----------
    wording : callable
        Kind and payload of an event -> the sentence that the user was told.
    now_ms : int
        Market time: a set that expires later can still be offered.
    since_ms, until_ms : int
        Bounds, inclusive.
    symbol : str, optional
        Only this one; what concerns no symbol is left out then.
    """
    rows = log.history.of(user_id, since_ms=since_ms, until_ms=until_ms)
    moments = [*_signals(rows, now_ms), *_orders(rows), *_fills(rows), *_messages(rows, wording)]
    moments += [
        _moment(
            row["told_ms"], row["symbol"], "exit signal", "its strategy said leave", row["exit_signal_id"]
        )
        for row in rows["told"]
    ]
    wishes = [*_requests(rows["requests"]), *_consents(rows["consents"])]
    moments += [one for one in wishes if since_ms <= int(one.at.timestamp() * 1000) <= until_ms]
    if symbol is not None:
        moments = [one for one in moments if one.symbol == symbol]
    return sorted(moments, key=lambda one: (one.at, _RANK.index(one.kind), one.symbol or "", one.ref))


def _signals(rows: dict[str, list[dict[str, Any]]], now_ms: int) -> list[Moment]:
    skipped = {(row["signal_set_id"], row["signal_id"]): row for row in rows["skips"]}
    ordered: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows["intents"]:
        if row["leg"] == "open":
            ordered[row["signal_set_id"], row["signal_id"]].append(row)
    offered = {row["signal_set_id"]: row for row in rows["offers"]}
    found = []
    for row in rows["signals"]:
        key = (row["signal_set_id"], row["signal_id"])
        told = f"buy up to {row['limit_price']:f}, score {row['score']:.3g}"
        found.append(_moment(row["created_ms"], row["symbol"], "signal", told, row["signal_id"]))
        if key in skipped:
            skip = skipped[key]
            why = f"{skip['rule']}: {skip['reason']}"
            found.append(_moment(skip["at_ms"], row["symbol"], "skipped", why, row["signal_id"]))
        elif key not in ordered and row["signal_set_id"] not in offered:
            found.append(_not_offered(row, now_ms))
    return found


def _not_offered(row: dict[str, Any], now_ms: int) -> Moment:
    expires = from_ms(row["expires_ms"])
    if row["expires_ms"] > now_ms:
        why = f"waits for its turn until {expires:%Y-%m-%d %H:%M:%S}"
        return _moment(row["created_ms"], row["symbol"], "not offered", why, row["signal_id"])
    why = (
        f"the set expired at {expires:%Y-%m-%d %H:%M:%S} before this user's turn: the engine was off, the "
        "account was not reconciled yet or could not be read, or the user was added later"
    )
    return _moment(row["expires_ms"], row["symbol"], "not offered", why, row["signal_id"])


def _orders(rows: dict[str, list[dict[str, Any]]]) -> list[Moment]:
    places = {row["signal_set_id"]: row["place"] for row in rows["offers"]}
    best = {row["signal_id"]: row["price"] for row in rows["best"]}
    found = []
    for row in rows["intents"]:
        price = "at market" if row["price"] is None else f"at {row['price']:f}"
        outcome = f"{row['status']}, {row['filled']:f} executed"
        if row["reason"]:
            outcome += f" ({row['reason']})"
        kind = "ordered" if row["leg"] == "open" else "exit"
        why = "" if kind == "ordered" else f" for {reason_in_words(row['exit_reason'])}"
        rules = ""
        if kind == "ordered":
            terms = ExitTerms.of_text(row["exits"])
            outcome += _in_queue(row, places.get(row["signal_set_id"]), best.get(row["signal_id"]))
            rules = f"; left by {rules_in_words(row['stop_loss'], row['take_profit'], terms)}"
        told = f"{row['side']} {row['amount']:f} {price}{why}: {outcome}{rules}"
        found.append(_moment(row["created_ms"], row["symbol"], kind, told, row["coid"]))
    return found


def _in_queue(row: dict[str, Any], place: int | None, best: float | None) -> str:
    """Say an entry's turn, and what it paid over the least that any user paid on the signal, where known."""
    turn = "" if place is None else f", turn {place + 1}"
    if best is None or not row["filled"]:
        return turn
    over = float(row["filled_cost"] / row["filled"]) / best - 1
    return f"{turn}, paid {max(over, 0.0) * 10_000:.1f} basis points over the best of all users"


def _fills(rows: dict[str, list[dict[str, Any]]]) -> list[Moment]:
    return [
        _moment(
            row["at_ms"],
            row["symbol"],
            "fill",
            f"{row['side']} {row['amount']:f} at {row['price']:f}, fee {row['fee']:f} {row['fee_asset']}",
            row["fill_id"],
        )
        for row in rows["fills"]
    ]


def _messages(
    rows: dict[str, list[dict[str, Any]]], wording: Callable[[str, dict[str, Any]], str]
) -> list[Moment]:
    found = []
    for row in rows["messages"]:
        payload = json.loads(row["payload"])
        told = wording(row["kind"], payload)
        if row["delivered_wall_ms"] is None:
            told += " (not delivered yet)"
        found.append(_moment(row["at_ms"], payload.get("symbol"), "message", told, row["event_id"]))
    return found


def _requests(rows: list[dict[str, Any]]) -> list[Moment]:
    return [
        _moment(
            row["asked_wall_ms"],
            None,
            "asked",
            f"{row['kind']}: {row['result'] or 'not done yet'}",
            row["request_id"],
        )
        for row in rows
    ]


def _consents(rows: list[dict[str, Any]]) -> list[Moment]:
    return [
        _moment(
            row["accepted_wall_ms"], None, "consent", f"accepted version {row['version']}", row["text_sha256"]
        )
        for row in rows
    ]


def _moment(at_ms: int, symbol: str | None, kind: str, what: str, ref: str) -> Moment:
    return Moment(from_ms(at_ms), symbol, kind, what, ref)
