"""A budget that all processes behind one egress address share: one small file, locked for microseconds.

The kernel gives the lock back when its holder dies, whatever way it dies; a place in line lapses by
itself. Times are CLOCK_MONOTONIC, one for all processes of a machine and begun anew with each boot,
which the file notices. Not here: the arithmetic (budget.py) and waiting (throttle.py).
"""

import fcntl
import math
import mmap
import os
import struct
import time
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

from trading.exchange.budget import Budget, Place
from trading.market.errors import BadInput

_MAGIC = b"sluice:1"
_HEAD = struct.Struct("<8s16sddddddqq")
_PLACE = struct.Struct("<qqqqd")
_PLACES_AT = 128
_MOST_PLACES = 64
_SIZE = 4096
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Two processes may read the clock in another order than they enter; more than that is another boot.
_BACKWARDS_S = 1.0
# MEXC's longest ban; a file that speaks of a longer one is damaged.
_LONGEST_BLOCK_S = 3 * 86_400.0


def budget_file(folder: Path, base_url: str) -> Path:
    """Return where the budget of the venue at `base_url` lies: one file for each host and port."""
    host = urlsplit(base_url).netloc.rpartition("@")[2] or base_url
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in ".-") else "-" for sign in host)
    return folder / f"{plain[:100]}.budget"


class SharedBudget(Budget):
    """A `Budget` in a file. Processes that share it should be configured alike.

    Where they are not, all of them together never exceed the highest of their rates.

    Raises
    ------
    BadInput
        If the file cannot be made or opened.
    """

    def __init__(
        self, path: Path, rate_per_s: float, burst: float, *, wall: Callable[[], float] = time.monotonic
    ) -> None:
        self._begin(rate_per_s, burst, wall, most_places=_MOST_PLACES)
        self._file, self._bytes = locked_file(path, _SIZE)
        self._at = 0

    def _begin(self, rate_per_s: float, burst: float, wall: Callable[[], float], *, most_places: int) -> None:
        super().__init__(rate_per_s, burst, wall())
        self._wall = wall
        self._boot = _boot()
        self._most_places = most_places

    def enter(self) -> bool:
        """Lock the file and read it; False if another process has it right now."""
        if not lock_now(self._file):
            return False
        self._load()
        return True

    def leave(self) -> None:
        """Write the file and unlock it."""
        places = self.line[: self._most_places]
        for index, place in enumerate(places):
            _PLACE.pack_into(
                self._bytes,
                self._at + _PLACES_AT + index * _PLACE.size,
                place.owner,
                place.level,
                place.weight,
                place.ticket,
                place.until,
            )
        blocked_s = self.blocked_until_s - self.at_s
        _HEAD.pack_into(
            self._bytes, self._at, _MAGIC, self._boot, self.tokens, self.at_s, self.share, self.credit,
            self.blocked_until_s, time.time() + blocked_s if blocked_s > 0 else 0.0,
            self.next_ticket, len(places),
        )  # fmt: skip
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        close_file(self._file, self._bytes)

    def _load(self) -> None:
        magic, boot, *numbers, blocked_wall, ticket, count = _HEAD.unpack_from(self._bytes, self._at)
        tokens, at_s, share, credit, blocked_until_s = numbers
        now_s = self._wall()
        is_sane = (
            magic == _MAGIC
            and all(map(math.isfinite, numbers))
            and 0 <= count <= self._most_places
            and 0 < share <= 1
        )
        if not is_sane:
            self.reset(now_s)
            if magic == _MAGIC:
                self.blocked_until_s = self._still_blocked(boot, blocked_until_s, blocked_wall, now_s)
            return
        if boot != self._boot or at_s > now_s + _BACKWARDS_S:
            # Monotonic time began anew: what was spent is long refilled, but a ban outlives a reboot.
            self.reset(now_s)
            self.blocked_until_s = self._still_blocked(bytes(16), 0.0, blocked_wall, now_s)
            return
        self.tokens = min(tokens, self.burst)
        self.at_s, self.share, self.credit = at_s, share, min(credit, 1.0)
        self.blocked_until_s, self.next_ticket = min(blocked_until_s, now_s + _LONGEST_BLOCK_S), ticket
        self.line = [
            Place(*_PLACE.unpack_from(self._bytes, self._at + _PLACES_AT + index * _PLACE.size))
            for index in range(count)
        ]

    def _still_blocked(self, boot: bytes, until_s: float, until_wall: float, now_s: float) -> float:
        """Return until when a refusal holds that a file begun anew still tells of; what is damaged says 0."""
        told = [until_wall - time.time(), until_s - now_s if boot == self._boot else 0.0]
        left_s = max((left for left in told if 0 < left <= _LONGEST_BLOCK_S), default=0.0)
        return now_s + left_s

    def _idle_s(self, at: int, now_s: float) -> float:
        """Return for how long nobody used the budget at offset `at`; 0 while a refusal holds there."""
        _, boot, _, at_s, _, _, _, blocked_wall, _, _ = _HEAD.unpack_from(self._bytes, at)
        if blocked_wall > time.time():
            return 0.0
        return now_s - at_s if boot == self._boot else math.inf


def locked_file(path: Path, size: int) -> tuple[int, mmap.mmap]:
    """Open or make a file of `size` bytes and map it; return its descriptor and the mapping.

    Raises
    ------
    BadInput
        If the system refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            if os.fstat(file).st_size < size:
                os.pwrite(file, bytes(size), 0)  # written, not sparse: a full disk is told here
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
        return file, mmap.mmap(file, size)
    except OSError as error:
        raise BadInput(f"the shared request budget {path} cannot be used: {error.strerror}") from error


def lock_now(file: int) -> bool:
    """Lock the file, or return False if another process has it right now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def close_file(file: int, mapped: mmap.mmap) -> None:
    """Close mapping and file, which gives a lock back."""
    mapped.close()
    os.close(file)


@cache
def _boot() -> bytes:
    """Return what names this boot of the machine; zeros where the system does not tell."""
    try:
        return blake2b(_BOOT_ID.read_bytes(), digest_size=16).digest()
    except OSError:
        return bytes(16)
