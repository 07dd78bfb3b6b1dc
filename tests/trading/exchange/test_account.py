"""One account against canned answers: what is sent, what each silence means, who signs with what."""

import hashlib
import hmac
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.throttle import Priority, priority
from trading.market import errors as tree
from trading.market.orders import OrderRequest, OrderStatus, OrderType, Side

from .conftest import START_MS, Answer, Request, Venue

BUY = OrderRequest("BTC/USDT", Side.BUY, OrderType.LIMIT, "coid-1", Decimal("0.5"), Decimal("100.25"))


def wire_order(order_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderId": order_id, "clientOrderId": "coid-1", "price": "100.25",
        "origQty": "0.5", "executedQty": "0", "cummulativeQuoteQty": "0", "status": "NEW", "type": "LIMIT",
        "side": "BUY", "time": START_MS,
    } | changes  # fmt: skip


async def test_submit_signs_exactly_what_it_sends(venue: Venue, pool: GatewayPool) -> None:
    """The signature is HMAC-SHA256 of the query string as sent; time is the venue's, not this machine's."""
    venue.answers["POST", "order"] = Answer({"symbol": "BTCUSDT", "orderId": "C02__7", "orderListId": -1})
    assert await pool.account("key-A", "secret-A").submit(BUY) == "C02__7"
    (sent,) = venue.of("order")
    payload, _, signature = sent.raw_query.partition("&signature=")
    assert hmac.new(b"secret-A", payload.encode(), hashlib.sha256).hexdigest() == signature
    assert payload.startswith(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.5&price=100.25&newClientOrderId=coid-1"
    )
    assert abs(int(sent.query["timestamp"]) - venue.now_ms()) < 1000
    assert sent.query["recvWindow"] == "5000"
    assert sent.headers["X-MEXC-APIKEY"] == "key-A"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer({"code": 503, "msg": "x"}, 503), tree.VenueFailed),
        (Answer(raw=b'{"orderId": "C0'), tree.OutcomeUnknown),
        (Answer({"symbol": "BTCUSDT"}), tree.OutcomeUnknown),
        (Answer([]), tree.OutcomeUnknown),
        (Answer(raw=b"<html>", status=403), tree.OutcomeUnknown),
        (Answer({"code": 30004, "msg": "Insufficient position"}, 400), tree.InsufficientFunds),
        (Answer({"code": 429, "msg": "slow"}, 429), tree.RateLimited),
        (Answer({"code": 418, "msg": "ban"}, 418), tree.Banned),
        (Answer({"code": 700002, "msg": "signature"}, 400), tree.BadCredentials),
    ],
)
async def test_order_is_sent_once_whatever_comes_back(
    venue: Venue, pool: GatewayPool, answer: Answer, expected: type[Exception]
) -> None:
    """Orders are never retried here; what is not certain is unknown."""
    venue.answers["POST", "order"] = answer
    with pytest.raises(expected) as caught:
        await pool.account("key-A", "secret-A").submit(BUY)
    assert type(caught.value) is expected
    assert len(venue.of("order")) == 1
    for secret in ("key-A", "secret-A", venue.of("order")[0].query["signature"]):
        assert secret not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_order_without_an_answer_in_time_is_unknown(venue: Venue) -> None:
    """Sent, then silence."""
    venue.answers["POST", "order"] = Answer({}, hang_s=2)
    async with GatewayPool(ExchangeSettings(venue.base_url, timeout_s=0.3)) as pool:
        with pytest.raises(tree.OutcomeUnknown, match=r"no answer within 0\.3 s"):
            await pool.account("k", "s").submit(BUY)


async def test_refused_connection_is_certain_nothing_was_sent(venue: Venue, pool: GatewayPool) -> None:
    """No connection, no order: Unreachable, not OutcomeUnknown."""
    account = pool.account("k", "s")
    await pool.public.markets()
    account._venue.urls = {"api": {"spot": {"private": "http://127.0.0.1:1"}}}
    with pytest.raises(tree.Unreachable):
        await account.submit(BUY)


async def test_order_with_a_refused_timestamp_is_sent_once_and_the_next_is_signed_right(
    venue: Venue, pool: GatewayPool
) -> None:
    """700003 accepted nothing, but the client id is used up: synchronise, leave the rest to the caller."""

    def answer(_: Request) -> Answer:
        if len(venue.of("order")) > 1:
            return Answer({"orderId": "C02__8"})
        venue.jump_s(60)
        return Answer(
            {"code": 700003, "msg": "Timestamp for this request is outside of the recvWindow."}, 400
        )

    venue.answers["POST", "order"] = answer
    asked = len(venue.of("time"))
    with pytest.raises(tree.ClockSkew):
        await pool.account("k", "s").submit(BUY)
    assert len(venue.of("order")) == 1
    assert len(venue.of("time")) > asked
    again = replace(BUY, client_order_id="coid-2")
    assert await pool.account("k", "s").submit(again) == "C02__8"
    first, second = venue.of("order")
    assert int(second.query["timestamp"]) - int(first.query["timestamp"]) >= 60_000
    assert first.query["signature"] != second.query["signature"]


