"""What a venue answered, dated and kept: the key that opens live trading.

One JSON file per verification under ``<home>/verification/``; the plan of orders is written before each order
leaves (``.part.json``) and becomes the record by one rename. Not here: asking (probe.py).
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from trading.market.errors import BadInput, StoreError

FOLDER = "verification"
MEXC = "mexc"
_PART = ".part.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question put to the venue.

    Attributes
    ----------
    question : str
        What nobody could know without asking.
    asked : str
        Verb and path; no key, no signature.
    status : int or None
        HTTP status; None where no answer came.
    code : int or None
        The venue's own code, where the body had one.
    message : str
        The venue's words, or ours where none came.
    conclusion : str
        What follows from it.
    """

    question: str
    asked: str
    status: int | None
    code: int | None
    message: str
    conclusion: str


@dataclass(slots=True)
class Record:
    """A verification, growing while it runs. `orders` are client order ids, written before they are sent."""

    venue: str
    symbol: str
    at: str
    answers: list[Answer] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    is_complete: bool = False


class RecordBook:
    """The records under one home folder."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def save(self, record: Record) -> Path:
        """Write `record` durably; a complete one gets its final name. Returns the path.

        Raises
        ------
        StoreError
            If the folder cannot be written to: then nothing must be sent.
        """
        name = f"{record.venue}-{record.at.replace(':', '')}"
        part, final = self.folder / (name + _PART), self.folder / f"{name}.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8") as file:
                json.dump(asdict(record), file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            if record.is_complete:
                part.replace(final)
        except OSError as refused:
            raise StoreError(f"cannot write {part}: {refused.strerror}") from refused
        return final if record.is_complete else part

    def unfinished(self) -> list[Record]:
        """Return records that were begun and never completed, oldest first."""
        return [_load(path) for path in sorted(self.folder.glob("*" + _PART))]

    def drop(self, record: Record) -> None:
        """Forget an unfinished record whose orders have been settled."""
        name = f"{record.venue}-{record.at.replace(':', '')}{_PART}"
        (self.folder / name).unlink(missing_ok=True)

    def newest(self, venue: str = MEXC) -> Record | None:
        """Return the newest complete record of `venue`, or None."""
        found = sorted(p for p in self.folder.glob(f"{venue}-*.json") if not p.name.endswith(_PART))
        return _load(found[-1]) if found else None


def require_live(home: Path) -> Record:
    """Return the record that opens live trading.

    Raises
    ------
    BadInput
        If MEXC itself was never verified from here; the message says how.
    """
    record = RecordBook(home).newest()
    if record is None:
        raise BadInput(
            "live trading is off: what MEXC itself does was never verified from here. "
            "Next: `sluice exchange verify --live` with your own key; it spends one minimum order"
        )
    return record


def rows(record: Record) -> Sequence[Mapping[str, Any]]:
    """Return the answers as rows of a table."""
    return [asdict(answer) for answer in record.answers]


def moment(at: datetime) -> str:
    """Return a time as it stands in a record: UTC to the second."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _load(path: Path) -> Record:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        answers = [Answer(**answer) for answer in raw.pop("answers")]
        return Record(**raw, answers=answers)
    except (OSError, ValueError, TypeError, KeyError) as wrong:
        raise StoreError(f"{path.name} is no readable verification record: {wrong}") from wrong
