"""What is answered to whom: who is it, may they, did they ask before; the command; a row of audit."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from interfaces.bot.actions import carry_out
from interfaces.bot.commands import Answer, Ask, Command, registry
from interfaces.bot.flood import Floods
from trading.market.errors import BadInput, SluiceError
from trading.notifications.plain import MOST, cut, line
from trading.store.order_log.chats import Asked, Chat, Role

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.order_log import OrderLog

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@\w{1,64})?(?:\s|$)")
_LONGEST = 4_096
_STRANGER = "You are not linked. Ask your operator for a code, then: /link CODE"
_BAD_CODE = "This code is not valid: mistyped, used before, or older than 15 minutes. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Incoming:
    """One update. `text` of a message, or `data` of a pressed button; `chat` is where it was written."""

    update_id: int
    person: int
    chat: int
    is_private: bool
    text: str = ""
    data: str | None = None


class Talk:
    """Answers one update at a time; bounded in what one person can cause.

    Parameters
    ----------
    settings, log
        The world that is talked about.
    wall_ms : callable
        This machine's time, ms.
    now : callable
        Monotonic seconds.
    """

    def __init__(
        self, settings: "Settings", log: "OrderLog", wall_ms: Callable[[], int], now: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._log = log
        self._wall_ms = wall_ms
        self._now = now
        self._commands = registry()
        self._floods = Floods()
        self._codes = Floods(burst=5, per_second=5 / 3_600)
        self._said = structlog.get_logger("bot")

    def handle(self, update: Incoming) -> Answer | None:
        """Return what to answer; None for silence."""
        now = self._now()
        if not self._floods.allows(update.person, now):
            return self._flood(update, now)
        if self._log.chats.was_asked(update.update_id):
            return None
        return self._pressed(update) if update.data is not None else self._written(update, now)

    def _flood(self, update: Incoming, now: float) -> Answer | None:
        if not self._floods.may_warn(update.person, now):
            return None
        self._note(update, None, "flood", "", "flood")
        return Answer("Too much at once: wait a little.")

    def _written(self, update: Incoming, now: float) -> Answer | None:
        name, words = _parsed(update.text)
        if name == "link":
            return self._link(update, words) if words or not update.is_private else self._pages(update)
        if not update.is_private:
            return self._in_group(update, name, now)
        chat = self._log.chats.of(update.person)
        if chat is None:
            return self._stranger(update, name, now)
        if not chat.is_active:  # whoever writes has not blocked us any more
            self._log.chats.set_active(update.person, None)
        return self._command(update, chat, name, words)

    # --- who ------------------------------------------------------------------------------------

    def _stranger(self, update: Incoming, name: str | None, now: float) -> Answer | None:
        if not self._floods.may_warn(update.person, now):
            return None
        self._note(update, None, f"/{name}" if name else "text", "", "refused: not linked")
        return Answer(_STRANGER)

    def _in_group(self, update: Incoming, name: str | None, now: float) -> Answer | None:
        if name is None or not self._floods.may_warn(update.chat, now):
            return None
        self._note(update, None, f"/{name}", "", "refused: not a private chat")
        return Answer("Commands are taken in a private chat with me only.")

    def _link(self, update: Incoming, words: tuple[str, ...]) -> Answer | None:
        if not self._codes.allows(update.person, self._now()):
            self._note(update, None, "/link", "***", "flood")
            return Answer(_BAD_CODE) if self._floods.may_warn(update.person, self._now()) else None
        where = update.person if update.is_private else update.chat
        chat = self._log.chats.link(words[0][:64] if words else "", where, is_group=not update.is_private)
        done = "done" if chat is not None else "refused: bad code"
        self._note(update, None if chat is None else chat.user_id, "/link", "***", done)
        if chat is None:
            return Answer(_BAD_CODE)
        if chat.role is Role.GROUP:
            return Answer("Linked: this group hears operators' alerts.")
        whom = chat.user_id or "operator"
        return Answer(f"Linked as {whom} ({chat.role.value}). /help lists what you can ask.")

    def _pages(self, update: Incoming) -> Answer | None:
        """Answer a linked user's /link with a one-time link to their own pages; private chats only."""
        chat = self._log.chats.of(update.person)
        origin = self._settings.public_origin
        if chat is None or chat.user_id is None or not origin:
            return self._link(update, ())
        if not self._codes.allows(update.person, self._now()):
            self._note(update, chat.user_id, "/link", "", "flood")
            return Answer("Five links an hour are enough: use the newest, or wait.")
        from interfaces.pages.links import address_of

        self._note(update, chat.user_id, "/link", "", "done")
        link = address_of(origin, self._log.page_links.make(chat.user_id))
        return Answer(f"Your own pages, once, within 15 minutes: {link}\nPass it on to nobody.")

    # --- what -----------------------------------------------------------------------------------

    def _command(
        self, update: Incoming, chat: Chat, name: str | None, words: tuple[str, ...]
    ) -> Answer | None:
        command = None if name is None else self._commands.find(name)
        told = " ".join(words)
        if command is None:
            # Whatever was meant, it may be a mistyped code or a pasted key: the audit keeps none of it.
            shown = f"/{name}" if name else "text"
            self._note(update, chat.user_id, shown, "***" if words else "", "refused: no such command")
            return Answer("I know no such command; /help lists them.")
        if command.role is Role.OPERATOR and chat.role is not Role.OPERATOR:
            self._note(update, chat.user_id, f"/{command.name}", told, "refused: operators only")
            return Answer("Only operators may ask that.")
        answer, outcome = self._run(command, self._ask(chat, words))
        self._note(update, chat.user_id, f"/{command.name}", told, outcome)
        return answer

    def _run(self, command: Command, ask: Ask) -> tuple[Answer, str]:
        try:
            found = command.run(ask)
        except SluiceError as error:
            return Answer(line(error, 600)), f"refused: {line(error)}"
        except Exception as error:
            self._said.exception("command failed", command=command.name)
            return Answer("That went wrong here; it is logged."), f"failed: {type(error).__name__}"
        answer = Answer(found) if isinstance(found, str) else found
        whole = Answer(cut(answer.text, MOST), answer.buttons, answer.photo)
        return whole, "asked" if answer.buttons else "done"

    def _pressed(self, update: Incoming) -> Answer:
        chat = self._log.chats.of(update.person)
        action, outcome, user_id = "button", "done", None if chat is None else chat.user_id
        try:
            action, arguments, ask = self._spent(update, chat)
            text = carry_out(ask, action, arguments)
        except SluiceError as error:
            text, outcome = line(error, 600), f"refused: {line(error)}"
        except Exception as error:
            self._said.exception("button failed", action=action)
            text, outcome = "That went wrong here; it is logged.", f"failed: {type(error).__name__}"
        if user_id is not None and not self._log.accounts.rows(user_id):
            # They have just left: the row of it must not name them again.
            update, user_id = replace(update, person=0), None
        self._note(update, user_id, f"button {action}", "", outcome)
        return Answer(cut(text))

    def _spent(self, update: Incoming, chat: Chat | None) -> tuple[str, dict[str, Any], Ask]:
        """Spend a button. BadInput if it is not this person's to press now."""
        if chat is None or not update.is_private:
            raise BadInput("buttons work for linked people, in their private chat")
        kind, _, button = (update.data or "").partition(":")
        if kind != "b":
            raise BadInput("this button is not known here")
        action, arguments = self._log.chats.press(button[:64], update.person)
        return action, arguments, self._ask(chat, ())

    def _ask(self, chat: Chat, words: tuple[str, ...]) -> Ask:
        at = datetime.fromtimestamp(self._wall_ms() / 1000, UTC)
        return Ask(self._settings, self._log, chat, words, at)

    def _note(
        self, update: Incoming, user_id: str | None, command: str, arguments: str, outcome: str
    ) -> None:
        self._log.chats.note(
            Asked(
                at_wall_ms=self._wall_ms(),
                update_id=update.update_id,
                telegram_id=update.person,
                user_id=user_id,
                command=command[:60],  # ours, or letters and digits
                arguments=line(arguments, 200),
                outcome=outcome,
            )
        )


def _parsed(text: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the command of a text without its slash, and its words; None for a text that is none."""
    found = _COMMAND.match(text[:_LONGEST])
    if found is None:
        return None, ()
    return found[1].lower(), tuple(text[found.end() : _LONGEST].split())
