"""Which files hold the bars of a span right now, whatever compacts, rewrites or appends meanwhile.

Days are listed before months. A rewrite publishes the month before it deletes day files, so a day file that
was not there any more when we looked lies in the generation that we see afterwards; one that we did see and
that the generation took in is left out. So every bar is found, and found once, in every interleaving.
Not here: writing (parts.py, months.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from trading.store.months import Generation, current, month_folder, months
from trading.store.parts import list_parts, merged, stable_names

_DAY = "date="


@dataclass(frozen=True, slots=True)
class Month:
    """What holds one month: a generation, if it was rewritten, and day files that came since.

    `parts` maps a date to its part files, oldest write first; `leftovers` are day files that the generation
    took in and that wait to be deleted.
    """

    name: str
    generation: Generation | None
    parts: Mapping[str, list[Path]]
    leftovers: Sequence[Path]

    def days(self) -> set[str]:
        """Return the dates that hold bars."""
        return set(self.parts) | (set() if self.generation is None else set(self.generation.days))

    def base(self, day: str, symbols: Sequence[str] | None) -> pl.LazyFrame | None:
        """Return what the generation holds of one day; None if nothing."""
        if self.generation is None or day not in self.generation.days:
            return None
        lazy = self.generation.lazy(symbols)
        return None if lazy is None else lazy.filter(_on(day))

    def lazies(self, wanted: pl.Expr, symbols: Sequence[str] | None = None) -> list[pl.LazyFrame]:
        """Return frames that together hold each bar once.

        `wanted` speaks of key columns only; `symbols` merely spares reading files that hold none of them.
        """
        found: list[pl.LazyFrame] = []
        single: list[Path] = []
        for day, files in sorted(self.parts.items()):
            base = self.base(day, symbols)
            if base is None and len(files) == 1:
                single.extend(files)
            else:
                found.append(merged(files, wanted, base=base))
        if single:
            found.append(pl.scan_parquet(single, hive_partitioning=False).filter(wanted))
        if self.generation is not None and (lazy := self.generation.lazy(symbols)) is not None:
            late = [day for day in sorted(self.parts) if day in self.generation.days]
            found.append(lazy.filter(wanted, *(~_on(day) for day in late)))
        return found


def holdings(folder: Path, first: str | None = None, last: str | None = None) -> list[Month]:
    """Return what holds the bars of a timeframe folder from date `first` to `last`, both included.

    A month whose generation has no bar in that span, and no day file, is left out; so is a generation
    that has no bar in it.
    """
    names = stable_names(folder, lambda name: name.startswith(_DAY))
    dates = [date for name in sorted(names) if _inside(date := name.removeprefix(_DAY), first, last)]
    parts = {date: list_parts(folder / f"{_DAY}{date}") for date in dates}
    rewritten = [
        month
        for month in months(folder)
        if (first is None or month >= first[:7]) and (last is None or month <= last[:7])
    ]
    generations = {month: current(month_folder(folder, month)) for month in rewritten}
    found = []
    for month in sorted({date[:7] for date in dates} | set(rewritten)):
        generation = generations.get(month)
        taken_in = frozenset[str]() if generation is None else generation.absorbed
        files = {date: paths for date, paths in parts.items() if date[:7] == month}
        live = {
            date: kept
            for date, paths in files.items()
            if (kept := [path for path in paths if absorbed_name(path) not in taken_in])
        }
        leftovers = [path for paths in files.values() for path in paths if absorbed_name(path) in taken_in]
        if generation is not None and not any(_inside(day, first, last) for day in generation.days):
            generation = None
        if generation is not None or live:
            found.append(Month(month, generation, live, leftovers))
    return found


def absorbed_name(path: Path) -> str:
    """Return how an index names a day file: ``<date>/<file name>``."""
    return f"{path.parent.name.removeprefix(_DAY)}/{path.name}"


def _inside(date: str, first: str | None, last: str | None) -> bool:
    return (first is None or date >= first) and (last is None or date <= last)


def _on(day: str) -> pl.Expr:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return (pl.col("open_time") >= start) & (pl.col("open_time") < start + timedelta(days=1))
