"""Why did this user trade, or not: every signal of every set ends in a word, in order of time."""

import re

import pytest
import sqlalchemy as sa

from tests.trading.execution.world import World, signal
from trading.notifications.messages import wording
from trading.users.directory import Directory
from trading.users.timeline import timeline


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, users=2)


def lines(log, user_id, **bounds):
    told = {"now_ms": 2**50} | bounds
    return timeline(log, user_id, wording=lambda kind, p: wording("", user_id, kind, p).text, **told)


async def test_traded_signal_goes_from_signal_to_message(world):
    """Signal, order, fill, message, exit, fill, message: for one symbol in this order."""
    engine = await world.boot()
    await world.live(engine)
    found = lines(engine.desk.log, "u1", symbol="AAA/USDT")
    assert [one.kind for one in found] == [
        "signal", "ordered", "fill", "message", "exit", "fill", "message",
    ]  # fmt: skip
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert "DONE" in found[1].what
    assert found[3].what.startswith("Bought")
    assert found[1].what.endswith("left by stop 5%; target 10%")
    assert "for take_profit: its target was reached" in found[4].what


async def test_skipped_signal_has_its_rule_and_reason(world):
    """A paused user: every signal skipped, with the sentence; the other user's lines are not there."""
    engine = await world.boot()
    log = engine.desk.log
    Directory(log).pause("u1")
    await world.live(engine, steps=4)
    found = lines(log, "u1")
    assert [(one.kind, one.symbol) for one in found] == [
        ("signal", "AAA/USDT"),
        ("signal", "BBB/USDT"),
        ("skipped", "AAA/USDT"),
        ("skipped", "BBB/USDT"),
    ]
    assert found[2].what == "paused: the user is paused"


async def test_signal_that_never_came_to_this_user_says_so(world):
    """The engine was off until the set had expired; before that it waits for its turn."""
    engine = await world.boot()
    now_ms = world.clock.now_ms()
    assert {one.kind for one in lines(engine.desk.log, "u1", now_ms=now_ms)} == {"signal", "not offered"}
    assert "waits for its turn" in lines(engine.desk.log, "u1", now_ms=now_ms)[-1].what
    late = [one for one in lines(engine.desk.log, "u1") if one.kind == "not offered"]
    assert len(late) == 2
    assert all("expired at 2026-01-05 12:30:00" in one.what for one in late)


async def test_bounds_and_symbol_filter(world):
    """Later sets are left out by --until, earlier ones by --since, other symbols by --symbol."""
    engine = await world.boot()
    log = engine.desk.log
    first_ms = world.clock.now_ms()
    world.clock.advance(3_600_000)
    second = signal("BBB/USDT", signal_id="sig-00000000000000bb-second")
    log.write_signal_set(world.batch(second, set_id="set-00000000000000aa-0000000000bb"))
    assert {one.ref for one in lines(log, "u1", until_ms=first_ms)} == {
        "sig-00000000000000bb-aaa",
        "sig-00000000000000bb-bbb",
    }
    assert {one.ref for one in lines(log, "u1", since_ms=first_ms + 1)} == {"sig-00000000000000bb-second"}
    assert {one.symbol for one in lines(log, "u1", symbol="BBB/USDT")} == {"BBB/USDT"}


async def test_requests_and_consents_stand_in_it(world):
    """What the user asked for and accepted, with what came of it."""
    engine = await world.boot()
    log = engine.desk.log
    log.wishes.ask("u1", "close_all")
    log.wishes.accept("u1", version="1", text_sha256="00")
    found = {one.kind: one.what for one in lines(log, "u1")}
    assert found["asked"] == "close_all: not done yet"
    assert found["consent"] == "accepted version 1"


async def test_an_entry_says_its_turn_and_what_it_paid_over_the_best_of_all(world):
    """u2 pays 101 where u1 paid 100: 100 basis points; turns are those of the rotation."""
    engine = await world.boot()
    await world.live(engine, steps=4)
    log = engine.desk.log
    with log.database.write() as connection:
        connection.execute(sa.text("update intents set filled_cost = filled * 100 where leg = 'open'"))
        connection.execute(
            sa.text("update intents set filled_cost = filled * 101 where leg = 'open' and user_id = 'u2'")
        )
    told = {user: [one.what for one in lines(log, user) if one.kind == "ordered"] for user in ("u1", "u2")}
    assert all("paid 0.0 basis points over the best" in what for what in told["u1"])
    assert all("paid 100.0 basis points over the best" in what for what in told["u2"])
    turns = {re.search(r"turn (\d)", what)[1] for user in told for what in told[user]}
    assert turns == {"1", "2"}
