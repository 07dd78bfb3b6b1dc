"""What is there: per bar length, bars, days, files, holes, doubtful bars and ages. Writes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from trading.market.timeframes import TIMEFRAMES, Timeframe
from trading.ohlcv.days import recorded_days
from trading.ohlcv.shelf import Shelf
from trading.store.gaps import CONFIRMED, OPEN

_FOLDER = "timeframe="


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """When stored history is not good enough to trade on.

    Parameters
    ----------
    max_open_gap_share : float
        Bars missing in holes that the venue has not been asked for again, as a fraction of all bars stored.
    max_quarantine_share : float
        Rows set aside, as a fraction of all rows that came (stored and set aside), over all time.
    max_differing_share : float
        Higher bars of ours that differ from the venue's, as a fraction of those compared.
    """

    max_open_gap_share: float = 0.01
    max_quarantine_share: float = 0.01
    max_differing_share: float = 0.0


def stored_timeframes(shelf: Shelf) -> list[str]:
    """Return the bar lengths that have candles, shortest first."""
    return [name for name in TIMEFRAMES if shelf.candles.dates(name)]


def stored_range(shelf: Shelf, timeframe: str | None = None) -> tuple[datetime, datetime] | tuple[None, None]:
    """Return the first stored day and the end of the last one, of one bar length or all; None without any."""
    names = stored_timeframes(shelf) if timeframe is None else [timeframe]
    dates = sorted(date for name in names for date in shelf.candles.dates(name))
    if not dates:
        return None, None
    first, last = (datetime.fromisoformat(f"{date}T00:00:00+00:00") for date in (dates[0], dates[-1]))
    return first, last + timedelta(days=1)


def said_range(shelf: Shelf) -> str:
    """Return the stored days in words; empty where there are none."""
    first, end = stored_range(shelf)
    if first is None or end is None:
        return ""
    return f"{first:%Y-%m-%d} to {end - timedelta(days=1):%Y-%m-%d}"


def quarantine_reasons(shelf: Shelf) -> pl.DataFrame:
    """Return how many bars were set aside: timeframe, reason, rows."""
    return shelf.quarantine.counts()


def gap_counts(shelf: Shelf) -> pl.DataFrame:
    """Return the book of holes in short: timeframe, state, gaps, bars."""
    return (
        shelf.gaps.read()
        .group_by("timeframe", "state")
        .agg(gaps=pl.len().cast(pl.Int64), bars=pl.col("bars").sum())
        .sort("timeframe", "state")
    )


def open_gap_share(shelf: Shelf) -> float:
    """Return bars missing in open holes as a fraction of those missing and those on record."""
    missing = int(shelf.gaps.read(state=OPEN)["bars"].sum())
    return missing / max(missing + _on_record(shelf), 1)


def quarantine_share(shelf: Shelf) -> float:
    """Return rows set aside as a fraction of those set aside and those on record."""
    rows = int(quarantine_reasons(shelf)["rows"].sum())
    return rows / max(rows + _on_record(shelf), 1)


def history_status(shelf: Shelf, *, now: datetime | None) -> list[dict[str, object]]:
    """Return one row per stored bar length, shortest first.

    Parameters
    ----------
    now : datetime or None
        Market time, for the age of the newest bar; None where nobody knows it.

    Returns
    -------
    list of dict
        timeframe, symbols, bars, first and last (opens), days, files, bytes, gaps_open, gaps_confirmed,
        bars_missing (counted between stored bars, without those of confirmed gaps: also holes that no repair
        has looked at yet), quarantined (reason -> rows), newest_age_s (since the newest bar closed).
    """
    gaps = {(name, state): (n, bars) for name, state, n, bars in gap_counts(shelf).iter_rows()}
    set_aside: dict[str, dict[str, int]] = {}
    for name, reason, rows in quarantine_reasons(shelf).iter_rows():
        set_aside.setdefault(name, {})[reason] = rows
    return [
        {
            **{key: value for key, value in held.items() if key != "slots"},
            **_files(shelf.lake.root, name),
            "gaps_open": gaps.get((name, OPEN), (0, 0))[0],
            "gaps_confirmed": gaps.get((name, CONFIRMED), (0, 0))[0],
            "quarantined": set_aside.get(name, {}),
        }
        | _missing(held, gaps.get((name, CONFIRMED), (0, 0))[1])
        for name in stored_timeframes(shelf)
        for held in [_bars(shelf, name, now)]
    ]


def _missing(held: dict[str, Any], confirmed: int) -> dict[str, object]:
    """Slots without a bar between the first and last bar of each symbol, save the confirmed ones."""
    return {"bars_missing": max(held["slots"] - held["bars"] - confirmed, 0)}


def _on_record(shelf: Shelf) -> int:
    return int(recorded_days(shelf)["bars"].sum())


def _bars(shelf: Shelf, name: str, now: datetime | None) -> dict[str, Any]:
    opened, days = pl.col("open_time"), shelf.candles.dates(name)
    begins: dict[str, datetime] = {}
    ends: dict[str, datetime] = {}
    bars, first, last = 0, None, None
    for day in days:
        # Day by day: months of minutes do not fit into memory.
        start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
        times = shelf.candles.times(name, start=start, end=start.replace(hour=23, minute=59, second=59))
        spans = times.group_by("symbol").agg(opened.min().alias("low"), opened.max().alias("high"))
        for symbol, begin, end in spans.iter_rows():
            begins.setdefault(symbol, begin)
            ends[symbol] = end
        bars += times.height
        low, high = times.select(opened.min().alias("low"), opened.max().alias("high")).row(0)
        first, last = first or low, high or last
    age = None
    if now is not None and last is not None:
        age = (now - last - TIMEFRAMES[name].delta).total_seconds()
    return {
        "timeframe": name,
        "symbols": len(begins),
        "bars": bars,
        "first": first,
        "last": last,
        "days": len(days),
        "newest_age_s": age,
        "slots": sum(_slots(TIMEFRAMES[name], begins[symbol], ends[symbol]) for symbol in begins),
    }


def _slots(bar: Timeframe, first: datetime, last: datetime) -> int:
    if bar.name == "1M":
        return (last.year - first.year) * 12 + last.month - first.month + 1
    return round((last - first) / bar.delta) + 1


def _files(root: Path, name: str) -> dict[str, object]:
    # 1m and 1M are one folder on a file system that ignores case (see trading/store/candles.py).
    folder = root / "candles" / f"{_FOLDER}{'1month' if name == '1M' else name}"
    sizes = [path.stat().st_size for path in folder.rglob("*.parquet")]
    return {"files": len(sizes), "bytes": sum(sizes)}
