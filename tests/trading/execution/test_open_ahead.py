"""Accounts are opened before the first order needs them, a few at a time, and only by who serves them."""

import asyncio
from types import SimpleNamespace

import pytest

from trading.execution import open_ahead
from trading.execution.open_ahead import AT_ONCE, OpenAhead
from trading.market.clock import ManualClock
from trading.market.errors import BadCredentials


def streams_of(is_streaming, *, users=(), dropped=None):
    """Private streams of these users."""
    dropped = [] if dropped is None else dropped
    return SimpleNamespace(is_streaming=is_streaming, users=lambda: list(users), drop=dropped.append)


class Desk:
    """What `OpenAhead` needs of a desk: users, whose gateways are made, and who has no key."""

    def __init__(self, users, *, paused=(), keyless=()):
        self.users = [SimpleNamespace(user_id=name, is_paused=name in paused) for name in users]
        self.keyless, self.opened, self.asked = set(keyless), [], []
        self.wall = ManualClock(1_000_000)
        self.log = SimpleNamespace(scope=SimpleNamespace(shards=frozenset({0}), has=lambda _user: True))
        self.forgotten = []

    def forget(self, user_id):
        self.forgotten.append(user_id)

    def mine(self):
        return self.users

    def is_open(self, user_id):
        return user_id in self.opened

    def account(self, user_id):
        self.asked.append(user_id)
        if user_id in self.keyless:
            raise BadCredentials("no key")
        self.opened.append(user_id)


@pytest.fixture
def now(monkeypatch):
    """The loop's clock, by hand."""
    clock = SimpleNamespace(at_s=100.0)
    monkeypatch.setattr(open_ahead, "time", SimpleNamespace(monotonic=lambda: clock.at_s))
    return clock


def steps(ahead, now, count, each_s=0.1):
    for _ in range(count):
        asyncio.run(ahead.step())
        now.at_s += each_s


def test_nothing_is_opened_while_shards_still_change_hands(now):
    """Three seconds without a change: workers that start take shards from each other first."""
    desk, streams = Desk(["a"]), streams_of(lambda _user: True)
    ahead = OpenAhead(desk, streams)
    steps(ahead, now, 20)
    desk.log.scope.shards = frozenset({1})
    steps(ahead, now, 20)
    assert desk.opened == []
    steps(ahead, now, 15)
    assert desk.opened == ["a"]


def test_only_a_few_streams_open_at_a_time_until_they_serve(now):
    """Ten at once; the next ones when those serve, or were given ten seconds in vain."""
    serving: set[str] = set()
    desk = Desk([f"u{n:02d}" for n in range(25)], paused=["u03"])
    ahead = OpenAhead(desk, streams_of(serving.__contains__))
    steps(ahead, now, 60)
    assert len(desk.opened) == AT_ONCE
    assert "u03" not in desk.opened
    serving |= set(desk.opened[:4])
    steps(ahead, now, 2)
    assert len(desk.opened) == AT_ONCE + 4
    now.at_s += 10.0
    steps(ahead, now, 1)
    assert len(desk.opened) == 24


def test_a_user_without_a_key_is_tried_rarely_and_holds_nobody_up(now):
    """A minute, then longer, between two tries; the others are opened meanwhile."""
    desk = Desk(["a", "b"], keyless=["a"])
    ahead = OpenAhead(desk, streams_of(lambda _user: True))
    steps(ahead, now, 60)
    assert desk.opened == ["b"]
    assert desk.asked.count("a") == 1
    desk.wall.advance(60_000)
    steps(ahead, now, 25)
    assert desk.asked.count("a") == 2


def test_streams_of_lost_shards_are_closed_after_a_while(now):
    """A lease lost for half a minute changes nothing; lost for good, its user's stream and gateway go."""
    dropped: list[str] = []
    desk = Desk([])
    foreign = {"b"}
    desk.log.scope.has = lambda user: user not in foreign
    ahead = OpenAhead(desk, streams_of(lambda _user: True, users=["a", "b"], dropped=dropped))
    steps(ahead, now, 15, each_s=2.0)
    foreign.clear()
    steps(ahead, now, 20, each_s=2.0)
    assert dropped == []
    foreign.add("b")
    steps(ahead, now, 29, each_s=2.0)
    assert dropped == []
    steps(ahead, now, 4, each_s=2.0)
    assert set(dropped) == set(desk.forgotten) == {"b"}
