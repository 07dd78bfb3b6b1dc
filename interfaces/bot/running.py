"""The bot as a process: takes events in, sends what is due, polls for updates and answers them."""

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from interfaces.bot.lock import only_poller
from interfaces.bot.sender import Sender
from interfaces.bot.talk import Incoming, Talk
from interfaces.bot.wire import TelegramWire
from trading.market.clock import SystemClock
from trading.market.errors import BadInput, InTheWay, StoreError
from trading.users.telling import Telling

if TYPE_CHECKING:
    from telegram import Bot, Update

    from interfaces.bot.commands import Answer
    from resources.settings import Settings
    from trading.store.order_log import OrderLog

TAKE_IN_S = 0.25
POLL_S = 20
YIELD_S = 30.0
AT_ONCE = 4
MOST_WAITING = 200


class Running:
    """All parts together.

    Parameters
    ----------
    settings, log
        The world.
    bot : telegram.Bot
        For updates and sends; two clients, so that a long poll holds up no message.
    """

    def __init__(self, settings: "Settings", log: "OrderLog", bot: "Bot", has_alerts: bool) -> None:
        wall = SystemClock()
        self._bot = bot
        self._wall = wall
        self._telling = Telling(log, has_alerts=has_alerts)
        self.sender = Sender(log, TelegramWire(bot), wall)
        self._talk = Talk(settings, log, wall.now_ms, time.monotonic)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        self._newest: dict[int, asyncio.Task[Answer | None]] = {}  # what each person asked last
        self._said = structlog.get_logger("bot")

    async def take_in(self) -> None:
        """Queue events for ever."""
        while True:
            try:
                taken = await asyncio.to_thread(self._telling.step, self._wall.now())
            except StoreError as error:
                self._said.warning("order log does not answer", why=str(error)[:200])
                taken = 0
            if taken == 0:
                await asyncio.sleep(TAKE_IN_S)

    async def poll(self) -> None:
        """Answer updates for ever. BadInput if another process polls this token."""
        from telegram import error

        offset, has_polled, since = 0, False, time.monotonic()
        while True:
            try:
                updates = await self._bot.get_updates(
                    offset=offset, timeout=POLL_S, allowed_updates=["message", "callback_query"]
                )
            except error.Conflict:
                # After a kill -9 Telegram still holds the dead process's poll for a while. A process that
                # never got through gives way; the one that did stays, or both would go.
                if not has_polled and time.monotonic() - since > YIELD_S:
                    raise InTheWay("another process polls this token; Telegram allows one") from None
                self._said.warning("another poll of this token")
                await asyncio.sleep(3)
                continue
            except error.InvalidToken:
                raise BadInput("Telegram does not know this token; ask BotFather for it again") from None
            except error.TelegramError as failed:
                self._said.warning("no updates", why=type(failed).__name__)
                await asyncio.sleep(2)
                continue
            has_polled = True
            for update in updates:
                offset = update.update_id + 1
                await self._begin(update)

    async def _begin(self, update: "Update") -> None:
        """Answer in a task of its own; more than `MOST_WAITING` at once wait at Telegram."""
        while len(self._answering) >= MOST_WAITING:
            await asyncio.wait(self._answering, return_when=asyncio.FIRST_COMPLETED)
        asked = incoming(update)
        if asked is None:
            return
        # One person's commands keep their order: /stop after /start must not be done before it.
        handled = asyncio.create_task(self._handle(asked, self._newest.get(asked.person)))
        self._newest[asked.person] = handled
        handled.add_done_callback(partial(self._handled, asked.person))
        task = asyncio.create_task(self._answer(update, asked, handled))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _handle(
        self, asked: "Incoming", before: "asyncio.Task[Answer | None] | None"
    ) -> "Answer | None":
        """Do what is asked, after what the same person asked before. Sending answers is not waited for."""
        if before is not None:
            await asyncio.wait([before])
        async with self._slots:
            return await asyncio.to_thread(self._talk.handle, asked)

    def _handled(self, person: int, task: "asyncio.Task[Answer | None]") -> None:
        if self._newest.get(person) is task:
            del self._newest[person]

    async def _answer(
        self, update: "Update", asked: "Incoming", handled: "asyncio.Task[Answer | None]"
    ) -> None:
        try:
            answer = await handled
        except StoreError as failed:
            self._said.warning("order log does not answer", why=str(failed)[:200])
            return
        if update.callback_query is not None:
            await self._quietly(update.callback_query.answer())
        if answer is not None:
            await self.sender.answer(asked.chat, answer.text, answer.buttons, answer.photo)

    async def _quietly(self, call: Any) -> None:
        from telegram import error

        try:
            await call
        except error.TelegramError as failed:
            self._said.info("button not acknowledged", why=type(failed).__name__)


def incoming(update: "Update") -> Incoming | None:
    """Return an update as we know it; None for what is neither a text nor a press of a person."""
    person, chat = update.effective_user, update.effective_chat
    if person is None or chat is None or person.is_bot:
        return None
    make = partial(Incoming, update.update_id, person.id, chat.id, chat.type == "private")
    if update.callback_query is not None:
        return make(data=str(update.callback_query.data or ""))
    if update.message is None or update.message.text is None:
        return None
    return make(text=update.message.text)


async def run(settings: "Settings", log: "OrderLog") -> None:
    """Run until cancelled.

    Raises
    ------
    BadInput
        If there is no token, or another process polls it.
    """
    from telegram import Bot
    from telegram.request import HTTPXRequest

    token = settings.telegram_token.get_secret_value()
    if not token:
        raise InTheWay(
            "no token: set SLUICE_TELEGRAM_TOKEN (docs/how-to/telegram.md), or try `sluice bot fake`"
        )
    urls = [url.get_secret_value() for url in settings.alert_urls]
    with only_poller(token):
        bot = Bot(
            token,
            base_url=f"{settings.telegram_url.rstrip('/')}/bot",
            request=HTTPXRequest(connection_pool_size=4, read_timeout=10),
            get_updates_request=HTTPXRequest(connection_pool_size=1, read_timeout=POLL_S + 10),
        )
        async with bot, asyncio.TaskGroup() as group:
            running = Running(settings, log, bot, bool(urls))
            group.create_task(running.take_in())
            group.create_task(running.sender.run())
            group.create_task(running.poll())
            if urls:
                from interfaces.bot.alerts import Alerts, through_apprise

                alerts = Alerts(log, through_apprise(urls), lambda: datetime.now(UTC))
                group.create_task(alerts.run())
