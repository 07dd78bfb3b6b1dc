"""The bot as a real process against the fake Bot API: commands, and SIGKILL in the middle of a queue."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter

import pytest

from bench.telegram import Scene, kills, until

pytestmark = pytest.mark.slow  # 40 to 90 s: the bot starts five times


@pytest.fixture
async def scene(tmp_path):
    made = Scene(tmp_path)
    await made.open()
    yield made
    await made.close()


async def test_a_killed_bot_loses_nothing_and_repeats_one_message_a_kill_at_most(scene):
    """60 people, two kills: everybody hears; what came twice has the same text and so the same reference."""
    scene.people(60)
    await scene.start()
    found = await kills(scene, 60, 2, 1.0)
    assert (found["lost"], found["limits_broken"]) == (0, 0)
    assert found["repeated"] <= 2
    again = [text for text, count in Counter(one.text for one in scene.fake.sent).items() if count > 1]
    assert all("ref " in text for text in again)


async def test_a_person_asks_and_presses_and_a_second_bot_refuses(scene):
    """A command, a button and its answer go over the wire; the audit has both."""
    scene.people(1)
    await scene.start()
    scene.fake.say(1, "/risk 2%")
    await until(lambda: bool(scene.fake.sent) and bool(scene.fake.sent[-1].buttons), 30)
    scene.fake.press(1, scene.fake.sent[-1].buttons[0]["callback_data"])
    await until(lambda: "0.02 now" in scene.fake.sent[-1].text, 30)
    await until(lambda: len(scene.fake.pressed) == 1, 10)
    assert [row.command for row in scene.log.chats.audit(2)] == ["button risk", "/risk"]
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "interfaces.cli", "bot", "run", env=scene.environment(), stderr=PIPE
    )
    _, said = await asyncio.wait_for(second.communicate(), 60)
    assert second.returncode == 1
    assert b"another `sluice bot run`" in said
