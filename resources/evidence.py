"""Is the night as a whole evidence? The pooled figure that stands beside the gate and refuses nobody."""

import polars as pl

from resources.store import Store
from trading.backtest.validation.pooled import pooled_sharpe


def pooled_figures(store: Store, trades: pl.DataFrame) -> dict[str, float | str]:
    """Return what is shown: the chance of an edge over the market, all pairs together, after all trials."""
    trials = max(store.trials.total().effective, 1.0)
    found = pooled_sharpe(trades, trials, column="market_excess")
    told = "too few trades to say" if found.probability is None else found.probability
    return {"pooled deflated Sharpe (shown, not asked)": told, "independent trials so far": trials}
