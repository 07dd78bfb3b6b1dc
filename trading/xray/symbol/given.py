"""What an x-ray of one symbol is made from: frames as known at one moment. Nothing is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

# The stage of rules that nobody had applied by then: they were applied now, to what was known then.
REPLAYED = "replayed"
# One row per rule and stage: what was measured, what it was held against, and how it came out.
JUDGED: dict[str, pl.DataType | type[pl.DataType]] = {
    "stage": pl.String,
    "rule": pl.String,
    "value": pl.Float64,
    "bound": pl.Float64,
    "is_ok": pl.Boolean,
    "words": pl.String,
}


@dataclass(frozen=True, slots=True)
class Given:
    """Frames of one symbol, all as known at `at`; None where nothing was known.

    Parameters
    ----------
    candles : DataFrame of CANDLES
        Of the symbol alone, oldest first, closed at or before `at`; may be empty (never fetched).
    bar_ms : int
        Length of one bar.
    minutes : DataFrame of CANDLES, optional
        One-minute bars of the symbol, likewise.
    ticker : mapping, optional
        One row of TICKERS.
    depth : DataFrame of BOOK, optional
        The order book at that moment.
    regime : DataFrame of REGIME, optional
        Of the whole market, bars closed at or before `at`.
    peers : DataFrame of (symbol, rank, peer, rho, bars), optional
        Of the symbol alone.
    clusters : DataFrame of CLUSTERS, optional
        Of the whole market.
    others : DataFrame of CANDLES, optional
        Of the peers.
    news : DataFrame of NEWS, optional
        Any items; those of the symbol are picked out.
    signals : DataFrame of SIGNALS, optional
        Of the symbol alone.
    judged : DataFrame of JUDGED, optional
        Every rule of every stage, in order; of the one stage REPLAYED where nobody had judged it by then.
    stake : float
        What the fleet would put in, in quote units; 0 where nobody trades.
    stake_of : str
        Whose stake that is, in words.
    sources : mapping
        Table -> id of the version that was read.
    """

    symbol: str
    at: datetime
    candles: pl.DataFrame
    bar_ms: int
    timeframe: str = ""
    minutes: pl.DataFrame | None = None
    ticker: Mapping[str, object] | None = None
    depth: pl.DataFrame | None = None
    regime: pl.DataFrame | None = None
    peers: pl.DataFrame | None = None
    clusters: pl.DataFrame | None = None
    others: pl.DataFrame | None = None
    news: pl.DataFrame | None = None
    signals: pl.DataFrame | None = None
    judged: pl.DataFrame | None = None
    stake: float = 0.0
    stake_of: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
