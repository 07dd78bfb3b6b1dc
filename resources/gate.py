"""Tonight's verdicts: the gate at the fleet's stake, who may not pass whatever the figures say, ids."""

from dataclasses import dataclass

from resources.evidence import pooled_figures
from resources.fleet import at_fleet_stake
from resources.grounds import grounds
from resources.order_log import OrderLogResource
from resources.store import Store
from resources.strategies import told_of
from resources.universe import not_candidates, on_foreign_candles
from trading.backtest.approval import Approval, grounded, without
from trading.backtest.nightly import approve_tonight
from trading.backtest.rules import ApprovalRules


@dataclass(frozen=True, slots=True)
class Decided:
    """Verdicts, the parameters that they were made with, and figures to be shown beside them."""

    verdicts: Approval
    params: dict[str, object]
    figures: dict[str, float | str]


def decide_tonight(store: Store, order_log: OrderLogResource, rules: ApprovalRules) -> Decided:
    """Judge the newest backtest results and spend tonight's share of the error budget."""
    trades = store.lake.read("backtest_trades")
    results = at_fleet_stake(store, order_log, store.lake.read("backtest_results"), trades, rules)
    found = approve_tonight(results, trades, rules, store.approval_nights, store.as_of())
    refused = {
        "not_candidate": not_candidates(store, results["symbol"]),
        "own_candles": on_foreign_candles(store, results["symbol"]),
        "suspended": order_log.suspended(),
    }
    for rule, symbols in refused.items():
        found = without(found, symbols, rule=rule)
    params = store.params(rules) | {"level": found.level} | told_of(store, "backtest_results")
    most = results["fleet_stake_quote"].max() if "fleet_stake_quote" in results.columns else None
    stake = {"fleet's stake, most on one pair (quote)": float(most or 0.0)}  # type: ignore[arg-type]  # a Float64 column
    return Decided(grounded(found, grounds(store, params)), params, stake | pooled_figures(store, trades))
