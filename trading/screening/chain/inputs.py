"""What a chain may read, each row with the time at which it became known, and the cut at one moment.

The only place where a moment is applied: a filter is handed a `Seen`, which holds nothing that became known
later, so no filter can look ahead. What later stops of the line make (trades, alerts, clusters, news) comes
in as plain frames; nothing of those rooms is imported here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from trading.market.errors import BadInput, MissingData
from trading.market.frames import CANDLES, MARKETS, TICKERS, UTC_MS, conform
from trading.market.thresholds import Met, MovingThreshold
from trading.market.timeframes import Timeframe, from_ms, timeframe, to_ms

type Schema = dict[str, pl.DataType | type[pl.DataType]]

# The ports. One row per ... (each is cut at the column named last in its comment).
DEPTH: Schema = {  # ... look at a book: value resting within a known distance of the middle; `at`
    "symbol": pl.String,
    "at": UTC_MS,
    "bid_depth": pl.Float64,  # quote units
    "ask_depth": pl.Float64,
}
NEWS: Schema = {  # ... story; `first_seen`, the only clock of news
    "first_seen": UTC_MS,
    "symbols": pl.List(pl.String),
    "event": pl.String,
}
ALERTS: Schema = {"symbol": pl.String, "kind": pl.String, "at": UTC_MS}  # ... alert; `at`
TRADES: Schema = {  # ... trade; `open_at`; close and result are cut at `close_at` (null while open)
    "symbol": pl.String,
    "open_at": UTC_MS,
    "close_at": UTC_MS,
    "net_return": pl.Float64,  # fraction of what was paid
}
DELISTINGS: Schema = {"symbol": pl.String, "known_at": UTC_MS, "at": UTC_MS}  # ... announcement; `known_at`
CLUSTERS: Schema = {  # ... symbol and clustering; cluster below 0 = none; `at`
    "symbol": pl.String,
    "cluster": pl.Int64,
    "at": UTC_MS,
}
# ... member of a list at a look; a look at an empty list is one row with a null symbol; `at`
LISTS: Schema = {"list": pl.String, "at": UTC_MS, "symbol": pl.String}
CAPS: Schema = {  # ... coin and look; `at`
    "base": pl.String,
    "at": UTC_MS,
    "market_cap": pl.Float64,  # USD
    "rank": pl.Int64,  # 1 = largest
}
REGIME: Schema = {  # ... bar of the market; known at the close of the bar
    "open_time": UTC_MS,
    "regime": pl.String,
    "threshold_multiplier": pl.Float64,
}
Load = Callable[[Sequence[str], datetime, int], pl.DataFrame]
_PORTS: dict[str, tuple[Schema, str]] = {
    "tickers": (TICKERS, "at"),
    "depth": (DEPTH, "at"),
    "news": (NEWS, "first_seen"),
    "alerts": (ALERTS, "at"),
    "trades": (TRADES, "open_at"),
    "delistings": (DELISTINGS, "known_at"),
    "clusters": (CLUSTERS, "at"),
    "lists": (LISTS, "at"),
    "caps": (CAPS, "at"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that is known, at whatever time it became known.

    Parameters
    ----------
    bar : Timeframe
        Of `candles`.
    markets : DataFrame of MARKETS
        The listing. With a column `seen_at` it may hold several looks; a moment sees the newest before it.
    candles : DataFrame of CANDLES, optional
        Bars of one timeframe; a bar is known from its close on.
    load : callable, optional
        Where `candles` is not given: returns CANDLES of (symbols, moment, last bars of each), asked once for
        those that are left when the first filter reads candles.
    minutes : DataFrame of CANDLES, optional
        One-minute bars, for the filter `capacity`.
    listed : mapping, optional
        Symbol -> its first bar, where that is known.
    tickers, depth, news, alerts, trades, delistings, clusters, lists, caps, regime : DataFrame, optional
        The ports above. None = not connected: a filter that needs it refuses, unless it is `optional`.
    blind : frozenset of str
        What cannot be known at these moments (`spread`, `quote_age`, `ticker_change`, `api`, `ticks`):
        filters that need it pass everything and are named in the result.
    """

    bar: Timeframe
    markets: pl.DataFrame
    candles: pl.DataFrame | None = None
    load: Load | None = None
    minutes: pl.DataFrame | None = None
    listed: Mapping[str, datetime] = field(default_factory=dict)
    tickers: pl.DataFrame | None = None
    depth: pl.DataFrame | None = None
    news: pl.DataFrame | None = None
    alerts: pl.DataFrame | None = None
    trades: pl.DataFrame | None = None
    delistings: pl.DataFrame | None = None
    clusters: pl.DataFrame | None = None
    lists: pl.DataFrame | None = None
    caps: pl.DataFrame | None = None
    regime: pl.DataFrame | None = None
    blind: frozenset[str] = frozenset()

    def as_of(self, at: datetime) -> "Seen":
        """Return what was known at `at`, and nothing else.

        Raises
        ------
        BadInput
            If `at` is naive or a frame lacks a column.
        """
        if at.tzinfo is None:
            raise BadInput(f"a moment must be aware (UTC), was {at.isoformat()}")
        ports = {
            name: _until(frame, schema, column, at)
            for name, (schema, column) in _PORTS.items()
            if (frame := getattr(self, name)) is not None
        }
        if "trades" in ports:
            ports["trades"] = _results_by(ports["trades"], at)
        return Seen(
            at=at,
            bar=self.bar,
            markets=_newest_listing(self.markets, at),
            candles=closed(self.candles, self.bar, at),
            minutes=closed(self.minutes, timeframe("1m"), at),
            listed={symbol: born for symbol, born in self.listed.items() if born <= at},
            ports=ports,
            market=_newest_regime(self.regime, self.bar.delta, at),
            blind=self.blind,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known at one moment: what a filter is handed.

    `market` is the regime and its multiplier in force, both None where nobody found one.
    """

    at: datetime
    bar: Timeframe
    markets: pl.DataFrame
    candles: pl.DataFrame | None
    minutes: pl.DataFrame | None
    listed: Mapping[str, datetime]
    ports: Mapping[str, pl.DataFrame]
    market: tuple[str | None, float | None]
    blind: frozenset[str]

    def has(self, port: str) -> bool:
        """Tell whether an input was given."""
        if port == "candles":
            return self.candles is not None
        return port in self.ports

    def port(self, name: str) -> pl.DataFrame:
        """Return an input by name.

        Raises
        ------
        MissingData
            If it was not given.
        """
        if name not in self.ports:
            raise MissingData(f"no {name} were given to this chain")
        return self.ports[name]

    def met(self, bound: float | MovingThreshold) -> Met:
        """Return the bound in force now: as declared, or moved by the regime of the market."""
        if isinstance(bound, MovingThreshold):
            return bound.met(*self.market)
        return Met(float(bound), float(bound), "", is_bounded=False, why="")


def _until(frame: pl.DataFrame, schema: Schema, column: str, at: datetime) -> pl.DataFrame:
    return conform(frame, schema).filter(pl.col(column) <= at)


def _results_by(trades: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """A trade that closed after `at` was open then: neither its end nor its result was known."""
    is_done = pl.col("close_at") <= at
    return trades.with_columns(pl.when(is_done).then(name).alias(name) for name in ("close_at", "net_return"))


def closed(candles: pl.DataFrame | None, bar: Timeframe, at: datetime) -> pl.DataFrame | None:
    """Return the bars that had closed by `at`, sorted by symbol and time; None for None."""
    if candles is None:
        return None
    opened = pl.col("open_time")
    # Months are not all as long as the nominal one: there the calendar alone decides.
    is_over = pl.lit(value=True) if bar.name == "1M" else opened <= at - bar.delta
    frame = conform(candles, CANDLES).filter((opened < from_ms(bar.floor_ms(to_ms(at)))) & is_over)
    # Sorting a million rows that are sorted costs more than looking.
    before = pl.col("symbol").shift(1)
    in_order = (pl.col("symbol") > before) | (
        (pl.col("symbol") == before) & (pl.col("open_time") > pl.col("open_time").shift(1))
    )
    if frame.select(in_order.all()).item():
        return frame
    return frame.sort("symbol", "open_time")


def _newest_listing(markets: pl.DataFrame, at: datetime) -> pl.DataFrame:
    if "seen_at" in markets.columns:
        known = markets.filter(pl.col("seen_at") <= at)
        markets = known.filter(pl.col("seen_at") == pl.col("seen_at").max())
    return conform(markets, MARKETS).unique("symbol", keep="first", maintain_order=True)


def _newest_regime(
    regime: pl.DataFrame | None, length: timedelta, at: datetime
) -> tuple[str | None, float | None]:
    if regime is None:
        return None, None
    known = conform(regime, REGIME).filter(pl.col("open_time") <= at - length).sort("open_time")
    if known.is_empty():
        return None, None
    name, multiplier = known.select("regime", "threshold_multiplier").row(-1)
    return name, multiplier
