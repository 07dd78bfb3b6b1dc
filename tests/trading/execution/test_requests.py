"""What users ask of the engine: close all, leave; gates that keep entries out and never an exit."""

import json
import sqlite3

import pytest

from tests.trading.execution.world import SET_ID, World
from trading.execution.requests import Requests
from trading.store.order_log.records import Leg
from trading.store.order_log.user_keys import SealedKey
from trading.users.consent import read_text
from trading.users.directory import Directory
from trading.users.gates import CLOSE_ALL, CLOSE_TRADE, EntryGates, closing_of
from trading.users.leave import begin
from trading.users.user import Mode, User


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, users=2)


async def held(world):
    """Two users with two positions each."""
    engine = await world.boot()
    await world.live(engine, steps=3)
    assert len(engine.desk.log.ledger.open_trades()) == 4
    return engine


async def settle(world, engine, steps=12):
    for _ in range(steps):
        await engine.step()
        world.wall.advance(1000)
        world.clock.advance(1000)


async def test_close_all_sells_one_user_and_nobody_else(world):
    """Exit reason close_all, the request ends with a message, the other user keeps both positions."""
    engine = await held(world)
    log = engine.desk.log
    log.wishes.ask("u1", CLOSE_ALL)
    await settle(world, engine)
    assert [trade.exit_reason for trade in log.ledger.all_trades("u1")] == [CLOSE_ALL, CLOSE_ALL]
    assert log.ledger.open_trades("u1") == []
    assert len(log.ledger.open_trades("u2")) == 2
    assert log.wishes.open_requests() == []
    assert "close_all_done" in world.mailbox.kinds()
    assert world.wrongs(engine) == []


async def test_one_trade_is_sold_on_request_over_a_restart_and_no_other(world):
    """Exit reason close_trade; the user's other position and everybody else's stay, and entries stay open."""
    engine = await held(world)
    wanted, other = engine.desk.log.ledger.open_trades("u1")
    engine.desk.log.wishes.ask("u1", closing_of(wanted.trade_id))
    engine.desk.log.close()
    again = await world.boot()
    await settle(world, again)
    log = again.desk.log
    left = {trade.trade_id: trade for trade in log.ledger.all_trades("u1")}
    assert left[wanted.trade_id].exit_reason == CLOSE_TRADE
    assert not left[other.trade_id].is_closed
    assert len(log.ledger.open_trades("u2")) == 2
    assert log.wishes.open_requests() == []
    assert again.desk.gates.closed(Directory(log).get("u1")) is None
    assert "close_trade_done" in world.mailbox.kinds()
    assert world.wrongs(again) == []


async def test_nobody_sells_the_trade_of_another(world):
    """A request that names somebody else's trade sells nothing."""
    engine = await held(world)
    foreign = engine.desk.log.ledger.open_trades("u2")[0]
    engine.desk.log.wishes.ask("u1", closing_of(foreign.trade_id))
    await settle(world, engine)
    assert len(engine.desk.log.ledger.open_trades()) == 4


async def test_close_all_survives_a_restart(world):
    """The request is a row: an engine that starts later does it."""
    engine = await held(world)
    engine.desk.log.wishes.ask("u1", CLOSE_ALL)
    engine.desk.log.close()
    again = await world.boot()
    await settle(world, again)
    assert again.desk.log.ledger.open_trades("u1") == []


async def test_no_entry_while_a_close_all_is_open(world):
    """A set that arrives meanwhile is skipped by that rule; it is not bought and sold at once."""
    engine = await world.boot()
    log = engine.desk.log
    log.wishes.ask("u1", CLOSE_ALL)
    user = Directory(log).get("u1")
    assert engine.desk.gates.closed(user).rule == CLOSE_ALL
    # The request step would end it at once (nothing is held): what counts is what entries do before that.
    engine.requests.step = _nothing
    await engine.step()
    rules = {row["rule"] for row in log.skips().to_dicts() if row["user_id"] == "u1"}
    assert rules == {CLOSE_ALL}
    assert log.orders.find(user_id="u1", leg=Leg.OPEN) == []


async def _nothing():
    return 0


async def test_leaving_with_open_positions_is_staged(world, tmp_path):
    """Paused and closing at once; removed, with an export, when nothing is open any more."""
    engine = await held(world)
    log = engine.desk.log
    engine.requests = Requests(engine.desk, engine.wire, exports=tmp_path / "exports")
    done = begin(log, "u1")
    assert done.pseudonym is None
    assert "2 positions are open" in done.hindrance
    assert Directory(log).get("u1").is_paused
    await settle(world, engine, 20)
    assert [user.user_id for user in Directory(log).all()] == ["u2"]
    export = json.loads(next((tmp_path / "exports").iterdir()).read_text())
    assert export["user_id"] == "u1"
    assert len(export["tables"]["trades"]) == 2
    pseudonyms = {trade.user_id for trade in log.ledger.all_trades()} - {"u2"}
    assert len(pseudonyms) == 1
    assert pseudonyms.pop().startswith("left-")
    assert log.breaks() == []


