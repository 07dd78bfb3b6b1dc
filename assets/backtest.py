"""Stop 7b: what the signals would have earned, and which pairs deserve money. Not the live orders."""

import dagster as dg
import polars as pl

from assets.launchpad import domain, launchpad
from assets.results import materialized, table, verdict
from resources.order_log import OrderLogResource
from resources.store import Store
from trading.backtest.rules import ApprovalRules
from trading.risk.overrides import ExitOverrides

GROUP = "backtest"
BacktestConfig = launchpad(ExitOverrides, "BacktestConfig")
ApprovalConfig = launchpad(ApprovalRules, "ApprovalConfig")


@dg.asset(group_name=GROUP, deps=["signals", "indicators"], kinds={"numba"}, owners=["team:trading"])
def backtest_results(
    context: dg.AssetExecutionContext, config: BacktestConfig, store: Store
) -> dg.MaterializeResult[None]:
    """What each pair's signals would have earned, costs paid. **One row per pair.**

    Entry at the open after the signal's bar, plus half the spread, slippage and the taker fee; exits by the
    same machine that the live engine runs; stop before target inside one bar; no fill without volume.
    Returns are fractions, 365 days a year. Every trade is in the table `backtest_trades`,
    every run in the ledger of trials: what was tried and dropped counts against what is kept.

    A signal counts only on bars at which the pair was in the universe **of that bar**, by recorded looks
    where there are any, else by candles (`universe_source`, `universe_share`); never by today's list. Spread,
    tick and fee are those of the newest look: costs as of the date are not recorded per bar.

    - Source: `indicators` and `signals`, over candles held in the lake.
    - Units: returns and shares are fractions, money in quote units, times UTC.
    - Fresh: every research pass (nightly).
    - If it fails: a failed check blocks approval: nothing new is traded; its metadata names the pair and bar.
    """
    from resources.backtests import backtest_signals

    trades, figures, about = backtest_signals(store, domain(ExitOverrides, config), context.run_id)
    store.publish("backtest_trades", trades, key=["symbol", "open_time"], **about)
    version = store.publish("backtest_results", figures, key=["symbol"], **about)
    told = about["params"]["strategy"]["name"], about["params"], version.version_id, figures
    store.trials.record_backtest(*told, at=store.as_of())
    return materialized(
        version,
        {
            "trades": trades.height,
            "bars that touched stop and target": int(figures["ambiguous_bars"].sum()),
            "told by minutes": int(figures["resolved_bars"].sum()),
            "universe": table(figures.group_by("universe_source").len("pairs")),
            "best": table(figures.sort("total_return", descending=True, nulls_last=True)),
        },
    )


@dg.asset_check(asset=backtest_results, blocking=True, description="No trade before its signal.")
def trades_follow_their_signals(store: Store) -> dg.AssetCheckResult:
    """Fail on a trade that opens at or before the bar that signalled it, or closes before it opens."""
    trades = store.lake.read("backtest_trades")
    early = trades.filter(pl.col("open_time") <= pl.col("signal_time")).height
    backwards = trades.filter(pl.col("close_time") < pl.col("open_time")).height
    return verdict(early + backwards == 0, trades=trades.height, before_signal=early, backwards=backwards)


@dg.asset_check(
    asset=backtest_results, blocking=True, description="No trade on a bar outside the universe of that bar."
)
def trades_stay_in_their_universe(store: Store) -> dg.AssetCheckResult:
    """Fail on a trade whose signal's bar closed while the pair was not in the universe: hindsight."""
    trades, known = store.lake.read("backtest_trades"), store.lake.read("backtest_universe")
    members = known.filter("is_member").select("symbol", signal_time="open_time")
    outside = trades.join(members, on=["symbol", "signal_time"], how="anti")
    names = ", ".join(outside["symbol"].unique().sort().head(10))
    return verdict(outside.is_empty(), trades=trades.height, outside=outside.height, which=names)


@dg.asset_check(
    asset=backtest_results, blocking=True, description="Cut the candles and trade again: no trade changes."
)
def trades_see_no_future(store: Store) -> dg.AssetCheckResult:
    """Fail on a trade of sampled pairs that candles cut after it do not give likewise."""
    from resources.recomputed import trades_again

    found, sampled = trades_again(store)
    return verdict(found.is_empty(), pairs=sampled, differences=found.height, first=table(found))


@dg.asset(group_name=GROUP, deps=[backtest_results], kinds={"polars"}, owners=["team:trading"])
def approved_symbols(
    context: dg.AssetExecutionContext, config: ApprovalConfig, store: Store, order_log: OrderLogResource
) -> dg.MaterializeResult[None]:
    """Pairs that may be traded until the next research pass. **One row per backtested pair.**

    Each rule stands with value, bound and verdict in `approval_rules`; false discoveries are controlled
    across pairs, and over the nights by a declared budget; a pair that is suspended for review is refused.
    Approved is for the stake of all users together: `capacity_quote` is the largest total stake at which a
    pair's trades still earn at twice the costs and find room in half of their bars.
    **None approved is a normal outcome** and says why. `approved_symbols_sensor` watches this table; the
    ids of data, code and parameters it rests on travel to every order.

    - Source: `backtest_results`, the ledger of trials, suspensions in the order log.
    - Units: fractions; `capacity_quote` in quote units.
    - Fresh: every research pass (nightly).
    - If it fails: yesterday's approvals expire, so entries end by themselves; exits go on.
    """
    from resources.gate import decide_tonight

    found = decide_tonight(store, order_log, domain(ApprovalRules, config))
    verdicts = found.verdicts
    about = {
        "inputs": ["backtest_results", "backtest_trades"],
        "params": found.params,
        "run_id": context.run_id,
    }
    store.publish("approval_rules", verdicts.rules, key=["symbol", "rule"], **about)
    version = store.publish("approved_symbols", verdicts.symbols, key=["symbol"], **about)
    return materialized(
        version,
        {
            "approved": len(verdicts.approved),
            "refused by": table(verdicts.summary()),
            "false discovery level": verdicts.level,
            **found.figures,
            "page": f"sluice report --line --pass {version.version_id} --html pass.html",
            "approved symbols": table(verdicts.symbols.filter("is_approved")),
        },
    )


@dg.asset_check(
    asset=approved_symbols, blocking=True, description="Every verdict has its reason and its backtest."
)
def every_verdict_has_a_reason(store: Store) -> dg.AssetCheckResult:
    """Fail on an approval without a backtest behind it, or a refusal without a reason."""
    frame = store.lake.read("approved_symbols")
    groundless = frame.filter(pl.col("is_approved") & pl.col("backtest_id").is_null()).height
    silent = frame.filter(
        ~pl.col("is_approved") & (pl.col("reason").fill_null("").str.len_chars() == 0)
    ).height
    return verdict(
        groundless + silent == 0, rows=frame.height, without_backtest=groundless, without_reason=silent
    )


@dg.asset_check(asset=approved_symbols, description="What was approved can be handed to the live engine.")
def approvals_can_be_handed_over(store: Store) -> dg.AssetCheckResult:
    """Warn where pairs are approved under exits that a signal set cannot carry: nothing will be traded."""
    from trading.execution.handover import not_carried

    results = store.lake.latest("backtest_results")
    refusal = None if results is None else not_carried(results)
    approved = store.lake.read("approved_symbols")["is_approved"].sum()
    passed = refusal is None or not approved
    return verdict(passed, dg.AssetCheckSeverity.WARN, approved=approved, refused=refusal or "")
