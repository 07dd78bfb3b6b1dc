"""The line's backtest with minutes for the bars that need them; as `detail` does it for strategy files.

Only bars that a trade's stop and target both lie in are asked for. Random entries see the same minutes and no
others: a resolved bar can only help the signals, so it is counted beside the figures (`resolved_bars`).
"""

from collections.abc import Callable

import polars as pl

from trading.backtest.candle_file import COLUMNS, CandleFile, candle_file
from trading.backtest.detail import FetchMinutes, in_rounds, whole_minutes
from trading.backtest.engine import BacktestResult


def with_minutes(
    run: Callable[[CandleFile | None], BacktestResult],
    candles: pl.DataFrame,
    bar_ms: int,
    fetch: FetchMinutes,
) -> BacktestResult:
    """Return what `run` finds once its ambiguous bars are told by finer candles, where `fetch` has them.

    Parameters
    ----------
    run : callable
        A backtest with the finer candles it is given (None = none).
    candles : DataFrame
        The bars that `run` trades on, columns of `frames.CANDLES`.
    bar_ms : int
        Their length.
    fetch : FetchMinutes
        Asked once per round for bars not asked before; minutes that do not show a bar's own high and low do
        not tell.
    """

    def minutes_of(spans: pl.DataFrame) -> pl.DataFrame:
        # Two bars at least: a file of candles knows its step by them.
        own = candles.join(spans.select("symbol").unique(), on="symbol", how="semi")
        bars = own.sort("symbol", "open_time").rename({"open_time": "ts"}).select(COLUMNS)
        return whole_minutes(fetch(spans), spans, candle_file(bars))

    return in_rounds(run, lambda found: _ambiguous(found, bar_ms), minutes_of)


def _ambiguous(found: BacktestResult, bar_ms: int) -> pl.DataFrame:
    start = pl.col("close_time").dt.epoch("ms")
    spans = found.trades.filter("is_ambiguous").select("symbol", start_ms=start, end_ms=start + bar_ms)
    return spans.unique(["symbol", "start_ms"]).sort("symbol", "start_ms")
