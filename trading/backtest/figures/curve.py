"""Equity over time: from closed trades or from the engine's curve, by day, by month, and how deep it fell."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from trading.market.errors import BadInput

_UTC_MS = pl.Datetime("ms", "UTC")
CURVE: dict[str, pl.DataType | type[pl.DataType]] = {"time": _UTC_MS, "equity": pl.Float64}


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A fall of equity from a peak: `amount` in quote, `ratio` of the peak; both 0 where nothing fell.

    `recovered_at` is the first moment at which equity stood at the peak again, None while it has not;
    `duration` runs from the peak to there, or to the end of the curve.
    """

    amount: float
    ratio: float
    peak_at: datetime
    trough_at: datetime
    recovered_at: datetime | None
    peak: float
    trough: float
    duration: timedelta


def realised_curve(closed: pl.DataFrame, start_balance: float, begin: datetime | None = None) -> pl.DataFrame:
    """Return equity after each moment at which trades closed, `CURVE`.

    Parameters
    ----------
    closed : DataFrame
        Columns of `trades.CLOSED`.
    start_balance : float
        Quote currency at the first row; positive.
    begin : datetime, optional
        Time of the first row; the first entry where not given.
    """
    if not start_balance > 0:
        raise BadInput(f"start_balance must be positive, was {start_balance}")
    if closed.is_empty():
        rows = [] if begin is None else [(begin, start_balance)]
        return pl.DataFrame(rows, schema=CURVE, orient="row")
    first = begin if begin is not None else closed["open_time"].min()
    steps = closed.group_by(pl.col("close_time").alias("time")).agg(pl.col("profit").sum()).sort("time")
    head = pl.DataFrame({"time": [first], "profit": [0.0]}, schema={"time": _UTC_MS, "profit": pl.Float64})
    return (
        pl.concat([head, steps])
        .group_by("time", maintain_order=True)
        .agg(pl.col("profit").sum())
        .select("time", (start_balance + pl.col("profit").cum_sum()).alias("equity"))
    )


def equity_curve(equity: pl.DataFrame) -> pl.DataFrame:
    """Return an engine's equity as one curve, `CURVE`, oldest first.

    Parameters
    ----------
    equity : DataFrame
        `time` (or `ts`, `open_time`) and `equity`. With a `symbol`, the sum over symbols at each time, a
        symbol that has no bar keeping its last equity: one stake in each, side by side.

    Raises
    ------
    BadInput
        On a missing column, or equity that is null or not finite.
    """
    name = next((name for name in ("time", "ts", "open_time") if name in equity.columns), None)
    if name is None or "equity" not in equity.columns:
        raise BadInput(f"equity must have the columns time and equity, had {', '.join(equity.columns)}")
    is_whole = equity.schema[name].is_integer()
    time = pl.from_epoch(name, "ms") if is_whole else pl.col(name).cast(pl.Datetime("ms"))
    if not is_whole and getattr(equity.schema[name], "time_zone", None) is not None:
        time = pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    frame = equity.with_columns(
        time.dt.replace_time_zone("UTC").cast(_UTC_MS).alias("time"), pl.col("equity").cast(pl.Float64)
    )
    bad = frame.filter(pl.col("equity").is_null() | ~pl.col("equity").is_finite()).head(1)
    if not bad.is_empty():
        raise BadInput(f"equity must be a finite number, was {bad['equity'][0]} at {bad['time'][0]}")
    if "symbol" not in frame.columns:
        return frame.select("time", "equity").sort("time")
    wide = frame.pivot(on="symbol", index="time", values="equity", aggregate_function="last").sort("time")
    names = [column for column in wide.columns if column != "time"]
    # Before its first bar a symbol's stake lies there untouched, as it does after its last.
    held = wide.with_columns(pl.col(names).forward_fill().backward_fill())
    return held.select("time", pl.sum_horizontal(names).alias("equity"))


def daily(curve: pl.DataFrame) -> pl.DataFrame:
    """Return one row per UTC day from the first to the last: `date`, `equity` at its end, `change`, `return`.

    A day without a row keeps the equity of the day before. The first day's change is that since the first
    row of the curve, so that the returns compound to the whole.
    """
    schema = {"date": pl.Date, "equity": pl.Float64, "change": pl.Float64, "return": pl.Float64}
    if curve.is_empty():
        return pl.DataFrame(schema=schema)
    ends = curve.group_by(pl.col("time").dt.date().alias("date"), maintain_order=True).agg(
        pl.col("equity").last()
    )
    full = ends.upsample("date", every="1d").with_columns(pl.col("equity").forward_fill())
    before = pl.col("equity").shift(1, fill_value=curve["equity"][0])
    return full.with_columns(
        (pl.col("equity") - before).alias("change"), (pl.col("equity") / before - 1).alias("return")
    )


def monthly(curve: pl.DataFrame) -> pl.DataFrame:
    """Return the return of each calendar month: `year`, `month`, `return`, `change`; oldest first."""
    days = daily(curve)
    return (
        days.group_by(
            pl.col("date").dt.year().cast(pl.Int64).alias("year"),
            pl.col("date").dt.month().cast(pl.Int64).alias("month"),
            maintain_order=True,
        )
        .agg(((1 + pl.col("return")).product() - 1).alias("return"), pl.col("change").sum())
        .sort("year", "month")
    )


def deepest(curve: pl.DataFrame, *, by: str = "ratio") -> Drawdown | None:
    """Return the deepest drawdown by `ratio` or by `amount`; None of an empty curve.

    Of several equally deep ones the first. A curve that never falls has one of depth 0 at its first row.
    """
    if by not in ("ratio", "amount"):
        raise BadInput(f"by must be ratio or amount, was {by}")
    if curve.is_empty():
        return None
    equity = curve["equity"].to_numpy()
    times: list[datetime] = curve["time"].to_list()
    peaks = np.maximum.accumulate(equity)
    falls = peaks - equity
    trough = int(np.argmax(falls / peaks if by == "ratio" else falls))
    peak = int(np.flatnonzero(equity[: trough + 1] == peaks[trough])[-1])
    later = np.flatnonzero(equity[trough:] >= peaks[trough])
    back = trough + int(later[0]) if len(later) else None
    end = times[-1] if back is None else times[back]
    top, bottom = float(equity[peak]), float(equity[trough])
    return Drawdown(
        amount=top - bottom,
        ratio=(top - bottom) / top,
        peak_at=times[peak],
        trough_at=times[trough],
        recovered_at=None if back is None else times[back],
        peak=top,
        trough=bottom,
        duration=end - times[peak],
    )


def underwater(curve: pl.DataFrame) -> pl.DataFrame:
    """Return how far below its highest equity so far the curve stands: `time`, `drawdown` in [0, 1]."""
    return curve.select("time", (1 - pl.col("equity") / pl.col("equity").cum_max()).alias("drawdown"))
