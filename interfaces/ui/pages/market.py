"""Market: the funnel, the regime, and every symbol with how far it came and what stopped it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interfaces.cli import funnel
from interfaces.run.wording import STAGES
from interfaces.ui import sections
from interfaces.ui.pages.standing import funnel_of
from interfaces.ui.sections import Section
from interfaces.ui.world import World

if TYPE_CHECKING:
    import polars as pl

_REGIME_BARS = 400


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the funnel, the regime gauge, the table of all symbols, and what dropped them."""
    del asked
    regime = _regime(world)
    return {
        "sections": [
            funnel_of(funnel.summary(world.lake)),
            *regime[:1],
            _symbols(world),
            _dropped(world),
            *regime[1:],
        ]
    }


def _symbols(world: World) -> Section:
    rows = symbols(world)
    columns = [
        ("symbol", "Symbol", "symbol"),
        ("reached", "Came to", "tag"),
        ("rule", "Stopped by", "text"),
        ("value", "Measured", "number"),
        ("bound", "Bound", "number"),
        ("last", "Last", "price"),
        ("change_24h", "24 h", "percent"),
        ("volume_quote_24h", "Volume 24 h", "number"),
        ("spread", "Spread", "percent"),
        ("cluster_name", "Moves with", "text"),
        ("reason", "Why", "text"),
    ]
    listed = [] if rows is None else rows.select([key for key, _, _ in columns]).to_dicts()
    return sections.table("All symbols", columns, listed, empty="No pass yet. Next: sluice run")


def symbols(world: World) -> "pl.DataFrame | None":
    """Return one row per symbol of the newest funnel: its last verdict, prices, group."""
    import polars as pl

    stages = funnel.stages(world.lake)
    if not stages:
        return None
    placed = [frame.with_columns(pl.lit(place).alias("place")) for place, frame in enumerate(stages)]
    verdicts = pl.concat(placed, how="diagonal_relaxed")
    last = verdicts.sort("place", maintain_order=True).unique("symbol", keep="last", maintain_order=True)
    is_through = (pl.col("is_kept")) & (pl.col("stage") == "approval")
    reached = pl.when(is_through).then(pl.lit("approved")).otherwise(pl.col("stage").replace(STAGES_SHORT))
    rows = last.with_columns(
        reached.alias("reached"),
        pl.when("is_kept").then(pl.lit(None, pl.String)).otherwise(pl.col("rule")).alias("rule"),
    )
    for table, columns in (("tickers", _PRICES), ("clusters", ["cluster_name"])):
        frame = world.table(table)
        missing = [pl.lit(None).alias(name) for name in columns]
        if frame is None:
            rows = rows.with_columns(missing)
            continue
        frame = frame.with_columns(
            [pl.lit(None).alias(name) for name in columns if name not in frame.columns]
        )
        rows = rows.join(frame.select("symbol", *columns), on="symbol", how="left", maintain_order="left")
    middle = (pl.col("ask") + pl.col("bid")) / 2
    spread = ((pl.col("ask") - pl.col("bid")) / middle).alias("spread")
    return rows.with_columns(spread).sort("place", "symbol", descending=[True, False])


_PRICES = ["last", "bid", "ask", "change_24h", "volume_quote_24h"]
STAGES_SHORT = {"markets": "listed", "prefilter": "liquid", "screening": "screened", "backtest": "tested"}


def _regime(world: World) -> list[Section]:
    frame = world.table("market_regime")
    if frame is None or frame.is_empty():
        return []
    rows = frame.sort("open_time").tail(_REGIME_BARS)
    now = rows.row(-1, named=True)
    gauges = [
        (
            "Volatility against its own past",
            now["volatility_percentile"],
            "share of past bars that were calmer",
        ),
        ("Chance of a wild phase", now["high_volatility_probability"], "by the two-state model"),
        ("Breadth", now["breadth"], "share of symbols that are above their trend"),
        ("Mean correlation", now["mean_correlation"], "1 = everything moves as one"),
        ("Turnover against usual", now["turnover_ratio"], "1 = as ever; the bar ends at 2"),
    ]
    bars = [
        (name, value, 2.0 if name.startswith("Turnover") else 1.0, words)
        for name, value, words in gauges
        if value is not None
    ]
    said = (
        f"Regime {now['regime']}, as of {now['open_time']:%Y-%m-%d %H:%M} UTC: "
        f"{now['why'] or 'nothing unusual'}. "
        f"Thresholds are multiplied by {now['threshold_multiplier'] or 1:.2f}."
    )
    line = sections.line(
        "Market volatility over time",
        rows["open_time"].to_list(),
        rows["market_volatility"].to_list(),
        "percent",
    )
    return [sections.bars("Regime gauge", bars, said), line]


def _dropped(world: World) -> Section:
    """Count what each rule of each stage dropped, with one example; the filters themselves are not loaded."""
    import polars as pl

    columns = [
        ("stage", "Stage", "text"),
        ("rule", "Rule", "text"),
        ("symbols", "Dropped", "number"),
        ("example", "For example", "symbol"),
        ("reason", "Why that one", "text"),
    ]
    rows: list[dict[str, Any]] = []
    for frame in funnel.stages(world.lake):
        fallen = frame.filter(~pl.col("is_kept")).group_by("stage", "rule", maintain_order=True)
        counted = fallen.agg(
            pl.len().alias("symbols"), pl.first("symbol").alias("example"), pl.first("reason")
        )
        rows += counted.sort("symbols", descending=True, maintain_order=True).to_dicts()
    named = [row | {"stage": STAGES.get(row["stage"], row["stage"])} for row in rows]
    return sections.table("What dropped them", columns, named, empty="No pass yet. Next: sluice run")
