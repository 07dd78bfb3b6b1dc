"""One user: each signal, ordered or skipped and why, executions, messages, in order of time."""

from collections.abc import Mapping
from typing import Any

from interfaces.ui import sections
from interfaces.ui.sections import Section
from interfaces.ui.world import World
from trading.market.errors import BadInput, MissingData
from trading.market.timeframes import from_ms

SHOWN = 5_000


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return settings, positions, closed trades and the timeline.

    Raises
    ------
    BadInput
        If no user is named.
    MissingData
        If there is no such user, or no order log.
    """
    from trading.store.order_log import standing

    name = asked["user"]
    if not name:
        raise BadInput("which user? choose one on the page Users")
    with world.log() as log:
        if log is None:
            raise MissingData("no order log yet. Next: sluice run")
        # Never a list of all users in an error: a thousand names are no help.
        row = next((row for row in standing.users(log.database) if row["user_id"] == name), None)
        if row is None:
            raise MissingData(f"no user {name!r}; choose one on the page Users")
        return {"sections": [_settings(row), _open(log, name), _timeline(log, name), _closed(log, name)]}


def _settings(row: Mapping[str, Any]) -> Section:
    boxes = [
        ("Money", row["mode"], f"P&L of closed trades {row['pnl_quote'] or 0:+,.2f}"),
        ("State", "paused" if row["is_paused"] else "active", "a paused user opens nothing; exits go on"),
        ("Capital", f"{float(row['capital']):,.2f}", "quote units"),
        ("Orders", f"{row['orders']:,}", f"{row['fills']:,} fills"),
        ("Trades", f"{row['closed_trades']:,}", f"{row['open_trades']:,} open"),
        ("Signals skipped", f"{row['skips']:,}", "each with its rule, below"),
    ]
    return sections.figures(f"{row['user_id']}, {row['name']}", boxes)


def _open(log: Any, name: str) -> Section:
    from trading.store.order_log import screens

    rows = [
        row | {"opened": from_ms(row["opened_ms"]), "deadline": from_ms(row["deadline_ms"])}
        for row in screens.positions(log.database, user_id=name)
    ]
    columns = [
        ("symbol", "Symbol", "symbol"),
        ("mode", "Money", "mode"),
        ("held", "Held", "number"),
        ("open_price", "Paid", "price"),
        ("stop_price", "Stop", "price"),
        ("target_price", "Target", "price"),
        ("deadline", "Deadline", "time"),
        ("held_up", "Held up by", "text"),
        ("opened", "Opened", "time"),
    ]
    return sections.table("Open positions", columns, rows, empty="Nothing is held.")


def _timeline(log: Any, name: str) -> Section:
    from interfaces.cli.users_leave import timeline_rows

    rows = timeline_rows(log, name, since="", until="", symbol="")
    columns = [
        ("at", "Market time", "time"),
        ("kind", "What", "tag"),
        ("symbol", "Symbol", "symbol"),
        ("what", "In words", "text"),
        ("ref", "Id", "text"),
    ]
    return sections.table("Timeline, newest first", columns, rows[: -SHOWN - 1 : -1], total=len(rows),
                          empty="Nothing happened to this user yet.")  # fmt: skip


CLOSED = [
    ("closed", "Closed", "time"),
    ("symbol", "Symbol", "symbol"),
    ("user_id", "User", "user"),
    ("mode", "Money", "mode"),
    ("open_price", "Paid", "price"),
    ("close_price", "Got", "price"),
    ("profit_ratio", "Return", "percent"),
    ("pnl_quote", "P&L", "money"),
    ("exit_reason", "Exit", "tag"),
    ("opened", "Opened", "time"),
]


def _closed(log: Any, name: str) -> Section:
    from trading.store.order_log import screens

    rows = [closed_row(row) for row in screens.closed(log.database, user_id=name)]
    return sections.table("Closed trades", CLOSED, rows, empty="None yet.")


def closed_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a finished round trip with its times."""
    times = {
        "opened": from_ms(row["opened_ms"]),
        "closed": None if row["closed_ms"] is None else from_ms(row["closed_ms"]),
    }
    return dict(row) | times
