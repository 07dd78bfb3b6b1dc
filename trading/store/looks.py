"""When was a table looked at, whether or not it had changed? ``<root>/looks/<table>.jsonl``, append-only.

A table version keeps the time of its first publication, because equal content is one version. Each look is
a line of its own, so that "fresh" and "what did we know then" have answers. Not here: the tables (lake.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from trading.market.frames import UTC_MS
from trading.market.lineage import Version
from trading.market.timeframes import from_ms, to_ms
from trading.store.lines import append_lines, last_line, read_lines
from trading.store.records import check_asset

LOOKS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "version_id": pl.String,
    "run_id": pl.String,
}


@dataclass(frozen=True, slots=True)
class Look:
    """One publication: at market time `at`, the table was `version_id`."""

    at: datetime
    version_id: str
    run_id: str | None


class LookLog:
    """The looks at all tables under one lake root."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "looks"

    def add(self, version: Version, *, at: datetime, run_id: str | None) -> None:
        """Note that `version` is what its table held at market time `at`."""
        line = {"at": to_ms(at), "version_id": version.version_id, "run_id": run_id}
        append_lines(self._path(version.asset), [line])

    def all(self, asset: str, versions: Sequence[Version]) -> list[Look]:
        """Return every look, oldest market time first; equal times in order of publication.

        A version of `versions` without a line (written before there was this log, or its writer was
        killed) counts as looked at once, when it was made.
        """
        told = self.told(asset)
        noted = {look.version_id for look in told}
        silent = [
            Look(version.created_at, version.version_id, version.run_id)
            for version in versions
            if version.version_id not in noted
        ]
        return sorted([*silent, *told], key=lambda look: to_ms(look.at))

    def told(self, asset: str) -> list[Look]:
        """Return the looks that were noted, in order of publication."""
        return [_look(line) for line in read_lines(self._path(asset))]

    def stamp(self, asset: str) -> int:
        """Return a number that changes with every look noted: the length of the log."""
        try:
            return self._path(asset).stat().st_size
        except FileNotFoundError:
            return 0

    def newest(self, asset: str) -> Look | None:
        """Return the look noted last; None before the first."""
        line = last_line(self._path(asset))
        return None if line is None else _look(line)

    def _path(self, asset: str) -> Path:
        return self._folder / f"{check_asset(asset)}.jsonl"


def _look(line: dict[str, object]) -> Look:
    run_id = line.get("run_id")
    at_ms = line["at"]
    assert isinstance(at_ms, int)
    return Look(from_ms(at_ms), str(line["version_id"]), None if run_id is None else str(run_id))


def looks_frame(looks: Sequence[Look]) -> pl.DataFrame:
    """Return `looks` as a frame of `LOOKS`."""
    rows = [(look.at, look.version_id, look.run_id) for look in looks]
    return pl.DataFrame(rows, schema=LOOKS, orient="row")
