"""Instruments, not names: one name may stand for several things over time, and their prices never mix.

LUNA/USDT fell to 0.00005 in May 2022, was delisted, and 18 days later another coin traded under the same
name at 9 USDT. An *instrument* is a name from one listing epoch on: ``LUNA/USDT#20220531T0600``. Here:
the id, the table, and how series are cut by it. How epochs are found: `trading.universe`.
"""

from datetime import UTC, datetime

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS

# One row per instrument. The newest instrument of a symbol is the one its name means today.
INSTRUMENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "instrument_id": pl.String,
    "start": UTC_MS,  # listing epoch: bars that open at or after it belong to it
    "end": UTC_MS,  # close of its last bar, or the look at which it was gone; null = alive
    # first_seen | relisted | split | redenominated | renamed | tick_changed | step_changed
    "reason": pl.String,
    "end_reason": pl.String,  # delisted | silent | replaced; null = alive
    "evidence": pl.String,  # one sentence for a person
    "source": pl.String,  # candles | listing
    "tick": pl.Float64,  # quote units; null until a listing named it
    "step": pl.Float64,  # base units; null until a listing named it
    "full_name": pl.String,
}

# One row per moment that a person should look at; none of them cuts a series.
FLAGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "kind": pl.String,  # crash | surge | gap
    "at": UTC_MS,  # open of the bar that shows it
    "value": pl.Float64,  # price ratio
    "bound": pl.Float64,
    "reason": pl.String,
}

_FORMAT = "%Y%m%dT%H%M"


def instrument_id(symbol: str, epoch: datetime) -> str:
    """Return ``<symbol>#<epoch as YYYYMMDDTHHMM>``, in UTC, to the minute.

    Raises
    ------
    BadInput
        If the epoch is naive.
    """
    if epoch.tzinfo is None:
        raise BadInput(f"listing epoch of {symbol} must be aware (UTC), was {epoch.isoformat()}")
    return f"{symbol}#{epoch.astimezone(UTC):{_FORMAT}}"


def symbol_of(series: str = "symbol") -> pl.Expr:
    """Return the plain symbol of a series name (`as_series`) or of an instrument id."""
    return pl.col(series).str.replace(r"#\d{8}T\d{4}$", "")


def cut(candles: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """Return only those bars that belong to the newest instrument of their symbol, in unchanged order.

    A symbol's first epoch cuts nothing: bars older than it are a backfill of the same instrument.
    Symbols that `instruments` does not name keep all their bars.

    Parameters
    ----------
    candles : DataFrame
        Any frame with `symbol` and `open_time`.
    instruments : DataFrame of INSTRUMENTS
    """
    newest = _later(instruments).group_by("symbol").agg(pl.col("start").max())
    if newest.is_empty():
        return candles
    kept = candles.join(newest, on="symbol", how="left", maintain_order="left")
    before = (pl.col("open_time") < pl.col("start")).fill_null(False)
    return kept.filter(~before).select(candles.columns)


def as_series(frame: pl.DataFrame, instruments: pl.DataFrame, *, time: str = "open_time") -> pl.DataFrame:
    """Return `frame` with each instrument as a series of its own, in unchanged order.

    Rows of the newest instrument keep the symbol as their name; rows of an earlier one are named by its
    instrument id, so that anything computed per `symbol` never mixes two.
    """
    later = _later(instruments)
    if later.is_empty():
        return frame
    touched = frame.with_row_index("row_").filter(pl.col("symbol").is_in(later["symbol"].unique().to_list()))
    epochs = instruments.filter(pl.col("symbol").is_in(later["symbol"].unique().to_list()))
    ordered = epochs.sort("symbol", "start").with_columns(
        # Bars before the first epoch are its backfill.
        start=pl.when(pl.int_range(pl.len()).over("symbol") == 0)
        .then(pl.lit(datetime(1970, 1, 1, tzinfo=UTC)))
        .otherwise("start")
        .cast(UTC_MS),
        name_=pl.when(pl.int_range(pl.len()).over("symbol") == pl.len().over("symbol") - 1)
        .then("symbol")
        .otherwise("instrument_id"),
    )
    named = (
        touched.select("row_", "symbol", pl.col(time).cast(UTC_MS).alias("start"))
        .sort("start")
        .join_asof(
            ordered.select("symbol", "start", "name_").sort("start"),
            on="start",
            by="symbol",
            check_sortedness=False,  # both sides are sorted on the lines above; within groups it cannot tell
        )
        .select("row_", "name_")
    )
    joined = frame.with_row_index("row_").join(named, on="row_", how="left", maintain_order="left")
    return joined.with_columns(symbol=pl.coalesce("name_", "symbol")).select(frame.columns)


def newest(instruments: pl.DataFrame) -> pl.DataFrame:
    """Return the newest instrument of each symbol, sorted by symbol."""
    return instruments.sort("symbol", "start").unique("symbol", keep="last", maintain_order=True)


def _later(instruments: pl.DataFrame) -> pl.DataFrame:
    """Every instrument that is not the first of its symbol."""
    ordered = instruments.sort("symbol", "start")
    return ordered.filter(pl.int_range(pl.len()).over("symbol") > 0)
