"""Is a pass as a whole evidence? One deflated Sharpe ratio over all symbols, picked on other days.

A symbol's ten or thirty days say too little for a Sharpe ratio of its own. Together they say more, but
most symbols of a strategy that works on few of them only add noise, and the few that did well were picked for
it. So the symbols are picked on other days than those they are measured on, and what remains to be paid for
is how often the strategy itself was tried: the trial ledger knows.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest.validation.sharpe import (
    SharpeEstimate,
    deflated_sharpe,
    estimate,
    expected_best_sharpe,
    probabilistic_sharpe,
)
from trading.market.errors import BadInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PooledSharpe:
    """The verdict over a whole pass.

    Parameters
    ----------
    probability : float or None
        Deflated: that the true Sharpe ratio is above 0, given the trials. None where there is too little
        to say: fewer than 8 buckets, or no trade of a picked symbol.
    undeflated : float or None
        The same, had it been the only trial.
    sharpe, hurdle : float or None
        Per bucket: what was earned, and what the best of `trials` without skill is expected to show.
    buckets, trades, symbols : int
        Length of the series; trades in it; symbols that were picked in at least one fold.
    trials : float
        Independent trials it was deflated by.
    """

    probability: float | None
    undeflated: float | None
    sharpe: float | None
    hurdle: float | None
    buckets: int
    trades: int
    symbols: int
    trials: float


def pooled_sharpe(
    trades: pl.DataFrame,
    trials: float,
    *,
    column: str = "profit_ratio",
    folds: int = 4,
    bucket: timedelta = timedelta(hours=6),
    least_score: float = 1.0,
) -> PooledSharpe:
    """Return the deflated Sharpe ratio of a pass over many symbols, the symbols picked on other days.

    The time from the first entry to the last exit is cut into `folds` blocks. For each block a symbol is
    scored by its trades that lie wholly in the other blocks: s = Σ r / (√n sd), with the standard deviation
    of all trades, so that few equal wins are no certainty. Those with s above `least_score` are held in the
    block, weighted by s - `least_score`. What their trades in the block earned is summed by the bucket in
    which they closed; a trade that crosses a block's edge counts in neither. The buckets of all blocks, those
    without a trade too, are the series whose Sharpe ratio is deflated.

    Parameters
    ----------
    trades : DataFrame
        One row per trade: `symbol`, `open_time` (or `open_ts`), `close_time` (or `close_ts`), `is_open`, and
        `column`, a net return as a fraction. Open trades are left out. All symbols of the pass, the bad
        ones too: a table of approved ones only would be picked already.
    trials : float
        How often the strategy was tried, as independent trials: `TrialLedger.total(strategy).effective`. At
        least 1. Symbols are no factor in it, because none is picked on the days that are measured.
    column : str
        `profit_ratio`, or `market_excess` to ask for more than the market's rise.
    folds : int
        At least 2.
    bucket : timedelta
        Length of an observation: no shorter than most trades last.
    least_score : float
        Symbols below it are not held.

    Raises
    ------
    BadInput
        If a bound is broken or a column is missing.

    Notes
    -----
    The bound that suits a gate: `probability` >= 0.95 with `column` ``market_excess``. Measured (2026-11-30):
    `make run`'s market with 1 % of its symbols planted, eight days: 1.0000 at 1 to 1,000 trials; without edge
    0.001. Of 30 markets without edge (`bench approval`, 100 symbols) 1 of ten days and 1 of thirty pass at
    one trial, none at five; by ``profit_ratio`` 5 of ten days, which rose by themselves. Of six markets with
    10 of 100 symbols that earn 3 % after a signal, ten days: 6 at one trial, 5 at fifty; 2 % for thirty
    days: 6 and 6; 1 % for thirty days: 3 and 1.

    References
    ----------
    Bailey & López de Prado (2014), The deflated Sharpe ratio; the folds are those of cross-fitting
    (Chernozhukov et al. 2018, Econometrics Journal 21(1)).
    """
    if folds < 2 or trials < 1 or bucket <= timedelta(0):
        raise BadInput(
            f"folds must be at least 2, trials at least 1, bucket positive; were {folds}, {trials}, {bucket}"
        )
    table = _closed(trades, column)
    nothing = PooledSharpe(None, None, None, None, 0, 0, 0, trials)
    if len(table) < 2 * folds:
        return nothing
    series, used, held = _out_of_sample(table, folds, round(bucket / timedelta(milliseconds=1)), least_score)
    told = PooledSharpe(None, None, None, None, len(series), used, held, trials)
    if used == 0 or len(series) < 8 or float(series.std()) <= 1e-15:
        return told
    found: SharpeEstimate = estimate(series)
    hurdle = expected_best_sharpe(trials, 1 / (found.observations - 1))
    return PooledSharpe(
        deflated_sharpe(found, trials), probabilistic_sharpe(found), found.sharpe, hurdle,
        len(series), used, held, trials,
    )  # fmt: skip


def _closed(trades: pl.DataFrame, column: str) -> pl.DataFrame:
    names = {
        name: next((n for n in (f"{name}_time", f"{name}_ts") if n in trades.columns), None)
        for name in ("open", "close")
    }
    missing = [f"{name}_time" for name, found in names.items() if found is None]
    missing += [name for name in ("symbol", "is_open", column) if name not in trades.columns]
    if missing:
        raise BadInput(f"trades need {', '.join(missing)}; there are {', '.join(trades.columns)}")
    return (
        trades.filter(~pl.col("is_open") & pl.col(column).is_finite())
        .select(
            "symbol",
            pl.col(str(names["open"])).dt.epoch("ms").alias("open"),
            pl.col(str(names["close"])).dt.epoch("ms").alias("close"),
            pl.col(column).alias("value"),
        )
        .sort("close", "symbol", "open")
    )


def _out_of_sample(
    table: pl.DataFrame, folds: int, bucket_ms: int, least_score: float
) -> tuple[Floats, int, int]:
    symbol = table["symbol"].rank("dense").to_numpy().astype(np.int64) - 1
    opened, closed, value = (table[name].to_numpy() for name in ("open", "close", "value"))
    begin = int(opened.min())
    count = int((closed.max() - begin) // bucket_ms) + 1
    edges = begin + bucket_ms * np.linspace(0, count, folds + 1).round().astype(np.int64)
    block = np.searchsorted(edges, opened, side="right") - 1
    block[closed >= edges[block + 1]] = -1  # crosses an edge
    spread = float(value.std())
    if spread <= 1e-15:
        return np.zeros(count), 0, 0
    series, used, held = np.zeros(count), 0, np.zeros(symbol.max() + 1, bool)
    for fold in range(folds):
        mine, others = block == fold, (block >= 0) & (block != fold)
        n = np.bincount(symbol[others], minlength=len(held))
        total = np.bincount(symbol[others], value[others], len(held))
        weight = np.maximum(total / (np.sqrt(np.maximum(n, 1)) * spread) - least_score, 0.0)
        if weight.sum() <= 0:
            continue
        earned = value[mine] * weight[symbol[mine]] / weight.sum()
        np.add.at(series, (closed[mine] - begin) // bucket_ms, earned)
        used += int(np.sum(weight[symbol[mine]] > 0))
        held |= weight > 0
    return series, used, int(held.sum())
