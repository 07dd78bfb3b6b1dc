"""Closed months by symbol: ``month=2025-02/by-symbol-<generation>/{bucket-<n>.parquet,index.json}``.

A generation holds a month whole, sorted by (symbol, open_time) and cut into buckets of neighbouring symbols,
so that one symbol is read from a few row groups of one file. It appears by one rename and is never changed;
the highest number stands. Its index tells which symbols lie in which bucket, how many bars each day has, and
the names of the day files it took in: of those it is the later copy. Day files it did not take in are late
bars and win over it. Not here: day files (parts.py), who reads what (holdings.py), when to rewrite (tidy.py).
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from trading.market.errors import StoreError
from trading.store.files import make_folder, publish_directory, sync_path, unique_name
from trading.store.parts import stable_names

_GENERATION = re.compile(r"by-symbol-(\d{8})")
_MONTH = re.compile(r"month=(\d{4}-\d{2})")
_INDEX = "index.json"
# A bucket is sorted in memory: 2 million bars are about 130 MB, 46 symbols of minutes or 700 of quarters.
_BUCKET_ROWS = 2_000_000
_LIST_TRIES = 5
# The last bars of every symbol lie in a row group each, and what is read of a group beyond them is for
# nothing; ever smaller groups cost bytes and footers. A day of minutes; measured in docs/decisions/0013.
MONTH_ROW_GROUP = 1_440


@dataclass(frozen=True, slots=True)
class Bucket:
    """One file of neighbouring symbols, both ends included."""

    path: Path
    first: str
    last: str
    rows: int


@dataclass(frozen=True, slots=True)
class Generation:
    """One whole rewrite of a month; `absorbed` are the day files it took in, as ``<date>/<file name>``."""

    folder: Path
    number: int
    buckets: tuple[Bucket, ...]
    days: Mapping[str, int]
    absorbed: frozenset[str]

    def lazy(self, symbols: Sequence[str] | None) -> pl.LazyFrame | None:
        """Return the bars of the buckets in which `symbols` may lie; None if no bucket can hold any."""
        found = [
            bucket.path
            for bucket in self.buckets
            if symbols is None or any(bucket.first <= symbol <= bucket.last for symbol in symbols)
        ]
        return pl.scan_parquet(found, hive_partitioning=False) if found else None


def month_folder(timeframe_folder: Path, month: str) -> Path:
    """Return the folder of all generations of `month` (``2025-02``)."""
    return timeframe_folder / f"month={month}"


def months(timeframe_folder: Path) -> list[str]:
    """Return the months that have a folder, oldest first."""
    names = stable_names(timeframe_folder, lambda name: _MONTH.fullmatch(name) is not None)
    return sorted(name.removeprefix("month=") for name in names)


def current(folder: Path) -> Generation | None:
    """Return the generation that stands in a month folder; None before the first.

    Raises
    ------
    StoreError
        If its index is damaged.
    """
    for _ in range(_LIST_TRIES):
        names = stable_names(folder, lambda name: _GENERATION.fullmatch(name) is not None)
        if not names:
            return None
        newest = folder / max(names)
        try:
            return _read_index(newest)
        except FileNotFoundError:
            continue  # a newer generation took its place between list and read
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"index of {folder.name}/{newest.name} is damaged: {type(error).__name__}"
            ) from error
    raise StoreError(f"{folder.name} has a generation without an index")


def plan(counts: pl.DataFrame, bucket_rows: int = _BUCKET_ROWS) -> list[tuple[str, str]]:
    """Cut symbols into neighbours of about `bucket_rows` bars.

    Parameters
    ----------
    counts : DataFrame
        Columns symbol and len, one row per symbol.

    Returns
    -------
    list of (str, str)
        First and last symbol of each bucket, in order; every symbol is in exactly one.
    """
    cut = counts.sort("symbol").with_columns(
        bucket=(pl.col("len").cum_sum().shift(fill_value=0) // bucket_rows).cast(pl.Int64)
    )
    ends = cut.group_by("bucket", maintain_order=True).agg(
        pl.col("symbol").first().alias("first"), pl.col("symbol").last().alias("last")
    )
    return list(ends.select("first", "last").iter_rows())


def write_generation(
    incoming: Path,
    buckets: Sequence[tuple[str, str]],
    read: Callable[[str, str], pl.DataFrame],
    absorbed: Sequence[str],
) -> Iterator[Path]:
    """Write a generation durably into a new hidden folder under `incoming`; yield it after each file.

    The last yield follows the index, without which the folder must not be published.
    """
    folder = incoming / unique_name("month")
    folder.mkdir(parents=True)
    lines: list[dict[str, object]] = []
    days: dict[str, int] = {}
    for number, (first, last) in enumerate(buckets):
        rows = read(first, last)
        path = folder / f"bucket-{number:04d}.parquet"
        # Row groups of a few days of one symbol: their statistics let a reader skip by symbol and by time.
        rows.write_parquet(path, compression="zstd", compression_level=1, row_group_size=MONTH_ROW_GROUP)
        sync_path(path)
        lines.append({"file": path.name, "first": first, "last": last, "rows": rows.height})
        for day, bars in rows.group_by(pl.col("open_time").dt.date().cast(pl.String)).len().iter_rows():
            days[day] = days.get(day, 0) + bars
        yield folder
    index = {"buckets": lines, "days": dict(sorted(days.items())), "absorbed": sorted(absorbed)}
    (folder / _INDEX).write_text(json.dumps(index, indent=1, ensure_ascii=True), encoding="utf-8")
    sync_path(folder / _INDEX)
    yield folder


def publish(folder: Path, temporary: Path, number: int) -> None:
    """Make a finished generation the one that stands."""
    make_folder(folder)
    target = folder / f"by-symbol-{number:08d}"
    if not publish_directory(temporary, target):
        raise StoreError(f"{folder.name} already has a generation {number}: another writer holds no lock")


def retire(folder: Path, standing: int, incoming: Path) -> Iterator[Path]:
    """Remove generations below `standing`, each out of sight in one step; yield each."""
    incoming.mkdir(parents=True, exist_ok=True)
    for name in sorted(stable_names(folder, lambda name: _GENERATION.fullmatch(name) is not None)):
        if int(name.removeprefix("by-symbol-")) < standing:
            gone = incoming / unique_name("month")
            (folder / name).rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
            yield folder / name


def _read_index(folder: Path) -> Generation:
    raw = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    return Generation(
        folder=folder,
        number=int(folder.name.removeprefix("by-symbol-")),
        buckets=tuple(
            Bucket(folder / line["file"], line["first"], line["last"], line["rows"])
            for line in raw["buckets"]
        ),
        days=raw["days"],
        absorbed=frozenset(raw["absorbed"]),
    )
