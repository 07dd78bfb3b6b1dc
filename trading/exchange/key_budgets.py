"""Budgets of many API keys in one file, so that whoever uses a key, in whatever process, draws on one budget.

A slot of 512 bytes for each key, found by a one-way hash of it: neither the key nor a part of it is in the
file or in its name. One file, one lock and one mapping for all keys, because a file each would take a
descriptor each. A slot that was idle for a day is worth nothing and is given to the next key that needs it.
Not here: the arithmetic (budget.py) and the layout of one budget (shared_budget.py).
"""

import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from trading.exchange.shared_budget import SharedBudget, close_file, lock_now, locked_file
from trading.exchange.throttle import Limiter

_SLOT = 512
_SLOTS = 8192
# A key's slot is one of these many behind the place that its hash names.
_NEAR = 64
_DIGEST = 16
# In a slot: the budget's head takes 88 bytes, its places begin at 128.
_DIGEST_AT = 96
_MOST_PLACES = 9
_IDLE_S = 86_400.0


def key_digest(api_key: str) -> bytes:
    """Return what stands for an API key where the key itself must not: 16 bytes, not to be turned back."""
    return blake2b(api_key.encode(), digest_size=_DIGEST, person=b"sluice-api-key").digest()


def keys_file(address_file: Path) -> Path:
    """Return where the budgets of a venue's keys lie, beside that of its address."""
    return address_file.with_suffix(".keys")


class KeyBook:
    """The open file; made when the first account is.

    Raises
    ------
    BadInput
        If the file cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self.file, self.bytes = locked_file(path, _SLOTS * _SLOT)

    def close(self) -> None:
        """Close the file; budgets of it are not for use afterwards."""
        close_file(self.file, self.bytes)

    def slot(self, digest: bytes, now_s: float, age_s: Callable[[int, float], float]) -> int:
        """Return where the budget of a key begins; call with the file locked.

        `age_s` tells for how long the budget at an offset was not used.
        """
        first = int.from_bytes(digest[:8]) % _SLOTS
        near = [(first + step) % _SLOTS * _SLOT for step in range(_NEAR)]
        free = None
        for at in near:
            held = self.bytes[at + _DIGEST_AT : at + _DIGEST_AT + _DIGEST]
            if held == digest:
                return at
            is_free = held == bytes(_DIGEST)
            if free is None and (is_free or age_s(at, now_s) > _IDLE_S):
                free = at
            if is_free:
                break
        if free is None:  # 64 keys of one neighbourhood in a day: the one not used for longest begins anew
            free = max(near, key=lambda at: age_s(at, now_s))
        self.bytes[free : free + _SLOT] = bytes(_SLOT)
        self.bytes[free + _DIGEST_AT : free + _DIGEST_AT + _DIGEST] = digest
        return free


class KeyBudget(SharedBudget):
    """The `Budget` of one key in a `KeyBook`."""

    def __init__(
        self,
        book: KeyBook,
        digest: bytes,
        rate_per_s: float,
        burst: float,
        *,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begin(rate_per_s, burst, wall, most_places=_MOST_PLACES)
        self._book, self._digest = book, digest
        self._file, self._bytes, self._at = book.file, book.bytes, -1

    def enter(self) -> bool:
        """Lock the book and read this key's budget; False if another process has the book right now."""
        if not lock_now(self._file):
            return False
        at = self._at + _DIGEST_AT
        # The slot may have been given away while this key slept.
        if self._at < 0 or self._bytes[at : at + _DIGEST] != self._digest:
            self._at = self._book.slot(self._digest, self._wall(), self._idle_s)
        self._load()
        return True

    def close(self) -> None:
        """Nothing of its own is open; the book is the pool's."""


class KeyLimiters:
    """One limiter for each API key that this pool has used.

    They are kept as long as the pool, about 4 KB each: a gateway that is made anew for a key must not begin
    with a full bucket.

    Parameters
    ----------
    rate_per_s : float
        Weight per wall second of each key.
    path : Path or None
        File of the budgets; None = in memory.
    """

    def __init__(self, rate_per_s: float, path: Path | None) -> None:
        self._rate_per_s, self._path = rate_per_s, path
        self._limiters: dict[bytes, Limiter] = {}
        self._book: KeyBook | None = None

    def of(self, api_key: str) -> Limiter:
        """Return the key's limiter, the same one each time."""
        digest = key_digest(api_key)
        found = self._limiters.get(digest)
        if found is None:
            found = self._limiters[digest] = self._made(digest)
        return found

    def close(self) -> None:
        """Leave all lines and close the file."""
        for limiter in self._limiters.values():
            limiter.close()
        self._limiters.clear()
        if self._book is not None:
            self._book.close()
            self._book = None

    def _made(self, digest: bytes) -> Limiter:
        if self._path is None:
            return Limiter(self._rate_per_s)
        book = self._book = self._book or KeyBook(self._path)
        return Limiter(self._rate_per_s, budget=lambda rate, burst: KeyBudget(book, digest, rate, burst))
