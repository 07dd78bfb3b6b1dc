"""The queue in simulated seconds: durable, once, most urgent first, merged, within every limit."""

import asyncio

import pytest

from interfaces.bot.wire import Blocked, Flood, NoAnswer, NotTaken
from tests.interfaces.bot.stand import Stand
from trading.notifications.merging import reference
from trading.store.order_log.chats import Role
from trading.users.preferences import Preferences


async def test_two_hundred_users_hear_within_five_percent_of_the_floor(stand):
    """200 at 25 a second are 8 s; no second holds more than 28. `python -m bench telegram`: 1,000."""
    for name in stand.add(200):
        stand.post(f"close-{name}", name, "close_all_done")
    while len(stand.line.sent) < 200:
        await stand.run(stand.now + 1)
    assert len({chat for chat, _ in stand.line.sent}) == 200
    assert stand.line.at[-1] - stand.line.at[0] <= 200 / 25 * 1.05
    assert stand.line.windows.breaks == []
    assert stand.line.windows.most_per_second <= 28


async def test_a_machine_that_stalls_tells_everybody_nearly_as_soon(stand):
    """0.25 s lost at each of 25 looks into the log: 250 users hear in 1.05 of 250 / 25 s all the same."""
    real = stand.sender._look_ahead
    stand.looks = 0

    def slow(but):
        stand.looks += 1
        stand.now += 0.25
        return real(but)

    stand.sender._look_ahead = slow
    for name in stand.add(250):
        stand.post(f"close-{name}", name, "close_all_done")
    while len(stand.line.sent) < 250:
        await stand.run(stand.now + 1)
    assert stand.looks >= 25
    assert stand.line.at[-1] - stand.line.at[0] <= 250 / 25 * 1.05
    assert stand.line.windows.breaks == []
    assert stand.line.windows.most_per_second <= 28


async def test_money_overtakes_queued_digests(stand):
    """A stop leaves within a second of being written, though 200 digests wait."""
    names = stand.add(200)
    for name in names:
        stand.post(f"n-{name}", name, "listed", text="x")
    await stand.run(4)
    stand.post("stop", names[-1], "order_rejected", symbol="A/USDT", reason="no")
    asked = stand.now
    await stand.run(stand.now + 2)
    place = next(i for i, (_, text) in enumerate(stand.line.sent) if "refused" in text)
    assert stand.line.at[place] - asked <= 1.0
    assert place < 150


async def test_fills_of_one_user_within_seconds_are_one_message(stand):
    """Three fills in two seconds: one message with three lines; the fourth, later, is another."""
    stand.add(1)
    for index in range(3):
        stand.bought(f"e{index}", "u1", f"C{index}/USDT")
        await stand.run(stand.now + 0.5)
    await stand.run(8)
    stand.bought("late", "u1")
    await stand.run(14)
    assert len(stand.line.sent) == 2
    assert [f"C{i}/USDT" in stand.line.sent[0][1] for i in range(3)] == [True] * 3
    assert stand.log.messages.counts()["sent"] == 4


async def test_an_event_is_told_once_however_often_it_is_looked_at(stand):
    """The key is event and recipient; a new process with the same log adds nothing."""
    stand.add(1)
    stand.post("once", "u1", "close_all_done")
    await stand.run(2)
    stand.sender = stand.new_sender()
    await stand.run(6)
    assert len(stand.line.sent) == 1


async def test_a_death_between_send_and_mark_repeats_one_message_under_the_same_reference(stand):
    """The send went out, the mark did not: after the restart that one comes again, and no other."""
    for name in stand.add(20):
        stand.post(f"e-{name}", name, "close_all_done")
    marked, real = 0, stand.sender._aside

    async def dying(work, *arguments):
        nonlocal marked
        if getattr(work, "func", None) == stand.log.messages.sent:
            marked += 1
            if marked == 8:
                raise SystemExit
        return await real(work, *arguments)

    stand.sender._aside = dying
    with pytest.raises(SystemExit):
        await stand.run(10)
    stand.sender = stand.new_sender()
    await stand.run(20)
    texts = [text for _, text in stand.line.sent]
    assert len(texts) == 21
    assert len(set(texts)) == 20
    twice = next(text for text in texts if texts.count(text) == 2)
    assert twice.endswith(reference(["e-u8"]))


async def test_who_blocked_the_bot_is_marked_and_holds_nobody_up(stand):
    """403: inactive, what waits for them is dropped with the reason; the next user hears."""
    stand.add(2)
    stand.line.fails = [Blocked("bot was blocked by the user")]
    for event, name in (("a", "u1"), ("b", "u1"), ("c", "u2")):
        stand.post(event, name, "close_all_done")
    await stand.run(5)
    assert [chat for chat, _ in stand.line.sent] == [2]
    assert stand.log.chats.of(1).is_active is False
    assert stand.log.messages.counts() == {"waiting": 0, "sent": 1, "dropped": 2}


