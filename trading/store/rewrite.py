"""Making many files of candles few: one file of a day, one generation by symbol of a month.

Each function is a generator that does one step and yields what it did. Stopping after any step is what a
killed process does: readers see the same bars, and the next run finishes the work. The steps of a month are
exclusive between processes; appending goes on meanwhile.
Not here: when it is worth it (tidy.py), what readers make of it (holdings.py).
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from trading.store.files import locked, refusals
from trading.store.holdings import Month, absorbed_name, holdings
from trading.store.months import month_folder, plan, publish, retire, write_generation
from trading.store.parts import KEY, merged, remove_parts, replace_parts, sweep, write_temporary


def compacting(folder: Path, incoming: Path, day: str) -> Iterator[str]:
    """Rewrite the part files of `day` as one; bars that arrive meanwhile keep their later place.

    The new file is written first and ranks just after its newest input; only then the inputs go.
    """
    with locked(_lock(folder, day[:7])), refusals(f"compact candles of {day}"):
        sweep(incoming)
        yield from _compact(folder, incoming, day)


def rewriting(folder: Path, incoming: Path, month: str) -> Iterator[str]:
    """Rewrite `month` by symbol, with the late bars that came since it was rewritten last.

    1. Days of several files are compacted. 2. A new generation is written where nobody looks. 3. It appears
    by one rename. 4. The day files that it took in are deleted, oldest write first. 5. Older generations go.
    Without day files only what a killed run left behind is removed.
    """
    with locked(_lock(folder, month)), refusals(f"rewrite candles of {month} by symbol"):
        sweep(incoming)
        held = _held(folder, month)
        if held is None:
            return
        for day, files in held.parts.items():
            if len(files) > 1:
                yield from _compact(folder, incoming, day)
        held = _held(folder, month)
        if held is not None and held.parts:
            yield from _generate(folder, incoming, held)
        yield from _clean(folder, incoming, month)


def is_settled(month: Month) -> bool:
    """Whether a rewrite would change nothing: all bars are in the generation, nothing waits to be deleted."""
    return month.generation is not None and not month.parts and not month.leftovers


def _compact(folder: Path, incoming: Path, day: str) -> Iterator[str]:
    held = next(iter(holdings(folder, day, day)), None)
    inputs = [] if held is None else held.parts.get(day, [])
    if len(inputs) >= 2:
        rows = merged(inputs).sort(KEY).collect()
        replace_parts(folder / f"date={day}", inputs, write_temporary(incoming, rows))
        yield f"compacted {day}"


def _generate(folder: Path, incoming: Path, held: Month) -> Iterator[str]:
    everything = pl.lit(value=True)
    # Late bars that replace others count twice here; a bucket is only about so long.
    lengths = [lazy.group_by("symbol").len() for lazy in held.lazies(everything)]
    counts = pl.concat(lengths).group_by("symbol").agg(pl.col("len").sum()).collect()

    def read(first: str, last: str) -> pl.DataFrame:
        wanted = (pl.col("symbol") >= first) & (pl.col("symbol") <= last)
        inside = counts.filter(wanted)["symbol"].to_list()
        return pl.concat(held.lazies(wanted, inside)).sort(KEY).collect()

    live = [path for files in held.parts.values() for path in files]
    absorbed = [absorbed_name(path) for path in [*live, *held.leftovers]]
    number = 1 if held.generation is None else held.generation.number + 1
    temporary = incoming
    for temporary in write_generation(incoming, plan(counts), read, absorbed):
        yield f"wrote a file of {held.name} in {temporary.name}"
    publish(month_folder(folder, held.name), temporary, number)
    yield f"published {held.name}"


def _clean(folder: Path, incoming: Path, month: str) -> Iterator[str]:
    held = _held(folder, month)
    if held is None or held.generation is None:
        return
    for path in remove_parts(held.leftovers):
        yield f"deleted {absorbed_name(path)}"
    with locked(folder / ".append.lock"):
        for day in folder.glob(f"date={month}-*"):
            with suppress(OSError):  # holds late bars
                day.rmdir()
    for path in retire(month_folder(folder, month), held.generation.number, incoming):
        yield f"retired {path.name}"


def _held(folder: Path, month: str) -> Month | None:
    return next(iter(holdings(folder, f"{month}-01", f"{month}-31")), None)


def _lock(folder: Path, month: str) -> Path:
    return folder / f".compaction-{month}.lock"
