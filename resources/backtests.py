"""The backtest of the line's signals as the asset asks for it: what was read, with which exits, of whom."""

from typing import Any

import polars as pl

from resources.settings import load_settings
from resources.store import Store
from resources.strategies import backtest_params, with_strategy
from resources.universe import publish_members
from trading.backtest.engine import run_backtest
from trading.market.timeframes import timeframe
from trading.risk.overrides import ExitOverrides

_INPUTS = ("signals", "indicators", "validated_markets", "tickers", "backtest_universe")


def backtest_signals(
    store: Store, overrides: ExitOverrides, run_id: str
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Return trades, figures per pair, and what is recorded with both tables."""
    told = store.lake.read("signals")
    exits, params = backtest_params(store, overrides)
    bars, listed = store.lake.read("indicators"), store.lake.read("validated_markets")
    known, looks = publish_members(store, bars, run_id), store.lake.read("tickers")
    bar = timeframe(load_settings(store.world).timeframe)
    found = run_backtest(bars, told, listed, exits, tickers=looks, bar_ms=bar.ms, members=known)
    about = {"inputs": list(_INPUTS), "params": params, "run_id": run_id}
    return found.trades, with_strategy(found.metrics, params), about
