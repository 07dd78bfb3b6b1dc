"""Updates are answered several at once, but one person's in the order in which they were written."""

import asyncio
import time
from datetime import UTC, datetime

from telegram import Chat, Message, Update, User

from interfaces.bot.running import Running


def written(number: int, person: int, text: str) -> Update:
    message = Message(
        number, datetime(2026, 3, 2, tzinfo=UTC), Chat(person, "private"), from_user=User(person, "A", False),
        text=text,
    )  # fmt: skip
    return Update(number, message=message)


async def test_the_last_word_of_a_person_is_done_last_and_others_do_not_wait(talking, monkeypatch):
    """A slow /start before /stop: nobody who has just stopped trades; person 900 is answered meanwhile."""
    running = Running(talking.settings, talking.log, None, has_alerts=False)
    done = []

    def handle(asked):
        time.sleep(0.3 if asked.text == "/start" else 0.0)
        done.append((asked.person, asked.text))

    monkeypatch.setattr(running._talk, "handle", handle)
    for number, (person, text) in enumerate([(1, "/start"), (1, "/stop"), (900, "/ping")]):
        await running._begin(written(number, person, text))
    await asyncio.wait_for(asyncio.gather(*running._answering), 10)
    assert done == [(900, "/ping"), (1, "/start"), (1, "/stop")]
    await asyncio.sleep(0)
    assert running._newest == {}
