"""Connections against a served exchange: keys, limits, fan-out, slow peers, and who is let go."""

import asyncio
import logging
import socket
import threading
import time
from decimal import Decimal

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.trading.simulator.handmade import SEED, FakeMarket, pair
from tests.trading.simulator.ws_stand import Ear, exchange_of, served, until
from trading.simulator.accounts import demo_credentials
from trading.simulator.events import NOBODY
from trading.simulator.exchange import Exchange
from trading.simulator.routes_private import ROUTES as ROUTES_PRIVATE
from trading.simulator.routes_public import ROUTES
from trading.simulator.source import PathStep
from trading.simulator.wire import Call
from trading.simulator.ws_session import StreamSettings

TOP = "spot@public.aggre.bookTicker.v3.api.pb@100ms@AAAUSDT"
DEALS = "spot@public.aggre.deals.v3.api.pb@100ms@AAAUSDT"
DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@AAAUSDT"
KLINE = "spot@public.kline.v3.api.pb@AAAUSDT@Min5"
ACCOUNT = "spot@private.account.v3.api.pb"


HELLO = (
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def moving(*names: str) -> FakeMarket:
    """Return a market that climbs a cent every 10 ms."""
    market = FakeMarket(*(pair(name) for name in names or ("AAAUSDT",)))
    for symbol in market.paths:
        market.paths[symbol] = [(0, 10_000), (3_600_000, 370_000)]
    return market


def key_of(exchange: Exchange, who: int = 1) -> str:
    """Return a new listen key of a demo account."""
    name, _ = demo_credentials(SEED, who)
    exchange.accounts.find(name)
    return exchange.listen_keys.make(name, exchange.wall_s())


def test_streams_flow_until_unsubscribed() -> None:
    """Data of what was asked for, and no more of it after giving it back."""
    with served(exchange_of(moving())) as port, Ear(port) as ear:
        assert ear.ask("SUBSCRIPTION", TOP, DEALS)["msg"] == f"{TOP},{DEALS}"
        assert {ear.data()["channel"] for _ in range(6)} == {TOP, DEALS}
        assert ear.ask("UNSUBSCRIPTION", TOP)["msg"] == TOP
        assert {ear.data()["channel"] for _ in range(4)} == {DEALS}


def test_unlisted_symbols_and_private_streams_without_a_key_are_blocked() -> None:
    """Blocked like a stream that does not exist."""
    market = FakeMarket(pair(), pair("NEWUSDT", listed_ms=2**42))
    with served(exchange_of(market)) as port, Ear(port) as ear:
        for name in (TOP.replace("AAA", "NOPE"), TOP.replace("AAA", "NEW"), ACCOUNT):
            assert ear.ask("SUBSCRIPTION", name)["msg"].startswith("Not Subscribed successfully! [")


def test_one_message_serves_all_subscribers() -> None:
    """The same bytes: made once per look, whoever listens."""
    with served(exchange_of(moving())) as port, Ear(port) as one, Ear(port) as two:
        one.ask("SUBSCRIPTION", TOP)
        two.ask("SUBSCRIPTION", TOP)
        heard = {
            (m["sendTime"], m["publicAggreBookTicker"]["bidPrice"]) for m in (one.data() for _ in range(9))
        }
        other = {
            (m["sendTime"], m["publicAggreBookTicker"]["bidPrice"]) for m in (two.data() for _ in range(9))
        }
        assert len(heard & other) >= 5


def test_newcomer_hears_the_state_at_once() -> None:
    """A quiet stream's last message greets the second subscriber, after the answer."""
    with served(exchange_of(FakeMarket(), speed=0)) as port, Ear(port) as first, Ear(port) as second:
        first.ask("SUBSCRIPTION", KLINE)
        assert first.data()["channel"] == KLINE
        second.say("SUBSCRIPTION", KLINE)
        assert second.hear()["msg"] == KLINE
        assert second.hear()["channel"] == KLINE


def test_only_the_right_path_is_a_websocket() -> None:
    """Anything but /ws refuses the handshake."""
    with served(exchange_of()) as port, pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{port}/elsewhere")


def test_wrong_listen_key_is_told_and_ended() -> None:
    """The text that ccxt looks for, then the end."""
    with served(exchange_of()) as port, connect(f"ws://127.0.0.1:{port}/ws?listenKey=nope") as ws:
        assert ws.recv(5) == "Invalid listen key"
        with pytest.raises(ConnectionClosed):
            ws.recv(5)


def test_key_that_runs_out_ends_its_connections_and_a_kept_one_does_not() -> None:
    """Half a second of life; one key is extended in time, the other is not."""
    exchange = exchange_of(key_life_s=0.6)
    with served(exchange, StreamSettings(sweep_s=0.05)) as port:
        lost, kept = key_of(exchange), key_of(exchange, 2)
        with Ear(port, f"?listenKey={lost}") as one, Ear(port, f"?listenKey={kept}") as two:
            one.ask("SUBSCRIPTION", ACCOUNT)
            two.ask("SUBSCRIPTION", ACCOUNT)
            name, _ = demo_credentials(SEED, 2)
            for _ in range(4):
                time.sleep(0.25)
                exchange.listen_keys.keep(name, kept, exchange.wall_s())
            with pytest.raises(ConnectionClosed, match="listen key expired"):
                one.data(5)
            assert two.ask("PING")["msg"] == "PONG"


def test_deleted_key_and_revoked_account_end_the_stream() -> None:
    """Closing the key or losing the API key is the end of the connection."""
    exchange = exchange_of()
    with served(exchange, StreamSettings(sweep_s=0.05)) as port:
        first, second = key_of(exchange), key_of(exchange, 2)
        with Ear(port, f"?listenKey={first}") as one, Ear(port, f"?listenKey={second}") as two:
            exchange.listen_keys.close(demo_credentials(SEED, 1)[0], first, exchange.wall_s())
            exchange.accounts.find(demo_credentials(SEED, 2)[0]).is_revoked = True
            for ear in (one, two):
                with pytest.raises(ConnectionClosed):
                    ear.hear(5)


def test_sixth_connection_of_a_key_is_refused() -> None:
    """MEXC takes five per listen key."""
    exchange = exchange_of()
    with served(exchange) as port:
        query = f"?listenKey={key_of(exchange)}"
        ears = [Ear(port, query) for _ in range(5)]
        with connect(f"ws://127.0.0.1:{port}/ws{query}") as sixth:
            assert sixth.recv(5) == "Invalid listen key"
        ears.pop().socket.close()
        assert until(lambda: Ear(port, query).ask("PING")["msg"] == "PONG")
        for ear in ears:
            ear.socket.close()


def test_bare_and_idle_connections_are_let_go() -> None:
    """The timers of a connection are looked at while it lives."""
    settings = StreamSettings(unsubscribed_s=0.2, idle_s=0.4, sweep_s=0.05)
    with served(exchange_of(FakeMarket(), speed=0), settings) as port:
        with Ear(port) as bare, pytest.raises(ConnectionClosed, match="no valid subscription"):
            bare.hear(5)
        with Ear(port) as idle:
            idle.ask("SUBSCRIPTION", DEALS)  # a frozen market has no trades
            with pytest.raises(ConnectionClosed, match="no data and no ping"):
                idle.hear(5)


def test_peer_that_does_not_read_is_cut_and_the_rest_go_on() -> None:
    """A megabyte may wait in front of nobody: the slow one goes, the quick one hears every message."""
    names = [f"S{number:02d}USDT" for number in range(10)]
    streams = [f"spot@public.limit.depth.v3.api.pb@{name}@20" for name in names]
    settings = StreamSettings(slow_s=0.01, buffer_bytes=100_000)
    exchange = exchange_of(moving(*names), speed=100)
    with served(exchange, settings) as port, Ear(port) as quick:
        quick.ask("SUBSCRIPTION", DEALS.replace("AAAUSDT", names[0]))
        slow = socket.create_connection(("127.0.0.1", port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(HELLO.encode())
        assert slow.recv(4096).startswith(b"HTTP/1.1 101")
        command = (
            b'{"method":"SUBSCRIPTION","params":[' + b",".join(b'"%b"' % s.encode() for s in streams) + b"]}"
        )
        # Masked with zeros, as RFC 6455 demands of a client.
        slow.sendall(b"\x81\xfe" + len(command).to_bytes(2, "big") + bytes(4) + command)
        hub_is_rid = lambda: exchange.matcher.events is not NOBODY and _sessions(exchange) == 1  # noqa: E731
        assert until(lambda: _sessions(exchange) == 2, 5)
        assert until(hub_is_rid, 20)
        assert quick.data()["channel"].endswith(names[0])
        slow.close()


def _sessions(exchange: Exchange) -> int:
    flush = exchange.depth_version
    return 0 if flush is None else len(flush.__self__.sessions)  # type: ignore[attr-defined]  # the hub's own method


def test_resting_order_tells_its_fill_without_being_asked() -> None:
    """Nobody looks at the order; the market falls through it, and the stream says so."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (600_000, 9_000)]
    exchange = exchange_of(market, speed=600)
    name, _ = demo_credentials(SEED, 1)
    account = exchange.accounts.find(name)
    with served(exchange) as port, Ear(port, f"?listenKey={key_of(exchange)}") as ear:
        ear.ask("SUBSCRIPTION", "spot@private.orders.v3.api.pb")
        params = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "price": "95", "quantity": "1"}
        place = ROUTES_PRIVATE[("POST", "order")]
        hub = exchange.depth_version.__self__  # type: ignore[union-attr]  # the hub's own method
        hub._task.get_loop().call_soon_threadsafe(
            lambda: place(exchange, Call(params, exchange.clock.now_ms(), account))
        )
        statuses = [ear.data()["privateOrders"]["status"]]
        while statuses[-1] != 2:
            statuses.append(ear.data()["privateOrders"]["status"])
        assert statuses[0] == 1
        assert set(statuses[1:-1]) <= {3}


def test_own_taker_shows_on_candles_and_trades_alike() -> None:
    """What a taker here traded is in the volume of both public streams."""
    exchange = exchange_of(FakeMarket(steps_per_minute=0))
    account = exchange.accounts.find(demo_credentials(SEED, 1)[0])
    with served(exchange) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", KLINE, DEALS)
        params = {"symbol": "AAAUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "50"}
        place = ROUTES_PRIVATE[("POST", "order")]
        hub = exchange.depth_version.__self__  # type: ignore[union-attr]  # the hub's own method
        ear.data()
        hub._task.get_loop().call_soon_threadsafe(
            lambda: place(exchange, Call(params, exchange.clock.now_ms(), account))
        )
        volumes: dict[str, Decimal] = {}
        while len(volumes) < 2:
            heard = ear.data()
            if "publicSpotKline" in heard and heard["publicSpotKline"]["volume"] != "0":
                volumes["kline"] = Decimal(heard["publicSpotKline"]["volume"])
            if "publicAggreDeals" in heard:
                deals = heard["publicAggreDeals"]["deals"]
                volumes["deals"] = sum((Decimal(deal["quantity"]) for deal in deals), Decimal(0))
        assert volumes["kline"] == volumes["deals"]


def test_broken_stream_ends_its_hearers_and_no_others() -> None:
    """A market that cannot answer for one pair leaves the rest flowing."""

    class Broken(FakeMarket):
        def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
            if symbol == "BADUSDT" and to_ms - from_ms < 10_000:
                raise ValueError("no path")
            return super().step_path(symbol, from_ms, to_ms)

    market = Broken(pair("AAAUSDT"), pair("BADUSDT"))
    market.paths["AAAUSDT"] = [(0, 10_000), (3_600_000, 370_000)]
    with served(exchange_of(market)) as port, Ear(port) as one, Ear(port) as two:
        two.ask("SUBSCRIPTION", TOP)
        one.say("SUBSCRIPTION", DEALS.replace("AAA", "BAD"))
        with pytest.raises(ConnectionClosed, match="stream failed"):
            _hear_on(one)
        assert [two.data()["channel"] for _ in range(3)] == [TOP] * 3


def test_listen_keys_do_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody who reads a log can listen to an account."""
    exchange = exchange_of()
    with caplog.at_level(logging.DEBUG), served(exchange) as port:
        key = key_of(exchange)
        with Ear(port, f"?listenKey={key}") as ear:
            ear.ask("SUBSCRIPTION", ACCOUNT)
            ear.socket.ping().wait(5)
    server_said = [record.getMessage() for record in caplog.records if "client" not in record.name]
    assert not [line for line in server_said if key in line]


def test_nothing_runs_when_nobody_is_connected() -> None:
    """With the last connection the engine's events have no listener and the task is gone."""
    exchange = exchange_of(moving())
    with served(exchange) as port:
        with Ear(port) as ear:
            ear.ask("SUBSCRIPTION", TOP)
            assert exchange.matcher.events is not NOBODY
        assert until(lambda: exchange.matcher.events is NOBODY)
        assert exchange.depth_version is None


def test_rest_book_and_increments_meet() -> None:
    """The increment after a snapshot begins right behind its version, and no version is left out."""
    exchange = exchange_of(moving())
    with served(exchange) as port, Ear(port) as ear:
        ear.ask("SUBSCRIPTION", DEPTH)
        ear.data()
        shot: dict[str, int] = {}

        def look() -> None:
            answer = ROUTES[("GET", "depth")](exchange, Call({"symbol": "AAAUSDT"}, exchange.clock.now_ms()))
            shot["version"] = orjson.loads(answer)["lastUpdateId"]

        hub = exchange.depth_version.__self__  # type: ignore[union-attr]  # the hub's own method
        loop = hub._task.get_loop()
        done = threading.Event()
        loop.call_soon_threadsafe(lambda: (look(), done.set()))
        assert done.wait(5)
        heard = [ear.data()["publicAggreDepths"] for _ in range(12)]
        ends = [int(depth["toVersion"]) for depth in heard]
        starts = [int(depth["fromVersion"]) for depth in heard]
        assert shot["version"] + 1 in starts
        assert starts[1:] == [end + 1 for end in ends[:-1]]


def test_shutting_down_ends_every_connection() -> None:
    """A server told to stop does not wait for its websockets."""
    with served(exchange_of(moving())) as port:
        ear = Ear(port)
        ear.ask("SUBSCRIPTION", TOP)
    with pytest.raises(ConnectionClosed):
        _hear_on(ear)
    assert asyncio.run(_refused(port))


def _hear_on(ear: Ear) -> None:
    while True:
        ear.hear(5)


async def _refused(port: int) -> bool:
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    return False
