"""What is not MEXC's: what this world is, the news, and the levers that tests and demos pull."""

import hmac
import re
from collections.abc import Mapping

import orjson

from trading.market.errors import BadInput
from trading.simulator.exchange import Exchange
from trading.simulator.faults import FaultPlan, FaultRule
from trading.simulator.wire import XML_TYPE, Refusal, Reply, dumps

_NEWS = re.compile(r"/news/([a-z0-9-]{1,40})\.xml")


def answer_other(exchange: Exchange, method: str, path: str, body: str, admin: str | None) -> Reply:
    """Answer everything outside MEXC's paths.

    Raises
    ------
    Refusal
        404 for an unknown path, 403 for an admin call without the token.
    """
    if method == "GET" and path == "/sluice/about":
        return Reply(dumps(exchange.about()))
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
    exchange.clock.set_speed(float(speed))
    return {"market_time_ms": exchange.clock.now_ms(), "speed": exchange.clock.speed}


def _set_faults(exchange: Exchange, raw: Mapping[str, object]) -> dict[str, object]:
    rules = raw.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise BadInput("rules must be a list of objects")
    seed = raw.get("seed", exchange.seed)
    if not isinstance(seed, int):
        raise BadInput(f"seed must be a whole number, was {seed!r}")
    hits = exchange.faults.hits
    exchange.faults = FaultPlan(tuple(FaultRule.from_json(rule) for rule in rules), seed)
    return {"rules": len(exchange.faults.rules), "seed": seed, "hits_before": hits}


_LEVERS = {"/sluice/clock": _set_clock, "/sluice/faults": _set_faults}
