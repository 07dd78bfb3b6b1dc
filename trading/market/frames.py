"""Schemas of the frames that pass between rooms: names carry units, time is UTC, prices are Float64.

Every row that a stage produces carries `lineage_id` (see `trading.market.lineage`).
"""

import polars as pl

from trading.market.errors import BadInput

UTC_MS = pl.Datetime("ms", "UTC")

# One row per closed bar. `open_time` is the bar's OPEN; volume in base units, quote_volume in quote units.
CANDLES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "open_time": UTC_MS,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Float64,
    "quote_volume": pl.Float64,
}

# One row per listed pair. tick/step/min_* are Float64 here for screening; orders use `Market`.
MARKETS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "exchange_id": pl.String,
    "base": pl.String,
    "quote": pl.String,
    "status": pl.String,
    "is_scannable": pl.Boolean,
    "is_api_tradable": pl.Boolean,
    "tick": pl.Float64,
    "step": pl.Float64,
    "min_amount": pl.Float64,
    "min_cost": pl.Float64,
    "max_cost": pl.Float64,
    "maker_fee": pl.Float64,
    "taker_fee": pl.Float64,
    "full_name": pl.String,
}

# One row per pair and look: `at` is market time of the answer. Volumes over 24 h. change_24h is a fraction.
TICKERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "at": UTC_MS,
    "last": pl.Float64,
    "bid": pl.Float64,
    "ask": pl.Float64,
    "open_24h": pl.Float64,
    "high_24h": pl.Float64,
    "low_24h": pl.Float64,
    "volume_base_24h": pl.Float64,
    "volume_quote_24h": pl.Float64,
    "change_24h": pl.Float64,
}

# An order book as far as it was told: one row per level, best first on each side; amount in base units.
BOOK: dict[str, pl.DataType | type[pl.DataType]] = {
    "side": pl.String,  # bid | ask
    "price": pl.Float64,
    "amount": pl.Float64,
}

# One row per symbol that met a rule and fell (or passed everything: rule "passed", is_kept true).
FUNNEL: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "stage": pl.String,  # markets | prefilter | screening | backtest | approval ...
    "rule": pl.String,  # the rule that dropped it, or "passed"
    "is_kept": pl.Boolean,
    "value": pl.Float64,  # what was measured (null where the rule has no number)
    "bound": pl.Float64,  # what it was held against
    "reason": pl.String,  # one sentence for a person
}

# Bars that are not believed, kept for a person to look at. `open_time` is null where the row names none.
QUARANTINE: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "timeframe": pl.String,
    "open_time": UTC_MS,
    "reason": pl.String,  # one of a fixed set: not_a_number, non_positive_price, high_below_low ...
    "raw": pl.String,  # the row as it came, JSON, cut to 300 characters
    "seen_at": UTC_MS,  # market time at which it came
}

# Runs of bars that are missing between two that are stored. `bars` = how many slots.
GAPS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "timeframe": pl.String,
    "start": UTC_MS,  # open of the first missing bar
    "end": UTC_MS,  # open of the first stored bar after it
    "bars": pl.Int64,
    "state": pl.String,  # open | refetched | confirmed (the venue has none there either)
    "found_at": UTC_MS,
    "checked_at": UTC_MS,  # last re-fetch; null before the first
}


def conform(frame: pl.DataFrame, schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """Return `frame` with exactly the columns of `schema`, in order and cast.

    Raises
    ------
    BadInput
        If a column is missing; the message names all missing ones.
    """
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise BadInput(f"frame must have columns {', '.join(schema)}; missing: {', '.join(missing)}")
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def empty(schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """Return a frame of `schema` with no rows."""
    return pl.DataFrame(schema=schema)
