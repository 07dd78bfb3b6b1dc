"""Candles of the world in use, brought up to date through its exchange. The work is `trading.ohlcv`'s."""

from collections.abc import Callable
from datetime import datetime

import polars as pl

from resources.exchange import Exchange
from resources.held import with_held
from resources.settings import load_settings
from resources.store import Store
from trading.market.lineage import Version
from trading.market.timeframes import timeframe as find_timeframe
from trading.ohlcv.agreement import SOURCE, agreement, publish_agreement, stored_agreement
from trading.ohlcv.passes import HistoryRequest, Refresh, recorded, refresh
from trading.ohlcv.tidy import Tidied, tidy

# One row per month that the newest tidying rewrote.
TIDIED = "candles_tidied"


def fetch_history(
    exchange: Exchange,
    store: Store,
    request: HistoryRequest,
    window: tuple[datetime, datetime],
    run_id: str,
    on_progress: Callable[[int, int], None],
) -> Refresh:
    """Fetch and store what is missing of the window, never a bar that has not closed."""
    shelf, at = store.shelf, exchange.market_time()
    names = request.timeframes or (load_settings(store.world).timeframe,)
    done = exchange.call(
        lambda pool: refresh(
            pool.public,
            shelf,
            with_held(store, store.approved() if request.only_approved else store.kept("liquid_symbols")),
            [find_timeframe(name) for name in names],
            window,
            at=at,
            run_id=run_id,
            pressure=pool.limiter.stats,
            request=request,
            on_progress=on_progress,
        )
    )
    return recorded(shelf, done, window, at=at, run_id=run_id)


def compare_aggregates(exchange: Exchange, store: Store) -> pl.DataFrame:
    """Hold our aggregates of minutes against the venue's own bars; publish and return the comparison."""
    shelf, at = store.shelf, store.as_of()
    found = stored_agreement(shelf, at=at)
    if found.height or not shelf.candles.dates(SOURCE):
        return publish_agreement(shelf, found, at=at)
    # Only now is the exchange needed.
    bar = find_timeframe(load_settings(store.world).timeframe)
    return exchange.call(lambda pool: agreement(pool.public, shelf, bar, at=at))


def tidy_history(store: Store, run_id: str) -> tuple[Version, Tidied]:
    """Merge the files of days and months that are over; publish which months were rewritten."""
    at = store.as_of()
    tidied = tidy(store.shelf, at=at)
    key = ["timeframe", "month"]
    version = store.publish(TIDIED, tidied.frame(), key=key, inputs=["ohlcv_days"], at=at, run_id=run_id)
    return version, tidied
