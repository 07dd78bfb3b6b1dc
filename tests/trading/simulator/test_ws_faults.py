"""Faults of streams, rule by rule, as a client hears them."""

from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.trading.simulator.handmade import SEED, FakeMarket, pair
from tests.trading.simulator.ws_stand import Ear, exchange_of, served
from trading.simulator.accounts import demo_credentials
from trading.simulator.exchange import Exchange
from trading.simulator.faults import plan_from_json
from trading.simulator.ws_session import StreamSettings

TOP = "spot@public.aggre.bookTicker.v3.api.pb@10ms@AAAUSDT"
OTHER = "spot@public.aggre.bookTicker.v3.api.pb@10ms@BBBUSDT"
ACCOUNT = "spot@private.account.v3.api.pb"


def moving() -> FakeMarket:
    """Return two pairs that climb a cent every 10 ms."""
    market = FakeMarket(pair("AAAUSDT"), pair("BBBUSDT"))
    for symbol in market.paths:
        market.paths[symbol] = [(0, 10_000), (3_600_000, 370_000)]
    return market


def exchange_with(*rules: dict[str, Any]) -> Exchange:
    exchange = exchange_of(moving())
    exchange.faults = plan_from_json({"rules": list(rules)}, seed=1)
    return exchange


def stamps(ear: Ear, count: int, channel: str = TOP) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        heard = ear.data()
        if heard["channel"] == channel:
            found.append(int(heard["sendTime"]))
    return found


def test_silent_stream_says_no_more_but_the_connection_lives() -> None:
    """Pings are answered, other streams go on, the silenced one stays silent on this connection."""
    with (
        served(exchange_with({"kind": "ws_silent", "symbol": "AAAUSDT", "nth": 4})) as port,
        Ear(port) as ear,
    ):
        ear.ask("SUBSCRIPTION", TOP)
        stamps(ear, 3)
        with pytest.raises(TimeoutError):
            ear.data(0.4)
        assert ear.ask("PING")["msg"] == "PONG"
        ear.ask("SUBSCRIPTION", OTHER)
        assert len(stamps(ear, 5, OTHER)) == 5


def test_new_connection_hears_what_the_old_one_does_not() -> None:
    """Silence is the connection's, not the stream's."""
    with served(exchange_with({"kind": "ws_silent", "max_hits": 1})) as port, Ear(port) as deaf:
        deaf.ask("SUBSCRIPTION", TOP)
        with pytest.raises(TimeoutError):
            deaf.data(0.3)
        with Ear(port) as well:
            well.ask("SUBSCRIPTION", TOP)
            assert len(stamps(well, 3)) == 3


def test_lost_message_never_comes() -> None:
    """The book's versions show the hole."""
    depth = "spot@public.aggre.depth.v3.api.pb@10ms@AAAUSDT"
    with served(exchange_with({"kind": "ws_lost", "nth": 3})) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", depth)
        heard = [ear.data()["publicAggreDepths"] for _ in range(5)]
        joins = [int(b["fromVersion"]) - int(a["toVersion"]) for a, b in pairwise(heard)]
        assert [join == 1 for join in joins] == [True, False, True, True]


def test_doubled_message_comes_twice() -> None:
    """The same bytes again."""
    with served(exchange_with({"kind": "ws_twice", "nth": 2})) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", TOP)
        heard = stamps(ear, 5)
        assert heard[1] == heard[2]
        assert sorted(set(heard)) == [heard[0], heard[1], heard[3], heard[4]]


def test_swapped_message_comes_after_the_next() -> None:
    """Out of order by one."""
    with served(exchange_with({"kind": "ws_swapped", "nth": 2})) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", TOP)
        first, third, second, fourth = stamps(ear, 4)
        assert first < second < third < fourth


def test_delayed_messages_come_late_by_that_much() -> None:
    """A constant delay keeps order and spacing; the stamp shows how late it is.

    Less 2 ms: both stamps are cut to whole ms, and uvloop's timers count whole ms.
    """
    rule = {"kind": "delay", "route": "WS *", "delay": {"distribution": "constant", "ms": 300}}
    exchange = exchange_with(rule)
    with served(exchange) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", TOP)
        for _ in range(5):
            sent = int(ear.data()["sendTime"])
            assert exchange.clock.now_ms() - sent >= 298


def test_cut_ends_the_connection_without_a_word() -> None:
    """A reset, as of a broken line."""
    with served(exchange_with({"kind": "ws_cut", "nth": 3})) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", TOP)
        stamps(ear, 2)
        with pytest.raises(ConnectionClosed):
            ear.data()


def test_key_can_be_made_to_expire() -> None:
    """The next private message takes the key with it; what was public on another connection goes on."""
    exchange = exchange_with({"kind": "ws_key_expired"})
    name, _ = demo_credentials(SEED, 1)
    account = exchange.accounts.find(name)
    key = exchange.listen_keys.make(name, exchange.wall_s())
    with served(exchange, StreamSettings(sweep_s=0.05)) as port, Ear(port, f"?listenKey={key}") as ear:
        ear.ask("SUBSCRIPTION", ACCOUNT)
        account.wallet("USDT").credit(10**18)
        exchange.matcher.events.balances_changed(account, ("USDT",), "DEPOSIT", exchange.clock.now_ms())
        with pytest.raises(ConnectionClosed, match="listen key expired"):
            ear.data()
        assert exchange.listen_keys.of(name, exchange.wall_s()) == []


def test_rules_about_requests_leave_streams_alone() -> None:
    """Kinds for requests, and rules about everything, do not touch messages nor count them."""
    exchange = exchange_with({"kind": "error", "route": "*"}, {"kind": "delay", "delay_ms": [5000, 5000]})
    with served(exchange) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", TOP)
        assert len(stamps(ear, 5)) == 5
        assert exchange.faults.hits == {}


def test_same_plan_hits_the_same_messages() -> None:
    """Two runs of one seed lose the same ones."""
    lost = []
    for _ in range(2):
        exchange = exchange_with({"kind": "ws_twice", "probability": 0.4})
        with served(exchange) as port, Ear(port) as ear:
            ear.ask("SUBSCRIPTION", TOP)
            heard = stamps(ear, 30)
        lost.append([a == b for a, b in pairwise(heard)])
    assert lost[0] == lost[1]
    assert 3 <= sum(lost[0]) <= 20
