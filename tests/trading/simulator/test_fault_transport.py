"""Faults of the wire over real sockets: late, refused, silent, cut, truncated. And a plan, replayed."""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from tests.trading.simulator.fault_stand import LIMIT, TOKEN, stage, two_pairs
from tests.trading.simulator.handmade import SEED
from trading.simulator.accounts import demo_credentials
from trading.simulator.exchange import Exchange
from trading.simulator.signing import sign

PATIENCE_S = 0.4


@dataclass
class Wire:
    """A client on real sockets: one connection a request unless `link` is given."""

    exchange: Exchange
    address: tuple[str, int]

    def connect(self, timeout: float = PATIENCE_S) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b"",
        link: http.client.HTTPConnection | None = None,
    ) -> Any:  # fmt: skip
        link = link or self.connect()
        link.request(method, path, body or None, headers or {})
        answer = link.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]  # kept with its status for the test
        return answer

    def signed(self, method: str, name: str, **params: Any) -> Any:
        key, secret = demo_credentials(SEED, 1)
        query = urlencode(params | {"timestamp": self.exchange.clock.now_ms()})
        path = f"/api/v3/{name}?{query}&signature={sign(secret, query)}"
        return self.ask(method, path, headers={"X-MEXC-APIKEY": key})

    def open_orders(self) -> int:
        stage_none(self)
        return len(json.loads(self.signed("GET", "openOrders").body))


def stage_none(wire: Wire) -> None:
    wire.ask("POST", "/sluice/faults", headers=TOKEN, body=b"{}")


@pytest.fixture
def wire(make_client: Any, serve_here: Callable[[Exchange], tuple[str, int]]) -> Wire:
    """Serve the two handmade pairs on a real socket."""
    exchange = make_client(two_pairs(), admin_token="t").exchange
    exchange.wall_s = time.monotonic
    return Wire(exchange, serve_here(exchange))


def put(wire: Wire, *rules: dict[str, Any]) -> None:
    answer = wire.ask("POST", "/sluice/faults", headers=TOKEN, body=orjson.dumps({"rules": rules}))
    assert answer.status == 200, answer.body


def test_a_delay_before_and_after_handling_is_waited_for(wire: Wire) -> None:
    """Two constant delays of 60 ms: the answer is right and at least 120 ms late."""
    late = {"distribution": "constant", "ms": 60}
    put(wire, {"kind": "delay", "delay": late}, {"kind": "delay_after", "delay": late})
    began = time.monotonic()
    assert wire.ask("GET", "/api/v3/ping").status == 200
    assert time.monotonic() - began >= 0.12


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"kind": "error", "status": 500}, 500, 500),
        ({"kind": "error", "status": 502, "code": -1}, 502, -1),
        ({"kind": "rate_limit", "retry_after_s": 7}, 429, 429),
        ({"kind": "maintenance"}, 503, 503),
        ({"kind": "key_revoked"}, 400, 10072),
        ({"kind": "no_permission"}, 400, 700007),
        ({"kind": "ip_not_allowed"}, 400, 700006),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else str(value),
)
def test_refusals_stand_in_for_handling(wire: Wire, rule: dict[str, Any], status: int, code: int) -> None:
    """Status, code and nothing placed; a 429 names its Retry-After."""
    put(wire, rule)
    answer = wire.signed("POST", "order", **LIMIT)
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert answer.getheader("retry-after") == ("7" if rule["kind"] == "rate_limit" else None)
    assert wire.open_orders() == 0


