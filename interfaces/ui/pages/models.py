"""Models: who is champion, how the gate judged, drift, predictions against outcomes, what people overrode."""

from collections.abc import Mapping
from typing import Any

from interfaces.ui import sections
from interfaces.ui.pages import evaluations, outcomes
from interfaces.ui.pages.tables import one, whole
from interfaces.ui.world import World

# Tables of the models' rooms that may be there, in the order in which a person asks.
TABLES = (
    ("model_candidate", "Newest candidate"),
    ("live_against_backtest", "Live against backtest, by user"),
    ("trade_pool", "Decisions and their outcomes"),
    ("missed_trades", "Missed trades and why"),
)
# Drawn in a way of their own.
DRAWN = ("champion", "model_drift", "prediction_outcomes")


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the champion, what was done to models, gate, drift, outcomes, and the tables that are there."""
    from interfaces.cli import standing

    models = world.folder / "models"
    said = standing.model(models, world.lake.looked_at("tickers"))["said"]
    there = set(world.lake.assets())
    found = evaluations.found(models)
    shown = evaluations.chosen(found, asked["evaluation"])
    return {
        "sections": [
            sections.words("Champion now", [said]),
            *_champion(world),
            evaluations.verdict(shown),
            *_psi(world),
            *outcomes.charts(world),
            *_deeds(models),
            *evaluations.tables(shown, found),
            *_drift(world),
            *outcomes.newest(world),
            *(whole(world, name, title) for name, title in TABLES if name in there),
        ]
    }


def _champion(world: World) -> list[sections.Section]:
    row = one(world, "champion")
    if not row:
        return []
    since = row["since"]
    weight = row["weight"]
    boxes = [
        ("Champion", row["model_id"] or "none", row["reason"]),
        ("Kind", row["kind"] or "–", "of model"),
        ("Since", "–" if since is None else f"{since:%Y-%m-%d %H:%M}", "market time, UTC"),
        (
            "Weight",
            "–" if weight is None else f"{weight:.2f}",
            "of it against the rules, by its live Brier score",
        ),
        ("Gate's newest verdict", row["verdict"] or "–", row["verdict_reason"] or ""),
        ("In its shadow period", row["shadow_id"] or "none", _seen(row)),
    ]
    return [sections.figures("Champion", boxes)]


def _seen(row: Mapping[str, Any]) -> str:
    if row["shadow_id"] is None:
        return "a model that passed is watched before it decides"
    return f"{row['shadow_seen'] or 0:,} of {row['shadow_decisions'] or 0:,} decisions"


def _drift(world: World) -> list[sections.Section]:
    """Give every figure with its bound."""
    frame = world.table("model_drift")
    if frame is None:
        return []
    columns = [
        ("figure", "Figure", "tag"),
        ("feature", "Feature", "text"),
        ("value", "Value", "number"),
        ("bound", "Alarm above", "number"),
        ("alarm", "Verdict", "tag"),
        ("rows", "Decisions", "number"),
        ("said", "In words", "text"),
        ("model_id", "Model", "text"),
    ]
    rows = [row | {"alarm": "alarm" if row["is_alarm"] else "quiet"} for row in frame.to_dicts()]
    return [
        sections.table("Drift, every figure", columns, rows, empty="Nothing is measured without a champion."),
    ]


def _psi(world: World) -> list[sections.Section]:
    """Give PSI by feature as bars, and ADWIN in words."""
    import polars as pl

    frame = world.table("model_drift")
    if frame is None:
        return []
    psi = frame.filter((pl.col("figure") == "psi") & pl.col("value").is_finite())
    psi = psi.sort("value", descending=True)
    if psi.is_empty():
        return []
    bars = [
        (row["feature"] or "all", row["value"], psi["value"][0] or 1.0, _beyond(row))
        for row in psi.to_dicts()
    ]
    adwin = frame.filter(pl.col("figure") != "psi")
    told = "; ".join(f"{row['figure'].replace('_', ' ')}: {row['said']}" for row in adwin.to_dicts())
    alarms = psi.filter("is_alarm").height
    said = (
        f"PSI of each feature against the training set's own deciles; {alarms} of {psi.height} above "
        f"{psi['bound'][0]:g}. ADWIN over the live loss: {told or 'not measured yet'}."
    )
    beyond = psi.filter("is_alarm")["feature"].to_list()
    return [sections.bars("Drift by feature", bars, said, beyond)]


def _beyond(row: Mapping[str, Any]) -> str:
    return f"alarm: above {row['bound']:g}" if row["is_alarm"] else f"within {row['bound']:g}"


def _deeds(models: Any) -> list[sections.Section]:
    from trading.learning.journal import Journal

    journal = Journal(models / "history.jsonl")
    columns = [
        ("at", "At (market)", "time"),
        ("event", "What", "tag"),
        ("by", "By", "text"),
        ("why", "Why", "text"),
        ("model_id", "Model", "text"),
        ("champion_after", "Champion after", "text"),
        ("symbol", "Symbol", "symbol"),
        ("until", "Until", "time"),
    ]
    done, overrode = journal.history().reverse(), journal.history(overrides_only=True).reverse()
    return [
        sections.table(
            "Overrides by people",
            columns,
            overrode.head(500).to_dicts(),
            said="Promoted, rolled back or switched off by a person, with name and reason: sluice models.",
            empty="Nobody overrode the line.",
            total=overrode.height,
        ),
        sections.table(
            "What was done to models",
            columns,
            done.head(500).to_dicts(),
            empty="Nothing yet.",
            name="deeds",
            total=done.height,
        ),
    ]
