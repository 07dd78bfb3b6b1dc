"""The set of entries that the newest tables ask for; read from the lake, decided in the domain."""

import structlog

from resources.settings import load_settings
from resources.store import Store
from resources.strategies import told_strategy
from trading.execution.handover import build_signal_set, exits_of
from trading.market.listing import from_frame
from trading.market.orders import SignalSet
from trading.market.timeframes import timeframe

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
    return build_signal_set(
        (signals, lake.read("signals")),
        (approvals, lake.read("approved_symbols")),
        listed,
        exits_of(results),
        timeframe=timeframe(load_settings(store.world).timeframe),
        at=store.as_of(),
    )
