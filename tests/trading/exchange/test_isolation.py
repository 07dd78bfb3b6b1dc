"""Hundreds of accounts in one process: a request carries its own account's key and nothing else's."""

import asyncio
import hashlib
import hmac
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from trading.exchange.account import MexcAccount
from trading.exchange.instances import Frozen
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.market import errors as tree
from trading.market.orders import OrderRequest, OrderType, Side

from .conftest import Answer, Request, Venue

ACCOUNTS = 300
# Neither is part of another one, or of anything else in a request.
KEYS = {
    f"mx0-key-{number:04d}-{number * 7919 % 1000:03d}": f"sec.{number:04d}.ret" for number in range(ACCOUNTS)
}
USUAL = {
    "Host",
    "Accept",
    "Accept-Encoding",
    "User-Agent",
    "Content-Type",
    "Content-Length",
    "X-MEXC-APIKEY",
    "source",
}


def order_of(number: int) -> OrderRequest:
    return OrderRequest(
        "BTC/USDT", Side.BUY, OrderType.LIMIT, f"coid-{number:04d}", Decimal(number + 1), Decimal("100.25")
    )


def answers(venue: Venue) -> None:
    """A venue that stumbles over the first read of every tenth account: retries are looked at too."""

    def stumbling(good: Any) -> Any:
        known: set[str] = set()

        def answer(request: Request) -> Answer:
            key = request.headers["X-MEXC-APIKEY"]
            stumbles = key not in known and key[11] == "0"
            known.add(key)
            return Answer({"code": 503, "msg": "busy"}, 503) if stumbles else Answer(good)

        return answer

    venue.answers["GET", "account"] = stumbling({"balances": []})
    venue.answers["GET", "openOrders"] = stumbling([])
    venue.answers["POST", "order"] = Answer({"orderId": "C02__1"})
    venue.answers["DELETE", "order"] = Answer({"code": -2011, "msg": "Unknown order sent."}, 400)


async def use(account: MexcAccount, number: int) -> None:
    await asyncio.gather(
        account.submit(order_of(number)), account.balances(), account.open_orders("BTC/USDT")
    )
    with pytest.raises(tree.OrderNotFound):
        await account.cancel("BTC/USDT", client_order_id=f"coid-{number:04d}")


def check(request: Request) -> str | None:
    """Return whose request it is; fail if it holds anything of somebody else."""
    key = request.headers.get("X-MEXC-APIKEY")
    found = [name for name in KEYS if name in request.whole]
    assert found == ([] if key is None else [key])
    assert "sec." not in request.whole
    assert set(request.headers) <= USUAL
    if key is None:
        assert "signature" not in request.whole
        return None
    payload, _, signature = request.raw_query.partition("&signature=")
    assert hmac.new(KEYS[key].encode(), payload.encode(), hashlib.sha256).hexdigest() == signature
    return key


async def test_no_key_header_or_signature_of_one_account_shows_in_anothers_request(venue: Venue) -> None:
    """Three hundred accounts interleaved on one session, with public calls and retries between them."""
    answers(venue)
    async with GatewayPool(ExchangeSettings(venue.base_url, rate_per_s=100_000, timeout_s=30)) as pool:
        await pool.public.markets()
        accounts = [pool.account(key, secret) for key, secret in KEYS.items()]
        await asyncio.gather(
            *(use(account, number) for number, account in enumerate(accounts)),
            *(pool.public.markets() for _ in range(5)),
        )
    counts = Counter(map(check, venue.requests))
    assert counts.keys() == {*KEYS, None}
    assert {counts[key] for key in KEYS} == {4, 6}
    by_id = {
        request.query["newClientOrderId"]: request
        for request in venue.of("order")
        if request.method == "POST"
    }
    for number, key in enumerate(KEYS):
        sent = by_id[f"coid-{number:04d}"]
        assert (sent.headers["X-MEXC-APIKEY"], sent.query["quantity"]) == (key, str(number + 1))


async def test_what_one_account_scribbles_into_its_instance_stays_there(venue: Venue) -> None:
    """Every table of one instance is written to, or refuses; the others send what they sent before."""
    answers(venue)
    async with GatewayPool(ExchangeSettings(venue.base_url, rate_per_s=100_000)) as pool:
        await pool.public.markets()
        vandal, victim = (pool.account(key, KEYS[key]) for key in list(KEYS)[:2])
        scribble(vandal._venue)
        later = pool.account(list(KEYS)[2], KEYS[list(KEYS)[2]])
        for other in (victim, later):
            assert "scribble" not in repr(vars(other._venue))
            await other.balances()
        assert "scribble" not in repr(vars(pool._venue))
        await pool.public.markets()
    for request in venue.requests:
        check(request)
        assert "scribble" not in request.whole


def scribble(instance: Any) -> None:
    for name, value in vars(instance).items():
        if isinstance(value, dict | list | set):
            scribble_into(value, name)
    instance.headers = {"X-scribble": "1"}
    instance.options = {"recvWindow": 1, "broker": "scribble"}


def scribble_into(value: Any, name: str) -> None:
    if isinstance(value, Frozen):
        with pytest.raises(TypeError, match="shared by all accounts"):
            value["scribble"] = "scribble"
        for inner in value.values():
            scribble_into(inner, name)
    elif isinstance(value, dict):
        for inner in value.values():
            scribble_into(inner, name)
        value["scribble"] = "scribble"
    elif isinstance(value, list):
        value.append("scribble")
    elif isinstance(value, set):
        value.add("scribble")
    else:
        assert not isinstance(value, bytearray), name


def test_everything_that_can_change_is_each_accounts_own() -> None:
    """What two instances and their template have in common is frozen, or no container at all."""
    pool = GatewayPool(ExchangeSettings("http://127.0.0.1:1"))
    one, two = (pool.account(f"k{n}", f"s{n}")._venue for n in (1, 2))
    template = pool._venue
    assert template.apiKey in (None, "")
    for name, value in vars(one).items():
        if isinstance(value, dict | list | set) and not isinstance(value, Frozen):
            assert value is not vars(two)[name], name
            assert value is not vars(template).get(name), name
        # A bound method of the template inside a copy would sign with the template's key.
        assert getattr(value, "__self__", one) in (one, None) or name in ("_transport", "_clock"), name
    assert two.options["recvWindow"] == template.options["recvWindow"] == 5000
    assert one.throttler is None  # ccxt's limiter, per instance, cannot even be switched on
    assert one.enableRateLimit is False


@pytest.mark.parametrize(
    "write", ["__setitem__", "update", "setdefault", "pop", "clear", "__ior__", "popitem"]
)
def test_shared_table_refuses_every_way_to_write(write: str) -> None:
    """Replacing it as a whole is possible, changing it for everybody is not."""
    pool = GatewayPool(ExchangeSettings("http://127.0.0.1:1"))
    urls = pool.account("k", "s")._venue.urls
    arguments = {"__setitem__": ("api", "x"), "setdefault": ("x", 1), "pop": ("api",)}.get(
        write, ({"api": "x"},) if write in ("update", "__ior__") else ()
    )
    with pytest.raises(TypeError, match="shared by all accounts"):
        getattr(urls, write)(*arguments)
