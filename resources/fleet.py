"""What the users would stake on each backtested pair, and what it bears; from the lake and the order log."""

import polars as pl

from resources.order_log import OrderLogResource
from resources.store import Store
from trading.backtest.capacity import fleet_stakes, symbol_capacity, with_capacity
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.rules import ApprovalRules
from trading.execution.handover import exits_of
from trading.store.lake import Lake

_BARS = "indicators"


def at_fleet_stake(
    store: Store,
    order_log: OrderLogResource,
    results: pl.DataFrame,
    trades: pl.DataFrame,
    rules: ApprovalRules,
) -> pl.DataFrame:
    """Return `results` with `capacity_quote` and `fleet_stake_quote` (`trading.backtest.capacity`)."""
    lake, model = store.lake, CostModel()
    made = lake.latest("backtest_results")
    if made is None or results.is_empty():
        return results
    costs = symbol_costs(results["symbol"], lake.read("validated_markets"), model, lake.read("tickers"))
    bars = entry_bars(lake, made.inputs, trades)
    stakes = fleet_stakes(order_log.fleet(), results["symbol"], exits_of(made).stop_loss)
    return with_capacity(results, symbol_capacity(trades, bars, costs, model, rules.capacity), stakes)


def entry_bars(lake: Lake, inputs: tuple[str, ...], trades: pl.DataFrame) -> pl.DataFrame:
    """Return `symbol`, `open_time`, `volume`, `close` of the bars that the backtest stood on, of its symbols.

    A tick between scans publishes indicators of a few pairs only: the newest table need not be that one.
    """
    named = next((name for name in inputs if name.startswith(f"v-{_BARS}-")), None)
    table = pl.scan_parquet(lake.data_path(_BARS, named), hive_partitioning=False)
    wanted = table.select("symbol", "open_time", "volume", "close")
    return wanted.filter(pl.col("symbol").is_in(trades["symbol"].unique().to_list())).collect()
