"""The sets that the newest tables ask for, of entries and of exits; read here, decided in the domain."""

from collections.abc import Callable
from functools import partial

import polars as pl
import structlog

from resources.held import has_log, waiting_for
from resources.settings import load_settings
from resources.store import Store
from resources.strategies import told_strategy
from trading.execution.handover import (
    HandoverRules,
    build_exit_set,
    build_exploration_set,
    build_signal_set,
    exit_source_of,
    exits_of,
    with_groups,
)
from trading.market.lineage import Version
from trading.market.listing import from_frame
from trading.market.orders import SignalSet
from trading.market.timeframes import from_ms, timeframe, to_ms
from trading.risk.betas import market_betas
from trading.store.lake import Lake
from trading.trade_pool.exploration import explored_symbols

_log = structlog.get_logger("resources.handover")


def pending_signal_set(store: Store) -> SignalSet | None:
    """Return the signal set of the newest closed bar, or None when nothing is approved or wants in.

    Also None while signals are of another strategy (name and digest) than the approvals, until the next
    research pass.
    """
    return _entries(store, build_signal_set)


def pending_exploration_set(store: Store) -> SignalSet | None:
    """Return the rejected entries of the newest closed bar that were drawn for paper users, or None."""
    if store.lake.latest("signals") is None:
        return None
    bar_time = from_ms(_newest_close_ms(store) - timeframe(load_settings(store.world).timeframe).ms)
    rules = load_settings(store.world).exploration
    explored = explored_symbols(store.lake.read("signals"), bar_time, rules)
    return _entries(store, partial(build_exploration_set, explored=explored)) if explored else None


def _entries(store: Store, build: Callable[..., SignalSet | None]) -> SignalSet | None:
    lake = store.lake
    signals, approvals = lake.latest("signals"), lake.latest("approved_symbols")
    results = lake.latest("backtest_results")
    if signals is None or approvals is None or results is None:
        return None
    ours, tested = told_strategy(signals), told_strategy(approvals)
    if ours != tested:
        # Its entries were never tested.
        _log.warning("signals_of_another_strategy", signals=ours["strategy"], approved=tested["strategy"])
        return None
    listed = {market.symbol: market for market in from_frame(lake.read("markets"))}
    batch = build(
        (signals, lake.read("signals")),
        (approvals, lake.read("approved_symbols")),
        listed,
        exits_of(results),
        timeframe=timeframe(load_settings(store.world).timeframe),
        at=store.as_of(),
        rules=_rules(store),
        source=exit_source_of(ours["strategy"]),
    )
    return None if batch is None else with_groups(batch, _clusters(lake), _betas(lake))


def held_symbols_told(store: Store) -> list[str]:
    """Return held symbols that wait for exit signals of the newest bar, by name.

    Held is what the order log says: trades of the strategy (name and digest) that the newest signals are of,
    entered before their newest bar closed.
    """
    signals = store.lake.latest("signals")
    if signals is None or not has_log(store.world):
        return []
    return waiting_for(store.world, _source_of(signals), _newest_close_ms(store))


def pending_exit_set(store: Store) -> SignalSet | None:
    """Return what the newest signals say of the symbols that wait for their exit signals, or None."""
    lake, held = store.lake, held_symbols_told(store)
    signals = lake.latest("signals")
    if not held or signals is None or lake.latest("indicators") is None:
        return None
    bar, closed_ms = timeframe(load_settings(store.world).timeframe), _newest_close_ms(store)
    newest = pl.lit(from_ms(closed_ms - bar.ms)).cast(pl.Datetime("ms", "UTC"))
    bars = pl.scan_parquet(lake.data_path("indicators")).filter(pl.col("open_time") == newest)
    judged = bars.select("symbol").collect()["symbol"].unique().to_list()
    table, source = (signals, lake.read("signals")), _source_of(signals)
    return build_exit_set(table, judged, held, source, timeframe=bar, at=store.as_of(), rules=_rules(store))


def pending_sets(store: Store) -> list[SignalSet]:
    """Return the sets to hand over now: exits go first, exploration last."""
    found = (pending_exit_set(store), pending_signal_set(store), pending_exploration_set(store))
    return [batch for batch in found if batch is not None]


def _source_of(signals: Version) -> str:
    return exit_source_of(told_strategy(signals)["strategy"])


def _newest_close_ms(store: Store) -> int:
    return timeframe(load_settings(store.world).timeframe).floor_ms(to_ms(store.as_of()))


def _rules(store: Store) -> HandoverRules:
    return HandoverRules(silence=load_settings(store.world).risk.silence)


def _clusters(lake: Lake) -> dict[str, int]:
    if lake.latest("clusters") is None:
        return {}
    newest = lake.read("clusters").select("symbol", pl.col("cluster").cast(pl.Int64))
    return dict(newest.drop_nulls().unique("symbol", keep="last").iter_rows())


def _betas(lake: Lake) -> dict[str, float]:
    """Betas within the symbols that the newest indicators were made for; a quick look has few of them."""
    if lake.latest("indicators") is None:
        return {}
    return market_betas(lake.read("indicators").select("symbol", "open_time", "close"))
