"""Research: what was backtested, how fragile it is, what the gate let through; two passes compared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interfaces.ui import sections
from interfaces.ui.pages import passes
from interfaces.ui.pages.tables import whole
from interfaces.ui.world import World

if TYPE_CHECKING:
    import polars as pl

MOST_RULES = 3_000
_FILLS = {
    "symbol": "String",
    "trades": "Int64",
    "total_return": "Float64",
    "total_return_freqtrade": "Float64",
    "fragility": "Float64",
    "ambiguous_bars": "Int64",
}
_RULES = (
    ("symbol", "Symbol", "symbol"),
    ("rule", "Rule", "text"),
    ("value", "Value", "number"),
    ("comparison", "Must be", "text"),
    ("bound", "Bound", "number"),
    ("verdict", "Verdict", "tag"),
    ("reason", "In words", "text"),
)


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return figures of the newest pass, two passes compared, fragility, and the gate's rules.

    Raises
    ------
    BadInput
        If a pass is named that is none.
    """
    listed = passes.listed(world)
    one, two = passes.chosen(listed, asked["one"], asked["two"])
    return {
        "passes": [
            [row["version"], f"{row['at']:%Y-%m-%d %H:%M}, {row['approved']} approved"] for row in listed
        ],
        "compared": [one, two],
        "sections": [
            *_figures(world),
            passes.table(listed),
            *([] if one is None or two is None else passes.compared(world, one, two)),
            *_fragility(world),
            *rules(world),
            whole(world, "approved_symbols", "Verdicts of the gate"),
            whole(world, "backtest_results", "Backtests"),
        ],
    }


def _figures(world: World) -> list[sections.Section]:
    import polars as pl

    results, verdicts = world.table("backtest_results"), world.table("approved_symbols")
    if results is None or verdicts is None or results.is_empty():
        return []
    boxes = [
        ("Backtested", f"{results.height:,}", f"{results['trades'].sum():,} trades"),
        ("Approved", f"{verdicts.filter('is_approved').height:,}", f"of {verdicts.height:,} judged"),
        (
            "Median return",
            f"{results.select(pl.median('total_return')).item() or 0:+.2%}",
            "after costs, over the tested history",
        ),
    ]
    return [sections.figures("Newest pass", boxes)]


def _fragility(world: World) -> list[sections.Section]:
    """Give what gentler fill rules alone would add: how much of a return hangs on them."""
    import polars as pl

    results, verdicts = world.table("backtest_results"), world.table("approved_symbols")
    if results is None or verdicts is None:
        return []
    results = passes.filled(results, _FILLS)
    known = results.drop_nulls("fragility").join(
        verdicts.select("symbol", "is_approved"), on="symbol", how="left"
    )
    if known.is_empty():
        return []
    edges = (0.0, 0.01, 0.02, 0.05, 0.1)
    heads = ("nothing or less", *(f"up to {edge:.0%}" for edge in edges[1:]), "more than 10%")
    counted = known.select(pl.col("fragility").cut(list(edges), labels=list(heads)).cast(pl.String))
    counts = dict(counted.group_by("fragility").len().iter_rows())
    bars = [(head, counts.get(head, 0), known.height, "") for head in heads]
    said = (
        "What freqtrade's fill rules alone would add to each symbol's return; middle "
        f"{known.select(pl.median('fragility')).item():+.2%}. A result that hangs on fills is fragile."
    )
    worst = known.sort(pl.col("fragility").abs(), descending=True).head(200)
    columns = [
        ("symbol", "Symbol", "symbol"),
        ("trades", "Trades", "number"),
        ("total_return", "Our fills", "percent"),
        ("total_return_freqtrade", "Freqtrade's fills", "percent"),
        ("fragility", "Fragility", "percent"),
        ("ambiguous_bars", "Ambiguous bars", "number"),
        ("approved", "Verdict", "tag"),
    ]
    rows = [row | {"approved": _verdict(row["is_approved"])} for row in worst.to_dicts()]
    return [
        sections.bars("Fragility", bars, said),
        sections.table("Most fragile", columns, rows, total=known.height),
    ]


def _verdict(is_approved: bool | None) -> str:
    return "unknown" if is_approved is None else "approved" if is_approved else "refused"


def rules(world: World) -> list[sections.Section]:
    """Give every rule of the gate, in sum and by symbol: value, bound, verdict.

    Where there are too many rows for a page, symbols that fell by fewest rules come first.
    """
    import polars as pl

    measured = world.table("approval_rules")
    if measured is None or measured.is_empty():
        return [sections.words("Rules of the gate", ["No rule was measured yet. Next: sluice run"])]
    summed = (
        measured.group_by("rule", "comparison", "bound")
        .agg(
            pl.min("position"),
            pl.col("is_passed").sum().alias("passed"),
            (~pl.col("is_passed")).sum().alias("failed"),
            pl.median("value").alias("middle"),
        )
        .sort("position", "bound")
    )
    return [
        sections.table("Rules of the gate", _SUMMED, summed.to_dicts()),
        sections.table(
            "Every rule by symbol",
            _RULES,
            _by_symbol(measured).to_dicts(),
            said="Symbols that fell by fewest rules first.",
            total=measured.height,
        ),
    ]


_SUMMED = (
    ("rule", "Rule", "text"),
    ("comparison", "Must be", "text"),
    ("bound", "Bound", "number"),
    ("passed", "Symbols that passed", "number"),
    ("failed", "Symbols that fell", "number"),
    ("middle", "Median value", "number"),
)


def _by_symbol(measured: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    fell = (~pl.col("is_passed").fill_null(value=False)).sum().over("symbol")
    verdict = pl.when("is_passed").then(pl.lit("passed")).otherwise(pl.lit("fell")).alias("verdict")
    return (
        measured.with_columns(fell.alias("fell"), verdict).sort("fell", "symbol", "position").head(MOST_RULES)
    )
