"""The HTTP face: shapes and types of answers, refusals, the gates every request walks through."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from trading.simulator.accounts import READ, demo_credentials
from trading.simulator.faults import FaultPlan, FaultRule
from trading.simulator.limits import LimitSettings
from trading.simulator.requestlog import RequestLog
from trading.simulator.signing import sign

FIXTURES = Path(__file__).parents[2] / "fixtures" / "mexc"
RECORDED = Path(__file__).parents[4] / "shared" / "data" / "mexc" / "response_spot.json"
SAMPLES = json.loads((FIXTURES / "responses.json").read_text())
ERRORS = json.loads((FIXTURES / "errors.json").read_text())["cases"]
MINUTE = 60_000


def outline(value: Any) -> Any:
    """Return the key sets and JSON types of an answer; null stands for any type."""
    if isinstance(value, dict):
        return {key: outline(part) for key, part in value.items()}
    if isinstance(value, list):
        # Rows of a fixed layout (klines, depth) are compared cell by cell, lists of things by the first.
        if value and not isinstance(value[0], dict | list):
            return [outline(part) for part in value]
        return [outline(value[0])] if value else []
    return type(value).__name__


def agree(ours: Any, sample: Any) -> bool:
    if isinstance(sample, dict) and isinstance(ours, dict):
        return ours.keys() == sample.keys() and all(agree(ours[key], sample[key]) for key in sample)
    if isinstance(sample, list) and isinstance(ours, list):
        return len(ours) == len(sample) and all(map(agree, ours, sample))
    return ours == sample or "NoneType" in (ours, sample)


def traded(client: Any) -> str:
    """Give account 1 one resting order and one fill; return the resting order's id."""
    client.signed("POST", "order", symbol="AAAUSDT", side="BUY", type="MARKET", quantity="1")
    resting = client.signed(
        "POST", "order", symbol="AAAUSDT", side="BUY", type="LIMIT", quantity="1", price="90"
    )
    return resting.body["orderId"]


PARAMS: dict[str, dict[str, str]] = {
    "depth": {"symbol": "AAAUSDT", "limit": "1"},
    "trades": {"symbol": "AAAUSDT"}, "aggTrades": {"symbol": "AAAUSDT"},
    "klines": {"symbol": "AAAUSDT", "interval": "60m"}, "avgPrice": {"symbol": "AAAUSDT"},
    "order": {"symbol": "AAAUSDT"}, "allOrders": {"symbol": "AAAUSDT"}, "myTrades": {"symbol": "AAAUSDT"},
    "tradeFee": {"symbol": "AAAUSDT"},
}  # fmt: skip
NEW = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "90"}
PUBLIC = {"ping", "time", "exchangeInfo", "defaultSymbols", "ticker/24hr", "ticker/bookTicker",
          "ticker/price", "avgPrice", "depth", "trades", "aggTrades", "klines"}  # fmt: skip


@pytest.mark.parametrize("endpoint", SAMPLES)
def test_answers_have_mexcs_keys_and_json_types(client: Any, endpoint: str) -> None:
    """Every endpoint's answer has exactly the sample's keys, and each value its JSON type."""
    resting = traded(client)
    method, name = endpoint.split(" ")
    params = dict(PARAMS.get(name, {}))
    if name in ("order", "order/test"):
        params = NEW if method == "POST" else params | {"orderId": resting}
    ask = client.get if name in PUBLIC else None
    answer = ask(f"/api/v3/{name}", **params) if ask else client.signed(method, name, **params)
    assert answer.status == 200, answer.body
    ours, sample = outline(answer.body), outline(SAMPLES[endpoint])
    assert agree(ours, sample), f"{ours}\n{sample}"


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC answers are not beside this checkout")
@pytest.mark.parametrize(
    ("case", "method", "name"),
    [("fetchOrderBook", "GET", "depth"), ("fetchMyTrades", "GET", "myTrades"),
     ("fetchOrders", "GET", "allOrders"), ("fetchTrades", "GET", "aggTrades"),
     ("fetchTicker", "GET", "ticker/24hr"), ("fetchOHLCV", "GET", "klines")],
)  # fmt: skip
def test_answers_have_the_keys_that_mexc_was_recorded_with(
    client: Any, case: str, method: str, name: str
) -> None:
    """Recorded numbers went through a reader that makes them text, so text and number count as one."""
    traded(client)
    params = PARAMS.get(name, {"symbol": "AAAUSDT"})
    answer = (
        client.get(f"/api/v3/{name}", **params) if name in PUBLIC else client.signed(method, name, **params)
    )
    recorded = json.loads(RECORDED.read_text())["methods"][case][0]["http"]
    ours, sample = (json.dumps(outline(v)).replace('"int"', '"str"') for v in (answer.body, recorded))
    assert agree(json.loads(ours), json.loads(sample)), f"{ours}\n{sample}"


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case["why"])
def test_orders_are_refused_with_mexcs_codes(make_client: Any, case: Any) -> None:
    """HTTP 400 and {"code", "msg"}; the same on order/test; nothing is left behind."""
    special = (
        pair("HALTUSDT", status="2"), pair("GONEUSDT", status="3", delisted_ms=START_MS - 1),
        pair("HANDUSDT", is_api_tradable=False), pair("SOONUSDT", listed_ms=START_MS + 1),
        pair("BIGUSDT", min_amount=Decimal(5)),
    )  # fmt: skip
    client = make_client(FakeMarket(pair(), *special))
    sent = NEW | {"price": "" if case["params"].get("type") == "MARKET" else "90"} | case["params"]
    for name in ("order", "order/test"):
        answer = client.signed("POST", name, **sent)
        assert (answer.status, answer.body["code"]) == (400, case["code"]), answer.body
        assert set(answer.body) == {"code", "msg"}
    assert client.signed("GET", "account").body["balances"] == [
        {"asset": "USDT", "free": "10000", "locked": "0"}
    ]


