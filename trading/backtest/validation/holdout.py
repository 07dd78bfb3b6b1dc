"""Dated holdouts: stretches of time that are looked at once, with a log that nobody can talk round.

A holdout is declared before the research begins and opened at its end. The opening is on disk before the
caller may read a row: a process that dies in between has spent it all the same. A second opening of the
same time by the same family of ideas is refused, under whatever name.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from trading.market.errors import BadInput, HoldoutSpent
from trading.store.files import locked
from trading.store.lines import append_lines, read_lines


@dataclass(frozen=True, slots=True)
class Opening:
    """Who looked, when and why, and the id of the data that was looked at."""

    by: str
    why: str
    at: datetime
    data_id: str


@dataclass(frozen=True, slots=True)
class Holdout:
    """A stretch of time (`begin` inclusive, `end` exclusive, UTC) that one family of ideas may see once."""

    name: str
    family: str
    begin: datetime
    end: datetime
    opening: Opening | None = None

    def overlaps(self, other: "Holdout") -> bool:
        """Return whether both are of one family and share a moment."""
        return self.family == other.family and self.begin < other.end and other.begin < self.end


class HoldoutBook:
    """The log of declarations and openings: one file of JSON lines, safe between processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def declare(self, name: str, family: str, begin: datetime, end: datetime, *, at: datetime) -> Holdout:
        """Write down a holdout; the same declaration again changes nothing.

        Raises
        ------
        BadInput
            If it ends before it begins, a time has no zone, or the name stands for other dates.
        HoldoutSpent
            If an opened holdout of the family covers some of the time.
        """
        _check_aware(begin=begin, end=end, at=at)
        if not name or not family:
            raise BadInput("name and family must not be empty")
        if end <= begin:
            raise BadInput(f"a holdout must end after it begins, was {begin} to {end}")
        wanted = Holdout(name, family, begin, end)
        with locked(self._lock):
            for known in self.holdouts():
                if known.name == name:
                    if (known.family, known.begin, known.end) != (family, begin, end):
                        raise BadInput(f"holdout {name} is {known.begin} to {known.end} of {known.family}")
                    return known
                if known.opening is not None and known.overlaps(wanted):
                    raise HoldoutSpent(_spent(known))
            row = {"event": "declared", "name": name, "family": family, "at": at.isoformat()}
            append_lines(self._path, [row | {"begin": begin.isoformat(), "end": end.isoformat()}])
        return wanted

    def open(self, name: str, *, by: str, why: str, at: datetime, data_id: str) -> Holdout:
        """Spend the holdout: durable on disk before this returns.

        Raises
        ------
        BadInput
            If no holdout has that name, or nobody says who and why.
        HoldoutSpent
            If it, or another of its family that shares its time, was opened before.
        """
        _check_aware(at=at)
        if not by.strip() or not why.strip():
            raise BadInput("an opening must say by whom and why")
        with locked(self._lock):
            known = {holdout.name: holdout for holdout in self.holdouts()}
            if name not in known:
                raise BadInput(f"holdout {name} is not declared; there are {', '.join(known) or 'none'}")
            wanted = known[name]
            for other in known.values():
                if other.opening is not None and other.overlaps(wanted):
                    raise HoldoutSpent(_spent(other))
            opening = Opening(by, why, at, data_id)
            row = {"event": "opened", "name": name, "by": by, "why": why, "at": at.isoformat()}
            append_lines(self._path, [row | {"data_id": data_id}])
        return Holdout(name, wanted.family, wanted.begin, wanted.end, opening)

    def holdouts(self) -> list[Holdout]:
        """Return all that were declared, oldest first, with their opening where there was one."""
        found: dict[str, Holdout] = {}
        for row in read_lines(self._path):
            if row["event"] == "declared":
                span = (datetime.fromisoformat(row["begin"]), datetime.fromisoformat(row["end"]))
                found.setdefault(row["name"], Holdout(row["name"], row["family"], *span))
            elif row["name"] in found and found[row["name"]].opening is None:
                opening = Opening(row["by"], row["why"], datetime.fromisoformat(row["at"]), row["data_id"])
                kept = found[row["name"]]
                found[row["name"]] = Holdout(kept.name, kept.family, kept.begin, kept.end, opening)
        return list(found.values())

    def for_research(self, frame: pl.DataFrame, family: str, column: str = "open_time") -> pl.DataFrame:
        """Return the rows of `frame` that lie in no holdout of `family`, opened or not."""
        own = [holdout for holdout in self.holdouts() if holdout.family == family]
        inside = [pl.col(column).is_between(h.begin, h.end, closed="left") for h in own]
        return frame.filter(~pl.any_horizontal(inside)) if inside else frame

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f"{self._path.name}.lock")


def _spent(holdout: Holdout) -> str:
    opening = holdout.opening
    told = "" if opening is None else f" at {opening.at.isoformat()} by {opening.by} ({opening.why})"
    return (
        f"holdout {holdout.name} of {holdout.family}, {holdout.begin.isoformat()} to "
        f"{holdout.end.isoformat()}, was opened{told}: a second look is no longer out of sample"
    )


def _check_aware(**times: datetime) -> None:
    for name, time in times.items():
        if time.tzinfo is None:
            raise BadInput(f"{name} must carry its time zone, was {time.isoformat()}")
