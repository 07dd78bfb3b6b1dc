"""Stop 7a: where the strategy wanted in or out, and where it wants in now."""

import dagster as dg
import polars as pl

from assets.launchpad import domain, launchpad
from assets.results import materialized, table, verdict
from resources.learning import Learning
from resources.settings import load_settings
from resources.store import Store
from trading.signals.strategy import SignalRules

SignalConfig = launchpad(SignalRules, "SignalConfig")
SHOWN = [
    *("symbol", "open_time", "is_entry", "is_exit", "score", "reason", "regime", "probability"),
    *("model_threshold", "expected_return", "model_weight", "top_features", "is_novel", "model_id"),
]
UPSTREAM = ["indicators", "market_regime", "clusters", "news_events", "champion"]


@dg.asset(group_name="signals", deps=UPSTREAM, kinds={"polars"}, owners=["team:trading"])
def signals(
    context: dg.AssetExecutionContext, config: SignalConfig, store: Store, learning: Learning
) -> dg.MaterializeResult[None]:
    """Every entry, exit and vetoed entry of the strategy. **One row per pair and bar that says something.**

    `open_time` is the closed bar that says so; nothing at a bar knows of a later one. `reason` is in plain
    words, `screening_id` leads back to why the pair is here, `model_id` to the promoted model if there is
    one. `strategy` is the one of the launchpad or the settings, a shipped name or a file; its exits travel
    with this table to backtest and live engine. `is_candidate`: it wanted in; `is_entry`: and nothing
    (regime, news, model) stopped it. `is_novel`: the row resembles nothing the model was taught, so that it
    was not asked and the rules decided alone.

    - Source: `indicators`, `market_regime`, `news_events`, the champion.
    - Units: prices in quote units; probability 0 to 1.
    - Fresh: every scan (15 minutes) and every research pass.
    - If it fails: no entry is handed over; exits of what is held go on in the engine.
    """
    from resources.signals import signal_table
    from resources.strategies import signal_params

    rules = domain(SignalRules, config)
    frame = signal_table(store, learning, store.lake.read("indicators"), rules)
    version = store.publish(
        "signals",
        frame,
        key=["symbol", "open_time"],
        inputs=[*UPSTREAM, "screened_symbols", "instruments"],
        params=signal_params(store, rules, learning.champion_id(store)),
        run_id=context.run_id,
    )
    newest = frame.sort("open_time", "symbol", descending=[True, False])
    return materialized(
        version,
        {
            "entries": frame["is_entry"].sum(),
            "vetoed entries": frame.filter(pl.col("is_candidate") & ~pl.col("is_entry")).height,
            "novel candidates, model not asked": frame["is_novel"].sum(),
            "newest": table(newest, SHOWN),
        },
    )


@dg.asset_check(
    asset=signals, blocking=True, description="No signal from a bar that has not closed; scores in 0..1."
)
def signals_come_from_closed_bars(store: Store) -> dg.AssetCheckResult:
    """Fail on a signal from an unfinished bar, a score outside 0..1, an entry that nobody asked for."""
    from trading.market.timeframes import timeframe

    frame = store.lake.read("signals")
    bar = pl.duration(milliseconds=timeframe(load_settings(store.world).timeframe).ms)
    early = frame.filter(pl.col("open_time") + bar > store.as_of()).height
    wild = frame.filter(~pl.col("score").is_between(0, 1)).height
    unasked = frame.filter(pl.col("is_entry") & ~pl.col("is_candidate")).height
    return verdict(
        early + wild + unasked == 0,
        rows=frame.height,
        unfinished_bars=early,
        outside_range=wild,
        unasked=unasked,
    )


@dg.asset_check(
    asset=signals, blocking=True, description="Cut the candles and compute again: no earlier signal changes."
)
def signals_see_no_future(store: Store, learning: Learning) -> dg.AssetCheckResult:
    """Fail on a signal of sampled pairs that indicators and signals of cut candles do not give likewise."""
    from resources.recomputed import signals_again

    found, sampled = signals_again(store, learning)
    return verdict(found.is_empty(), pairs=sampled, differences=found.height, first=table(found))


@dg.asset_check(
    asset=signals, blocking=True, description="An older or a younger first bar: no indicator changes by 1 %."
)
def indicators_have_warmed_up(store: Store) -> dg.AssetCheckResult:
    """Fail on a column of sampled pairs whose values change when fewer bars come before them; it is named."""
    from resources.recomputed import indicators_with_less_history

    found, sampled = indicators_with_less_history(store)
    columns = ", ".join(found["column"].unique().sort())
    return verdict(found.is_empty(), pairs=sampled, columns=columns, first=table(found))
