"""What the backtest lets expect of a trade, from the pass whose approval let it be made.

Approved pairs are the best of many, so that their own means are too good (the winner's curse). The mean
expected here is shrunk toward the crowd of all pairs of that pass, approved or not (`validation.shrinkage`).
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

from trading.backtest.validation.shrinkage import shrink
from trading.market.errors import SluiceError
from trading.store.lake import Lake

# One row per approval: what its pair's trades came to in the backtest it rests on.
EXPECTED: dict[str, pl.DataType | type[pl.DataType]] = {
    "approval_id": pl.String,
    "symbol": pl.String,
    "backtest_trades": pl.Int64,
    "expected_return": pl.Float64,  # mean net return of a trade, shrunk toward all pairs
    "raw_return": pl.Float64,  # the same, as the backtest had it
    "expected_win_rate": pl.Float64,
    "expected_hold_s": pl.Float64,
    "expected_slippage": pl.Float64,  # price paid over the bar's open, less 1
}


def expectations(lake: Lake, approval_ids: Iterable[str]) -> pl.DataFrame:
    """Return `EXPECTED` of those approvals whose versions the lake still has."""
    passes: dict[str, list[str]] = {}
    for name in sorted(set(approval_ids)):
        parts = name.split("-")
        if len(parts) == 3:  # prefix, version, row
            passes.setdefault(f"v-approved_symbols-{parts[1]}", []).append(name)
    frames = [_of_pass(lake, version, wanted) for version, wanted in passes.items()]
    return pl.concat([pl.DataFrame(schema=EXPECTED), *(frame for frame in frames if frame is not None)])


def _of_pass(lake: Lake, version_id: str, wanted: list[str]) -> pl.DataFrame | None:
    try:
        approved = lake.read("approved_symbols", version_id)
        made_from = lake.version(version_id).inputs
        trades_id = next((name for name in made_from if name.startswith("v-backtest_trades-")), None)
        trades = None if trades_id is None else lake.read("backtest_trades", trades_id)
    except SluiceError:
        return None
    if trades is None:
        return None
    rows = approved.filter(pl.col("lineage_id").is_in(wanted)).select("symbol", approval_id="lineage_id")
    return rows.join(crowd(trades), on="symbol", how="inner").select(
        pl.col(name).cast(dtype) for name, dtype in EXPECTED.items()
    )


def crowd(trades: pl.DataFrame) -> pl.DataFrame:
    """Return what each pair's closed backtest trades came to, its mean shrunk toward all pairs.

    A pair with fewer than two trades has no error of its own; it is given that of all trades together.
    """
    held = (pl.col("close_time") - pl.col("open_time")).dt.total_seconds()
    each = (
        trades.filter(~pl.col("is_open"))
        .group_by("symbol", maintain_order=True)
        .agg(
            pl.len().alias("backtest_trades"),
            pl.col("profit_ratio").mean().alias("raw_return"),
            pl.col("profit_ratio").std().alias("deviation"),
            (pl.col("profit_ratio") > 0).mean().alias("expected_win_rate"),
            held.mean().alias("expected_hold_s"),
            (pl.col("open_price") / pl.col("open_mark") - 1).mean().alias("expected_slippage"),
        )
    )
    common = trades.filter(~pl.col("is_open"))["profit_ratio"].std()
    spread = float(common) if isinstance(common, float) and common > 0 else 1e-6
    deviation = each["deviation"].fill_null(spread).to_numpy()
    errors = np.maximum(deviation, 1e-6) / np.sqrt(each["backtest_trades"].to_numpy())
    means = shrink(each["raw_return"].to_numpy(), errors).mean
    return each.with_columns(pl.Series("expected_return", means, dtype=pl.Float64))