@pytest.mark.parametrize(("kind", "orders"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_gives_no_byte(wire: Wire, kind: str, orders: int) -> None:
    """Reset without an answer; before: nothing was placed, after: it was."""
    put(wire, {"kind": kind, "route": "POST order"})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        wire.signed("POST", "order", **LIMIT)
    assert wire.open_orders() == orders


@pytest.mark.parametrize(("kind", "orders"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_time_out_is_longer_than_the_clients_patience(wire: Wire, kind: str, orders: int) -> None:
    """The socket stays open and silent; before: nothing was placed, after: it was."""
    put(wire, {"kind": kind, "route": "POST order"})
    with pytest.raises(TimeoutError):
        wire.signed("POST", "order", **LIMIT)
    assert wire.open_orders() == orders


def test_a_time_out_ends_with_a_reset(wire: Wire) -> None:
    """hold_s = 0.1: who waits longer sees the connection cut."""
    put(wire, {"kind": "timeout_before", "hold_s": 0.1})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        wire.ask("GET", "/api/v3/ping")


def test_a_dead_connection_stays_dead_and_a_new_one_lives(wire: Wire) -> None:
    """The third request of one kept connection is never answered; another connection is."""
    put(wire, {"kind": "dead_connection", "nth": [3]})
    link = wire.connect()
    assert [wire.ask("GET", "/api/v3/ping", link=link).status for _ in range(2)] == [200, 200]
    with pytest.raises(TimeoutError):
        wire.ask("GET", "/api/v3/ping", link=link)
    assert wire.ask("GET", "/api/v3/ping").status == 200


def test_a_truncated_answer_is_half_a_document(wire: Wire) -> None:
    """HTTP is in order (length matches), the JSON is not."""
    path = "/api/v3/depth?symbol=AAAUSDT"
    whole = wire.ask("GET", path)
    put(wire, {"kind": "truncated", "share": 0.5})
    half = wire.ask("GET", path)
    assert half.status == 200
    assert whole.body.startswith(half.body)
    assert len(half.body) == len(whole.body) // 2
    with pytest.raises(json.JSONDecodeError):
        json.loads(half.body)


def test_a_broken_body_ends_before_its_length(wire: Wire) -> None:
    """The header promises more than comes."""
    put(wire, {"kind": "broken_body", "route": "GET depth"})
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        wire.ask("GET", "/api/v3/depth?symbol=AAAUSDT")


def test_the_levers_answer_whatever_is_staged(wire: Wire) -> None:
    """Everything is silent, for ever, except what ends the silence."""
    put(wire, {"kind": "dead_connection"})
    listed = json.loads(wire.ask("GET", "/sluice/faults").body)
    assert listed["rules"][0]["kind"] == "dead_connection"
    stage_none(wire)
    assert wire.ask("GET", "/api/v3/ping").status == 200


@pytest.mark.parametrize(
    ("settings", "at_0_s", "at_10_s"),
    [
        ({"step_ms": 1_500}, 1_500, 1_500),
        ({"drift_ms_per_s": -20}, 0, -200),
        ({"step_ms": 5, "drift_ms_per_s": 1}, 5, 15),
    ],
)
def test_the_clock_is_off_by_a_step_and_a_drift(
    make_client: Any, settings: dict[str, float], at_0_s: int, at_10_s: int
) -> None:
    """serverTime against market time, at once and ten wall seconds after the plan was set."""
    client = make_client(two_pairs(), admin_token="t")
    stage(client, {"kind": "clock_skew"} | settings)
    for off in (at_0_s, at_10_s):
        assert client.get("/api/v3/time").body["serverTime"] - client.exchange.clock.now_ms() == off
        client.forward(10_000)


def test_a_wrong_answer_of_the_clock_makes_signatures_late_or_early(make_client: Any) -> None:
    """With clock_skew only /time lies: who follows it by 8 s is refused. With venue_skew the venue believes
    its clock: who signs with true time is refused, who follows /time is not."""
    client = make_client(two_pairs(), admin_token="t")
    key, secret = demo_credentials(SEED, 1)

    def account(off_ms: int) -> int | None:
        query = f"timestamp={client.exchange.clock.now_ms() + off_ms}"
        query += f"&signature={sign(secret, query)}"
        return client.ask("GET", "/api/v3/account", query, {"x-mexc-apikey": key}).body.get("code")

    stage(client, {"kind": "clock_skew", "step_ms": 8_000})
    assert (account(8_000), account(0)) == (700003, None)
    stage(client, {"kind": "venue_skew", "step_ms": 8_000})
    assert (account(8_000), account(0)) == (None, 700003)


RULES: list[dict[str, Any]] = [
    {"kind": "error", "route": "POST order", "probability": 0.2},
    {"kind": "partial_fill", "probability": 0.3, "share": 0.3},
    {"kind": "not_found", "probability": 0.2, "for_calls": 2},
    {"kind": "bad_print", "probability": 0.3},
    {"kind": "garbage", "route": "GET klines", "probability": 0.3},
    {"kind": "status_backwards", "probability": 0.3},
    {"kind": "truncated", "route": "GET *", "probability": 0.1},
    {"kind": "shuffled", "probability": 0.3, "symbol": "AAAUSDT"},
]


def story(client: Any) -> list[tuple[int, bytes]]:
    """Return every answer of a fixed order of 120 requests of three accounts."""
    seen = []
    for number in range(30):
        who = 1 + number % 3
        sent = LIMIT | {"type": "MARKET" if number % 2 else "LIMIT", "newClientOrderId": f"n{number}"}
        answers = [
            client.signed("POST", "order", who=who, **sent),
            client.signed("GET", "order", who=who, symbol="AAAUSDT", origClientOrderId=f"n{number}"),
            client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", limit=5),
            client.get("/api/v3/ticker/24hr"),
        ]
        seen += [(answer.status, answer.raw) for answer in answers]
        client.forward(10_000)
    return seen


def test_the_same_seed_and_requests_give_the_same_story(make_client: Any) -> None:
    """Two exchanges, byte by byte; another seed tells another story."""

    def told(seed: int) -> list[tuple[int, bytes]]:
        client = make_client(two_pairs(), admin_token="t")
        stage(client, *RULES, seed=seed)
        return story(client)

    first = told(4)
    assert told(4) == first
    assert told(5) != first
    assert len({status for status, _ in first}) > 1
