"""When and of what a user wants to hear. Values and the one decision; how messages travel is not here."""

from dataclasses import asdict, dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trading.market.errors import BadInput


class Delivery(StrEnum):
    """What happens to one message."""

    NOW = "now"
    MORNING = "morning"  # when the quiet hours end
    DIGEST = "digest"  # in the daily digest
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Preferences:
    """A user's wishes. Alerts come at once whatever stands here: somebody should act.

    Parameters
    ----------
    quiet_from, quiet_to : str or None
        ``HH:MM`` in `time_zone`; between them messages wait. Over midnight is fine. Both or neither.
    digest_hour : int or None
        Hour (0 to 23) of one daily digest instead of single messages; None = single messages.
    time_zone : str
        IANA name.
    muted : tuple of str
        Kinds of messages that are not wanted at all.
    """

    quiet_from: str | None = None
    quiet_to: str | None = None
    digest_hour: int | None = None
    time_zone: str = "UTC"
    muted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise BadInput("quiet hours need a beginning and an end, one was missing")
        for value in (self.quiet_from, self.quiet_to):
            if value is not None:
                _time(value)
        if self.digest_hour is not None and not 0 <= self.digest_hour <= 23:
            raise BadInput(f"digest_hour must be 0 to 23, was {self.digest_hour}")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise BadInput(
                f"time zone must be an IANA name such as Europe/Berlin, was {self.time_zone!r}"
            ) from None

    def delivery(self, kind: str, at: datetime, *, is_alert: bool) -> Delivery:
        """Return what happens to a message of `kind` at `at` (aware)."""
        if is_alert:
            return Delivery.NOW
        if kind in self.muted:
            return Delivery.NEVER
        if self.digest_hour is not None:
            return Delivery.DIGEST
        return Delivery.MORNING if self._is_quiet(at) else Delivery.NOW

    def _is_quiet(self, at: datetime) -> bool:
        if self.quiet_from is None or self.quiet_to is None:
            return False
        local = at.astimezone(ZoneInfo(self.time_zone)).time()
        begins, ends = _time(self.quiet_from), _time(self.quiet_to)
        if begins <= ends:
            return begins <= local < ends
        return local >= begins or local < ends

    def to_json(self) -> dict[str, Any]:
        """Return it as `from_json` reads it."""
        return asdict(self) | {"muted": list(self.muted)}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Preferences":
        """Read what `to_json` wrote; an empty object is the defaults."""
        return cls(**(raw | {"muted": tuple(raw.get("muted", ()))}))


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise BadInput(f"quiet hours must be HH:MM, were {text!r}") from None
