"""Models: who is champion, how the gate judged, drift, predictions against outcomes: tables as they are."""

from collections.abc import Mapping
from typing import Any

from interfaces.ui import sections
from interfaces.ui.pages.tables import whole
from interfaces.ui.world import World

# Tables of the models' rooms that may be there, in the order in which a person asks.
TABLES = (
    ("champion", "Champion"),
    ("model_candidate", "Newest candidate"),
    ("model_evaluation", "How the gate judged"),
    ("model_drift", "Drift"),
    ("prediction_outcomes", "Predictions and what became of them"),
    ("live_against_backtest", "Live against backtest, by user"),
    ("trade_pool", "Decisions and their outcomes"),
    ("missed_trades", "Missed trades and why"),
)


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return one sentence on the champion, what was done to models, and the tables that are there."""
    del asked
    from interfaces.cli import standing

    models = world.folder / "models"
    now = world.lake.looked_at("tickers")
    said = standing.model(models, now)["said"]
    there = set(world.lake.assets())
    tables = [whole(world, name, title) for name, title in TABLES if name in there]
    return {"sections": [sections.words("Champion now", [said]), _deeds(world), *tables]}


def _deeds(world: World) -> sections.Section:
    from trading.learning.journal import Journal

    rows = Journal(world.folder / "models" / "history.jsonl").history()
    named = [name for name in rows.columns if rows[name].dtype.is_nested() is False]
    columns = [(name, name.replace("_", " "), "time" if name == "at" else "text") for name in named]
    done = rows.select(named).reverse().head(500).to_dicts()
    return sections.table("What was done to models", columns, done, empty="Nothing yet.", name="deeds")
