"""Events out of the outbox: to people through the channel, to users' caches. At least once, in order."""

from functools import partial

from trading.execution.cache_keeper import CacheKeeper, TradeCache
from trading.execution.desk import ENTRY_HAS_S, Desk
from trading.notifications.channel import Channel
from trading.notifications.messages import wording
from trading.store.cache import TRADES_KEPT
from trading.store.order_log.records import Event
from trading.users.preferences import Delivery


class Courier:
    """Delivers what waits in the outbox."""

    def __init__(self, desk: Desk, channel: Channel, cache: TradeCache | None = None) -> None:
        self._desk = desk
        self._channel = channel
        self.keeper = None if cache is None else CacheKeeper(desk, cache, last=TRADES_KEPT)

    async def step(self) -> int:
        """Deliver what waits; return how many messages went out."""
        if self.keeper is not None:
            await self.keeper.step()
        waiting = self._desk.log.outbox.waiting()
        delivered: list[Event] = []
        try:
            for event in waiting:
                message = wording(event.event_id, event.user_id, event.kind, event.payload)
                if not self._is_muted(event, is_alert=message.is_alert):
                    await self._channel.deliver(message)
                delivered.append(event)
        finally:
            await self._desk.durably(partial(self._desk.log.outbox.mark, delivered), within_s=ENTRY_HAS_S)
        return len(delivered)

    def _is_muted(self, event: Event, *, is_alert: bool) -> bool:
        """Whether the user wants no such message at all; quiet hours and digest are a channel's matter."""
        wishes = self._desk.users.preferences(event.user_id)
        at = self._desk.wall.now()
        return wishes.delivery(event.kind, at, is_alert=is_alert) is Delivery.NEVER


__all__ = ["Courier", "TradeCache"]