async def test_read_is_tried_again_and_order_not_found_is_final(venue: Venue, pool: GatewayPool) -> None:
    """Two 503 and then the answer; a not-found is told at once."""
    answers = [Answer({"code": 503, "msg": "x"}, 503)] * 2
    venue.answers["GET", "order"] = lambda _: answers.pop() if answers else Answer(wire_order("C02__9"))
    account = pool.account("k", "s")
    assert (await account.order("BTC/USDT", client_order_id="coid-1")).order_id == "C02__9"
    assert [request.query["origClientOrderId"] for request in venue.of("order")] == ["coid-1"] * 3
    venue.answers["GET", "order"] = Answer({"code": -2013, "msg": "Order does not exist."}, 400)
    with pytest.raises(tree.OrderNotFound):
        await account.order("BTC/USDT", order_id="C02__0")
    assert len(venue.of("order")) == 4
    with pytest.raises(tree.BadInput, match="both were None"):
        await account.order("BTC/USDT")


async def test_cancel_reads_the_state_back(venue: Venue, pool: GatewayPool) -> None:
    """The reply to a cancel may say NEW; what counts is the order afterwards."""
    venue.answers["DELETE", "order"] = Answer(wire_order("C02__1"))
    venue.answers["GET", "order"] = Answer(
        wire_order("C02__1", status="PARTIALLY_CANCELED", executedQty="0.2")
    )
    state = await pool.account("k", "s").cancel("BTC/USDT", order_id="C02__1")
    assert (state.status, state.filled) == (OrderStatus.PARTIALLY_CANCELED, Decimal("0.2"))
    venue.answers["DELETE", "order"] = Answer({"code": -2011, "msg": "Unknown order sent."}, 400)
    with pytest.raises(tree.OrderNotFound):
        await pool.account("k", "s").cancel("BTC/USDT", client_order_id="coid-1")


async def test_every_fill_is_found_however_many_there_are(venue: Venue, pool: GatewayPool) -> None:
    """An answer holds a hundred rows; which ones of a fuller window the venue does not say."""
    trades = [
        {
            "symbol": "BTCUSDT", "id": f"t{n:04d}", "orderId": f"o{n % 3}", "price": "100", "qty": "1",
            "quoteQty": "100", "commission": "0", "commissionAsset": "USDT",
            "time": START_MS - 500_000 + n * 997, "isBuyer": True, "isMaker": False,
        }
        for n in range(437)
    ]  # fmt: skip

    def answer(request: Request) -> Answer:
        start, end = int(request.query.get("startTime", 0)), int(request.query.get("endTime", 2**60))
        order = request.query.get("orderId")
        fitting = [t for t in trades if start <= t["time"] <= end and order in (None, t["orderId"])]
        return Answer(fitting[::-1][: int(request.query["limit"])])

    venue.answers["GET", "myTrades"] = answer
    account = pool.account("k", "s")
    found = await account.fills("BTC/USDT", since_ms=START_MS - 499_003)
    assert [fill.trade_id for fill in found] == [f"t{n:04d}" for n in range(1, 437)]
    of_one = await account.fills("BTC/USDT", since_ms=0, order_id="o1")
    assert [fill.trade_id for fill in of_one] == [f"t{n:04d}" for n in range(1, 437, 3)]
    assert len(await account.fills("BTC/USDT")) == 100


async def test_orders_since_come_whole_and_sorted(venue: Venue, pool: GatewayPool) -> None:
    """The same window halving for allOrders."""
    orders = [wire_order(f"o{n:05d}", time=START_MS - 60_000 + n * 20) for n in range(2500)]

    def answer(request: Request) -> Answer:
        start, end = int(request.query["startTime"]), int(request.query["endTime"])
        return Answer(
            [order for order in orders if start <= order["time"] <= end][: int(request.query["limit"])]
        )

    venue.answers["GET", "allOrders"] = answer
    found = await pool.account("k", "s").orders_since("BTC/USDT", START_MS - 60_000)
    assert [order.order_id for order in found] == [f"o{n:05d}" for n in range(2500)]


def test_secrets_are_in_no_repr() -> None:
    """Neither the account nor its ccxt instance prints its key."""
    account = GatewayPool(ExchangeSettings("http://127.0.0.1:1")).account("the-key", "the-secret")
    for thing in (account, account._venue, account._caller):
        assert "the-key" not in repr(thing)
        assert "the-secret" not in f"{thing!r} {thing}"
    for key, secret in (("", "s"), ("k", "")):
        with pytest.raises(tree.BadInput):
            GatewayPool(ExchangeSettings("http://127.0.0.1:1")).account(key, secret)


@pytest.mark.parametrize("path", ["allOrders", "myTrades"])
@pytest.mark.parametrize("junk", ["soon", [1], {"at": 1}, "1e400"])
async def test_history_row_with_a_junk_time_is_a_bad_payload(
    venue: Venue, pool: GatewayPool, path: str, junk: object
) -> None:
    """A row of the past whose time is no number is the venue's fault, as everywhere else."""
    venue.answers["GET", path] = Answer([{"orderId": "C1", "id": "T1", "time": junk}])
    account = pool.account("k", "s")
    asked = account.orders_since if path == "allOrders" else account.fills
    with pytest.raises(tree.BadPayload, match=f"{path} of BTC/USDT: "):
        await asked("BTC/USDT", since_ms=START_MS)


async def test_time_that_an_order_waits_for_goes_at_the_priority_of_exits(venue: Venue) -> None:
    """A scan may ask for the time first: an exit that waits for the same answer must not wait with it."""
    async with GatewayPool(ExchangeSettings(venue.base_url, rate_per_s=10_000, timeout_s=2)) as pool:
        seen: list[Priority] = []
        acquire = pool.limiter.acquire

        async def note(weight: int, level: Priority) -> None:
            seen.append(level)
            await acquire(weight, level)

        pool.limiter.acquire = note  # type: ignore[method-assign]
        with priority(Priority.SCAN):
            await pool.public.sync_clock()
        assert set(seen) == {Priority.EXIT}