def test_a_test_order_changes_nothing(client: Any) -> None:
    """order/test answers {} and leaves no order, no lock, no id."""
    assert client.signed("POST", "order/test", **NEW).body == {}
    assert client.signed("GET", "openOrders").body == []
    assert client.exchange.matcher.store.sequence == 0


def test_a_batch_answers_each_order_on_its_own(client: Any) -> None:
    """One good, one too small: the first is placed, the second is refused with its client id."""
    orders = [NEW, NEW | {"quantity": "0.001", "newClientOrderId": "tiny"}]
    first, second = client.signed("POST", "batchOrders", batchOrders=json.dumps(orders)).body
    assert first["symbol"] == "AAAUSDT"
    assert (second["code"], second["newClientOrderId"]) == (30002, "tiny")
    assert len(client.signed("GET", "openOrders").body) == 1


@pytest.mark.parametrize("batch", ["", "not json", "{}", "[]", json.dumps([NEW] * 21)])
def test_a_senseless_batch_is_refused(client: Any, batch: str) -> None:
    """No JSON list of 1 to 20 orders: refused as a whole."""
    answer = client.signed("POST", "batchOrders", batchOrders=batch)
    assert (answer.status, answer.body["code"] in (700004, 33333)) == (400, True)
    assert client.signed("GET", "openOrders").body == []


def test_parameters_in_the_body_count_too(client: Any) -> None:
    """A form body works like a query; in both places the query wins; the signature covers both."""
    key, secret = demo_credentials(7, 1)
    query = f"symbol=AAAUSDT&side=BUY&timestamp={client.exchange.clock.now_ms()}"
    body = "type=LIMIT&quantity=1&price=90&side=SELL"
    query += f"&signature={sign(secret, query + body)}"
    answer = client.ask("POST", "/api/v3/order", query, {"x-mexc-apikey": key}, body.encode())
    assert (answer.status, answer.body["side"]) == (200, "BUY")


def test_a_key_without_permission_is_refused(client: Any) -> None:
    """A read-only key sees its balance and cannot trade: 700007."""
    client.exchange.accounts.find("demo-key-0001").permissions = frozenset({READ})
    assert client.signed("GET", "account").status == 200
    assert client.signed("POST", "order", **NEW).body["code"] == 700007


def test_wrong_secret_and_missing_key_are_refused(client: Any) -> None:
    """700002 and 400; neither reaches an account."""
    query = f"timestamp={client.exchange.clock.now_ms()}"
    query += f"&signature={sign('wrong', query)}"
    assert (
        client.ask("GET", "/api/v3/account", query, {"x-mexc-apikey": "demo-key-0001"}).body["code"] == 700002
    )
    assert client.ask("GET", "/api/v3/account", query).body == {"code": 400, "msg": "api key required"}


def test_accounts_do_not_see_each_other(client: Any) -> None:
    """Account 2 can neither query nor cancel account 1's order."""
    resting = traded(client)
    assert client.signed("GET", "order", who=2, symbol="AAAUSDT", orderId=resting).body["code"] == -2013
    assert client.signed("DELETE", "order", who=2, symbol="AAAUSDT", orderId=resting).body["code"] == -2011
    assert client.signed("GET", "myTrades", who=2, symbol="AAAUSDT").body == []


def test_limits_answer_429_with_retry_after(make_client: Any) -> None:
    """At 1/s ten pings pass, the eleventh gets 429 and a header; ten wall seconds later all is well."""
    client = make_client(limits=LimitSettings(rate_per_s=1))
    assert [client.get("/api/v3/ping").status for _ in range(10)] == [200] * 10
    refused = client.get("/api/v3/ping")
    assert (refused.status, refused.body["code"], refused.headers["retry-after"]) == (429, 429, "1")
    client.forward(10_000)
    assert client.get("/api/v3/ping").status == 200


