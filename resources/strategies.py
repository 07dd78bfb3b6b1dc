"""Which strategy the line runs, and what its tables say of it: name, digest of its text, exits."""

import json
from typing import Any

import polars as pl

from resources.settings import load_settings
from resources.store import Store
from trading.backtest.line_exits import exits_of_strategy
from trading.backtest.shipped import DEFAULT, strategy_named
from trading.backtest.strategy import Strategy
from trading.market.lineage import Version
from trading.market.timeframes import timeframe
from trading.risk.exits import ExitRules
from trading.risk.overrides import ExitOverrides
from trading.signals.strategy import SignalRules


def line_strategy(store: Store, rules: SignalRules) -> Strategy:
    """Return the strategy that the launchpad names, else the settings'."""
    return strategy_named(rules.strategy or load_settings(store.world).strategy or DEFAULT)


def signal_params(store: Store, rules: SignalRules, model_id: str | None = None) -> dict[str, object]:
    """Return the parameters of `signals`: thresholds, strategy and its exits, id of the model asked."""
    strategy = line_strategy(store, rules)
    bar = timeframe(load_settings(store.world).timeframe)
    told = {"name": strategy.name, "digest": strategy.digest}
    exits = store.params(exits_of_strategy(strategy, bar.ms))
    asked = {} if model_id is None else {"model": model_id}
    return store.params(rules) | exits | {"strategy": told} | asked


def told_strategy(version: Version | None) -> dict[str, Any]:
    """Return `{"strategy": {name, digest}}` of a version's parameters; the default of an older one."""
    params = {} if version is None else json.loads(version.params)
    return {"strategy": params.get("strategy", {"name": DEFAULT, "digest": ""})}


def told_of(store: Store, asset: str) -> dict[str, Any]:
    """Return `told_strategy` of the version of `asset` that was read last."""
    read = store.lake.given(asset)
    return told_strategy(store.lake.latest(asset) if read is None else store.lake.version(read))


def backtest_params(store: Store, overrides: ExitOverrides) -> tuple[ExitRules, dict[str, Any]]:
    """Return the exits of a backtest of the signals read last, and the parameters of its tables."""
    read = store.lake.given("signals")
    version = store.lake.latest("signals") if read is None else store.lake.version(read)
    params = {} if version is None else json.loads(version.params)
    exits = overrides.applied(ExitRules(**params.get("ExitRules", {})))
    return exits, store.params(exits) | told_strategy(version)


def with_strategy(metrics: pl.DataFrame, params: dict[str, Any]) -> pl.DataFrame:
    """Return the figures with the strategy that they are of."""
    return metrics.with_columns(strategy=pl.lit(params["strategy"]["name"], pl.String))
