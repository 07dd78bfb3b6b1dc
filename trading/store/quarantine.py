"""Bars that are not believed, kept for a person: ``<root>/quarantine/<day seen>.jsonl``, append-only.

Safe from several processes at once. The same bad row comes again with every look at its page; it is kept
once. Not here: what is wrong with a bar (the gateway, candle_checks.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import polars as pl

from trading.market.frames import QUARANTINE, UTC_MS, conform, empty
from trading.market.timeframes import timeframe as find_timeframe
from trading.store.lines import append_lines, read_lines

# Two rows are the same bad row if all of this is equal; when it was seen is no part of it.
_SAME = ["symbol", "timeframe", "open_time", "reason", "raw"]
_LINE = {name: pl.Int64 if dtype == UTC_MS else dtype for name, dtype in QUARANTINE.items()}


class Quarantine:
    """All rows that were set aside under one lake root."""

    def __init__(self, root: Path) -> None:
        self._folder = Path(root) / "quarantine"
        self._known: set[bytes] | None = None

    def add(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows of `frame` (`trading.market.frames.QUARANTINE`) that are not here yet.

        Returns
        -------
        DataFrame of QUARANTINE
            The rows that were new.

        Raises
        ------
        BadInput
            If a column is missing.
        StoreError
            If the file system refuses; what was there stays.
        """
        rows = conform(frame, QUARANTINE).unique(_SAME, keep="first", maintain_order=True)
        if rows.is_empty():
            return rows
        if self._known is None:
            self._known = set(map(_name, self._all().select(_SAME).iter_rows()))
        names = [_name(row) for row in rows.select(_SAME).iter_rows()]
        fresh = rows.filter(pl.Series([name not in self._known for name in names], dtype=pl.Boolean))
        dated = fresh.with_columns(day=pl.col("seen_at").dt.date().cast(pl.String).fill_null("unknown"))
        for (day,), part in dated.partition_by("day", as_dict=True, include_key=False).items():
            lines = part.with_columns(pl.col("open_time", "seen_at").dt.epoch("ms"))
            append_lines(self._folder / f"{day}.jsonl", lines.iter_rows(named=True))
        self._known.update(names)
        return fresh

    def read(
        self,
        *,
        symbols: Sequence[str] | None = None,
        timeframe: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pl.DataFrame:
        """Return rows of `QUARANTINE`, each bad row once with the time it was first seen.

        Parameters
        ----------
        symbols : sequence of str, optional
            Only these.
        timeframe : str, optional
            Only this one.
        start, end : datetime, optional
            Only rows with `start <= open_time < end`. A row that names no time is left out then.

        Returns
        -------
        DataFrame
            Sorted by (seen_at, symbol, open_time).
        """
        wanted: list[pl.Expr] = []
        if symbols is not None:
            wanted.append(pl.col("symbol").is_in(list(symbols)))
        if timeframe is not None:
            wanted.append(pl.col("timeframe") == find_timeframe(timeframe).name)
        if start is not None:
            wanted.append(pl.col("open_time") >= start.astimezone(UTC))
        if end is not None:
            wanted.append(pl.col("open_time") < end.astimezone(UTC))
        rows = self._all()
        return rows.filter(*wanted) if wanted else rows

    def counts(self) -> pl.DataFrame:
        """Return how many different rows were set aside: timeframe, reason, rows; sorted."""
        return (
            self._all()
            .group_by("timeframe", "reason")
            .agg(pl.len().cast(pl.Int64).alias("rows"))
            .sort("timeframe", "reason")
        )

    def _all(self) -> pl.DataFrame:
        files = sorted(self._folder.glob("*.jsonl")) if self._folder.is_dir() else []
        lines = [line for path in files for line in read_lines(path)]
        if not lines:
            return empty(QUARANTINE)
        rows = pl.DataFrame(lines, schema=_LINE, strict=False)
        times = [pl.from_epoch(name, "ms").cast(UTC_MS) for name in ("open_time", "seen_at")]
        found = conform(rows.with_columns(times), QUARANTINE)
        # The first sighting stands: processes that add at once may both write a row.
        return found.sort("seen_at", "symbol", "open_time", nulls_last=True).unique(
            _SAME, keep="first", maintain_order=True
        )


def _name(row: tuple[object, ...]) -> bytes:
    return blake2b(repr(row).encode(), digest_size=16).digest()