def test_signed_calls_draw_on_their_key(make_client: Any) -> None:
    """One account (weight 10) empties its own bucket, not another's and not the address's."""
    client = make_client(limits=LimitSettings(rate_per_s=1))
    assert client.signed("GET", "account").status == 200
    assert client.signed("GET", "account").status == 429
    assert client.signed("GET", "account", who=2).status == 200
    assert client.get("/api/v3/ping").status == 200


def test_unknown_paths_and_verbs(client: Any) -> None:
    """404 and 405, both JSON."""
    assert client.get("/api/v3/nothing").status == 404
    assert client.ask("PATCH", "/api/v3/order").status == 405


def test_contract_detail_is_an_empty_list(client: Any) -> None:
    """ccxt's load_markets asks for futures: there are none."""
    assert client.get("/api/v1/contract/detail").body == {"success": True, "code": 0, "data": []}


@pytest.mark.parametrize(
    ("params", "minutes"),
    [
        ({}, [55, 60]),
        ({"startTime": START_MS + 5 * MINUTE, "limit": 3}, [5, 10, 15]),
        ({"startTime": START_MS + 50 * MINUTE}, [50, 55, 60]),
        ({"startTime": START_MS, "endTime": START_MS + 15 * MINUTE}, [0, 5, 10]),
        ({"startTime": START_MS + 1, "endTime": START_MS + 15 * MINUTE + 1}, [5, 10, 15]),
        ({"endTime": START_MS + 20 * MINUTE, "limit": 2}, [10, 15]),
        ({"startTime": START_MS + 65 * MINUTE}, []),
        ({"startTime": START_MS + 10 * MINUTE, "endTime": START_MS + 5 * MINUTE}, []),
    ],
)  # fmt: skip
def test_klines_hold_the_bars_that_open_in_the_window(
    client: Any, params: dict[str, int], minutes: list[int]
) -> None:
    """[startTime, endTime), oldest first from a start, the newest without one; an hour has passed."""
    client.forward(60 * MINUTE)
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", **params).body
    opens = [(row[0] - START_MS) // MINUTE for row in rows]
    assert opens[-2:] == minutes if not params else opens == minutes


def test_klines_are_500_at_most_and_end_with_the_unfinished_bar(client: Any) -> None:
    """limit=1000 gives 500; two minutes into a bar its volume is two minutes' worth."""
    client.forward(62 * MINUTE)
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", limit=1000).body
    assert len(rows) == 500
    assert rows[-1][0] == START_MS + 60 * MINUTE
    assert rows[-1][5] == "120.000"
    assert rows[-2][5] == "300.000"
    assert rows[-1][6] == rows[-1][0] + 5 * MINUTE


def test_klines_finer_than_the_market_are_an_empty_list(client: Any) -> None:
    """The handmade market has no 1m bars; an interval MEXC does not know is refused."""
    assert client.get("/api/v3/klines", symbol="AAAUSDT", interval="1m").body == []
    assert client.get("/api/v3/klines", symbol="AAAUSDT", interval="1h").body["code"] == -1121


def test_monthly_klines_follow_the_calendar(client: Any) -> None:
    """The last three months of 1 March 2026: January, February, March, each ending where the next begins."""
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="1M", limit=3).body
    assert [row[0] for row in rows] == [1_767_225_600_000, 1_769_904_000_000, 1_772_323_200_000]
    assert rows[0][6] == rows[1][0]


def test_one_ticker_is_an_object_and_all_are_a_list(client: Any) -> None:
    """With a symbol MEXC answers an object; the same figures stand in the list."""
    one = client.get("/api/v3/ticker/24hr", symbol="AAAUSDT").body
    assert client.get("/api/v3/ticker/24hr").body == [one]
    assert (one["lastPrice"], one["bidPrice"], one["askPrice"]) == ("100.00", "99.98", "100.02")


def test_about_tells_what_this_world_is(client: Any) -> None:
    """World, seed, declared edge, market time and speed; the admin token never."""
    about = client.get("/sluice/about").body
    assert (about["world"], about["seed"], about["edge_declared"], about["speed"]) == (
        "synthetic",
        7,
        False,
        1.0,
    )
    assert about["market_time_ms"] == START_MS


def test_levers_need_the_token(make_client: Any) -> None:
    """Without a token at start they are shut; with one, only who sends it moves them."""
    body = b'{"speed": 5}'
    assert make_client().ask("POST", "/sluice/clock", body=body).status == 403
    client = make_client(admin_token="let-me-in")
    assert client.ask("POST", "/sluice/clock", headers={"x-sluice-admin": "wrong"}, body=body).status == 403
    moved = client.ask("POST", "/sluice/clock", headers={"x-sluice-admin": "let-me-in"}, body=body)
    assert (moved.status, client.exchange.clock.speed) == (200, 5.0)
    bad = client.ask("POST", "/sluice/clock", headers={"x-sluice-admin": "let-me-in"}, body=b'{"speed": -1}')
    assert (bad.status, client.exchange.clock.speed) == (400, 5.0)


