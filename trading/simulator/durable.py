"""Answers that wait for the disk: what was shown once is still known after a `kill -9` of the exchange.

Without it an exchange that is killed forgets up to three seconds of orders, which no real venue does.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from trading.simulator.exchange import Exchange
from trading.simulator.state import StateFile

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Callable[[], Awaitable[Message]], Send], Awaitable[None]]


class Keeper:
    """Saves the exchange, one save at a time; those who wait meanwhile share the next one."""

    def __init__(self, exchange: Exchange, state: StateFile) -> None:
        self._exchange = exchange
        self._state = state
        self._lock = asyncio.Lock()

    async def keep(self) -> None:
        """Return once everything that has happened so far is on disk."""
        wanted = self._exchange.matcher.store.changes
        if self._state.saved_changes >= wanted:
            return
        async with self._lock:
            if self._state.saved_changes < wanted:
                await self.save()

    async def save_if_due(self) -> None:
        """Save what the background tick saves."""
        async with self._lock:
            if self._state.is_due(self._exchange):
                await self.save()

    async def save(self) -> None:
        """Save now. Requests wait for the picture to be taken, not for the disk."""
        prepared = self._state.prepare(self._exchange)
        await asyncio.to_thread(self._state.write, self._exchange, prepared)


def durable(app: App, keeper: Keeper) -> App:
    """Return `app` with each answer and stream message held back until what it tells is on disk."""

    async def waiting(
        scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Message]], send: Send
    ) -> None:
        async def sent(message: Message) -> None:
            await keeper.keep()
            await send(message)

        await app(scope, receive, sent)

    return waiting
