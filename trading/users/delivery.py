"""When a message is due for one person: at once, within seconds, after quiet hours, or in their digest."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

from trading.notifications.channel import Message
from trading.notifications.urgency import Urgency
from trading.users.preferences import Delivery, Preferences

MERGE = timedelta(seconds=2.5)  # fills of one person within it become one message
SAME_ERROR = timedelta(minutes=10)
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Due:
    """When, in which class. A digest of fills is a digest."""

    at: datetime
    urgency: Urgency


def due(message: Message, urgency: Urgency, wishes: Preferences, now: datetime) -> Due | None:
    """Return when a message is due; None if the user wants no such message.

    Money goes at once, whatever the hour; what the user muted stays muted unless it is an alert.
    """
    if message.kind in wishes.muted and not message.is_alert:
        return None
    how = wishes.delivery(message.kind, now, is_alert=urgency is Urgency.MONEY)
    if how is Delivery.DIGEST:
        return Due(digest_at(message.user_id, wishes, now), Urgency.DIGEST)
    if how is Delivery.MORNING:
        return Due(morning(wishes, now), urgency)
    return Due(now if urgency is Urgency.MONEY else now + MERGE, urgency)


def digest_at(user_id: str, wishes: Preferences, now: datetime) -> datetime:
    """Return when the user's next digest goes: in their hour, at a second of it that their id decides."""
    hour = 0 if wishes.digest_hour is None else wishes.digest_hour
    spread = int.from_bytes(blake2b(user_id.encode(), digest_size=4).digest()) % _HOUR_S
    return _next(time(hour), wishes, now, timedelta(seconds=spread))


def morning(wishes: Preferences, now: datetime) -> datetime:
    """Return when the quiet hours end."""
    ends = time.fromisoformat(wishes.quiet_to or "00:00")
    return _next(ends, wishes, now, timedelta())


def _next(at: time, wishes: Preferences, now: datetime, more: timedelta) -> datetime:
    """Return the next moment after `now` that is `more` after that time of day where the user lives."""
    zone = ZoneInfo(wishes.time_zone)
    local = now.astimezone(zone)
    for days in (-1, 0, 1, 2):
        day = local.date() + timedelta(days=days)
        found = datetime.combine(day, at, tzinfo=zone).astimezone(now.tzinfo) + more
        if found > now:
            return found
    return now
