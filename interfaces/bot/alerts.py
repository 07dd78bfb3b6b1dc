"""Operators' alerts to mail, Slack, Discord or a webhook, through Apprise (the extra `alerts`)."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from trading.market.errors import MissingData
from trading.notifications.merging import merged
from trading.users.telling import ALERTS

if TYPE_CHECKING:
    from trading.store.order_log import OrderLog

LOOK_S = 1.0
_BACK_OFF_MS = 60_000
Notify = Callable[[str], bool]


def through_apprise(urls: Sequence[str]) -> Notify:
    """Return what sends a text to every address.

    Raises
    ------
    MissingData
        If the extra is not installed, or Apprise cannot read an address (which is not repeated: it may hold
        a password).
    """
    try:
        import apprise
    except ImportError:
        raise MissingData(
            "alerts to other services need Apprise: .venv/bin/uv pip install --require-hashes "
            "-r requirements-alerts.lock"
        ) from None
    sender = apprise.Apprise()
    for place, url in enumerate(urls, 1):
        if not sender.add(url):
            raise MissingData(f"address {place} of SLUICE_ALERT_URLS is none that Apprise knows")
    return lambda text: bool(sender.notify(body=text, title="Sluice"))


class Alerts:
    """Sends what waits for the recipient `alerts`; a failure is tried again after a minute."""

    def __init__(self, log: "OrderLog", notify: Notify, now: Callable[[], datetime]) -> None:
        self._log = log
        self._notify = notify
        self._now = now
        self._said = structlog.get_logger("bot")

    async def run(self) -> None:
        """Send for ever."""
        while True:
            if not await asyncio.to_thread(self.step):
                await asyncio.sleep(LOOK_S)

    def step(self) -> bool:
        """Send one; False if none was due."""
        now_ms = int(self._now().timestamp() * 1000)
        first = self._log.messages.next(now_ms, only=ALERTS)
        if first is None:
            return False
        batch = [first, *self._log.messages.companions(first, until_wall_ms=now_ms)]
        numbers = [each.seq for each in batch]
        is_same = first.fingerprint is not None
        text = merged([each.text for each in batch], [each.event_id for each in batch], is_same=is_same)
        if self._notify(text):
            self._log.messages.sent(numbers, "apprise")
        else:
            self._said.warning("alert not delivered", events=[each.event_id for each in batch][:5])
            self._log.messages.again(numbers, now_ms + _BACK_OFF_MS)
        return True