def test_faults_can_be_set_while_running(make_client: Any) -> None:
    """After POST /sluice/faults every order is answered 503 and none is placed."""
    client = make_client(admin_token="t")
    rules = {"rules": [{"route": "POST order", "kind": "error", "status": 503}]}
    client.ask("POST", "/sluice/faults", headers={"x-sluice-admin": "t"}, body=json.dumps(rules).encode())
    assert client.signed("POST", "order", **NEW).status == 503
    assert client.signed("GET", "openOrders").body == []


@pytest.mark.parametrize(("kind", "orders"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_order_is_placed_or_not_by_kind(make_client: Any, kind: str, orders: int) -> None:
    """drop_before hangs up before handling, drop_after with the order accepted: no answer either way."""
    client = make_client(faults=FaultPlan((FaultRule("POST order", kind),)))
    with pytest.raises(ConnectionError):
        client.signed("POST", "order", **NEW)
    assert len(client.signed("GET", "openOrders").body) == orders


def test_the_request_log_has_no_secret(client: Any, tmp_path: Path) -> None:
    """One line per request: path, parameters, code; neither signature nor key nor secret."""
    client.log = RequestLog(tmp_path / "log" / "requests.jsonl")
    client.signed("POST", "order", **NEW)
    client.signed("POST", "order", **(NEW | {"symbol": "NOPE"}))
    text = (tmp_path / "log" / "requests.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["status"], line["code"]) for line in lines] == [(200, None), (400, -1121)]
    assert lines[0]["params"]["price"] == "90"
    key, secret = demo_credentials(7, 1)
    assert "signature" not in text
    assert key not in text
    assert secret not in text


def test_listen_keys_live_an_hour_of_wall_time(client: Any) -> None:
    """Made, listed, kept alive, closed; another account's key is unknown."""
    key = client.signed("POST", "userDataStream").body["listenKey"]
    client.forward(50 * MINUTE)
    assert client.signed("PUT", "userDataStream", listenKey=key).body == {"listenKey": key}
    client.forward(50 * MINUTE)
    assert client.signed("GET", "userDataStream").body == {"listenKey": [key]}
    assert client.signed("DELETE", "userDataStream", who=2, listenKey=key).status == 400
    assert client.signed("DELETE", "userDataStream", listenKey=key).status == 200
    assert client.signed("PUT", "userDataStream", listenKey=key).status == 400


def test_history_reaches_back_seven_days(client: Any) -> None:
    """An order of eight days ago is gone from allOrders and still answered by its id."""
    resting = traded(client)
    client.forward(8 * 86_400_000)
    assert client.signed("GET", "allOrders", symbol="AAAUSDT").body == []
    assert client.signed("GET", "order", symbol="AAAUSDT", orderId=resting).body["status"] == "NEW"
    assert len(client.signed("GET", "myTrades", symbol="AAAUSDT").body) == 1


def test_cancelling_all_takes_one_symbol_or_everything(make_client: Any) -> None:
    """DELETE openOrders cancels the named symbol's, DELETE order/all the rest."""
    client = make_client(FakeMarket(pair(), pair("BBBUSDT")))
    for symbol in ("AAAUSDT", "AAAUSDT", "BBBUSDT"):
        client.signed("POST", "order", **(NEW | {"symbol": symbol}))
    assert len(client.signed("DELETE", "openOrders", symbol="AAAUSDT").body) == 2
    assert [o["symbol"] for o in client.signed("GET", "openOrders").body] == ["BBBUSDT"]
    assert client.signed("DELETE", "order/all").body["code"] == 200
    assert client.signed("GET", "account").body["balances"] == [
        {"asset": "USDT", "free": "10000", "locked": "0"}
    ]


@pytest.mark.parametrize("name", ["symbol", "limit", "startTime", "interval"])
@pytest.mark.parametrize("value", ["'; DROP TABLE", "../../etc/passwd", "1e99", "NaN", "💥", "9" * 400, "-1"])
def test_hostile_parameters_are_refused_never_a_crash(client: Any, name: str, value: str) -> None:
    """Whatever stands in a parameter, the answer is JSON with a status below 500."""
    params = {"symbol": "AAAUSDT", "interval": "5m"} | {name: value}
    for path in ("klines", "depth", "trades", "ticker/24hr", "exchangeInfo"):
        answer = client.get(f"/api/v3/{path}", **params)
        assert answer.status in (200, 400)
        assert answer.body is not None
