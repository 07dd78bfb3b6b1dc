"""Parts of the line made again from cut candles, for checks that block: a sample, seeded by market time."""

import json
from datetime import datetime

import polars as pl

from resources.backtests import backtest_of
from resources.learning import Learning
from resources.settings import load_settings
from resources.signals import signal_table
from resources.store import Store
from resources.strategies import line_strategy
from trading.backtest.shipped import DEFAULT
from trading.backtest.validation import lookahead
from trading.execution.handover import exits_of
from trading.indicators.settings import IndicatorSettings
from trading.indicators.table import indicator_table
from trading.market.errors import MissingData
from trading.market.frames import CANDLES
from trading.market.instruments import cut
from trading.market.lineage import Version
from trading.market.timeframes import to_ms
from trading.signals.conditions import is_across
from trading.signals.strategy import SignalRules
from trading.xray.regime import market_regime

PAIRS, CUTS = 12, 3
# Ids of what a row rests on: another version of the same content has another id.
_IDS = ("lineage_id", "screening_id", "model_id")
# What a trade made against the market of all pairs is another figure against that of a dozen.
_OF_ALL_PAIRS = ("signal_id", "market_excess")


def signals_again(store: Store, learning: Learning) -> tuple[pl.DataFrame, int]:
    """Return where signals of cut candles differ from the published ones, and how many pairs were sampled."""
    version = _newest(store, "signals")
    rules = SignalRules(**_plain(json.loads(version.params)["SignalRules"]))
    strategy = line_strategy(store, rules)
    # A rank among all pairs is another one among a dozen: where it decides, all are computed again; where it
    # only orders the entries of a bar (the score of all strategies but the default), it is not compared.
    count = None if is_across(strategy) else PAIRS
    skip = _IDS if strategy.name == DEFAULT or count is None else (*_IDS, "score")
    settings, candles = _sampled(store, version, count)
    whole = store.lake.data_path("indicators", _input(version, "indicators"))
    market = pl.scan_parquet(whole).select("symbol", "open_time", "close").collect()

    def make(left: pl.DataFrame, _: object) -> pl.DataFrame:
        table = indicator_table(left, settings)
        bar = table.select(pl.col("open_time").unique().sort().diff().min()).item()
        until = table["open_time"].max() + bar
        return signal_table(store, learning, table, rules, until=until, market=market)

    names = candles["symbol"].unique()
    published = store.lake.read("signals", version.version_id).filter(pl.col("symbol").is_in(names.to_list()))
    cuts = lookahead.cut_times(candles["open_time"], CUTS, _seed(store))
    return lookahead.looks_ahead(published, candles, make, cuts, skip=skip), len(names)


def regime_again(store: Store) -> tuple[pl.DataFrame, int]:
    """Return where the regime of cut candles of the whole market differs from the published one."""
    version, settings = _newest(store, "market_regime"), load_settings(store.world)
    found = store.candles.last_bars(
        settings.timeframe,
        settings.history_bars,
        until=version.created_at,
        symbols=store.kept("liquid_symbols"),
    )
    bars = cut(found, store.lake.read("instruments"))
    published = _one_market(store.lake.read("market_regime", version.version_id))

    def make(left: pl.DataFrame, _: datetime) -> pl.DataFrame:
        return _one_market(market_regime(left))

    cuts = lookahead.cut_times(bars["open_time"], CUTS, _seed(store))
    return lookahead.looks_ahead(published, bars, make, cuts), bars["symbol"].n_unique()


def _one_market(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.rename({"symbols": "pairs"}, strict=False).with_columns(symbol=pl.lit("the market"))


def indicators_with_less_history(store: Store) -> tuple[pl.DataFrame, int]:
    """Return which indicators of sampled pairs change with the number of bars before them."""
    version = _newest(store, "signals")
    settings, candles = _sampled(store, version)
    table = pl.scan_parquet(store.lake.data_path("indicators", _input(version, "indicators")))
    published = table.filter(pl.col("symbol").is_in(candles["symbol"].unique().to_list())).collect()
    # Few, so that the longest warm-up still fits into what is left.
    firsts = lookahead.cut_times(candles["open_time"], CUTS, _seed(store), after=0.02, before=0.15)
    found = lookahead.needs_older_bars(
        published, candles, lambda left, _: indicator_table(left, settings), firsts
    )
    return found, candles["symbol"].n_unique()


def trades_again(store: Store) -> tuple[pl.DataFrame, int]:
    """Return where a backtest of cut candles trades otherwise than the published one did up to there."""
    version = _newest(store, "backtest_results")
    signals = store.lake.version(_input(version, "signals"))
    _, candles = _sampled(store, version)
    chosen = pl.col("symbol").is_in(candles["symbol"].unique().to_list())
    told = store.lake.read("signals", signals.version_id).filter(chosen)
    members = store.lake.read("backtest_universe").filter(chosen)
    exits = exits_of(version)

    def make(left: pl.DataFrame, cut: datetime) -> pl.DataFrame:
        until = pl.col("open_time") <= cut
        found = backtest_of(store, left, told.filter(until), exits, members.filter(until))
        return lookahead.settled(found.trades, cut)

    published = store.lake.read("backtest_trades").filter(chosen)
    found = []
    for at in lookahead.cut_times(candles["open_time"], CUTS, _seed(store)):
        known = lookahead.settled(published, at)
        found.append(lookahead.looks_ahead(known, candles, make, [at], skip=_OF_ALL_PAIRS))
    return pl.concat([pl.DataFrame(schema=lookahead.FINDINGS), *found]), candles["symbol"].n_unique()


def _input(version: Version, asset: str) -> str:
    return next(name for name in version.inputs if name.startswith(f"v-{asset}-"))


def _sampled(
    store: Store, version: Version, count: int | None = PAIRS
) -> tuple[IndicatorSettings, pl.DataFrame]:
    """Return the indicators' settings and candles of `count` pairs (None: all), as the version used them."""
    named = _input(version, "indicators")
    table = pl.scan_parquet(store.lake.data_path("indicators", named), hive_partitioning=False)
    symbols = table.select(pl.col("symbol").unique()).collect()["symbol"].to_list()
    chosen = lookahead.sample(symbols, count or len(symbols), _seed(store))
    candles = table.filter(pl.col("symbol").is_in(chosen)).select(list(CANDLES)).collect()
    asked = json.loads(store.lake.version(named).params)["IndicatorSettings"]
    return IndicatorSettings(**_plain(asked)), candles


def _plain(values: dict[str, object]) -> dict[str, object]:
    """JSON has no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _newest(store: Store, asset: str) -> Version:
    found = store.lake.latest(asset)
    if found is None:
        raise MissingData(f"no table {asset!r} yet")
    return found


def _seed(store: Store) -> int:
    return to_ms(store.as_of()) // 60_000