async def test_no_file_holds_the_name_of_somebody_who_left(world, tmp_path):
    """Id and name are in no table, no freed page and no write-ahead log; the order rows are all there."""
    engine = await world.boot()
    log = engine.desk.log
    Directory(log).add(User("zaphod-canary", "Zaphod Canary", "demo:9"))
    world.venue.deposit("zaphod-canary", "USDT", "10000")
    await world.live(engine)
    rows = len(log.fills())
    log.wishes.prefer("zaphod-canary", {"time_zone": "UTC"})
    assert begin(log, "zaphod-canary").pseudonym is not None
    for path in tmp_path.iterdir():
        assert b"anary" not in path.read_bytes(), path.name
    assert len(log.fills()) == rows
    assert log.breaks() == []
    with sqlite3.connect(tmp_path / "orders.db") as raw:
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []


def key(user_id: str, **changes: object) -> SealedKey:
    values = {
        "user_id": user_id, "exchange": "mexc", "key_version": 1, "master_id": "m", "wrapped_key": b"w",
        "sealed": b"s", "print": "p", "state": "proven", "reason": None, "is_ip_bound": True,
        "linked_wall_ms": 1, "checked_wall_ms": 1, "expires_wall_ms": None,
    }  # fmt: skip
    return SealedKey(**(values | changes))


async def test_key_that_failed_keeps_entries_out_and_exits_go_on(world):
    """Skipped by rule `key` with the sentence of the check; the position's target still sells."""
    engine = await held(world)
    log = engine.desk.log
    Directory(log).change("u1", account="key:mexc")
    log.keys.put(key("u1", state="failed", reason="The key has expired."))
    gate = engine.desk.gates.closed(Directory(log).get("u1"))
    assert gate.rule == "key"
    assert "expired" in gate.reason
    world.set_prices("112")
    await settle(world, engine)
    assert {trade.exit_reason for trade in log.ledger.all_trades("u1")} == {"take_profit"}


async def test_changed_risk_text_suspends_entries_until_it_is_accepted(world, tmp_path):
    """Live, consent to version 1: a changed byte closes the gate, accepting the new text opens it."""
    engine = await world.boot()
    log = engine.desk.log
    text = tmp_path / "risk.md"
    text.write_text("Version 1\nYou can lose everything.\n")
    gates = EntryGates(log, None, text)
    log.keys.put(key("u1"))
    user = Directory(log).change("u1", mode=Mode.LIVE, account="key:mexc")
    assert gates.closed(user).rule == "consent"
    first = read_text(text)
    log.wishes.accept("u1", version=first.version, text_sha256=first.sha256)
    assert gates.closed(user) is None
    text.write_text("Version 2\nYou can lose everything, twice.\n")
    assert "changed since version 1" in gates.closed(user).reason
    world.wall.advance(1000)
    second = read_text(text)
    log.wishes.accept("u1", version=second.version, text_sha256=second.sha256)
    assert gates.closed(user) is None
    assert [one.version for one in log.wishes.consents_of("u1")] == ["1", "2"]


async def test_live_user_is_skipped_with_the_reason_of_decision_18(world):
    """Mode may be chosen; this engine says why it does not trade it. Nobody else is touched."""
    engine = await world.boot()
    log = engine.desk.log
    Directory(log).change("u1", mode=Mode.LIVE)
    await world.live(engine, steps=3)
    skips = [row for row in log.skips().to_dicts() if row["user_id"] == "u1"]
    assert {row["rule"] for row in skips} == {"live_off"}
    assert len(log.ledger.open_trades("u2")) == 2
    assert log.sets.offered_to(SET_ID) == {"u1", "u2"}


async def test_replaced_key_opens_the_account_anew(world):
    """The engine drops the account it had opened with the key before."""
    engine = await held(world)
    log = engine.desk.log
    log.keys.put(key("u1"))
    await engine.requests.step()
    before, other = engine.desk.account("u1"), engine.desk.account("u2")
    log.keys.put(key("u1", key_version=2))
    await engine.requests.step()
    assert engine.desk.account("u1") is not before
    assert engine.desk.account("u2") is other


async def test_muted_kind_is_not_delivered_and_waits_for_nothing(world):
    """u1 mutes openings: told of closings only; u2 of both; nothing stays in the outbox."""
    engine = await world.boot()
    log = engine.desk.log
    log.wishes.prefer("u1", {"muted": ["trade_opened"]})
    await world.live(engine)
    kinds = {(m.user_id, m.kind) for m in world.mailbox.messages.values()}
    assert ("u1", "trade_opened") not in kinds
    assert {("u1", "trade_closed"), ("u2", "trade_opened"), ("u2", "trade_closed")} <= kinds
    assert log.outbox.waiting() == []
