"""Stop 11b: a policy around the signals, taught by a job of its own; its exits stay in the backtest."""

import dagster as dg
from pydantic import Field

from assets.results import materialized, table, verdict
from resources import standing
from resources.exchange import Exchange
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.policies import alert_of_teaching, history, policy_now, unaccounted
from resources.store import Store
from trading.learning.shadow import ShadowRules


class PolicyConfig(dg.Config):
    """How a policy is taught and watched."""

    seeds: int = Field(10, description="Policies that are taught; the first is the one that may be asked.")
    steps: int = Field(200_000, description="Bars that each one plays while it learns.")
    decisions: int = Field(100, description="Length of its shadow period, in decisions with a probability.")


@dg.asset(
    group_name="learning",
    deps=["training_set", "decision_outcomes", "decision_snapshots"],
    kinds={"jax"},
    owners=["team:trading"],
)
def trading_policy(
    context: dg.AssetExecutionContext,
    config: PolicyConfig,
    store: Store,
    learning: Learning,
    exchange: Exchange,
    order_log: OrderLogResource,
) -> dg.MaterializeResult[None]:
    """The newest policy (reinforcement learning) with its verdict, who is watched, who is asked. **One row.**

    Source: `training_set`, candles. Job `policy_teaching` teaches one on the decisions as they were decided
    upon and judges it by the gate of policies; in other jobs the verdict stands and only the shadow period
    goes on: what passed is asked of a fixed number of decisions and trades nothing, then one verdict. What
    passed that, too, moves bounds and sizes beside the champion (`sluice models policies`). Needs `make ai`.

    - Source: `training_set`, candles, the ledger of decisions.
    - Units: returns are fractions of the stake, net of costs.
    - Fresh: every research pass; taught on Tuesdays.
    - If it fails: rules and champion go on without a policy.
    """
    at, rules = exchange.market_time(), ShadowRules(decisions=config.decisions)
    how = {"seeds": config.seeds, "steps": config.steps}
    found, gate = policy_now(context.run.job_name, store, learning, at, rules, how)
    alert_of_teaching(order_log, learning, found)
    standing.alert_of_policy(order_log, learning, at)
    about = {"inputs": ["training_set", "ohlcv_days"], "run_id": context.run_id, "at": at}
    version = store.publish("trading_policy", found, key=["verdict"], **about)
    past = table(history(learning))
    return materialized(version, {"policy": table(found), "gate": table(gate), "history": past})


@dg.asset_check(asset=trading_policy, blocking=True, description="Who is watched or asked is on record.")
def policy_is_accounted_for(store: Store, learning: Learning) -> dg.AssetCheckResult:
    """Fail on a policy that did not pass, on one that nobody kept, and on another watched than is said."""
    row = store.lake.read("trading_policy").row(0, named=True)
    said = unaccounted(learning, row)
    return verdict(not said, policy=row["policy_id"] or "none", wrong=said or "nothing")
