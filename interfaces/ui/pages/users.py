"""Users: one row each, a thousand and more."""

from collections.abc import Mapping
from typing import Any

from interfaces.ui import sections
from interfaces.ui.pages.standing import money_of
from interfaces.ui.world import World

COLUMNS = [
    ("user_id", "User", "user"),
    ("name", "Name", "text"),
    ("mode", "Money", "mode"),
    ("state", "State", "tag"),
    ("capital", "Capital", "number"),
    ("orders", "Orders", "number"),
    ("fills", "Fills", "number"),
    ("skips", "Skipped", "number"),
    ("open_trades", "Open", "number"),
    ("closed_trades", "Closed", "number"),
    ("pnl_quote", "P&L, own mode", "money"),
]


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return sums by mode and the table."""
    del asked
    from trading.store.order_log import screens, standing

    with world.log() as log:
        if log is None:
            return {"sections": [sections.words("Users", ["No order log yet. Next: sluice run"])]}
        rows = [
            row | {"capital": float(row["capital"]), "state": "paused" if row["is_paused"] else "active"}
            for row in standing.users(log.database)
        ]
        money = screens.money(log.database)
    table = sections.table("All users", COLUMNS, rows, empty="Nobody yet. Next: sluice users --help")
    return {"sections": [table, *map(money_of, money)]}
