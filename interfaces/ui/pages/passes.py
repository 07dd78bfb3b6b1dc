"""Passes of the line, newest first, and two of them side by side: who came, who left, what changed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interfaces.ui import sections
from interfaces.ui.sections import Section
from interfaces.ui.world import World
from trading.market.errors import BadInput

if TYPE_CHECKING:
    import polars as pl

MOST = 40
_NONE = (None, None)
_READ = {
    "symbol": "String",
    "is_approved": "Boolean",
    "total_return": "Float64",
    "trades": "Int64",
    "failed_rule": "String",
}
_TESTED = {"symbol": "String", "trades": "Int64", "total_return": "Float64", "fragility": "Float64"}


def listed(world: World) -> list[dict[str, Any]]:
    """Return the newest passes: one row per version of the gate's verdicts, newest first."""
    return [_row(world, version) for version in reversed(world.lake.versions("approved_symbols")[-MOST:])]


def _row(world: World, version: Any) -> dict[str, Any]:
    verdicts, results = _judged(world, version.version_id), tested(world, version)
    kept = verdicts.filter("is_approved")
    return {
        "version": version.version_id,
        "at": version.created_at,
        "run": version.run_id,
        "symbols": verdicts.height,
        "approved": kept.height,
        "trades": int(verdicts["trades"].sum() or 0),
        "median_return": verdicts["total_return"].median(),
        "approved_return": kept["total_return"].median(),
        "fragility": None if results is None else results["fragility"].median(),
    }


def tested(world: World, version: Any) -> "pl.DataFrame | None":
    """Return the backtests that a version of the verdicts judged; None where there are none."""
    found = world.lake.version_at("backtest_results", version.created_at)
    return None if found is None else filled(world.version("backtest_results", found.version_id), _TESTED)


def chosen(rows: Sequence[Mapping[str, Any]], one: str, two: str) -> tuple[Any, Any]:
    """Return the ids of two passes to compare; the newest two where none are named."""
    ids = [row["version"] for row in rows]
    for name in (one, two):
        if name and name not in ids:
            raise BadInput(f"no pass {name!r} among the newest {MOST}; choose one of the list")
    if len(ids) < 2 and not (one and two):
        return _NONE
    two = two or ids[0]
    return one or next(name for name in ids[1:] + ids[:1] if name != two), two


def table(rows: Sequence[Mapping[str, Any]]) -> Section:
    """Return the passes as a table."""
    columns = [
        ("at", "Market time", "time"),
        ("symbols", "Judged", "number"),
        ("approved", "Approved", "number"),
        ("trades", "Trades", "number"),
        ("median_return", "Median return", "percent"),
        ("approved_return", "Median of the approved", "percent"),
        ("fragility", "Median fragility", "percent"),
        ("run", "Run", "run"),
        ("version", "Version", "text"),
    ]
    return sections.table("Passes", columns, rows, empty="No pass yet. Next: sluice run")


def compared(world: World, one: str, two: str) -> list[Section]:
    """Return figures and a table of two passes: every symbol whose verdict or return changed."""
    import polars as pl

    before, after = (_judged(world, version_id) for version_id in (one, two))
    both = before.join(after, on="symbol", how="full", coalesce=True, suffix="_two")
    both = both.with_columns((pl.col("total_return_two") - pl.col("total_return")).alias("change"))
    was, now = (pl.col(name).fill_null(value=False) for name in ("is_approved", "is_approved_two"))
    came, left = both.filter(now & ~was).height, both.filter(was & ~now).height
    boxes = [
        ("Approved", f"{_approved(before)} → {_approved(after)}", f"{came} came, {left} left"),
        ("Symbols judged", f"{before.height:,} → {after.height:,}", "in the first, in the second"),
        ("Median return", f"{_middle(before)} → {_middle(after)}", "after costs"),
        ("Verdict unchanged", f"{both.filter(was == now).height:,}", f"of {both.height:,} symbols"),
    ]
    words = pl.when(now & ~was).then(pl.lit("came")).when(was & ~now).then(pl.lit("left"))
    rows = both.with_columns(words.otherwise(pl.lit("same")).alias("what")).sort(
        pl.col("what") == "same", pl.col("change").abs(), descending=[False, True], nulls_last=True
    )
    columns = [
        ("symbol", "Symbol", "symbol"),
        ("what", "Approval", "tag"),
        ("total_return", "Return, first", "percent"),
        ("total_return_two", "Return, second", "percent"),
        ("change", "Change", "percent"),
        ("trades", "Trades, first", "number"),
        ("trades_two", "Trades, second", "number"),
        ("failed_rule", "Fell by, first", "text"),
        ("failed_rule_two", "Fell by, second", "text"),
    ]
    return [
        sections.figures("Two passes compared", boxes),
        sections.table("Symbol by symbol", columns, rows.head(3_000).to_dicts(), total=rows.height),
    ]


def _judged(world: World, version_id: str) -> "pl.DataFrame":
    return filled(world.version("approved_symbols", version_id), _READ)


def filled(frame: "pl.DataFrame", columns: Mapping[str, str]) -> "pl.DataFrame":
    """Return columns of a table, null where an older version has none of that name."""
    import polars as pl

    missing = [
        pl.lit(None, dtype=getattr(pl, dtype)).alias(name)
        for name, dtype in columns.items()
        if name not in frame.columns
    ]
    return frame.with_columns(missing).select(*columns)


def _approved(frame: "pl.DataFrame") -> int:
    return frame.filter("is_approved").height


def _middle(frame: "pl.DataFrame") -> str:
    middle = frame["total_return"].median()
    return "–" if not isinstance(middle, float) else f"{middle:+.2%}"
