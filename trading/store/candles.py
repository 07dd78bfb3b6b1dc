"""Candles of all symbols: Parquet that grows by appending and shrinks by compaction and monthly rewrites.

``<root>/candles/timeframe=15m/date=2025-03-01/part-<write>-<generation>-<tag>.parquet``. Each file is
sorted by (symbol, open_time), holds a key once, and appears by one rename. The same key in two files
of a day: the later write wins. A closed month can be rewritten by symbol (months.py); a bar that comes
later is a day file again and wins over it. Symbols are row values, never parts of a path.
Not here: whether a bar is believable (the gateway), and tables of results (lake.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from trading.market.errors import BadInput, MissingData
from trading.market.frames import CANDLES, conform, empty
from trading.market.lineage import Version, code_version, content_hash, params_json, version_id
from trading.market.timeframes import TIMEFRAMES, from_ms, to_ms
from trading.market.timeframes import timeframe as find_timeframe
from trading.store.files import refusals
from trading.store.holdings import Month, holdings
from trading.store.lake import Lake
from trading.store.parts import KEY, add_part, by_day, is_ordered, merged, ordered, retried, write_temporary
from trading.store.rewrite import compacting, rewriting

_TAG = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_NO_PARAMS: Mapping[str, object] = {}


class CandleStore:
    """All candles under one lake root; many readers and writers at once, in threads or processes."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._candles = self.root / "candles"
        self._incoming = self._candles / ".incoming"

    def append(self, timeframe: str, frame: pl.DataFrame, *, tag: str) -> dict[str, int]:
        """Add closed bars; a bar that is already there is replaced.

        Parameters
        ----------
        timeframe : str
            Unified name (`15m`).
        frame : DataFrame
            `trading.market.frames.CANDLES`, any order, any number of symbols and days.
        tag : str
            Goes into the file name (a run or batch id): letters, digits, `_ . -`, at most 80.

        Returns
        -------
        dict of str to int
            UTC date -> rows written. Each date becomes visible whole, by one rename.

        Raises
        ------
        BadInput
            If a key is null or the tag is unsafe.
        StoreError
            If the file system refuses (full, read-only): dates written before stay, the rest is as it was.
        """
        if not _TAG.fullmatch(tag):
            raise BadInput(f"tag must match {_TAG.pattern}, was {tag!r}")
        rows = conform(frame, CANDLES)
        if rows.select(pl.any_horizontal(pl.col(KEY).is_null()).any()).item():
            raise BadInput("candles must have a symbol and an open_time in every row; found a null")
        written: dict[str, int] = {}
        folder = self._timeframe_folder(timeframe)
        for day, part in by_day(ordered(rows)):
            with refusals(f"write {timeframe} candles of {day}"):
                add_part(folder / f"date={day}", write_temporary(self._incoming, part), tag)
            written[day] = part.height
        return written

    def scan(
        self,
        timeframe: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.LazyFrame:
        """Return bars with `start <= open_time < end`, each key once, in no promised order.

        The files are listed now and read at `collect`; collect soon (or use `read`), because a
        compaction in between deletes the files it replaced.
        """
        first = None if start is None else str(start.astimezone(UTC).date())
        last = None if end is None else str(end.astimezone(UTC).date())
        wanted = _within(start, end, symbols)
        held = holdings(self._timeframe_folder(timeframe), first, last)
        lazies = [lazy for month in held for lazy in month.lazies(wanted, symbols)]
        return pl.concat(lazies) if lazies else empty(CANDLES).lazy()

    def read(
        self,
        timeframe: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return what `scan` describes, sorted by (symbol, open_time), whatever compacts meanwhile."""
        return retried(
            lambda: self.scan(timeframe, start=start, end=end, symbols=symbols).sort(KEY).collect()
        )

    def times(
        self,
        timeframe: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return (symbol, open_time) of the bars that `scan` describes, sorted; prices are not read."""
        return retried(
            lambda: (
                self.scan(timeframe, start=start, end=end, symbols=symbols).select(KEY).sort(KEY).collect()
            )
        )

    def last_bars(
        self, timeframe: str, bars: int, *, until: datetime, symbols: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return the bars of the last `bars` slots that closed at or before `until`.

        A symbol that did not print in some of those slots has fewer rows, never older ones.
        Sorted by (symbol, open_time).
        """
        if bars < 1:
            raise BadInput(f"bars must be at least 1, was {bars}")
        bar = find_timeframe(timeframe)
        # Calendar months are up to 31 days long; the tail below cuts what the longer window adds.
        length = timedelta(days=31) if bar.name == "1M" else bar.delta
        end = until - bar.delta + timedelta(milliseconds=1)
        if bar.name == "1M":
            end = from_ms(bar.floor_ms(to_ms(until)))
        start = end - bars * length
        rows = retried(lambda: self.scan(timeframe, start=start, end=end, symbols=symbols).collect())
        # From one day, or a month by symbol, the bars come in order.
        rows = rows if is_ordered(rows) else rows.sort(KEY)
        if bar.name != "1M":
            return rows  # so many slots lie in the window, and no more
        return rows.group_by("symbol", maintain_order=True).tail(bars).select(list(CANDLES))

    def last_open(self, timeframe: str) -> dict[str, int]:
        """Return symbol -> open time (ms since the epoch) of its newest bar."""
        newest = retried(
            lambda: (
                self.scan(timeframe)
                .group_by("symbol")
                .agg(pl.col("open_time").max().dt.epoch("ms").alias("newest"))
                .collect()
            )
        )
        return dict(newest.iter_rows())

    def dates(self, timeframe: str) -> list[str]:
        """Return the UTC dates that hold bars, oldest first."""
        held = holdings(self._timeframe_folder(timeframe))
        return sorted(day for month in held for day in month.days())

    def timeframes(self) -> list[str]:
        """Return the timeframes that hold bars, shortest first."""
        return [name for name in TIMEFRAMES if holdings(self._timeframe_folder(name))]

    def held(self, timeframe: str) -> list[Month]:
        """Return what holds each month of a timeframe now, oldest first: a rewrite, day files, or both."""
        return holdings(self._timeframe_folder(timeframe))

    def states(self, timeframe: str, date: str) -> Iterator[pl.DataFrame]:
        """Give what one day held after each write that is still a file of its own, newest state first.

        Sorted by (symbol, open_time). Compaction makes one state of several, and so does a rewrite of
        the month.
        """
        self._check_date(date)

        held = self._held(timeframe, date)
        if held is None:
            return
        oldest = 1 if held.base(date, None) is None else 0
        for written in range(len(held.parts.get(date, [])), oldest - 1, -1):
            yield retried(lambda written=written: self._day(timeframe, date, written))  # type: ignore[misc]  # bound now

    def compact(self, timeframe: str, date: str) -> None:
        """Rewrite one day as one file; bars that arrive meanwhile keep their later place.

        A crash at any step leaves the same rows to readers, and the next compaction tidies up.
        """
        self._check_date(date)
        folder = self._timeframe_folder(timeframe)
        if folder.is_dir():
            for _ in compacting(folder, self._incoming, date):
                pass

    def rewrite_month(self, timeframe: str, month: str) -> list[str]:
        """Rewrite one month by symbol, with all late bars; for months that are over.

        Readers see the same bars before, during and after, whatever step a crash stops it at; the next
        rewrite finishes. A month that gets bars afterwards is rewritten by asking again.

        Parameters
        ----------
        timeframe : str
            Unified name.
        month : str
            ``YYYY-MM``.

        Returns
        -------
        list of str
            What was done, step by step; empty if there was nothing to do.
        """
        if not _MONTH.fullmatch(month):
            raise BadInput(f"month must be YYYY-MM, was {month!r}")
        folder = self._timeframe_folder(timeframe)
        return list(rewriting(folder, self._incoming, month)) if folder.is_dir() else []

    def version(
        self,
        timeframe: str,
        date: str,
        *,
        at: datetime,
        inputs: Sequence[str] = (),
        params: Mapping[str, object] = _NO_PARAMS,
        run_id: str | None = None,
    ) -> Version:
        """Record what one day of candles holds now, and return the record.

        The hash is over rows in canonical order, so how they are split into files is no part of it.
        Stored as a version of `ohlcv` with partition ``<timeframe>/<date>``; no data is copied.

        Raises
        ------
        MissingData
            If the day holds no bars.
        """
        self._check_date(date)
        rows = retried(lambda: self._day(timeframe, date))
        if rows.is_empty():
            raise MissingData(f"no {timeframe} candles of {date}: materialise ohlcv for that day first")
        partition, digest, settings = f"{timeframe}/{date}", content_hash(rows), params_json(params)
        name = version_id(
            "ohlcv",
            digest,
            code_version=code_version(),
            params=settings,
            inputs=inputs,
            partition=partition,
        )
        record = Version(
            version_id=name,
            asset="ohlcv",
            partition=partition,
            content_hash=digest,
            code_version=code_version(),
            params=settings,
            inputs=tuple(inputs),
            rows=rows.height,
            created_at=at,
            run_id=run_id,
        )
        return Lake(self.root).record(record)

    def _timeframe_folder(self, timeframe: str) -> Path:
        name = find_timeframe(timeframe).name
        # 1m and 1M are one folder on a file system that ignores case.
        return self._candles / f"timeframe={'1month' if name == '1M' else name}"

    def _held(self, timeframe: str, day: str) -> Month | None:
        return next(iter(holdings(self._timeframe_folder(timeframe), day, day)), None)

    def _day(self, timeframe: str, day: str, written: int | None = None) -> pl.DataFrame:
        """Return the bars of a day, after its first `written` part files if given."""
        held = self._held(timeframe, day)
        if held is None:
            return empty(CANDLES)
        return merged(held.parts.get(day, [])[:written], base=held.base(day, None)).sort(KEY).collect()

    def _check_date(self, day: str) -> None:
        try:
            canonical = date.fromisoformat(day).isoformat()
        except ValueError:
            raise BadInput(f"date must be YYYY-MM-DD, was {day!r}") from None
        if canonical != day:
            raise BadInput(f"date must be YYYY-MM-DD, was {day!r}")


def _within(start: datetime | None, end: datetime | None, symbols: Sequence[str] | None) -> pl.Expr:
    wanted: pl.Expr = pl.lit(value=True)
    if start is not None:
        wanted &= pl.col("open_time") >= start.astimezone(UTC)
    if end is not None:
        wanted &= pl.col("open_time") < end.astimezone(UTC)
    if symbols is not None:
        wanted &= pl.col("symbol").is_in(list(symbols))
    return wanted
