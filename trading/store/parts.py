"""Part files of one day of candles: their names, their order, writing and merging them.

Here: everything about files. Not here: dates, timeframes and what readers ask for (candles.py).
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from trading.market.errors import StoreError
from trading.store.files import locked, make_folder, sync_path, unique_name

KEY = ["symbol", "open_time"]
_PART = re.compile(r"part-(\d{8})-(\d{4})-.+\.parquet")
# A reader that lists files just before a compaction deletes them lists again; each retry sees the new file.
_READ_TRIES = 5
_STALE_S = 3600
# Small enough that one symbol, or a few days of one, is read without its neighbours; see docs/decisions/0013.
ROW_GROUP = 16_384


def is_part(name: str) -> bool:
    """Whether a file name is that of a part file."""
    return _PART.fullmatch(name) is not None


def rank(path: Path) -> tuple[int, int]:
    """Return (write number, generation): of two equal keys, the one in the higher-ranking file stands."""
    found = _PART.fullmatch(path.name)
    if found is None:
        raise StoreError(f"{path.name} is no part file of candles")
    return int(found[1]), int(found[2])


def list_parts(folder: Path) -> list[Path]:
    """Return a day's part files, oldest write first; empty if the day does not exist."""
    found = (folder / name for name in stable_names(folder, is_part))
    return sorted(found, key=lambda path: (rank(path), path.name))


def stable_names(folder: Path, wanted: Callable[[str], bool]) -> set[str]:
    """Return the names in `folder` that are wanted, as they were at one moment; empty if it is not there.

    One pass over a directory that another process changes may miss both the new file and the old ones;
    two equal passes in a row have seen a state that existed.
    """
    seen = _names(folder, wanted)
    while (again := _names(folder, wanted)) != seen:
        seen = again
    return seen


def _names(folder: Path, wanted: Callable[[str], bool]) -> set[str]:
    try:
        return {name for name in os.listdir(folder) if wanted(name)}  # noqa: PTH208 names are all we need, and a day has many
    except (FileNotFoundError, NotADirectoryError):
        return set()


def merged(
    files: Sequence[Path], wanted: pl.Expr | None = None, *, base: pl.LazyFrame | None = None
) -> pl.LazyFrame:
    """Return the rows of `base` and `files` (oldest write first), each key once, the later write winning.

    `wanted` may speak of key columns only: it runs before the duplicates go.
    """
    lazies = [] if base is None else [base]
    lazies += [pl.scan_parquet(path, hive_partitioning=False) for path in files]
    if wanted is not None:
        lazies = [lazy.filter(wanted) for lazy in lazies]
    # A part file never holds a key twice.
    return lazies[0] if len(lazies) == 1 else pl.concat(lazies).unique(KEY, keep="last", maintain_order=True)


def write_temporary(incoming: Path, rows: pl.DataFrame) -> Path:
    """Write `rows` durably under a name no reader looks at, on the same file system as the candles."""
    incoming.mkdir(parents=True, exist_ok=True)
    path = incoming / unique_name("part")
    rows.write_parquet(path, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)
    sync_path(path)
    return path


def ordered(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` sorted by key, of equal keys the last; what is in order already is not touched."""
    if is_ordered(rows):
        return rows
    return rows.unique(KEY, keep="last", maintain_order=True).sort(KEY)


def is_ordered(rows: pl.DataFrame) -> bool:
    """Whether `rows` are sorted by key and hold each key once."""
    symbol, opened = pl.col("symbol"), pl.col("open_time")
    after = (symbol > symbol.shift()) | ((symbol == symbol.shift()) & (opened > opened.shift()))
    return bool(rows.select(after.all()).item())


def by_day(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Cut `rows` by UTC date, oldest first; the order within a day stays."""
    if rows.is_empty():
        return []
    days = rows.select(pl.col("open_time").dt.date())
    first, last = days.to_series().min(), days.to_series().max()
    if first == last:
        return [(str(first), rows)]
    dated = rows.with_columns(days.to_series().cast(pl.String).alias("day"))
    parts = dated.partition_by("day", as_dict=True, include_key=False, maintain_order=True)
    return [(str(day), parts[(day,)]) for (day,) in sorted(parts)]


def add_part(folder: Path, temporary: Path, tag: str) -> Path:
    """Give a finished file its place after all other writes of the day."""
    # The write number decides which of two equal keys stands, so it is given out one at a time.
    with locked(folder.parent / ".append.lock"):
        make_folder(folder)
        last = max((rank(path)[0] for path in list_parts(folder)), default=0)
        target = folder / f"part-{last + 1:08d}-0000-{unique_name(tag)}.parquet"
        temporary.rename(target)
        sync_path(folder)
    return target


def replace_parts(folder: Path, inputs: Sequence[Path], temporary: Path) -> Path:
    """Publish the merged file just after its newest input, then delete the inputs."""
    write, generation = rank(inputs[-1])
    target = folder / f"part-{write:08d}-{generation + 1:04d}-{unique_name('compacted')}.parquet"
    temporary.rename(target)
    sync_path(folder)
    for path in inputs:
        path.unlink(missing_ok=True)
    return target


def remove_parts(files: Iterable[Path]) -> Iterator[Path]:
    """Delete day files whose bars stand in a month, oldest write first; yield each.

    In that order the newest of what is left of a bar is always its last value: who knows nothing of
    indexes (the warehouse's view) may take any day file over the month.
    """
    for path in sorted(files, key=lambda path: (path.parent.name, rank(path), path.name)):
        path.unlink(missing_ok=True)
        yield path


def sweep(incoming: Path) -> None:
    """Remove what killed writers left behind; a living one renames its file within seconds.

    A month takes minutes, but its folder changes with every bucket.
    """
    for path in [*incoming.glob("part-*"), *incoming.glob("month-*")]:
        try:
            if time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:
            continue


def retried[T](read: Callable[[], T]) -> T:
    """Return `read()`, listing again when a compaction took files away between list and read."""
    for _ in range(_READ_TRIES - 1):
        try:
            return read()
        except FileNotFoundError:
            continue
        except pl.exceptions.ComputeError as error:
            if "No such file" not in str(error):
                raise
    return read()
