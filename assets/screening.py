"""Stop 3: which pairs are worth candles, and which of those are worth a backtest."""

from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from assets.launchpad import domain, launchpad
from assets.results import materialized, table, verdict
from resources.progress import reporter
from resources.settings import load_settings
from resources.store import Store
from trading.screening.rules import ScreeningRules, preset

GROUP = "screening"
_PRESET = Field(
    default="", description="default (the values shown here) or owner; empty: what the settings name."
)
ScreeningConfig = launchpad(ScreeningRules, "ScreeningConfig", preset=(str, _PRESET))
MoreFilters = Field(
    default=[],
    description="Filters that follow these rules: tables as in docs/reference/screening.md, such as "
    '{name: expression, keep: "rsi_14 < 40 AND adx_14 > 20"}.',
)
ScreenedConfig = launchpad(
    ScreeningRules, "ScreenedConfig", preset=(str, _PRESET), filters=(list[dict[str, Any]], MoreFilters)
)
ALL_DAYS = dg.AssetDep("ohlcv", partition_mapping=dg.AllPartitionMapping())


def _rules(config: dg.Config) -> ScreeningRules:
    """The preset that the launchpad or the settings name; "default" means the values as shown."""
    name = config.preset or load_settings().preset
    return domain(ScreeningRules, config) if name == "default" else preset(name)


@dg.asset(group_name=GROUP, deps=["validated_markets", "tickers"], kinds={"polars"}, owners=["team:trading"])
def liquid_symbols(
    context: dg.AssetExecutionContext, config: ScreeningConfig, store: Store
) -> dg.MaterializeResult[None]:
    """Pairs worth fetching candles for, judged from one tickers call. **One row per sound pair.**

    Every dropped pair keeps the rule that dropped it, what was measured, what it was held against and one
    sentence. Survivors are capped by volume. Thresholds: the launchpad (`preset: owner` takes the old
    bot's numbers). If empty: is the venue halted, or are all quotes stale?

    - Source: `validated_markets` and `tickers`.
    - Units: value and bound in the unit of the rule.
    - Fresh: every research pass (nightly).
    - If it fails: no candles are fetched for new pairs; the funnel on this page says which rule met none.
    """
    from trading.ohlcv.shelf import Shelf
    from trading.scan.candles import births
    from trading.screening.filters import prefilter

    rules, settings, at = _rules(config), load_settings(store.world), store.as_of()
    young = births(Shelf.at(settings.lake_dir), settings.timeframe, at, rules.min_listed_days)
    frame = prefilter(
        store.lake.read("validated_markets"), store.lake.read("tickers"), rules, at=at, listed=young
    )
    version = store.publish(
        "liquid_symbols",
        frame,
        key=["symbol"],
        inputs=["validated_markets", "tickers"],
        params=store.params(rules),
        run_id=context.run_id,
    )
    return materialized(version, _figures(frame))


@dg.asset_check(asset=liquid_symbols, blocking=True, description="Something survives, and nothing twice.")
def something_is_liquid(store: Store) -> dg.AssetCheckResult:
    """Fail when no pair survives: with a live venue that is a fault, not a market."""
    frame = store.lake.read("liquid_symbols")
    kept = frame.filter(pl.col("is_kept")).height
    return verdict(kept > 0 and frame["symbol"].n_unique() == frame.height, kept=kept, rows=frame.height)


