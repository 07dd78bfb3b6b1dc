"""Candles of all symbols: day-partitioned Parquet that grows by appending and shrinks by compaction.

``<root>/candles/timeframe=15m/date=2025-03-01/part-<write>-<generation>-<tag>.parquet``. Each file is
sorted by (symbol, open_time), holds a key once, and appears by one rename. The same key in two files
of a day: the later write wins. Symbols are row values, never parts of a path.
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
from trading.market.timeframes import from_ms, to_ms
from trading.market.timeframes import timeframe as find_timeframe
from trading.store.files import locked
from trading.store.lake import Lake
from trading.store.parts import (
    KEY,
    add_part,
    list_parts,
    merged,
    replace_parts,
    retried,
    sweep,
    write_temporary,
)

_TAG = re.compile(r"[A-Za-z0-9_.-]{1,80}")
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
        """
        if not _TAG.fullmatch(tag):
            raise BadInput(f"tag must match {_TAG.pattern}, was {tag!r}")
        rows = conform(frame, CANDLES)
        if rows.select(pl.any_horizontal(pl.col(KEY).is_null()).any()).item():
            raise BadInput("candles must have a symbol and an open_time in every row; found a null")
        rows = rows.unique(KEY, keep="last", maintain_order=True).sort(KEY)
        written: dict[str, int] = {}
        dated = rows.with_columns(day=pl.col("open_time").dt.date().cast(pl.String))
        for (day,), part in sorted(dated.partition_by("day", as_dict=True, include_key=False).items()):
            add_part(self._folder(timeframe, day), write_temporary(self._incoming, part), tag)
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
        parts: list[pl.LazyFrame] = []
        single: list[Path] = []
        for day in self.dates(timeframe):
            if (start is not None and day < str(start.astimezone(UTC).date())) or (
                end is not None and day > str(end.astimezone(UTC).date())
            ):
                continue
            files = list_parts(self._folder(timeframe, day))
            if len(files) == 1:
                single.extend(files)
            elif files:
                parts.append(merged(files, _within(start, end, symbols)))
        if single:
            lazy = pl.scan_parquet(single, hive_partitioning=False)
            parts.append(lazy.filter(_within(start, end, symbols)))
        return pl.concat(parts) if parts else empty(CANDLES).lazy()

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
        rows = self.read(timeframe, start=end - bars * length, end=end, symbols=symbols)
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
        folder = self._timeframe_folder(timeframe)
        if not folder.is_dir():
            return []
        return sorted(
            entry.name.removeprefix("date=")
            for entry in folder.iterdir()
            if entry.name.startswith("date=") and list_parts(entry)
        )

    def states(self, timeframe: str, date: str) -> Iterator[pl.DataFrame]:
        """Give what one day held after each write that is still a file of its own, newest state first.

        Sorted by (symbol, open_time). Compaction makes one state of several.
        """
        folder = self._folder(timeframe, date)
        for written in range(len(list_parts(folder)), 0, -1):
            yield retried(
                lambda written=written: merged(list_parts(folder)[:written]).sort(KEY).collect()  # type: ignore[misc]  # bound now
            )

    def compact(self, timeframe: str, date: str) -> None:
        """Rewrite one day as one file; bars that arrive meanwhile keep their later place.

        The new file is written first and ranks just after its newest input; only then the inputs
        go. A crash at any step leaves the same rows to readers, and the next compaction tidies up.
        """
        folder = self._folder(timeframe, date)
        if not folder.is_dir():
            return
        with locked(folder.parent / ".compaction.lock"):
            sweep(self._incoming)
            inputs = list_parts(folder)
            if len(inputs) >= 2:
                rows = merged(inputs).sort(KEY).collect()
                replace_parts(folder, inputs, write_temporary(self._incoming, rows))

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
        folder = self._folder(timeframe, date)
        if not list_parts(folder):
            raise MissingData(f"no {timeframe} candles of {date}: materialise ohlcv for that day first")
        rows = retried(lambda: merged(list_parts(folder)).sort(KEY).collect())
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

    def _folder(self, timeframe: str, day: str) -> Path:
        try:
            canonical = date.fromisoformat(day).isoformat()
        except ValueError:
            raise BadInput(f"date must be YYYY-MM-DD, was {day!r}") from None
        if canonical != day:
            raise BadInput(f"date must be YYYY-MM-DD, was {day!r}")
        return self._timeframe_folder(timeframe) / f"date={day}"


def _within(start: datetime | None, end: datetime | None, symbols: Sequence[str] | None) -> pl.Expr:
    wanted: pl.Expr = pl.lit(value=True)
    if start is not None:
        wanted &= pl.col("open_time") >= start.astimezone(UTC)
    if end is not None:
        wanted &= pl.col("open_time") < end.astimezone(UTC)
    if symbols is not None:
        wanted &= pl.col("symbol").is_in(list(symbols))
    return wanted
