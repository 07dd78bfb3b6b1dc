"""Instruments and the past universe as the pipeline asks for them, by the rules as last applied."""

from datetime import datetime

import polars as pl

from resources.settings import Settings, load_settings
from resources.store import Store
from trading.market.lineage import Version
from trading.market.timeframes import timeframe as find_timeframe
from trading.ohlcv.shelf import Shelf
from trading.scan.candles import births
from trading.screening.rules import ScreeningRules, rules_of
from trading.store.origins import Origins
from trading.universe.current import Pass, bring_forward
from trading.universe.evidence import EXAMINED, bars_to_examine, days_now
from trading.universe.members import members_of
from trading.universe.rules import InstrumentRules

# One row per bar of the backtest: whether its series was in the universe then, and what told so.
MEMBERS = "backtest_universe"
INSTRUMENTS = "instruments"


def publish_instruments(store: Store, run_id: str) -> tuple[Version, Pass]:
    """Bring the table of instruments forward and publish it, with what a person should look at."""
    settings, at, rules = load_settings(store.world), store.as_of(), InstrumentRules()
    bar = find_timeframe(settings.timeframe)
    # Noted before the bars are read and kept after what they told is: a day that changes meanwhile, or a kill
    # in between, is looked at again.
    days = days_now(store.lake, bar)
    bars = bars_to_examine(store.lake, store.candles, bar, newest=settings.history_bars, at=at)
    known = store.lake.read(INSTRUMENTS) if store.lake.latest(INSTRUMENTS) is not None else None
    found = bring_forward(known, store.lake.read("markets"), bars, bar_ms=bar.ms, at=at, rules=rules)
    about = {"inputs": ["markets", "ohlcv_days"], "params": store.params(rules), "run_id": run_id}
    store.publish("instrument_flags", found.flags, key=["symbol", "kind", "at"], **about)
    version = store.publish(INSTRUMENTS, found.instruments, key=["instrument_id"], **about)
    store.publish(EXAMINED, days, key=["timeframe", "date"], **about)
    return version, found


def research_series(store: Store) -> pl.DataFrame:
    """Return the bars of every series that was in the universe on any bar of the history, for backtests.

    Not only of those that are candidates now: who has fallen out since, was delisted, or meant another coin
    is here too, as far as candles are held.
    """
    settings = load_settings(store.world)
    bars = store.series(settings.timeframe, settings.history_bars)
    was_in = _members(store, bars).filter("is_member").select(pl.col("symbol").unique())
    kept = pl.concat([was_in["symbol"], pl.Series("symbol", store.kept("screened_symbols"))]).unique()
    return bars.filter(pl.col("symbol").is_in(kept.to_list()))


def publish_members(store: Store, bars: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """Publish and return on which of `bars` each series was in the universe; see `trading.universe.members`.

    The thresholds are those of the newest `liquid_symbols`: what is asked is who would have passed them then.
    """
    found = _members(store, bars)
    inputs = ["indicators", "liquid_symbols", "tickers", "markets", "ohlcv_days"]
    about = {"inputs": inputs, "params": store.params(_rules(store)), "run_id": run_id}
    store.publish(MEMBERS, found, key=["symbol", "open_time"], **about)
    return found


def members_for_ranks(store: Store, bars: pl.DataFrame) -> pl.DataFrame:
    """Return on which of `bars` a symbol has a place among the others: those in the universe of that bar.

    Where `bars` lack a candidate (the quick refresh holds approved symbols only) nobody has one: a rank among
    some of them would be another figure.
    """
    found = _members(store, bars)
    has_all = set(store.kept("screened_symbols")) <= set(bars["symbol"].unique())
    return found if has_all else found.with_columns(is_member=pl.lit(value=False))


def _rules(store: Store) -> ScreeningRules:
    funnel = store.lake.latest("liquid_symbols")
    return ScreeningRules() if funnel is None else rules_of(funnel)


def _members(store: Store, bars: pl.DataFrame) -> pl.DataFrame:
    settings, rules = load_settings(store.world), _rules(store)
    bar = find_timeframe(settings.timeframe)
    days = None if rules.min_listed_days is None else settings.history_bars * bar.ms / 86_400_000
    young = births(store.shelf, bar.name, store.as_of(), days)
    return members_of(store.lake, store.candles, bars, rules, bar=bar, listed=young)


def births_before(settings: Settings, at: datetime, rules: ScreeningRules) -> dict[str, datetime]:
    """Return the first bars of those pairs that were too young for `rules` at `at`."""
    return births(Shelf.at(settings.lake_dir), settings.timeframe, at, rules.min_listed_days)


def on_foreign_candles(store: Store, symbols: pl.Series) -> dict[str, str]:
    """Return those of `symbols` whose history holds candles of another venue, each with why it is refused."""
    settings = load_settings(store.world)
    length = find_timeframe(settings.timeframe).delta * settings.history_bars
    origins = Origins(settings.lake_dir)
    return origins.foreign(settings.timeframe, symbols.to_list(), store.as_of() - length)


def not_candidates(store: Store, symbols: pl.Series) -> dict[str, str]:
    """Return those of `symbols` that may not be approved, each with why: they are backtested as history."""
    candidates = set(store.kept("screened_symbols"))
    return {
        symbol: "not a candidate now: screened out, delisted, or an earlier instrument of its name"
        for symbol in symbols
        if symbol not in candidates
    }
