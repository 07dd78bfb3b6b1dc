"""Linked keys looked at once a day, the longest unlooked first; a venue that is down judges nobody."""

from decimal import Decimal

import pytest

from tests.trading.execution.test_requests import key
from tests.trading.execution.world import World
from trading.exchange.key_access import Rights
from trading.execution.key_watch import KeyWatch
from trading.market.errors import BadCredentials, Unreachable
from trading.market.orders import Balance
from trading.market.timeframes import DAY_MS
from trading.users.directory import Directory


class Access:
    """A key that is good, or raises what it is told to."""

    def __init__(self, trouble=None):
        self.trouble = trouble
        self.asked = 0

    address = standby = None

    async def rights(self):
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return Rights(True, False, {"USDT": Balance("USDT", Decimal(10_000), Decimal(0))})

    async def may_see_withdrawals(self):
        return False

    async def pairs(self):
        return {"AAAUSDT", "BBBUSDT"}

    async def test_order(self, market, price, amount):
        assert amount * price >= market.min_cost

    async def open_client_ids(self, markets):
        return []


@pytest.fixture
async def engine(tmp_path):
    world = World(tmp_path, users=3)
    world.wall.advance(10 * DAY_MS)
    found = await world.boot()
    now_ms = world.wall.now_ms()
    for number, age_ms in ((1, DAY_MS), (2, 3 * DAY_MS), (3, DAY_MS - 1)):
        Directory(found.desk.log).change(f"u{number}", account="key:mexc")
        found.desk.log.keys.put(key(f"u{number}", print=f"p{number}", checked_wall_ms=now_ms - age_ms))
    found.world = world
    return found


async def test_oldest_first_one_at_a_time_and_not_before_a_day(engine):
    """u2 (three days), then u1 (one day); u3 is a millisecond too young."""
    watch = KeyWatch(engine.desk, lambda user: Access())
    assert [await watch.step() for _ in range(3)] == ["u2", "u1", None]
    engine.world.wall.advance(1)
    assert await watch.step() == "u3"


async def test_refused_key_fails_and_is_told(engine):
    """State, sentence and one alert."""
    refused = BadCredentials("GET account: HTTP 400, code 10072: Api key info invalid", code=10072)
    await KeyWatch(engine.desk, lambda user: Access(refused)).step()
    log = engine.desk.log
    assert log.keys.get("u2", "mexc").state == "failed"
    [event] = log.outbox.of_user("u2")
    assert event.kind == "key_failed"
    assert "does not know this key" in event.payload["reason"]


async def test_unreachable_venue_judges_nobody_and_is_asked_again_in_an_hour(engine):
    """The key stays proven; others come first."""
    access = Access(Unreachable("no"))
    watch = KeyWatch(engine.desk, lambda user: access)
    assert [await watch.step() for _ in range(3)] == ["u2", "u1", None]
    assert engine.desk.log.keys.get("u2", "mexc").state == "proven"
    engine.world.wall.advance(3_600_000)
    assert await watch.step() in ("u2", "u3", "u1")
    assert engine.desk.log.outbox.of_user("u2") == []


async def test_end_of_an_unbound_key_is_told_once_a_day(engine):
    """Ten days before: one message at this check, none more at a second on the same day."""
    log, now_ms = engine.desk.log, engine.world.wall.now_ms()
    log.keys.put(
        key("u2", print="p2", is_ip_bound=False, checked_wall_ms=0, expires_wall_ms=now_ms + 10 * DAY_MS)
    )
    watch = KeyWatch(engine.desk, lambda user: Access())
    await watch.step()
    log.keys.note("u2", "mexc", 1, state="proven", reason=None, wall_ms=0)
    await KeyWatch(engine.desk, lambda user: Access()).step()
    [event] = log.outbox.of_user("u2")
    assert event.kind == "key_expires"
    assert "about 10 days" in event.payload["reason"]


async def test_a_key_that_the_venue_refused_is_checked_at_once(engine):
    """u3 was checked less than a day ago; refused while trading it is next, and told once; u1 waits."""
    refused = BadCredentials("GET account: HTTP 400, code 10072: Api key info invalid", code=10072)
    engine.world.wall.advance(-DAY_MS)
    for _ in range(3):
        await engine.desk.told.note("u3", refused)
    watch = KeyWatch(engine.desk, lambda user: Access(refused))
    assert await watch.step() == "u3"
    assert engine.desk.log.keys.get("u3", "mexc").state == "failed"
    [event] = engine.desk.log.outbox.of_user("u3")
    assert event.kind == "key_failed"
    assert engine.desk.log.keys.get("u1", "mexc").state == "proven"
