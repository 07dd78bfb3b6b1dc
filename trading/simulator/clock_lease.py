"""How far market time may be shown before somebody must write it down.

So that an exchange that was killed and is started again never goes back behind what it has told anyone.
"""

import os
from pathlib import Path

FILE_NAME = "clock"
# Wall seconds that one write is good for. A kill costs at most this much of market time.
LEASE_S = 2.0
_DIGITS = 20


class ClockLease:
    """A file with one number: market time that no answer has reached yet.

    Twenty digits in place, no fsync: a killed process loses nothing that the kernel has; a power cut may.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        self.until_ms = self.read()

    def read(self) -> int:
        """Return the number; 0 where there is none yet."""
        text = os.pread(self._file, _DIGITS, 0)
        return int(text) if len(text) == _DIGITS and text.isdigit() else 0

    def cover(self, now_ms: int, speed: float) -> None:
        """Make sure that `now_ms`, and about a wall second more at `speed`, is covered."""
        ahead = LEASE_S * 1000 * max(speed, 1.0)
        if now_ms + ahead / 2 > self.until_ms:
            self._write(int(now_ms + ahead))

    def settle(self, now_ms: int) -> None:
        """Give back what was not used: the exchange has stopped at `now_ms`."""
        self._write(now_ms)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, until_ms: int) -> None:
        os.pwrite(self._file, b"%020d" % until_ms, 0)
        self.until_ms = until_ms
