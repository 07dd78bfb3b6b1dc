"""The queue goes out: most urgent first, under Telegram's limits, one message in flight.

One in flight is what makes "at most one message twice" true: a process that is killed may have sent the one
message it had not marked yet, and no other. Answers to commands go the same way, between two queued messages.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog

from interfaces.bot.wire import Blocked, Button, Flood, NoAnswer, NotTaken, Wire
from trading.market.clock import Clock
from trading.notifications.merging import merged
from trading.notifications.pace import Pace
from trading.notifications.plain import CAPTION, cut
from trading.notifications.urgency import Urgency
from trading.store.order_log import OrderLog
from trading.store.order_log.messages import NOBODY, Queued
from trading.users.delivery import MERGE, SAME_ERROR
from trading.users.telling import ALERTS

IDLE_S = 0.1
AHEAD_S = 0.4  # what is looked up at once: money waits no longer than this behind it
MOST_MERGED = 100
MOST_TRIES = 3
_ANSWER_TRIES = 3
_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


class Sender:
    """Sends what is due.

    Parameters
    ----------
    log : OrderLog
        Where the queue is.
    wire : Wire
        The way to Telegram.
    wall : Clock
        What is due.
    now, sleep : callable
        Monotonic seconds, and waiting for some; tests pass simulated ones.
    aside : callable
        Runs a read or write of the log; by default in a thread, so that the event loop goes on.
    """

    def __init__(
        self,
        log: OrderLog,
        wire: Wire,
        wall: Clock,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        aside: Callable[..., Awaitable[object]] = asyncio.to_thread,
    ) -> None:
        self._log = log
        self._wire = wire
        self._wall = wall
        self._now = now
        self._sleep = sleep
        self._aside = aside
        self.pace = Pace()
        self._turn = asyncio.Lock()
        self._failed = 0
        self._said = structlog.get_logger("bot")
        self._ready: list[list[Queued]] = []
        self._stale_at = 0.0
        self.sent = 0
        self.retry_afters = 0

    async def run(self) -> None:
        """Send for ever."""
        while True:
            if not await self.step():
                await self._sleep(IDLE_S)

    async def step(self) -> bool:
        """Send the next message that is due; False if there was none."""
        async with self._turn:
            await self._free()
            batch = await self._next()
            if batch is None:
                self.pace.idle(self._now())
                return False
            await self._deliver(batch)
        return True

    async def answer(
        self, chat: int, text: str, buttons: tuple[Button, ...] = (), photo: bytes | None = None
    ) -> bool:
        """Answer somebody who asked; False if it did not go out. Not kept: they can ask again."""
        whole = cut(text, CAPTION) if photo is not None else cut(text)
        for _ in range(_ANSWER_TRIES):
            await self._sleep(self.pace.chat_wait_s(chat, self._now()))
            async with self._turn:
                if self.pace.chat_wait_s(chat, self._now()) > 0:
                    continue
                await self._free()
                if await self._answered(chat, whole, buttons, photo):
                    return True
        return False

    async def _answered(self, chat: int, text: str, buttons: tuple[Button, ...], photo: bytes | None) -> bool:
        self.pace.take(chat, self._now())
        try:
            await self._wire.send(chat, text, buttons, photo)
        except Flood as flood:
            self._rest(flood)
            return False
        except (Blocked, NotTaken, NoAnswer) as failed:
            self._said.warning("answer not sent", chat=chat, why=str(failed)[:200])
            return False
        self.pace.answered(chat, self._now())
        return True

    async def _free(self) -> None:
        """Wait until anything may be sent at all."""
        while (wait := self.pace.wait_s(self._now())) > 0:
            await self._sleep(wait)

    async def _next(self) -> list[Queued] | None:
        """Return what goes out next, as one message. Looked up for some tenths of a second at once."""
        now = self._now()
        if not self._ready or now >= self._stale_at:
            resting = [f"tg:{chat}" for chat in self.pace.resting(now)]
            look = partial(self._look_ahead, [ALERTS, NOBODY, *resting])
            self._ready = await self._aside(look)  # type: ignore[assignment]  # what `look` returns
            self._stale_at = self._now() + AHEAD_S  # from the answer on: a slow look is not stale as it comes
        for place, batch in enumerate(self._ready):
            if self.pace.chat_wait_s(_chat(batch[0]), self._now()) <= 0:
                return self._ready.pop(place)
        self._ready = []
        return None

    def _look_ahead(self, but: list[str]) -> list[list[Queued]]:
        now_ms = self._wall.now_ms()
        firsts = self._log.messages.ahead(now_ms, but=but)
        if not firsts:
            return []
        until = now_ms + int(SAME_ERROR.total_seconds() * 1000)
        waiting = self._log.messages.waiting_for([each.recipient for each in firsts], until_wall_ms=until)
        return [[first, *_companions(first, waiting, now_ms)] for first in firsts]

    async def _deliver(self, batch: list[Queued]) -> None:
        first = batch[0]
        chat, numbers = _chat(first), [each.seq for each in batch]
        batch = sorted(batch, key=lambda each: each.seq)
        is_same = first.fingerprint is not None
        text = merged([each.text for each in batch], [each.event_id for each in batch], is_same=is_same)
        self.pace.take(chat, self._now())
        messages = self._log.messages
        try:
            result = await self._wire.send(chat, text)
        except Blocked as blocked:
            await self._aside(partial(self._leave, chat, first.recipient, str(blocked)))
        except Flood as flood:
            self._rest(flood)
            await self._aside(partial(messages.again, numbers, first.due_wall_ms))
        except NotTaken as refused:
            await self._refused(batch, numbers, str(refused))
        except NoAnswer as failed:
            await self._no_answer(numbers, first, str(failed))
        else:
            self._failed = 0
            self.sent += 1
            self.pace.answered(chat, self._now())
            await self._aside(partial(messages.sent, numbers, result))

    def _leave(self, chat: int, recipient: str, why: str) -> None:
        self._log.chats.set_active(chat, why[:200])
        self._log.messages.drop_all(recipient, f"cannot be reached: {why}")
        self._said.warning("chat cannot be reached", chat=chat, why=why[:200])

    def _rest(self, flood: Flood) -> None:
        self.retry_afters += 1
        self.pace.rest(flood.retry_after_s, self._now())
        self._said.warning("telegram said wait", seconds=flood.retry_after_s)

    async def _refused(self, batch: list[Queued], numbers: list[int], why: str) -> None:
        self._said.error("message refused", events=[each.event_id for each in batch][:5], why=why[:200])
        if batch[0].attempts + 1 >= MOST_TRIES:
            await self._aside(partial(self._log.messages.dropped, numbers, why))
            return
        later = self._wall.now_ms() + 60_000
        await self._aside(partial(self._log.messages.again, numbers, later))

    async def _no_answer(self, numbers: list[int], first: Queued, why: str) -> None:
        """Try again later; meanwhile nothing else, for the way itself is closed."""
        wait = _BACK_OFF_S[min(self._failed, len(_BACK_OFF_S) - 1)]
        self._failed += 1
        self.pace.rest(wait, self._now())
        self._said.warning("telegram does not answer", why=why[:200], wait_s=wait)
        await self._aside(partial(self._log.messages.again, numbers, first.due_wall_ms))


def _chat(message: Queued) -> int:
    return int(message.recipient.removeprefix("tg:"))


def _companions(first: Queued, waiting: list[Queued], now_ms: int) -> list[Queued]:
    """Return what goes out in the same message: the same class, and of an error the same error."""
    ahead = SAME_ERROR if first.fingerprint is not None else MERGE
    if first.urgency == Urgency.MONEY and first.fingerprint is None:
        ahead = MERGE * 0
    until = now_ms + int(ahead.total_seconds() * 1000)
    found = [
        each
        for each in waiting
        if (each.recipient, each.urgency) == (first.recipient, first.urgency)
        and each.due_wall_ms <= until
        and each.seq != first.seq
        and first.fingerprint in (None, each.fingerprint)
    ]
    return found[:MOST_MERGED]


def depth(log: OrderLog, now: datetime) -> dict[str, dict[str, float]]:
    """Return how many messages are due in each class and how long the oldest has been, in seconds."""
    found = log.messages.depth(int(now.timestamp() * 1000))
    return {
        Urgency(urgency).name.lower(): {"due": count, "oldest_s": age}
        for urgency, (count, age) in found.items()
    }
