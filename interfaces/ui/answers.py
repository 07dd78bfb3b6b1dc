"""What many viewers ask is made once: one computation at a time per question, its bytes kept for a moment."""

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import orjson

_LEVEL = 5
KEPT = 128
KEPT_BYTES = 64 * 2**20


def to_bytes(value: Any) -> bytes:
    """Return `value` as JSON; numbers that are none (NaN, infinite) are null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def takes_gzip(accepted: str) -> bool:
    """Whether a browser that sent this `accept-encoding` takes gzip."""
    named = [part.replace(" ", "").lower().partition(";") for part in accepted.split(",")]
    return any(name == "gzip" and weight not in ("q=0", "q=0.0") for name, _, weight in named)


@dataclass(slots=True)
class _Held:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: bytes = b""
    packed: bytes = b""
    until_s: float = 0.0


class Answers:
    """Bytes by question, bounded in number and size; the longest unasked go first."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def get(
        self, question: str, make: Callable[[], Any], *, for_s: float, packed: bool = False
    ) -> bytes:
        """Return the answer, at most `for_s` seconds old; `make` runs in a thread, never twice at a time.

        `packed` gives it as gzip, which is made once, too. Nothing secret is in an answer, so that its length
        tells nothing (pages, which carry the form's token, are never packed).
        """
        held = self._held.setdefault(question, _Held())
        self._held.move_to_end(question)
        async with held.lock:
            if monotonic() >= held.until_s:
                held.body = await asyncio.to_thread(lambda: to_bytes(make()))
                held.packed = b""
                held.until_s = monotonic() + for_s
            if packed and not held.packed:
                held.packed = await asyncio.to_thread(gzip.compress, held.body, _LEVEL, mtime=0)
        self._drop()
        return held.packed if packed else held.body

    def forget(self) -> None:
        """Ask anew from now on: something was changed from here."""
        for held in self._held.values():
            held.until_s = 0.0

    def _drop(self) -> None:
        while len(self._held) > 1 and (
            len(self._held) > KEPT or sum(len(held.body) for held in self._held.values()) > KEPT_BYTES
        ):
            self._held.popitem(last=False)
