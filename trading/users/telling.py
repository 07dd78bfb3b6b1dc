"""Events of the outbox as messages for their recipients: who hears of it, when, and what is told once."""

from collections.abc import Mapping
from datetime import datetime

from trading.notifications.channel import Message
from trading.notifications.messages import wording
from trading.notifications.plain import harmless
from trading.notifications.urgency import Urgency, fingerprint_of, urgency_of
from trading.store.order_log import OrderLog
from trading.store.order_log.chats import Chat, Role
from trading.store.order_log.halts import OPERATOR
from trading.store.order_log.messages import Queued
from trading.store.order_log.records import Event
from trading.users.delivery import SAME_ERROR, due
from trading.users.directory import Directory
from trading.users.preferences import Preferences

ALERTS = "alerts"  # the recipient that stands for mail, Slack, Discord and webhooks
_TEXT = 3_500


class Telling:
    """Takes events out of the outbox into the queue of messages.

    Parameters
    ----------
    log : OrderLog
        Where both are.
    has_alerts : bool
        Whether operators' alerts also go to other services.
    """

    def __init__(self, log: OrderLog, *, has_alerts: bool = False) -> None:
        self._log = log
        self._directory = Directory(log)
        self._has_alerts = has_alerts
        log.messages.start()

    def step(self, now: datetime, limit: int = 500) -> int:
        """Queue what nobody has heard yet; return how many events were taken in."""
        events = self._log.messages.unseen(limit)
        if not events:
            return 0
        chats = {chat.user_id: chat for chat in self._log.chats.active() if chat.user_id is not None}
        told: dict[tuple[str, str], int] = {}
        rows: list[Queued] = []
        for event in events:
            made = self._rows(event, chats, told, now)
            rows += made or [Queued.nobody(event, _ms(now))]
        self._log.messages.add(rows, upto=events[-1].seq)
        return len(events)

    def _rows(
        self, event: Event, chats: Mapping[str, Chat], told: dict[tuple[str, str], int], now: datetime
    ) -> list[Queued]:
        message = worded(event)
        urgency = urgency_of(message, event.payload)
        if event.user_id != OPERATOR:
            chat = chats.get(event.user_id)
            return [] if chat is None else self._for(message, urgency, chat.recipient, now)
        recipients = [chat.recipient for chat in self._log.chats.active(Role.OPERATOR, Role.GROUP)]
        if self._has_alerts and message.is_alert:
            recipients.append(ALERTS)
        print_ = fingerprint_of(message)
        return [self._error(message, urgency, recipient, print_, told, now) for recipient in recipients]

    def _for(self, message: Message, urgency: Urgency, recipient: str, now: datetime) -> list[Queued]:
        when = due(message, urgency, self._directory.preferences(message.user_id), now)
        if when is None:
            return []
        return [_queued(message, when.urgency, recipient, due_ms=_ms(when.at), now_ms=_ms(now))]

    def _error(
        self,
        message: Message,
        urgency: Urgency,
        recipient: str,
        print_: str | None,
        told: dict[tuple[str, str], int],
        now: datetime,
    ) -> Queued:
        """Return an operator's message: the same error waits for the end of its ten minutes."""
        now_ms = _ms(now)
        if print_ is None:
            when = due(message, urgency, Preferences(), now)
            at = now_ms if when is None else _ms(when.at)
            return _queued(message, urgency, recipient, due_ms=at, now_ms=now_ms)
        last = told.get((recipient, print_))
        if last is None:
            last = self._log.messages.last_of(recipient, print_)
        pause = int(SAME_ERROR.total_seconds() * 1000)
        at = now_ms if last is None else max(last if last > now_ms else last + pause, now_ms)
        told[recipient, print_] = at
        return _queued(message, urgency, recipient, due_ms=at, now_ms=now_ms, print_=print_)


def worded(event: Event) -> Message:
    """Return the sentence of an event; a payload that lacks what it needs is told by its kind."""
    try:
        message = wording(event.event_id, event.user_id, event.kind, event.payload)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return Message(event.event_id, event.user_id, event.kind, f"{event.kind} ({event.event_id})")
    text = harmless(message.text, _TEXT) or event.kind
    return Message(message.event_id, message.user_id, message.kind, text, message.is_alert)


def _queued(
    message: Message,
    urgency: Urgency,
    recipient: str,
    *,
    due_ms: int,
    now_ms: int,
    print_: str | None = None,
) -> Queued:
    return Queued(
        event_id=message.event_id,
        recipient=recipient,
        user_id=message.user_id,
        kind=message.kind,
        urgency=int(urgency),
        text=message.text,
        made_wall_ms=now_ms,
        due_wall_ms=due_ms,
        fingerprint=print_,
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


__all__ = ["ALERTS", "Telling", "worded"]
