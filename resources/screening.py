"""Chains of filters over a world: what a name or file means, what a chain may read, past funnels."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from resources.settings import Settings
from resources.store import Store
from trading.market.errors import BadInput
from trading.market.timeframes import timeframe as find_timeframe
from trading.ohlcv.shelf import Shelf
from trading.scan.candles import births
from trading.screening.chain.declared import Chain, preset_chain, preset_names, read_chain
from trading.screening.chain.inputs import TRADES, Inputs
from trading.screening.chain.listing import Age
from trading.screening.chain.run import Stepped
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.order_log import OrderLog
from trading.store.order_log.frames import closed_trades, open_trades
from trading.universe.funnel import PastFunnel, funnel_at
from trading.universe.known import ports_of

_MOST_BYTES = 100_000


def chain_named(name: str) -> Chain:
    """Return the chain that ships under `name`, or the one in the TOML file of that path.

    Raises
    ------
    BadInput
        If it is neither, cannot be read, or is no chain.
    """
    if name in preset_names():
        return preset_chain(name)
    path = Path(name)
    if not path.is_file():
        raise BadInput(f"a chain is a TOML file or one of {', '.join(preset_names())}; there is no {name!r}")
    if path.stat().st_size > _MOST_BYTES:
        raise BadInput(f"{name} must have at most {_MOST_BYTES:,} bytes, had {path.stat().st_size:,}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{name} cannot be read: {error}") from None
    return read_chain(text, source=path.name)


def past_funnel(
    settings: Settings,
    chain: Chain,
    at: datetime,
    *,
    log: OrderLog | None = None,
    on_step: Stepped | None = None,
) -> PastFunnel:
    """Return what `chain` makes of what this world knew at `at`; `log` gives the filters our own trades."""
    days = [each.min_days for each in chain.filters if isinstance(each, Age) and each.min_days is not None]
    shelf = Shelf.at(settings.lake_dir)
    ports: dict[str, Any] = {} if log is None else {"trades": own_trades(log)}
    return funnel_at(
        Lake(settings.lake_dir),
        CandleStore(settings.lake_dir),
        at,
        chain,
        timeframe=settings.timeframe,
        listed=births(shelf, settings.timeframe, at, max(days, default=None)),
        ports=ports,
        on_step=on_step,
    )


def inputs_now(store: Store, timeframe: str, bars: pl.DataFrame, chain: Chain) -> Inputs:
    """Return what `chain` may read in a research pass: the newest tables, and `bars`."""
    lake, at = store.lake, store.as_of()
    return Inputs(
        bar=find_timeframe(timeframe),
        markets=lake.read("validated_markets"),
        tickers=lake.read("tickers"),
        candles=bars,
        **ports_of(lake, at, chain.reads),
    )


def own_trades(log: OrderLog) -> pl.DataFrame:
    """Return the trades of all users, each decision once: a thousand users on one signal are one trade."""
    return merged_trades(closed_trades(log.database), open_trades(log.database))


def merged_trades(closed: pl.DataFrame, still: pl.DataFrame) -> pl.DataFrame:
    """Return closed and open trades of the log as TRADES, one row per decision and symbol."""
    done = closed.select("signal_id", "symbol", "open_at", "close_at", net_return="profit_ratio")
    every = pl.concat([done, still.select("signal_id", "symbol", "open_at")], how="diagonal")
    once = every.group_by("signal_id", "symbol", maintain_order=True).agg(
        pl.col("open_at").min(),
        # Open while one of its users holds it.
        pl.when(pl.col("close_at").is_null().any())
        .then(None)
        .otherwise(pl.col("close_at").max())
        .alias("close_at"),
        pl.col("net_return").mean(),
    )
    return once.select(pl.col(name).cast(dtype) for name, dtype in TRADES.items())
