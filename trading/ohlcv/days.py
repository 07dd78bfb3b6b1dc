"""The record of days: one row per stored day and bar length, with the id of what it held.

`ohlcv_days` is what "the candles" means to the stages downstream: a table whose version changes when a bar
does. Not here: the bars (trading/store/candles.py) and the passes that bring them (`backfill`).
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from trading.market.lineage import Version
from trading.ohlcv.backfill import Pass
from trading.ohlcv.shelf import Shelf
from trading.store.files import locked

DAYS = "ohlcv_days"
# One row per pass over the candles: what it asked for and what it took.
SCANS = "candle_scans"
_KEY = ["timeframe", "date"]
_COLUMNS = {
    "timeframe": pl.String,
    "date": pl.String,
    "version_id": pl.String,
    "content_hash": pl.String,
    "bars": pl.Int64,
}


def record_days(
    shelf: Shelf, timeframes: Sequence[str], start: datetime, end: datetime, *, at: datetime, run_id: str
) -> tuple[Version, pl.DataFrame]:
    """Record what each day that overlaps `[start, end)` holds now; other days keep the record they have.

    Days on disk that have no record get one. A record whose day has gone from the disk goes too.

    Returns
    -------
    (Version, DataFrame)
        The published table, and its rows that were looked at now: timeframe, date, version_id,
        content_hash, bars.
    """
    # Read, change, write: two runs at once would lose the days of one of them.
    with locked(shelf.lake.root / "tables" / f".{DAYS}.lock"):
        known = recorded_days(shelf)
        stored = {name: shelf.candles.dates(name) for name in timeframes}
        fresh = pl.concat(
            _looked_at(shelf, name, _due(known, name, dates, start, end), at, run_id)
            for name, dates in stored.items()
        )
        still = pl.DataFrame(
            [(name, date) for name, dates in stored.items() for date in dates],
            schema={"timeframe": pl.String, "date": pl.String},
            orient="row",
        )
        others = known.filter(~pl.col("timeframe").is_in(list(stored)))
        here = known.join(still, on=_KEY, how="semi").join(fresh, on=_KEY, how="anti")
        days = pl.concat([others, here, fresh]).sort(_KEY)
        version = shelf.lake.publish(
            DAYS, days, key=_KEY, at=at, run_id=run_id, inputs=days["version_id"].to_list()
        )
    return version, fresh


def recorded_days(shelf: Shelf) -> pl.DataFrame:
    """Return the newest record of days of all bar lengths; empty before the first pass."""
    if shelf.lake.latest(DAYS) is None:
        return pl.DataFrame(schema=_COLUMNS)
    return shelf.lake.read(DAYS)


def record_scan(shelf: Shelf, passes: Sequence[Pass], *, at: datetime, run_id: str) -> Version:
    """Publish what the passes of one run asked for and took, one row per bar length."""
    rows = [
        {
            "run_id": run_id,
            "timeframe": done.timeframe,
            "symbols": done.symbols,
            "bars": done.bars,
            "requests": done.requests,
            "seconds": done.seconds,
            "http_429": done.http_429,
            "failed": len(done.failed),
        }
        for done in passes
    ]
    liquid = shelf.lake.latest("liquid_symbols")
    inputs = [] if liquid is None else [liquid.version_id]
    return shelf.lake.publish(
        SCANS, pl.DataFrame(rows), key=["run_id", "timeframe"], at=at, inputs=inputs, run_id=run_id
    )


def _due(known: pl.DataFrame, timeframe: str, dates: list[str], start: datetime, end: datetime) -> list[str]:
    on_record = set(known.filter(timeframe=timeframe)["date"])
    first, last = str(start.date()), end.isoformat()
    return [date for date in dates if first <= date < last or date not in on_record]


def _looked_at(shelf: Shelf, timeframe: str, dates: list[str], at: datetime, run_id: str) -> pl.DataFrame:
    rows = []
    for date in dates:
        day = shelf.candles.version(timeframe, date, at=at, run_id=run_id)
        rows.append((timeframe, date, day.version_id, day.content_hash, day.rows))
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")
