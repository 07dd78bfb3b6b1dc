"""Events out of the outbox: to people through the channel, to users' caches. At least once, in order."""

from functools import partial
from typing import Protocol

import structlog

from trading.execution.desk import Desk
from trading.market.errors import StoreError
from trading.notifications.channel import Channel
from trading.notifications.messages import wording
from trading.store.order_log.records import Event, Trade
from trading.users.preferences import Delivery

_log = structlog.get_logger("execution.courier")


class TradeCache(Protocol):
    """Where a user's positions and trades are kept for quick reading; rebuilt from SQL at any time."""

    async def apply(self, trade: Trade, version: int) -> None:
        """Take over `trade` unless something of a higher version is there; StoreError if it cannot."""
        ...


class Courier:
    """Delivers what waits in the outbox."""

    def __init__(self, desk: Desk, channel: Channel, cache: TradeCache | None = None) -> None:
        self._desk = desk
        self._channel = channel
        self._cache = cache

    async def step(self) -> int:
        """Deliver what waits; return how many messages went out."""
        if self._cache is not None:
            await self._fill_cache(self._cache)
        waiting = self._desk.log.outbox.waiting()
        delivered: list[Event] = []
        try:
            for event in waiting:
                message = wording(event.event_id, event.user_id, event.kind, event.payload)
                if not self._is_muted(event, is_alert=message.is_alert):
                    await self._channel.deliver(message)
                delivered.append(event)
        finally:
            await self._desk.durably(partial(self._desk.log.outbox.mark, delivered))
        return len(delivered)

    def _is_muted(self, event: Event, *, is_alert: bool) -> bool:
        """Whether the user wants no such message at all; quiet hours and digest are a channel's matter."""
        wishes = self._desk.users.preferences(event.user_id)
        at = self._desk.wall.now()
        return wishes.delivery(event.kind, at, is_alert=is_alert) is Delivery.NEVER

    async def _fill_cache(self, cache: TradeCache) -> None:
        waiting = self._desk.log.outbox.waiting("cached")
        if not waiting:
            return
        changed = {str(event.payload["trade_id"]): event.seq for event in waiting if _is_of_trade(event)}
        try:
            for trade_id, seq in changed.items():
                await cache.apply(self._desk.log.ledger.get(trade_id), seq)
        except (OSError, StoreError) as error:  # the cache is no truth: it gets them next time
            _log.warning("cache_unavailable", error=f"{error!r}")
            return
        await self._desk.durably(partial(self._desk.log.outbox.mark, waiting, "cached"))


def _is_of_trade(event: Event) -> bool:
    return event.kind in ("trade_opened", "trade_reduced", "trade_closed")
