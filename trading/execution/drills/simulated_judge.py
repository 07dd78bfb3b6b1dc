"""The judge of simulated worlds: reads the tables and the venue's own books, shares no code with the engine.

At an end the judge of real runs (`trading.execution.judge`) is asked as well.

`world_key` is what two worlds have in common if the next process cannot tell them apart: tables and venue
less what no decision within a scene depends on.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from trading.execution.drills.simulated_venue import FEE_COIN, ZERO, Venue
from trading.execution.drills.simulated_world import CASH, FEE_COINS, OLDER, World
from trading.execution.judge import AtVenue, Evidence, judge
from trading.store.order_log.schema import metadata

D = Decimal

# Nothing reads these back to decide: bookkeeping of when, texts for people, counters.
_INERT = {"at_ms", "closed_ms", "opened_ms", "created_ms", "since_ms", "version", "reason", "payload", "seq"}
_IGNORED = {"shards", "workers", "takes", "schema_version", "decisions", "fleet_results", "high_water"}
_IGNORED |= {"signal_sets", "account_checks", "trade_cursors", "cursors"}
_WHOLE = {"halts", "suspensions", "news_holds", "restores"}
_WAITING = "status IN ('NEW', 'SENT', 'UNKNOWN', 'ACKED', 'LOST')"
_OPEN_STATES = {"NEW", "SENT", "UNKNOWN", "ACKED"}
# What the user had before is observed at a start, or not yet: it moves nothing of ours.
# Each death is told to the operator by a name of its own: with it, every restart would be another world.
_OURS = {
    "ledger_entries": " WHERE account NOT IN ('other', 'external')",
    "outbox": " WHERE kind <> 'worker_silent'",
}
_UNREST = (
    f"SELECT (SELECT count(*) FROM intents WHERE {_WAITING})"  # noqa: S608 - a constant of this file
    " + (SELECT count(*) FROM outbox WHERE delivered_wall_ms IS NULL AND kind <> 'worker_silent')"
    " + (SELECT count(*) FROM users, signal_sets s WHERE expires_ms > :market_ms AND NOT EXISTS (SELECT 1"
    " FROM offers o WHERE o.signal_set_id = s.signal_set_id AND o.user_id = users.user_id))"
    " + (SELECT count(*) FROM user_requests WHERE done_wall_ms IS NULL)"
)


def _columns(table: sa.Table) -> str:
    names: list[str] = []
    for column in table.columns:
        name = column.name
        if table.name in _WHOLE:
            names.append(name)
        elif table.name == "intents" and name == "sent_wall_ms":  # its age decides when it is LOST
            names.append(f"CASE WHEN {_WAITING} THEN sent_wall_ms - :wall_ms END")
        elif table.name == "trades" and name == "deadline_ms":
            names.append("NOT is_closed AND deadline_ms <= :market_ms")
        elif name.endswith("_wall_ms"):
            names.append(f"{name} IS NULL")
        elif name not in _INERT:
            names.append(name)
    return ", ".join(names)


_QUERIES = [
    f"SELECT {_columns(table)} FROM {table.name}{_OURS.get(table.name, '')}"  # noqa: S608 - our own schema
    for table in metadata.sorted_tables
    if table.name not in _IGNORED
]


def is_quiet(world: World) -> bool:
    """Whether nothing is under way: no order, request, message or offer waits for anybody."""
    now = {"market_ms": world.venue.clock.at_ms}
    return not world.venue.arriving and world.database.raw.execute(_UNREST, now).fetchone()[0] == 0


def world_key(world: World) -> bytes:
    """Return a digest of what decides how a fresh process goes on from here.

    Where nothing is under way, time decides nothing until the next turn of a price, expiry or deadline; where
    something is, it does until the scene's last turn, and its age does always.
    """
    raw, venue = world.database.raw, world.venue
    times = {"wall_ms": venue.wall.at_ms, "market_ms": venue.clock.at_ms}
    rows = [sorted(raw.execute(query, times).fetchall(), key=repr) for query in _QUERIES]
    turns = world.scene.turns
    when = sum(turn <= world.step for turn in turns)
    if not is_quiet(world):
        when = -1 - min(world.step, turns[-1])
    return blake2b(repr((rows, venue.key(), when)).encode(), digest_size=16).digest()


@dataclass(slots=True)
class Finding:
    """What is wrong in one world, by kind: lost, doubled, ledger, or the name of an invariant."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        """Note one thing."""
        self.found.append((kind, text))


def judge_moment(world: World) -> Finding:
    """Judge what must be true at every instant, whoever is dead: nothing doubled, every booking whole."""
    finding = Finding()
    intents = _intents(world)
    _doubled(finding, intents, world.venue)
    _entries(finding, world)
    return finding


def judge_end(world: World) -> Finding:
    """Judge a world in which nothing is left to do: nothing lost, everything ended, books equal balances."""
    finding = judge_moment(world)
    intents = _intents(world)
    for account, state in world.venue.orders:
        intent = intents.get(state.client_order_id or "")
        if intent is None:
            finding.add("lost", f"{state.order_id} of {account} is not in the log")
            continue
        if intent["user_id"] != account:
            finding.add("own_key_only", f"{state.order_id} of {account} is {intent['user_id']}'s")
        if intent["status"] != "DONE":
            finding.add("lost", f"{intent['coid']} is {intent['status']} and the venue has it")
        elif D(intent["filled"]) != state.filled:
            finding.add("lost", f"{intent['coid']} executed {state.filled}, booked {intent['filled']}")
    for intent in intents.values():
        if intent["status"] in _OPEN_STATES:
            finding.add("every_intent_ends", f"{intent['coid']} is still {intent['status']}")
    _balances(finding, world)
    _second_opinion(finding, world)
    return finding


def _second_opinion(finding: Finding, world: World) -> None:
    """Ask the judge of real runs, too."""
    venue, users = world.venue, [f"u{number}" for number in range(1, world.scene.users + 1)]
    totals = {
        user: {a: units for (name, a), units in venue.balances.items() if name == user} for user in users
    }
    opening = {(user, symbol.split("/")[0]): OLDER for user in users for symbol in world.scene.symbols}
    opening |= {(user, "USDT"): CASH for user in users} | {(user, FEE_COIN): FEE_COINS for user in users}
    accounts = [AtVenue(user, list(venue.of(user)), totals[user]) for user in users]
    said = judge(world.log(), accounts, Evidence(opening=opening))
    for kind, texts in (("lost", said.lost), ("doubled", said.doubled), ("ledger", said.ledger_breaks)):
        for text in texts:
            finding.add(kind, text)
    for name, broken in said.invariants.items():
        for text in broken or ():
            finding.add(name.value, text)


def _intents(world: World) -> dict[str, dict[str, Any]]:
    cursor = world.database.raw.execute(
        "SELECT coid, trade_id, user_id, leg, amount, filled, status, attempt FROM intents"
    )
    names = [item[0] for item in cursor.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _doubled(finding: Finding, intents: dict[str, dict[str, Any]], venue: Venue) -> None:
    by_coid: dict[str, Decimal] = {}
    entered: dict[str, Decimal] = {}
    for _, state in venue.orders:
        intent = intents.get(state.client_order_id or "")
        if intent is None:
            continue
        live = ZERO if state.status.is_terminal else state.amount - state.filled
        amount = state.filled + live
        by_coid[intent["coid"]] = by_coid.get(intent["coid"], ZERO) + amount
        if intent["leg"] == "open":
            entered[intent["trade_id"]] = entered.get(intent["trade_id"], ZERO) + amount
    for coid, amount in by_coid.items():
        if amount > D(intents[coid]["amount"]):
            finding.add("doubled", f"{coid}: {amount} at the venue, {intents[coid]['amount']} intended")
    for intent in intents.values():
        amount = entered.get(intent["trade_id"], ZERO)
        if intent["leg"] == "open" and intent["attempt"] == 1 and amount > D(intent["amount"]):
            finding.add("doubled", f"entry of {intent['trade_id']}: {amount}, intended {intent['amount']}")


def _entries(finding: Finding, world: World) -> None:
    rows = world.database.raw.execute("SELECT txn_id, user_id, account, asset, amount FROM ledger_entries")
    sums: dict[tuple[str, str], Decimal] = {}
    reserved: dict[tuple[str, str], Decimal] = {}
    for txn_id, user_id, account, asset, text in rows:
        amount = D(text)
        sums[txn_id, asset] = sums.get((txn_id, asset), ZERO) + amount
        if account == "reserved":
            reserved[user_id, asset] = reserved.get((user_id, asset), ZERO) + amount
    for (txn_id, asset), total in sums.items():
        if total != 0:
            finding.add("transactions_sum_to_zero", f"{txn_id} sums to {total} {asset}")
    for (user_id, asset), total in reserved.items():
        if total < 0:
            finding.add("reservations_released", f"{user_id} has {total} {asset} reserved")


def _balances(finding: Finding, world: World) -> None:
    """Hold what the ledger says is ours plus what was the user's own before against the venue's balances."""
    rows = world.database.raw.execute(
        "SELECT t.user_id, t.symbol, t.trade_id, t.bought, t.sold, t.base_fees FROM trades t"
    ).fetchall()
    ours: dict[tuple[str, str], Decimal] = {}
    for user_id, symbol, _, bought, sold, fees in rows:
        key = (user_id, symbol)
        ours[key] = ours.get(key, ZERO) + D(bought) - D(sold) - D(fees)
    for number in range(1, world.scene.users + 1):
        user_id = f"u{number}"
        for symbol in world.scene.symbols:
            booked = ours.get((user_id, symbol), ZERO)
            real = world.venue.balances.get((user_id, symbol.split("/")[0]), ZERO) - OLDER
            if booked != real:
                text = f"{user_id} {symbol}: the log holds {booked}, the venue {real}"
                finding.add("position_is_balance", text)
            if real < 0:
                finding.add("position_is_balance", f"{user_id} sold {-real} that was not ours")
