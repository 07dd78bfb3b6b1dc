"""Faults in what is answered: rows shuffled, doubled, missing, absurd or nonsense. JSON in, JSON out.

Prices stay text with the pair's own decimals, so that a bad print looks like a print. An answer that
has nothing to spoil (an empty list, an error) is left as it is.
"""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from trading.simulator.exchange import Exchange
from trading.simulator.fault_kinds import ANSWER
from trading.simulator.faults import Fault, Struck
from trading.simulator.wire import Call

_NONSENSE: tuple[Any, ...] = (None, "NaN", "", "1e999", -1, "١٢", {}, [], True, "<html>", 10**18)
_TICKER_PRICES = ("lastPrice", "price")
_BOOK_PRICES = ("bidPrice", "askPrice")

type Json = Any  # what orjson reads


def answer(x: Exchange, name: str, handler: Callable[[Exchange, Call], bytes], call: Call) -> bytes:
    """Return what `handler` answers once the faults of time and data of this request have had their way."""
    struck = call.struck
    assert struck is not None  # only requests that were hit come here
    stale = struck["stale"]
    body = handler(x, call)
    if stale is not None:
        lag_ms = int(stale.rule.number("lag_s") * 1000)
        old_ms = call.now_ms - lag_ms if lag_ms else x.faults.first_hit_ms(stale)
        body = frozen(stale, body, handler(x, Call(call.params, old_ms, call.signer, struck)))
    for kind in ("clock_skew", "venue_skew"):
        skew_ms = x.faults.skew_ms(struck, kind, x.wall_s())
        if skew_ms and name == "time":
            body = orjson.dumps({"serverTime": orjson.loads(body)["serverTime"] + skew_ms})
    return spoil(struck, name, body, call.now_ms)


def spoil(struck: Struck, name: str, body: bytes, now_ms: int) -> bytes:
    """Return the answer of endpoint `name` after every data fault of this request."""
    faults = [fault for fault in struck if fault.rule.about.phase == ANSWER]
    if not faults:
        return body
    answer: Json = orjson.loads(body)
    for fault in faults:
        answer = _SPOILERS[fault.kind](fault, name, answer, now_ms)
    return orjson.dumps(answer)


def frozen(fault: Fault, fresh: bytes, old: bytes) -> bytes:
    """Return `old` in place of `fresh`; of a list about all symbols only the rule's own rows are old."""
    if fault.rule.symbol == "*":
        return old
    new, before = orjson.loads(fresh), orjson.loads(old)
    if not isinstance(new, list) or not new or not isinstance(new[0], dict):
        return old
    rows = {row.get("symbol"): row for row in before}
    covers = fault.rule.covers
    return orjson.dumps([rows.get(r["symbol"], r) if covers(r["symbol"]) else r for r in new])


def _shuffled(fault: Fault, _name: str, answer: Json, _now_ms: int) -> Json:
    if isinstance(answer, list) and len(answer) > 1:
        before = list(answer)
        rng = fault.rng()
        rng.shuffle(answer)
        if answer == before:
            answer.reverse()
    return answer


def _duplicated(fault: Fault, _name: str, answer: Json, _now_ms: int) -> Json:
    if not isinstance(answer, list) or not answer:
        return answer
    rng = fault.rng()
    twice = set(rng.sample(range(len(answer)), max(1, len(answer) // 10)))
    return [row for at, row in enumerate(answer) for _ in range(2 if at in twice else 1)]


def _holes(fault: Fault, _name: str, answer: Json, _now_ms: int) -> Json:
    if not isinstance(answer, list):
        return answer
    rng, share = fault.rng(), fault.rule.number("share")
    return [row for row in answer if rng.random() >= share]


def _bad_print(fault: Fault, name: str, answer: Json, _now_ms: int) -> Json:
    rng, factor = fault.rng(), Decimal(str(fault.rule.number("factor")))
    if name == "klines":
        if answer:
            _spike(answer[rng.randrange(len(answer))], factor)
        return answer
    row = _chosen(fault, answer, rng)
    if row is None:
        return answer
    if name == "aggTrades":
        row["p"] = _times(row["p"], factor)
    elif name in ("trades", "historicalTrades"):
        row["price"] = _times(row["price"], factor)
    elif name == "ticker/bookTicker":
        for side in _BOOK_PRICES:
            row[side] = _times(row[side], factor)
    else:
        _spike_ticker(row, factor)
    return answer


def _spike(bar: list[Json], factor: Decimal) -> None:
    # The print is the bar's last trade: it is the close, and one of the extremes.
    absurd = _times(bar[4], factor)
    bar[4] = absurd
    bar[2] = max(bar[2], absurd, key=Decimal)
    bar[3] = min(bar[3], absurd, key=Decimal)


def _spike_ticker(row: dict[str, Json], factor: Decimal) -> None:
    for name in _TICKER_PRICES:
        if name in row:
            row[name] = _times(row[name], factor)
    if "lastPrice" in row:
        row["highPrice"] = max(row["highPrice"], row["lastPrice"], key=Decimal)
        row["lowPrice"] = min(row["lowPrice"], row["lastPrice"], key=Decimal)


def _times(price: str, factor: Decimal) -> str:
    value = Decimal(price)
    tick = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return f"{max((value * factor).quantize(tick), tick):f}"


def _garbage(fault: Fault, name: str, answer: Json, _now_ms: int) -> Json:
    rng = fault.rng()
    nonsense = rng.choice(_NONSENSE)
    if name == "depth" and isinstance(answer, dict):
        side = answer[rng.choice(("bids", "asks"))]
        if side:
            rng.choice(side)[rng.randrange(2)] = nonsense
        return answer
    row = _chosen(fault, answer, rng)
    if row:
        place = rng.choice(sorted(row)) if isinstance(row, dict) else rng.randrange(len(row))
        row[place] = nonsense
    return answer


def _chosen(fault: Fault, answer: Json, rng: random.Random) -> Json:
    """Return the row to spoil: the only one, or one of those that the rule is about."""
    if not isinstance(answer, list):
        return answer
    covered = [r for r in answer if not isinstance(r, dict) or fault.rule.covers(r.get("symbol", ""))]
    rows = covered if any(isinstance(row, dict) and "symbol" in row for row in answer) else answer
    return rng.choice(rows) if rows else None


def _late_fills(fault: Fault, _name: str, answer: Json, now_ms: int) -> Json:
    if not isinstance(answer, list):
        return answer
    newest = now_ms - fault.rule.number("lag_s") * 1000
    return [row for row in answer if row["time"] <= newest]


def _duplicated_fills(_fault: Fault, _name: str, answer: Json, _now_ms: int) -> Json:
    return [row for row in answer for _ in range(2)] if isinstance(answer, list) else answer


def _status_backwards(fault: Fault, _name: str, answer: Json, _now_ms: int) -> Json:
    unfilled = {"status": "NEW", "executedQty": "0", "cummulativeQuoteQty": "0"}
    for row in answer if isinstance(answer, list) else [answer]:
        if fault.rule.covers(row["symbol"]):
            row.update(unfilled)
    return answer


_SPOILERS: dict[str, Callable[[Fault, str, Json, int], Json]] = {
    "shuffled": _shuffled,
    "duplicated": _duplicated,
    "holes": _holes,
    "bad_print": _bad_print,
    "garbage": _garbage,
    "late_fills": _late_fills,
    "duplicated_fills": _duplicated_fills,
    "status_backwards": _status_backwards,
}
