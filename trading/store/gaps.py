"""Bars that are missing between two that are stored: finding them, and the book of what became of each.

Not here: asking the venue for them again (history), and days that nobody has fetched yet.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import GAPS, conform, empty
from trading.market.timeframes import Timeframe
from trading.market.timeframes import timeframe as find_timeframe
from trading.store.candles import CandleStore
from trading.store.files import locked, refusals, sync_path, unique_name

OPEN, REFETCHED, CONFIRMED = "open", "refetched", "confirmed"
STATES = (OPEN, REFETCHED, CONFIRMED)
_KEY = ["symbol", "timeframe", "start"]
_TIMES = ["symbol", "open_time"]
# Rows looked at together: a week of 2,610 symbols is 26 million minutes.
_CHUNK_BARS = 10_080


def find_gaps(
    store: CandleStore,
    timeframe: str,
    *,
    start: datetime,
    end: datetime,
    symbols: Sequence[str] | None = None,
    at: datetime,
    chunk_bars: int = _CHUNK_BARS,
) -> pl.DataFrame:
    """Return the holes between stored bars of each symbol.

    Parameters
    ----------
    store : CandleStore
        Where the bars are.
    timeframe : str
        Unified name; months follow the calendar, weeks open on Mondays.
    start, end : datetime
        Only bars with `start <= open_time < end` are looked at. What lies before a symbol's first bar of
        them or after its last is no hole.
    symbols : sequence of str, optional
        Only these.
    at : datetime
        Market time of the look, for `found_at`.
    chunk_bars : int
        Slots that are looked at together: memory against speed; the result is the same.

    Returns
    -------
    DataFrame
        `trading.market.frames.GAPS`, state "open", sorted by (symbol, start).

    Raises
    ------
    BadInput
        If `end` is before `start`.
    """
    if end < start:
        raise BadInput(f"end must not be before start {start.isoformat()}, was {end.isoformat()}")
    bar = find_timeframe(timeframe)
    found = [empty(GAPS)]
    carried = pl.DataFrame()
    for first, last in _chunks(bar, start, end, chunk_bars):
        times = store.times(bar.name, start=first, end=last, symbols=symbols)
        times = pl.concat([carried, times]).sort(_TIMES) if carried.height else times
        found.append(_holes(times, bar, at))
        carried = times.group_by("symbol", maintain_order=True).last()
    return pl.concat(found).sort("symbol", "start")


def _chunks(bar: Timeframe, start: datetime, end: datetime, bars: int) -> Iterator[tuple[datetime, datetime]]:
    step = timedelta(milliseconds=bar.ms * bars)
    while start < end:
        # A step of 840 years (10,080 months) would leave what datetime can hold.
        last = end if end - start <= step else start + step
        yield start, last
        start = last


def _holes(times: pl.DataFrame, bar: Timeframe, at: datetime) -> pl.DataFrame:
    opened, symbol = pl.col("open_time"), pl.col("symbol")
    if bar.name == "1M":
        after = opened.dt.offset_by("1mo")
        months = opened.dt.year().cast(pl.Int64) * 12 + opened.dt.month()
        steps = months.shift(-1) - months
    else:
        after = opened + pl.duration(milliseconds=bar.ms)
        steps = (opened.shift(-1) - opened).dt.total_milliseconds() // bar.ms
    holes = (
        times.lazy()
        .select(
            symbol,
            start=after,
            end=opened.shift(-1),
            bars=steps - 1,
            is_hole=(symbol == symbol.shift(-1)) & (steps > 1),
        )
        .filter("is_hole")
        .select(
            "symbol",
            pl.lit(bar.name).alias("timeframe"),
            "start",
            "end",
            "bars",
            pl.lit(OPEN).alias("state"),
            pl.lit(at).alias("found_at"),
            pl.lit(None).alias("checked_at"),
        )
        .collect()
    )
    return conform(holes, GAPS)


class GapBook:
    """What became of each gap, kept by (symbol, timeframe, start): ``<root>/gaps/<timeframe>.parquet``."""

    def __init__(self, root: Path) -> None:
        self._folder = Path(root) / "gaps"

    def record(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Take in the state of each gap of `frame` and return the book of their timeframes.

        A gap found again ("open") that is known as confirmed with the same end stays confirmed: the venue
        has nothing there. With another end it is a new finding. The first `found_at` stands.

        Parameters
        ----------
        frame : DataFrame
            `trading.market.frames.GAPS`; of equal keys the last row counts.

        Raises
        ------
        BadInput
            If a state is unknown, or a gap has no bars.
        StoreError
            If the file system refuses; the book stays as it was.
        """
        rows = conform(frame, GAPS).unique(_KEY, keep="last", maintain_order=True)
        odd = rows.filter(~pl.col("state").is_in(STATES) | (pl.col("bars") < 1) | pl.col("start").is_null())
        if odd.height:
            raise BadInput(f"a gap needs a state of {', '.join(STATES)} and at least 1 bar, was {odd.row(0)}")
        books = [empty(GAPS)]
        for (name,), part in rows.partition_by("timeframe", as_dict=True).items():
            path = self._path(str(name))
            with locked(self._folder / f".{path.stem}.lock"):
                book = _taken_in(self._read(path), part)
                _replace(path, book)
            books.append(book)
        return pl.concat(books)

    def read(self, timeframe: str | None = None, *, state: str | None = None) -> pl.DataFrame:
        """Return all gaps (`GAPS`), of one timeframe or state if asked, by (timeframe, symbol, start)."""
        if timeframe is not None:
            paths = [self._path(timeframe)]
        else:
            paths = sorted(self._folder.glob("*.parquet")) if self._folder.is_dir() else []
        found = pl.concat([empty(GAPS), *(self._read(path) for path in paths)])
        if state is not None:
            found = found.filter(pl.col("state") == state)
        return found.sort("timeframe", "symbol", "start")

    def _path(self, timeframe: str) -> Path:
        name = find_timeframe(timeframe).name
        # 1m and 1M are one file on a file system that ignores case.
        return self._folder / f"{'1month' if name == '1M' else name}.parquet"

    def _read(self, path: Path) -> pl.DataFrame:
        return conform(pl.read_parquet(path), GAPS) if path.is_file() else empty(GAPS)


def _taken_in(book: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    before = book.select(
        *_KEY, was_end="end", was_state="state", first_found="found_at", was_checked="checked_at"
    )
    known = rows.join(before, on=_KEY, how="left", maintain_order="left")
    stays = (
        (pl.col("state") == OPEN) & (pl.col("was_state") == CONFIRMED) & (pl.col("end") == pl.col("was_end"))
    ).fill_null(value=False)
    merged = known.with_columns(
        state=pl.when(stays).then(pl.lit(CONFIRMED)).otherwise("state"),
        found_at=pl.min_horizontal("found_at", "first_found"),
        checked_at=pl.coalesce("checked_at", "was_checked"),
    )
    kept = book.join(rows, on=_KEY, how="anti")
    return pl.concat([kept, conform(merged, GAPS)]).sort("symbol", "start")


def _replace(path: Path, book: pl.DataFrame) -> None:
    temporary = path.with_name(unique_name(f".{path.name}"))
    with refusals(f"write {path.name} of the gaps"):
        try:
            book.write_parquet(temporary, compression="zstd")
            sync_path(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_path(path.parent)
