"""The fake Bot API answers python-telegram-bot as Telegram would."""

import asyncio

import pytest
from aiohttp import web

from interfaces.bot.lock import only_poller
from interfaces.bot.wire import Blocked, Button, Flood, NotTaken, TelegramWire
from trading.market.errors import BadInput
from trading.notifications.fake_telegram import FakeTelegram


@pytest.fixture
async def served():
    fake = FakeTelegram()
    runner = web.AppRunner(fake.app(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield fake, f"http://127.0.0.1:{port}/bot"
    await runner.cleanup()


@pytest.fixture
async def bot(served):
    from telegram import Bot

    made = Bot("1:test", base_url=served[1])
    async with made:
        yield made


async def test_the_client_knows_itself_sends_and_reads(served, bot):
    """getMe, sendMessage with a button, getUpdates with a text and a press."""
    fake, _ = served
    assert bot.username == "sluice_fake_bot"
    await TelegramWire(bot).send(7, "hello", (Button("Yes", "y1"),))
    fake.say(7, "/status now")
    fake.press(7, "y1")
    updates = await bot.get_updates(timeout=1)
    assert [fake.sent[0].text, fake.sent[0].buttons] == ["hello", [{"text": "Yes", "callback_data": "y1"}]]
    assert updates[0].message.text == "/status now"
    assert updates[1].callback_query.data == "y1"
    assert await bot.get_updates(offset=updates[1].update_id + 1, timeout=0) == ()


async def test_a_picture_arrives_with_its_caption(served, bot):
    """sendPhoto is multipart; its bytes are counted."""
    fake, _ = served
    await TelegramWire(bot).send(7, "chart", photo=b"\x89PNG" + b"0" * 100)
    assert (fake.sent[0].method, fake.sent[0].text, fake.sent[0].photo_bytes) == ("sendphoto", "chart", 104)


async def test_refusals_are_told_apart(served, bot):
    """403, 429 with its seconds, and a text that is too long."""
    fake, _ = served
    wire = TelegramWire(bot)
    fake.blocked.add(8)
    with pytest.raises(Blocked):
        await wire.send(8, "x")
    fake.floods.append(3)
    with pytest.raises(Flood) as flood:
        await wire.send(7, "x")
    assert flood.value.retry_after_s == 3
    with pytest.raises(NotTaken):
        await wire.send(7, "x" * 5_000)


async def test_a_second_poll_of_one_token_ends_the_first(served, bot):
    """409 to the older one, as Telegram answers; the newer goes on."""
    from telegram import Bot, error

    first = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0.2)
    async with Bot("1:test", base_url=served[1]) as second:
        assert await second.get_updates(timeout=0) == ()
    with pytest.raises(error.Conflict):
        await first


def test_a_second_bot_on_this_machine_refuses(tmp_path):
    """The lock is the token's and ends with its holder."""
    held = only_poller("1:a", tmp_path)
    with held, only_poller("1:b", tmp_path), pytest.raises(BadInput, match="another"):
        only_poller("1:a", tmp_path).__enter__()
    with only_poller("1:a", tmp_path):
        pass


async def test_a_strict_server_answers_429_to_a_chat_s_second_message_within_a_second():
    """And does not deliver it."""
    fake = FakeTelegram(is_strict=True, clock=lambda: 5.0)
    fake._answer("sendmessage", {"chat_id": "7", "text": "a"})
    with pytest.raises(Exception, match="Too Many"):
        fake._answer("sendmessage", {"chat_id": "7", "text": "b"})
    assert fake.report()["sent"] == 1
    assert fake.report()["breaks"] != []
