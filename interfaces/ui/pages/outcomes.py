"""Predictions against what became of them: how often they came true as given, and the error over time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interfaces.ui import sections
from interfaces.ui.pages.tables import of_frame
from interfaces.ui.sections import Section
from interfaces.ui.world import World

if TYPE_CHECKING:
    import polars as pl

BINS = 10
WINDOW = 50
_POINTS = 500
_SHOWN = (
    "closed_at",
    "symbol",
    "role",
    "probability",
    "threshold",
    "is_taken",
    "net_return",
    "regime",
    "source",
    "model_id",
    "decided_at",
)


def charts(world: World) -> list[Section]:
    """Return the chart of reliability and the rolling Brier score."""
    frame = world.table("prediction_outcomes")
    title = "Predictions against outcomes"
    if frame is None:
        return []
    won = scored(frame)
    if won.is_empty():
        return [sections.words(title, ["No prediction has come to its end yet."])]
    return [_reliability(won, title), _over_time(won)]


def newest(world: World) -> list[Section]:
    """Return the newest predictions with their ends, as a table."""
    frame = world.table("prediction_outcomes")
    if frame is None or frame.is_empty():
        return []
    return [
        of_frame(frame.select(_SHOWN).sort("closed_at", descending=True), "Newest predictions and their ends")
    ]


def scored(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return rows with both a probability and an end, in order of their ends, with `won` as 0 or 1."""
    import polars as pl

    known = frame.drop_nulls(["probability", "net_return"])
    return known.with_columns((pl.col("net_return") > 0).cast(pl.Float64).alias("won")).sort("closed_at")


def bins(won: "pl.DataFrame") -> "pl.DataFrame":
    """Return one row per tenth of probability that holds any: mean probability, share that won, count."""
    import polars as pl

    place = (pl.col("probability") * BINS).floor().clip(0, BINS - 1).cast(pl.Int64)
    return (
        won.group_by(place.alias("bin"))
        .agg(pl.mean("probability"), pl.mean("won"), pl.len().alias("count"), pl.mean("net_return"))
        .sort("bin")
    )


def _reliability(won: "pl.DataFrame", title: str) -> Section:
    import polars as pl

    brier = won.select(((pl.col("probability") - pl.col("won")) ** 2).mean()).item()
    base = won["won"].mean()
    points = [(row["probability"], row["won"], row["count"], _told(row)) for row in bins(won).to_dicts()]
    said = (
        f"{won.height:,} predictions ended; {_share(base)} won. Brier score {_figure(brier)} (0 is perfect; "
        "0.25 is a coin). On the line what was said came true as often as it was said."
    )
    return sections.points(title, points, "probability given", "share that won", said)


def _told(row: Mapping[str, Any]) -> str:
    won = f"{row['won']:.0%} of {row['count']:,} won, {row['net_return']:+.2%} each"
    return f"given {row['probability']:.0%}: {won}"


def _over_time(won: "pl.DataFrame") -> Section:
    import polars as pl

    error = ((pl.col("probability") - pl.col("won")) ** 2).rolling_mean(WINDOW, min_samples=10).alias("error")
    rolled = won.select("closed_at", error).drop_nulls("error")
    step = max(1, rolled.height // _POINTS)
    thin = rolled.gather_every(step)
    return sections.line(
        f"Brier score of the last {WINDOW} ends",
        thin["closed_at"].to_list(),
        thin["error"].to_list(),
        "number",
        "Lower is better; above 0.25 a coin would do as well.",
    )


def _share(value: object) -> str:
    return f"{value:.0%}" if isinstance(value, float) else "–"


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "–"
