"""What is not MEXC's: what this world is, the news, and the levers that tests and demos pull."""

import hmac
import re
from collections.abc import Mapping

import orjson

from trading.market.errors import BadInput
from trading.simulator.exchange import Exchange
from trading.simulator.fault_file import check_plan
from trading.simulator.faults import plan_from_json
from trading.simulator.key_terms import open_key, read_terms
from trading.simulator.levers import read_events
from trading.simulator.transfers import move_coins
from trading.simulator.wire import XML_TYPE, Refusal, Reply, dumps

_NEWS = re.compile(r"/news/([a-z0-9-]{1,40})\.xml")


def answer_other(
    exchange: Exchange, method: str, path: str, body: str, admin: str | None, *, asker: str = "local"
) -> Reply:
    """Answer everything outside MEXC's paths.

    Raises
    ------
    Refusal
        404 for an unknown path, 403 for an admin call without the token.
    """
    if method == "GET" and path == "/sluice/about":
        return Reply(dumps(exchange.about(asker)))
    if method == "GET" and path == "/sluice/faults":
        return Reply(dumps(_live_faults(exchange)))
    if method == "GET" and path == "/sluice/events":
        return Reply(dumps(_events(exchange)))
    news = _NEWS.fullmatch(path) if method == "GET" else None
    if news is not None:
        feed = exchange.news.rss(news.group(1), exchange.clock.now_ms())
        if feed is not None:
            return Reply(feed, content_type=XML_TYPE)
    if method == "POST" and path in _LEVERS:
        _check_token(exchange, admin)
        try:
            return Reply(dumps(_LEVERS[path](exchange, _json(body))))
        except BadInput as wrong:
            raise Refusal(400, str(wrong)) from None
    raise Refusal(404, "Not Found", status=404)


def _check_token(exchange: Exchange, admin: str | None) -> None:
    token = exchange.admin_token
    if token is None:
        raise Refusal(403, "admin is off: start the exchange with an admin token", status=403)
    if admin is None or not hmac.compare_digest(token.encode(), admin.encode()):
        raise Refusal(403, "wrong or missing X-Sluice-Admin", status=403)


def _json(body: str) -> Mapping[str, object]:
    try:
        raw = orjson.loads(body or "{}")
    except orjson.JSONDecodeError as wrong:
        raise BadInput(f"body must be a JSON object: {wrong}") from None
    if not isinstance(raw, dict):
        raise BadInput("body must be a JSON object")
    return raw


def _set_clock(exchange: Exchange, raw: Mapping[str, object]) -> dict[str, object]:
    speed = raw.get("speed")
    if not isinstance(speed, int | float) or isinstance(speed, bool):
        raise BadInput(f"speed must be a number, was {speed!r}")
    until_ms = raw.get("until_ms")
    if until_ms is not None and (not isinstance(until_ms, int) or isinstance(until_ms, bool)):
        raise BadInput(f"until_ms must be market time in whole ms, was {until_ms!r}")
    exchange.clock.set_speed(float(speed), until_ms)
    exchange.catch_up()
    exchange.forget_snapshot()  # a jump may take less wall time than prices may be old
    return {"market_time_ms": exchange.clock.now_ms(), "speed": exchange.clock.speed}


def _live_faults(exchange: Exchange) -> dict[str, object]:
    plan = exchange.faults
    return {"seed": plan.seed, "rules": plan.listing(), "hits": plan.hits}


def _set_faults(exchange: Exchange, raw: Mapping[str, object]) -> dict[str, object]:
    check_plan(raw)
    hits = exchange.faults.hits
    plan = plan_from_json(raw, seed=exchange.seed)
    plan.started_s = exchange.wall_s()
    now_ms = exchange.clock.now_ms()
    exchange.levers.schedule(read_events(raw, now_ms), now_ms)
    exchange.faults = plan
    exchange.forget_snapshot()
    return {"rules": len(plan.rules), "seed": plan.seed, "hits_before": hits}


def _events(exchange: Exchange) -> dict[str, object]:
    levers = exchange.levers
    return {
        "pending": [event.to_json() for event in levers.pending],
        "done": [event.to_json() for event in levers.done],
    }


def _set_events(exchange: Exchange, raw: Mapping[str, object]) -> dict[str, object]:
    now_ms = exchange.clock.now_ms()
    many = raw if "events" in raw else {"events": [raw]}
    exchange.levers.schedule(read_events(many, now_ms), now_ms)
    exchange.forget_snapshot()
    return _events(exchange)


def _set_key(exchange: Exchange, raw: Mapping[str, object]) -> dict[str, object]:
    account = open_key(exchange.accounts, read_terms(raw))
    exchange.matcher.store.touch(account.key)
    return {"key": account.key, "secret": account.secret}


def _move_coins(exchange: Exchange, raw: Mapping[str, object]) -> dict[str, object]:
    account, row = move_coins(exchange.accounts, raw, exchange.clock.now_ms())
    exchange.matcher.store.touch(account.key)
    exchange.forget_snapshot()
    return row


_LEVERS = {
    "/sluice/transfers": _move_coins,
    "/sluice/keys": _set_key,
    "/sluice/clock": _set_clock,
    "/sluice/faults": _set_faults,
    "/sluice/events": _set_events,
}
