"""Who did what from the dashboard: one JSON line each in the world's folder, refused tries too.

A halt is on record in the order log as well; this file says from which session and address it came, and
keeps what never became one. Two files of bounded size: a flood costs no disk.
"""

import json
import logging
import threading
from datetime import UTC, datetime
from pathlib import Path

from interfaces.run.wording import plain

FILE = "ui_audit.jsonl"
MOST_BYTES = 5_000_000
_log = logging.getLogger(__name__)


class Audit:
    """Appends lines; when the file is full it becomes ``.1`` and a new one begins."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.path = folder / FILE
        self._most = most_bytes
        self._lock = threading.Lock()

    def note(self, what: str, *, who: str, role: str, address: str, outcome: str, **more: object) -> None:
        """Write one line; a disk that refuses is logged, and stops nobody from stopping."""
        row: dict[str, object] = {
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "what": what,
            "who": plain(who, 64),
            "role": role,
            "address": address,
            "outcome": plain(outcome, 400),
        }
        row |= {name: plain(value, 400) for name, value in more.items() if value is not None}
        try:
            with self._lock:
                self._turn()
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            _log.warning("the dashboard's audit cannot be written: %s", error)

    def newest(self, count: int = 200) -> list[dict[str, object]]:
        """Return the newest lines, newest first."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()[-count:]
        except OSError:
            return []
        return [json.loads(line) for line in reversed(lines)]

    def _turn(self) -> None:
        if self.path.is_file() and self.path.stat().st_size > self._most:
            self.path.replace(self.path.with_suffix(".jsonl.1"))
        self.path.parent.mkdir(parents=True, exist_ok=True)
