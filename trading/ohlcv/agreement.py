"""Do our own higher bars, made of minutes, equal those that the venue gives? One row per bar length.

A minute that we lost or the venue changed shows here even when no bar looks wrong by itself. Not here: the
making of higher bars (trading/market/aggregate.py).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from trading.exchange.gateway import PublicGateway
from trading.exchange.scan import Want, fetch_candles
from trading.market.aggregate import aggregate, aggregate_mismatches
from trading.market.frames import CANDLES, UTC_MS, empty
from trading.market.timeframes import Timeframe, to_ms
from trading.market.timeframes import timeframe as find_timeframe
from trading.ohlcv.shelf import Shelf
from trading.store.gaps import CONFIRMED

AGREEMENT = "candle_agreement"
SOURCE = "1m"
# Higher bars that a day holds whole; all of them are multiples of a minute and none of a week.
COMPARED = ("5m", "15m", "30m", "1h", "4h", "1d")
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "timeframe": pl.String,
    "against": pl.String,  # stored | asked: where the venue's bars came from
    "symbols": pl.Int64,
    "bars": pl.Int64,  # compared
    "differing": pl.Int64,  # bars with at least one value that differs, or that the venue lacks
    "worst": pl.Float64,  # largest difference as a fraction; 0 where none differs
    "example": pl.String,  # symbol, open and column of the worst one; null where none differs
    "at": UTC_MS,
}
# The venue adds decimals and rounds once, we add floats: prices are equal bit for bit, sums nearly.
RELATIVE = 1e-9


def stored_agreement(
    shelf: Shelf, *, at: datetime, hours: int = 48, symbols: Sequence[str] | None = None
) -> pl.DataFrame:
    """Compare our aggregates of the last `hours` with each bar length that is stored beside the minutes.

    Returns
    -------
    DataFrame
        `COLUMNS`; empty where no minutes, or no higher bars, are stored in that time.
    """
    start = at - timedelta(hours=hours)
    minutes = shelf.candles.read(SOURCE, start=start, symbols=symbols)
    rows = [
        _row(name, "stored", minutes, shelf.candles.read(name, start=start, symbols=symbols), shelf, at)
        for name in COMPARED
        if minutes.height and shelf.candles.dates(name)
    ]
    return _frame([row for row in rows if row is not None])


async def agreement(
    gateway: PublicGateway, shelf: Shelf, timeframe: Timeframe, *, at: datetime
) -> pl.DataFrame:
    """Compare with stored longer bars, or, where none are stored, with what the venue gives now; publish it.

    Returns
    -------
    DataFrame
        `COLUMNS`, empty (and not published) where no minutes are stored.
    """
    found = stored_agreement(shelf, at=at)
    if found.is_empty() and shelf.candles.dates(SOURCE):
        found = await asked_agreement(gateway, shelf, timeframe, at=at)
    return publish_agreement(shelf, found, at=at)


def publish_agreement(shelf: Shelf, found: pl.DataFrame, *, at: datetime) -> pl.DataFrame:
    """Put a comparison on record, if there is one, and return it."""
    if found.height:
        days = shelf.lake.latest("ohlcv_days")
        inputs = [] if days is None else [days.version_id]
        shelf.lake.publish(AGREEMENT, found, key=["timeframe", "against"], at=at, inputs=inputs)
    return found


async def asked_agreement(
    gateway: PublicGateway,
    shelf: Shelf,
    timeframe: Timeframe,
    *,
    at: datetime,
    hours: int = 48,
    most_symbols: int = 20,
) -> pl.DataFrame:
    """Compare our aggregates with bars that the venue gives now, for a few symbols: one request each.

    The symbols are the first by name among those with minutes in the last `hours`.
    """
    start = at - timedelta(hours=hours)
    known = shelf.candles.times(SOURCE, start=start)["symbol"].unique().sort().to_list()
    minutes = shelf.candles.read(SOURCE, start=start, symbols=known[:most_symbols])
    since = timeframe.floor_ms(to_ms(start))
    limit = -(-(to_ms(at) - since) // timeframe.ms)
    wants = [Want(symbol, since_ms=since, limit=limit) for symbol in known[:most_symbols]]
    theirs = (await fetch_candles(gateway, wants, timeframe.name)).frame
    row = _row(timeframe.name, "asked", minutes, theirs, shelf, at)
    return _frame([] if row is None else [row])


def _row(
    name: str, against: str, minutes: pl.DataFrame, theirs: pl.DataFrame, shelf: Shelf, at: datetime
) -> tuple[object, ...] | None:
    if find_timeframe(name).ms <= find_timeframe(SOURCE).ms or minutes.is_empty() or theirs.is_empty():
        return None
    quiet = shelf.gaps.read(SOURCE, state=CONFIRMED)
    ours = aggregate(minutes, name, quiet=quiet) if minutes.height else empty(CANDLES)
    # What was not asked for, or the answer does not reach, is no disagreement.
    opened = pl.col("open_time")
    reach = theirs.group_by("symbol").agg(first=opened.min(), last=opened.max())
    ours = ours.join(reach, on="symbol").filter(opened.is_between("first", "last")).select(list(CANDLES))
    apart = aggregate_mismatches(ours, theirs, rel=RELATIVE).sort("difference", descending=True)
    worst = apart.row(0, named=True) if apart.height else None
    return (
        name,
        against,
        ours["symbol"].n_unique(),
        ours.height,
        apart.select("symbol", "open_time").n_unique(),
        0.0 if worst is None else worst["difference"],
        None if worst is None else f"{worst['symbol']} {worst['open_time']:%Y-%m-%d %H:%M} {worst['column']}",
        at,
    )


def _frame(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")
