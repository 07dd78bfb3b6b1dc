"""The way to Telegram: one port, what it raises, and its python-telegram-bot back end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from telegram import Bot


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; `data` comes back when it is pressed, at most 64 bytes."""

    text: str
    data: str


class Blocked(Exception):
    """403: this person has blocked the bot, or the group has thrown it out."""


class Flood(Exception):
    """429: nothing more for `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"retry after {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class NotTaken(Exception):
    """400: this message will never be taken as it is."""


class NoAnswer(Exception):
    """Nobody knows whether it arrived."""


class Wire(Protocol):
    """What the bot asks of Telegram."""

    async def send(
        self, chat: int, text: str, buttons: tuple[Button, ...] = (), photo: bytes | None = None
    ) -> str:
        """Send one message and return its id. Raises Blocked, Flood, NotTaken or NoAnswer."""
        ...


class TelegramWire:
    """Wire over the Bot API."""

    def __init__(self, bot: "Bot") -> None:
        self._bot = bot

    async def send(
        self, chat: int, text: str, buttons: tuple[Button, ...] = (), photo: bytes | None = None
    ) -> str:
        """Send as plain text: nothing in it is markup, and no address is previewed."""
        from datetime import timedelta

        from telegram import LinkPreviewOptions, error

        try:
            if photo is not None:
                sent = await self._bot.send_photo(chat, photo, caption=text, reply_markup=_keyboard(buttons))
            else:
                sent = await self._bot.send_message(
                    chat,
                    text,
                    reply_markup=_keyboard(buttons),
                    link_preview_options=LinkPreviewOptions(is_disabled=True),
                )
        except error.Forbidden as refused:
            raise Blocked(str(refused)) from refused
        except error.RetryAfter as refused:
            wait = refused.retry_after
            seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
            raise Flood(seconds) from refused
        except error.BadRequest as refused:
            if "chat not found" in str(refused).lower():
                raise Blocked(str(refused)) from refused
            raise NotTaken(str(refused)) from refused
        except error.TelegramError as failed:
            raise NoAnswer(type(failed).__name__) from failed
        return str(sent.message_id)


def _keyboard(buttons: tuple[Button, ...]) -> Any:
    if not buttons:
        return None
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    rows = [[InlineKeyboardButton(button.text, callback_data=button.data)] for button in buttons]
    return InlineKeyboardMarkup(rows)
