"""The listen key of one account: made when a stream is opened, kept alive, ended when it is closed.

Whoever holds it hears the account's private stream, so it shows in no repr and no message.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from trading.exchange.feed.ports import Wall
from trading.market.errors import (
    BadPayload,
    ClockSkew,
    ExchangeError,
    OutcomeUnknown,
    RateLimited,
    Unreachable,
)

# MEXC's documentation: a key lives 60 minutes, a PUT gives it another 60.
LIFE_S = 3600.0
# When a keep-alive met no answer it is tried again after this.
_RETRY_S = 30.0


class ListenKey:
    """A `ports.ListenKeys`.

    Parameters
    ----------
    call : callable
        Sends a signed request to userDataStream (method, parameters) under the account's limiters.
    life_s : float
        How long the venue keeps a key that nobody keeps alive (wall seconds).
    """

    def __init__(
        self,
        call: Callable[[str, dict[str, Any]], Awaitable[Any]],
        *,
        life_s: float = LIFE_S,
        wall: Wall = time.monotonic,
    ) -> None:
        self._call = call
        self._life_s = life_s
        self._wall = wall
        self._key: str | None = None
        self._due_s = 0.0

    def __repr__(self) -> str:
        return "ListenKey(<hidden>)"

    @property
    def due_s(self) -> float | None:
        """Wall time at which the key has to be kept alive; None while there is none."""
        return None if self._key is None else self._due_s

    async def usable(self) -> str:
        """Return a key that the venue knows now; one request, two when the old one is gone."""
        if self._key is None or not await self._put():
            reply = await self._call("POST", {})
            key = reply.get("listenKey") if isinstance(reply, dict) else None
            if not isinstance(key, str) or not key:
                raise BadPayload("POST userDataStream: the reply holds no listen key")
            self._key = key
            self._due_s = self._wall() + self._life_s / 2
        return self._key

    async def keep(self) -> bool:
        """Keep the key alive if half of its life is over; False when the venue no longer knows it."""
        if self._key is None or self._wall() < self._due_s:
            return True
        try:
            return await self._put()
        except ExchangeError:
            # Nobody knows what became of the request: the key still has half of its life.
            self._due_s = self._wall() + min(_RETRY_S, self._life_s / 8)
            return True

    async def close(self) -> None:
        """End the key at the venue; a failure only means that it dies of age."""
        key, self._key = self._key, None
        if key is None:
            return
        try:
            await self._call("DELETE", {"listenKey": key})
        except ExchangeError:
            return

    async def _put(self) -> bool:
        try:
            await self._call("PUT", {"listenKey": self._key})
        except (Unreachable, OutcomeUnknown, RateLimited, ClockSkew, BadPayload):
            raise
        except ExchangeError:  # a definite refusal: the key has expired
            self._key = None
            return False
        self._due_s = self._wall() + self._life_s / 2
        return True
