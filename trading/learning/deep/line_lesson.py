"""The lesson of a world: its decisions as they were decided upon, around the candles that came after them.

Nothing is computed again: at a decision's bar a policy sees the row that was decided on, elsewhere only its
position. Its probability is that of a logistic regression fitted to what had ended before.
"""

import numpy as np
import polars as pl

from trading.backtest.block import candle_block
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.line import LineRun
from trading.learning.dataset import Floats, Ints, TrainingSet
from trading.learning.deep.lesson import Lesson
from trading.learning.models import fit_classifier
from trading.risk.exits import ExitRules

_BLOCKS = 10
_LEAST = 50  # decisions that ended before a block, and gains and losses among them


def line_lesson(
    candles: pl.DataFrame,
    learnt: TrainingSet,
    markets: pl.DataFrame,
    exits: ExitRules,
    *,
    bar_ms: int,
    tickers: pl.DataFrame | None = None,
) -> Lesson:
    """Return the lesson of the decisions in `learnt`.

    Parameters
    ----------
    candles : DataFrame
        Closed bars of every pair decided on, from before the first decision on.
    learnt : TrainingSet
        Decisions with known outcomes and their features; those whose bar is not in `candles` are left out.
    markets, exits, tickers
        Fees and steps, the exits in force, quotes for spread and volume.
    bar_ms : int
        Bar length in ms.

    Returns
    -------
    Lesson
        Without the decisions of the first tenth of time, whose probability nobody could say.
    """
    costs = CostModel()
    block = candle_block(candles, bar_ms, markets)
    table = symbol_costs(block.symbols, markets, costs, tickers)
    nothing = np.zeros(len(block.candles), np.bool_)
    job = LineRun(block, table, exits, costs.stake_quote, 0.01, 0.0).job(nothing, nothing)
    bars = block.candles.select("symbol", pl.col("open_time").alias("bar_time")).with_row_index("row")
    placed = learnt.frame.with_row_index("place").join(bars, on=["symbol", "bar_time"], how="inner")
    placed = placed.sort("decided_at", "signal_id")
    row = placed["row"].to_numpy().astype(np.int64)
    features = np.full((len(block.candles), len(learnt.features)), np.nan)
    features[row] = learnt.x[placed["place"].to_numpy()]
    said = said_before(learnt, placed["place"].to_numpy().astype(np.int64))
    probability = np.full(len(block.candles), 0.5)
    is_known = np.isfinite(said)
    probability[row[is_known]] = said[is_known]
    return Lesson(job, features, learnt.features, probability, row[is_known])


def said_before(learnt: TrainingSet, order: Ints) -> Floats:
    """Return the probability of a gain of each row in `order`, by what had ended before its tenth of time.

    NaN where too little had ended, or all of it was of one class.
    """
    x, y, begin, end = learnt.x[order], learnt.y[order], learnt.t0[order], learnt.t1[order]
    out = np.full(len(order), np.nan)
    for block in np.array_split(np.arange(len(order)), _BLOCKS)[1:]:
        if not len(block):
            continue
        before = np.flatnonzero(end < begin[block[0]])
        if len(before) >= _LEAST and len(np.unique(y[before])) == 2:
            model = fit_classifier("logistic", x[before], y[before], learnt.weight[order][before])
            out[block] = model.predict(x[block])
    return out
