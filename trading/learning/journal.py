"""Who is champion, by an append-only record: what was promoted, rolled back, forced, when, by whom and why.

Each line tells one event and carries how things stand after it, so that the newest line is the pointer:
promoting is one row, rolling back is one row, and nothing is ever rewritten. Model files are `registry`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from trading.learning.shadow import Shadow
from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.store.files import locked
from trading.store.lines import append_lines, last_line, read_lines

# How long a champion may be used without a successor.
MAX_AGE = timedelta(days=30)
LINE = "line"  # who acts where no person does


class Deed(StrEnum):
    """What can be done to models; the last four are a person's overrides."""

    SHADOW_STARTED = "shadow_started"
    SHADOW_PASSED = "shadow_passed"
    SHADOW_FAILED = "shadow_failed"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    FORCED_PROMOTION = "forced_promotion"
    RULES_ONLY = "rules_only"
    FORCE_ENTRY = "force_entry"


OVERRIDES = frozenset({Deed.ROLLED_BACK, Deed.FORCED_PROMOTION, Deed.RULES_ONLY, Deed.FORCE_ENTRY})
# One row per event, oldest first.
HISTORY: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "event": pl.String,
    "model_id": pl.String,
    "by": pl.String,
    "why": pl.String,
    "champion_after": pl.String,
    "symbol": pl.String,
    "until": UTC_MS,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is champion since when, which came before (newest first), and who is in its shadow period."""

    model_id: str | None = None
    since: datetime | None = None
    before: tuple[str, ...] = ()
    shadow: Shadow | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        since = None if self.since is None else self.since.isoformat()
        shadow = None if self.shadow is None else self.shadow.to_dict()
        return {"model_id": self.model_id, "since": since, "before": list(self.before), "shadow": shadow}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Standing":
        """Read what `to_dict` wrote."""
        since, shadow = raw["since"], raw["shadow"]
        return cls(
            raw["model_id"],
            None if since is None else datetime.fromisoformat(since),
            tuple(raw["before"]),
            None if shadow is None else Shadow.from_dict(shadow),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One event; `at` is market time. `details` belongs to it alone (a forced symbol, figures)."""

    at: datetime
    event: Deed
    model_id: str | None
    by: str
    why: str
    standing: Standing
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as one line has it."""
        told = {"at": self.at.isoformat(), "event": str(self.event), "model_id": self.model_id, "by": self.by}
        return told | {"why": self.why, "standing": self.standing.to_dict(), "details": dict(self.details)}


class Journal:
    """The record of one world's models, in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def standing(self) -> Standing:
        """Return how things stand now."""
        newest = last_line(self._path)
        return Standing() if newest is None else Standing.from_dict(newest["standing"])

    def record(
        self,
        event: Deed,
        change: Callable[[Standing], Standing],
        *,
        at: datetime,
        model_id: str | None,
        by: str,
        why: str,
        details: Mapping[str, Any] | None = None,
    ) -> Standing:
        """Append one event and return how things stand after it; nobody else writes in between.

        Raises
        ------
        BadInput
            If nobody or no reason is named.
        """
        if not by.strip() or not why.strip():
            raise BadInput(f"a change of models needs a name and a reason, were {by!r} and {why!r}")
        with locked(self._path.with_suffix(".lock")):
            after = change(self.standing())
            entry = Entry(at, event, model_id, by.strip(), why.strip(), after, details or {})
            append_lines(self._path, [entry.to_dict()])
        return after

    def entries(self) -> list[Entry]:
        """Return every event, oldest first."""
        return [
            Entry(
                datetime.fromisoformat(raw["at"]),
                Deed(raw["event"]),
                raw["model_id"],
                raw["by"],
                raw["why"],
                Standing.from_dict(raw["standing"]),
                raw["details"],
            )
            for raw in read_lines(self._path)
        ]

    def history(self, *, overrides_only: bool = False) -> pl.DataFrame:
        """Return the events as a table (`HISTORY`), oldest first; or only what people overrode."""
        rows = [
            {
                "at": entry.at,
                "event": str(entry.event),
                "model_id": entry.model_id,
                "by": entry.by,
                "why": entry.why,
                "champion_after": entry.standing.model_id,
                "symbol": entry.details.get("symbol"),
                "until": _moment(entry.details.get("until")),
            }
            for entry in self.entries()
            if not overrides_only or (entry.event in OVERRIDES and entry.by != LINE)
        ]
        return pl.DataFrame(rows, schema=HISTORY)

    def force_entry(self, symbol: str, *, at: datetime, until: datetime, by: str, why: str) -> None:
        """Let no model veto entries of `symbol` decided from `at` to before `until`; gates still hold.

        Raises
        ------
        BadInput
            If it ends before it begins, or nobody or no reason is named.
        """
        if until <= at:
            raise BadInput(f"until must be after {at.isoformat()}, was {until.isoformat()}")
        details = {"symbol": symbol, "until": until.isoformat()}
        self.record(Deed.FORCE_ENTRY, replace, at=at, model_id=None, by=by, why=why, details=details)

    def forced(self) -> pl.DataFrame:
        """Return every forced entry as `symbol`, `since`, `until`, `by`, `why`."""
        frame = self.history().filter(pl.col("event") == str(Deed.FORCE_ENTRY))
        return frame.select("symbol", pl.col("at").alias("since"), "until", "by", "why")


def _moment(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))
