"""The set of entries that the newest tables ask for; read from the lake, decided in the domain."""

import polars as pl
import structlog

from resources.settings import load_settings
from resources.store import Store
from resources.strategies import told_strategy
from trading.execution.handover import build_signal_set, exits_of, with_groups
from trading.market.listing import from_frame
from trading.market.orders import SignalSet
from trading.market.timeframes import timeframe
from trading.risk.betas import market_betas
from trading.store.lake import Lake

_log = structlog.get_logger("resources.handover")


def pending_signal_set(store: Store) -> SignalSet | None:
    """Return the signal set of the newest closed bar, or None when nothing is approved or wants in.

    Also None while signals are of another strategy (name and digest) than the approvals, until the next
    research pass.
    """
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
    batch = build_signal_set(
        (signals, lake.read("signals")),
        (approvals, lake.read("approved_symbols")),
        listed,
        exits_of(results),
        timeframe=timeframe(load_settings(store.world).timeframe),
        at=store.as_of(),
    )
    return None if batch is None else with_groups(batch, _clusters(lake), _betas(lake))


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
