"""The pulse: made once for all, only while somebody looks; the slow get the newest; an ended session ends."""

import asyncio
import json

from interfaces.ui.beat import beat
from interfaces.ui.pulse import MOST_OF_ONE, Pulse


async def take(stream, count):
    return [await anext(stream) for _ in range(count)]


async def test_one_message_is_made_for_all_viewers():
    """Fifty viewers, three messages each: three were made, and all got the same bytes."""
    numbers = iter(range(1_000))
    pulse = Pulse(lambda: {"n": next(numbers)}, period_s=0.01)
    streams = [pulse.follow(lambda: True) for _ in range(50)]
    taken = await asyncio.gather(*(take(stream, 3) for stream in streams))
    assert len({tuple(messages) for messages in taken}) == 1
    assert pulse.made <= 4
    assert taken[0][0] == b'event: pulse\ndata: {"n":0}\n\n'
    for stream in streams:
        await stream.aclose()
    await pulse.close()


async def test_nobody_looking_makes_nothing():
    """The loop ends with the last viewer, and starts again with the next."""
    pulse = Pulse(dict, period_s=0.01)
    stream = pulse.follow(lambda: True)
    await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0.05)
    made = pulse.made
    await asyncio.sleep(0.05)
    assert pulse.made == made
    assert pulse.viewers == 0


async def test_a_slow_reader_gets_the_newest_and_no_queue():
    """What it missed is gone."""
    numbers = iter(range(1_000))
    pulse = Pulse(lambda: {"n": next(numbers)}, period_s=0.005)
    stream = pulse.follow(lambda: True)
    await anext(stream)
    await asyncio.sleep(0.1)
    late = json.loads((await anext(stream)).split(b"data: ")[1])
    assert late["n"] >= 5
    await stream.aclose()
    await pulse.close()


async def test_an_ended_session_is_told_and_let_go():
    """After log-out or expiry an open screen gets one last word."""
    is_in = [True]
    pulse = Pulse(dict, period_s=0.005)
    stream = pulse.follow(lambda: is_in[0])
    await anext(stream)
    is_in[0] = False
    assert await anext(stream) == b"event: over\ndata: {}\n\n"
    await stream.aclose()
    await pulse.close()


async def test_trouble_is_told_and_does_not_end_the_pulse():
    """A log that cannot be read for a second."""
    told = iter([OSError("disk"), {"n": 1}])

    def make():
        found = next(told)
        if isinstance(found, Exception):
            raise found
        return found

    pulse = Pulse(make, period_s=0.005)
    stream = pulse.follow(lambda: True)
    assert b'"trouble":"OSError"' in await anext(stream)
    assert b'"n":1' in await anext(stream)
    await stream.aclose()
    await pulse.close()


def test_the_beat_counts_by_mode_and_moves_its_mark_with_every_event(desk, traded):
    """One closed paper trade; a halt is an event, so pages that follow look again."""
    from trading.store.order_log.halts import HaltKind, HaltScope

    before = beat(desk.world)
    assert (before["open"], before["closed"]) == ({}, {"paper": 1})
    traded.log.halts.place(HaltKind.FREEZE, (HaltScope.FLEET, None), by="ada", why="<b>odd</b>")
    after = beat(desk.world)
    assert after["mark"] != before["mark"]
    assert after["halts"] == ["freeze of the fleet by ada: <b>odd</b>"]


async def test_one_account_never_takes_the_streams_of_the_others():
    """Its fifty-first is refused; another account still has room, and so has it when one of its own ends."""
    pulse = Pulse(lambda: {"a": 1}, period_s=0.01)
    streams = [pulse.follow(lambda: True, "ada") for _ in range(MOST_OF_ONE)]
    for stream in streams:
        await anext(stream)
    assert not pulse.has_room("ada")
    assert pulse.has_room("vic")
    await streams[0].aclose()
    assert pulse.has_room("ada")
    for stream in streams[1:]:
        await stream.aclose()
    await pulse.close()
