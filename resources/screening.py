"""Chains of filters over a world: what a name or file means, what a chain may read, past funnels."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from resources.settings import Settings, load_settings
from trading.market.errors import BadInput
from trading.market.frames import empty
from trading.market.timeframes import timeframe as find_timeframe
from trading.ohlcv.shelf import Shelf
from trading.scan.candles import births, whole_minutes
from trading.screening.chain.declared import Chain, preset_chain, preset_names, read_chain
from trading.screening.chain.inputs import LISTS, TRADES, Inputs
from trading.screening.chain.links import Capacity
from trading.screening.chain.listing import Age
from trading.screening.chain.run import Stepped
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.order_log import OrderLog
from trading.store.order_log.frames import closed_trades, open_trades
from trading.universe.funnel import PastFunnel, funnel_at
from trading.universe.known import ports_of

if TYPE_CHECKING:
    from resources.store import Store  # Dagster: a second, which past funnels do without

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
    return read_chain(_text_of(path, name), source=path.name)


def _text_of(path: Path, shown: str) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{shown} must have at most {_MOST_BYTES:,} bytes, had {path.stat().st_size:,}")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{shown} cannot be read: {error}") from None


def past_funnel(
    settings: Settings,
    chain: Chain,
    at: datetime,
    *,
    lists: Mapping[str, str] | None = None,
    on_step: Stepped | None = None,
) -> PastFunnel:
    """Return what `chain` makes of what this world knew at `at`.

    Parameters
    ----------
    lists : mapping, optional
        Name of a list -> file with a pair or coin a line, taken as looked at in that moment.
    """
    ports = _beside(settings, chain, at)
    if lists:
        ports["lists"] = pl.concat([listed_in(name, path, at) for name, path in lists.items()])
    return funnel_at(
        Lake(settings.lake_dir),
        CandleStore(settings.lake_dir),
        at,
        chain,
        timeframe=settings.timeframe,
        listed=_births(settings, chain, at),
        ports=ports,
        on_step=on_step,
    )


def inputs_now(store: "Store", timeframe: str, bars: pl.DataFrame, chain: Chain) -> Inputs:
    """Return what `chain` may read in a research pass: the newest tables, and `bars`."""
    lake, at, settings = store.lake, store.as_of(), load_settings(store.world)
    return Inputs(
        bar=find_timeframe(timeframe),
        markets=lake.read("validated_markets"),
        tickers=lake.read("tickers"),
        candles=bars,
        listed=_births(settings, chain, at),
        **(ports_of(lake, at, chain.reads) | _beside(settings, chain, at)),
    )


def _births(settings: Settings, chain: Chain, at: datetime) -> dict[str, datetime]:
    days = [each.min_days for each in chain.filters if isinstance(each, Age) and each.min_days is not None]
    return births(Shelf.at(settings.lake_dir), settings.timeframe, at, max(days, default=None))


def _beside(settings: Settings, chain: Chain, at: datetime) -> dict[str, Any]:
    """What the chain reads and no table of the lake holds: our own trades, minute bars where all are held."""
    ports: dict[str, Any] = {}
    if "trades" in chain.reads:
        with _order_log(settings) as log:
            # A world without a log has never traded, and that is known.
            ports["trades"] = empty(TRADES) if log is None else own_trades(log)
    minutes = [each.minutes for each in chain.filters if isinstance(each, Capacity) and each.has_minutes]
    if minutes:
        ports["minutes"] = whole_minutes(Shelf.at(settings.lake_dir), at, max(minutes))
    return ports


@contextmanager
def _order_log(settings: Settings) -> Iterator[OrderLog | None]:
    """Give the world's order log, None where there is none yet: opening a SQLite log would create it."""
    path = settings.database_url.removeprefix("sqlite:///")
    if path != settings.database_url and not Path(path).is_file():
        yield None
        return
    log = OrderLog(settings.database_url)
    try:
        yield log
    finally:
        log.close()


def listed_in(name: str, path: str, at: datetime) -> pl.DataFrame:
    """Return the pairs or coins in the file `path`, one a line (`#` begins a remark), as LISTS seen at `at`.

    Raises
    ------
    BadInput
        If it cannot be read or has more than 100,000 bytes.
    """
    text = _text_of(Path(path), f"list {name!r}: {path}")
    lines = (line.split("#", 1)[0].strip().upper() for line in text.splitlines())
    members: list[str | None] = [line for line in lines if line]
    # An empty list was looked at all the same.
    rows = [(name, at, member) for member in members or [None]]
    return pl.DataFrame(rows, schema=LISTS, orient="row")


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