async def test_retry_after_is_waited_for_and_nothing_is_lost(stand):
    """429 with 7 s: no message in those 7 s, then this one."""
    stand.add(1)
    stand.line.fails = [Flood(7)]
    stand.post("a", "u1", "close_all_done")
    await stand.run(12)
    assert len(stand.line.sent) == 1
    assert stand.line.at[0] >= 7


async def test_a_message_that_is_never_taken_is_dropped_after_three_tries(stand):
    """400 is not cured by trying: it is said and put away, and others go on."""
    stand.add(2)
    stand.line.fails = [NotTaken("bad")] * 1
    stand.post("a", "u1", "close_all_done")
    stand.post("b", "u2", "close_all_done")
    await stand.run(3)
    stand.line.fails = [NotTaken("bad")] * 2
    await stand.run(200)
    assert [chat for chat, _ in stand.line.sent] == [2]
    assert stand.log.messages.counts()["dropped"] == 1


async def test_silence_of_telegram_is_waited_out_with_growing_pauses(stand):
    """1, 2, 4 s between tries; then everything goes."""
    stand.add(1)
    stand.line.fails = [NoAnswer("TimedOut")] * 3
    stand.post("a", "u1", "close_all_done")
    await stand.run(10)
    assert len(stand.line.sent) == 1
    assert stand.line.at[0] >= 7


async def test_operators_hear_the_same_error_once_in_ten_minutes_with_its_count(stand):
    """30 reports in 30 s: one at once, one after ten minutes that says 29; traders hear none."""
    stand.add(1)
    stand.link(500, None, Role.OPERATOR)
    for index in range(30):
        stand.post(f"r{index}", "operator", "run_failed", text=f"run {index} failed")
        await stand.run(stand.now + 1)
    assert [chat for chat, _ in stand.line.sent] == [500]
    await stand.sleep(570)
    await stand.run(640)
    assert len(stand.line.sent) == 2
    assert "(the same 29 times)" in stand.line.sent[1][1]


async def test_quiet_hours_hold_a_fill_and_pass_money(stand):
    """Quiet from 11 to 13; it is noon."""
    stand.add(1)
    stand.log.wishes.prefer("u1", Preferences(quiet_from="11:00", quiet_to="13:00").to_json())
    stand.bought("fill", "u1")
    stand.post("money", "u1", "order_rejected", symbol="A/USDT", reason="no")
    await stand.run(30)
    assert len(stand.line.sent) == 1
    assert "refused" in stand.line.sent[0][1]
    await stand.sleep(3_600)
    await stand.run(stand.now + 10)
    assert "Bought" in stand.line.sent[1][1]


async def test_an_answer_goes_between_two_queued_messages(stand):
    """Somebody who asks does not wait behind a queue of hundreds."""
    for name in stand.add(100):
        stand.post(f"n-{name}", name, "listed", text="x")
    await stand.run(3)
    before = len(stand.line.sent)
    assert await stand.sender.answer(9_999, "here")
    assert len(stand.line.sent) == before + 1
    assert stand.line.windows.breaks == []


async def test_an_unlinked_user_s_event_is_looked_at_once(stand):
    """Nobody to tell is a row, too: it is not looked at for ever."""
    stand.add(1)
    stand.log.chats.unlink(1)
    stand.post("a", "u1", "close_all_done")
    assert stand.telling.step(stand.wall.now()) == 1
    assert stand.telling.step(stand.wall.now()) == 0


async def test_what_happened_before_the_bot_ever_ran_is_not_told(tmp_path):
    """A bot set up in an old world does not tell its history."""
    stand = Stand(tmp_path / "old.db")
    stand.add(1)
    with stand.log.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM cursors")
    stand.post("old", "u1", "close_all_done")
    stand.telling.__init__(stand.log)
    stand.post("new", "u1", "close_all_done")
    assert stand.telling.step(stand.wall.now()) == 1
    stand.log.close()


async def test_a_real_loop_runs_the_sender(stand):
    """With threads and the real clock the same code sends."""
    from interfaces.bot.sender import Sender

    stand.add(1)
    stand.post("a", "u1", "close_all_done")
    stand.telling.step(stand.wall.now())
    sender = Sender(stand.log, stand.line, stand.wall)
    task = asyncio.create_task(sender.run())
    for _ in range(100):
        await asyncio.sleep(0.02)
        if stand.line.sent:
            break
    task.cancel()
    assert len(stand.line.sent) == 1
