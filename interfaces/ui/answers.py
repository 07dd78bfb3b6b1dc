"""What many viewers ask is made once: one computation at a time per question, its bytes kept for a moment."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import orjson

KEPT = 128
KEPT_BYTES = 64 * 2**20


def to_bytes(value: Any) -> bytes:
    """Return `value` as JSON; numbers that are none (NaN, infinite) are null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


@dataclass(slots=True)
class _Held:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: bytes = b""
    until_s: float = 0.0


class Answers:
    """Bytes by question, bounded in number and size; the longest unasked go first."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def get(self, question: str, make: Callable[[], Any], *, for_s: float) -> bytes:
        """Return the answer, at most `for_s` seconds old; `make` runs in a thread, never twice at a time."""
        held = self._held.setdefault(question, _Held())
        self._held.move_to_end(question)
        async with held.lock:
            if monotonic() >= held.until_s:
                held.body = await asyncio.to_thread(lambda: to_bytes(make()))
                held.until_s = monotonic() + for_s
        self._drop()
        return held.body

    def forget(self) -> None:
        """Ask anew from now on: something was changed from here."""
        for held in self._held.values():
            held.until_s = 0.0

    def _drop(self) -> None:
        while len(self._held) > 1 and (
            len(self._held) > KEPT or sum(len(held.body) for held in self._held.values()) > KEPT_BYTES
        ):
            self._held.popitem(last=False)
