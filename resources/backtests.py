"""The backtest of the line's signals as the asset asks for it: what was read, with which exits, of whom."""

from typing import Any

import polars as pl

from resources.settings import load_settings
from resources.store import Store
from resources.strategies import backtest_params, with_strategy
from resources.universe import publish_members
from trading.backtest.candle_file import CandleFile
from trading.backtest.detail import stored_minutes
from trading.backtest.engine import BacktestResult, run_backtest
from trading.backtest.line_detail import with_minutes
from trading.market.timeframes import timeframe
from trading.risk.exits import ExitRules
from trading.risk.overrides import ExitOverrides

_INPUTS = ("signals", "indicators", "validated_markets", "tickers", "backtest_universe")
_MINUTE_MS = 60_000


def backtest_signals(
    store: Store, overrides: ExitOverrides, run_id: str
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Return trades, figures per pair, and what is recorded with both tables."""
    told = store.lake.read("signals")
    exits, params = backtest_params(store, overrides)
    bars = store.lake.read("indicators")
    found = backtest_of(store, bars, told, exits, publish_members(store, bars, run_id))
    about = {"inputs": list(_INPUTS), "params": params, "run_id": run_id}
    return found.trades, with_strategy(found.metrics, params), about


def backtest_of(
    store: Store, bars: pl.DataFrame, signals: pl.DataFrame, exits: ExitRules, members: pl.DataFrame
) -> BacktestResult:
    """Return what `signals` would have earned on `bars`; 1m candles of the lake tell stop from target."""
    bar_ms = timeframe(load_settings(store.world).timeframe).ms
    listed, looks = store.lake.read("validated_markets"), store.lake.read("tickers")

    def run(detail: CandleFile | None) -> BacktestResult:
        return run_backtest(
            bars, signals, listed, exits, tickers=looks, bar_ms=bar_ms, members=members, detail=detail
        )

    if bar_ms <= _MINUTE_MS:
        return run(None)
    return with_minutes(run, bars, bar_ms, stored_minutes(store.candles))
