"""Research: what was backtested, how fragile it is, what the gate measured and let through."""

from collections.abc import Mapping
from typing import Any

from interfaces.ui import sections
from interfaces.ui.pages.tables import whole
from interfaces.ui.world import World


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return figures of the newest pass and its tables."""
    del asked
    return {
        "sections": [
            *_figures(world),
            whole(world, "approved_symbols", "Verdicts of the gate"),
            whole(world, "backtest_results", "Backtests"),
            whole(world, "approval_rules", "Every rule that was measured"),
        ]
    }


def _figures(world: World) -> list[sections.Section]:
    import polars as pl

    results, verdicts = world.table("backtest_results"), world.table("approved_symbols")
    if results is None or verdicts is None or results.is_empty():
        return []
    fragile = (
        results["fragility"].drop_nulls() if "fragility" in results.columns else pl.Series(dtype=pl.Float64)
    )
    middle = "–" if fragile.is_empty() else f"{fragile.to_frame().select(pl.all().median()).item():+.2%}"
    boxes = [
        ("Backtested", f"{results.height:,}", f"{results['trades'].sum():,} trades"),
        ("Approved", f"{verdicts.filter('is_approved').height:,}", f"of {verdicts.height:,} judged"),
        (
            "Median return",
            f"{results.select(pl.median('total_return')).item() or 0:+.2%}",
            "after costs, over the tested history",
        ),
        ("Median fragility", middle, "what freqtrade's fill rules alone would add"),
    ]
    return [sections.figures("Newest pass", boxes)]