@dg.asset(
    group_name=GROUP,
    deps=[ALL_DAYS, "liquid_symbols", "instruments"],
    kinds={"polars"},
    owners=["team:trading"],
)
def screened_symbols(
    context: dg.AssetExecutionContext, config: ScreenedConfig, store: Store
) -> dg.MaterializeResult[None]:
    """Pairs worth a backtest today: volume, volatility, signal. **One row per pair with candles.**

    Source: the last bars of `ohlcv`, as of the newest `tickers`. Volumes in quote units, volatility as a
    fraction a bar. `reason` says why a pair fell out, beside value and bound. More filters, such as a
    condition on indicators or a news gate: `filters` in the launchpad; every threshold that they held a pair
    against is in the table `screening_decisions`.
    If empty: look at `market_regime` first; in a dead-calm market nothing moves enough to pay its costs.

    - Source: `ohlcv` and `tickers`.
    - Units: value and bound in the unit of the rule.
    - Fresh: every research pass (nightly).
    - If it fails: nothing is backtested; a check names a pair that vanished without a reason.
    """
    from trading.screening.filters import screen

    rules, settings = _rules(config), load_settings(store.world)
    bars = store.bars(settings.timeframe, settings.history_bars, symbols=store.kept("liquid_symbols"))
    frame = screen(
        bars,
        store.lake.read("tickers"),
        rules,
        markets=store.lake.read("validated_markets"),
        on_batch=reporter("screening"),
    )
    inputs = ["ohlcv_days", "liquid_symbols", "tickers", "validated_markets"]
    about: dict[str, Any] = {"inputs": inputs, "params": store.params(rules), "run_id": context.run_id}
    frame = _followed(frame, config.filters, bars, store, about)
    version = store.publish("screened_symbols", frame, key=["symbol"], **about)
    return materialized(version, _figures(frame, store.lake.read("liquid_symbols")))


def _followed(
    frame: pl.DataFrame,
    filters: list[dict[str, Any]],
    bars: pl.DataFrame,
    store: Store,
    about: dict[str, Any],
) -> pl.DataFrame:
    """Let the launchpad's own filters, if any, judge what is left, and publish every threshold they met."""
    if not filters:
        return frame
    from resources.screening import inputs_now
    from trading.screening.chain.declared import chain_of
    from trading.screening.chain.run import followed
    from trading.universe.known import PORTS

    settings = load_settings(store.world)
    chain = chain_of(filters, source="launchpad", bars=settings.history_bars)
    about["params"] |= {"filters": chain.as_tables()}
    about["inputs"] += dict.fromkeys(table for port, table in PORTS.items() if port in chain.reads)
    judged, decisions = followed(
        frame, chain, inputs_now(store, settings.timeframe, bars, chain), store.as_of()
    )
    store.publish("screening_decisions", decisions, key=["symbol", "step"], **about)
    return judged


@dg.asset_check(
    asset=screened_symbols, blocking=True, description="Every survivor of the pre-filter is judged."
)
def every_candidate_is_judged(store: Store) -> dg.AssetCheckResult:
    """Fail when a symbol with candles vanished without a reason, or a dropped one has none."""
    frame = store.lake.read("screened_symbols")
    silent = frame.filter(~pl.col("is_kept") & (pl.col("reason").fill_null("").str.len_chars() == 0)).height
    with_candles = set(store.candles.last_open(load_settings(store.world).timeframe))
    vanished = (with_candles & set(store.kept("liquid_symbols"))) - set(frame["symbol"])
    return verdict(
        silent == 0 and frame.height > 0 and not vanished,
        judged=frame.height,
        vanished=len(vanished),
        dropped_without_reason=silent,
        kept=frame.filter(pl.col("is_kept")).height,
    )


def _figures(frame: pl.DataFrame, before: pl.DataFrame | None = None) -> dict[str, object]:
    """Counts, one line per filter from the listing on, the same as a picture, and one example each."""
    from trading.screening.chain.declared import preset_chain
    from trading.screening.funnel import rule_bars, rule_steps
    from trading.xray.pictures import funnel_chart

    dropped = frame.filter(~pl.col("is_kept"))
    order = [each.called for each in preset_chain("default").filters]
    steps = rule_steps([frame] if before is None else [before, frame], order)
    chart = rule_bars(steps)
    picture = {} if chart.is_empty() else {"picture": dg.MetadataValue.md(funnel_chart(chart))}
    return {
        "kept": frame.height - dropped.height,
        "dropped": dropped.height,
        "funnel": table(steps),
        **picture,
        "examples": table(
            dropped.unique("rule", maintain_order=True), ["symbol", "rule", "value", "bound", "reason"]
        ),
    }
