"""Stop 4: indicators of every screened pair at once. Thresholds on them belong to screening and signals."""

import dagster as dg
import polars as pl
from pydantic import Field

from assets.results import materialized, table, verdict
from resources.settings import load_settings
from resources.store import Store


class IndicatorsConfig(dg.Config):
    """Which pairs."""

    only_approved: bool = Field(
        default=False, description="Only the pairs approved last time: the quick refresh between scans."
    )


# What fits beside each other on the page; the table itself has every column.
_SHOWN = ["symbol", "rsi_14", "close", "adx_14", "stochrsi_k", "open_time"]
ALL_DAYS = dg.AssetDep("ohlcv", partition_mapping=dg.AllPartitionMapping())


@dg.asset(
    group_name="indicators",
    deps=["screened_symbols", "instruments", ALL_DAYS],
    kinds={"polars", "numba"},
    owners=["team:trading"],
)
def indicators(
    context: dg.AssetExecutionContext, config: IndicatorsConfig, store: Store
) -> dg.MaterializeResult[None]:
    """RSI, MACD, Bollinger, ATR, EMAs, ADX, stochastic RSI and OBV. **One row per pair and closed bar.**

    Source: `ohlcv`, the configured history up to the newest `tickers`. RSI, ADX and stochastic RSI in 0..100,
    OBV in base units and only comparable within a pair, others in quote units (`sluice indicators list`).
    Null until an indicator has seen enough bars to be right to 0.1 %: null, never wrong.
    Here is every pair that was in the universe on any bar of the history and whose candles are held, also
    those that have fallen out or were delisted since: a backtest of today's list knows who survived. What a
    name meant before its present instrument is a series of its own, named by the instrument's id.

    - Source: `ohlcv`.
    - Units: RSI, ADX 0 to 100; OBV base units; others quote units.
    - Fresh: every scan (15 minutes) and every research pass.
    - If it fails: no signals are made; a check names the pair whose candles are broken: `sluice data repair`.
    """
    from resources.held import with_held
    from resources.universe import research_series
    from trading.indicators.settings import IndicatorSettings
    from trading.indicators.table import indicator_table

    settings, rules = load_settings(store.world), IndicatorSettings()
    # Between scans only what may be traded or is held counts; a backtest needs what has fallen out as well.
    bars = (
        store.bars(settings.timeframe, settings.history_bars, symbols=with_held(store, store.approved()))
        if config.only_approved
        else research_series(store)
    )
    frame = indicator_table(bars, rules)
    version = store.publish(
        "indicators",
        frame,
        key=["symbol", "open_time"],
        inputs=["ohlcv_days", "screened_symbols", "instruments"],
        params=store.params(rules),
        run_id=context.run_id,
    )
    latest = frame.group_by("symbol", maintain_order=True).last().sort("rsi_14", nulls_last=True)
    return materialized(version, {"symbols": latest.height, "lowest RSI now": table(latest, _SHOWN)})


@dg.asset_check(
    asset=indicators,
    blocking=True,
    description="Oscillators lie in 0..100, bands are ordered, bars unique.",
)
def indicators_are_in_range(store: Store) -> dg.AssetCheckResult:
    """Fail on an oscillator outside its range, a lower band above the upper, a NaN where null is meant."""
    frame = store.lake.read("indicators")
    wrong = frame.select(
        rsi=(~pl.col("rsi_14").is_between(0, 100)).sum(),
        adx=(~pl.col("adx_14").is_between(0, 100 + 1e-9)).sum(),
        stochrsi=(~pl.col("stochrsi_k").is_between(-1e-9, 100 + 1e-9)).sum(),
        bands=(pl.col("bb_lower") > pl.col("bb_upper")).sum(),
        nan=pl.sum_horizontal(pl.col(pl.Float64).is_nan().sum()),
        repeated=pl.struct("symbol", "open_time").is_duplicated().sum(),
    ).row(0, named=True)
    return verdict(
        sum(value or 0 for value in wrong.values()) == 0, **{k: int(v or 0) for k, v in wrong.items()}
    )
