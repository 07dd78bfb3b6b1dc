"""The one port through which messages leave, and its log back end.

Delivery is at least once (the outbox repeats what may not have arrived), so a channel must treat a
known `event_id` as delivered.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import structlog

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell one user. `is_alert` = somebody should act."""

    event_id: str
    user_id: str
    kind: str
    text: str
    is_alert: bool = False


class Channel(Protocol):
    """A way to reach people."""

    async def deliver(self, message: Message) -> None:
        """Hand over one message; raise if it may not have arrived."""
        ...


class LogChannel:
    """Writes messages to the structured log, each event once per process."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._log = structlog.get_logger("notifications")

    async def deliver(self, message: Message) -> None:
        """Log `message` unless its event was logged before."""
        if message.event_id in self._seen:
            return
        write = self._log.warning if message.is_alert else self._log.info
        write(message.kind, text=message.text, user=message.user_id, event_id=message.event_id)
        self._seen[message.event_id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
