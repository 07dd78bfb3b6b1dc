"""The exchange's own answers beside recorded ones: same keys, same kinds of value.

Orders are placed first, so that there are orders and trades to be told of.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from trading.exchange.errors import redact
from trading.exchange.only_mexc import BaseError
from trading.exchange.verify.client import Listener
from trading.exchange.verify.findings import Finding
from trading.exchange.verify.samples import ResponseCase
from trading.exchange.verify.shapes import shape_differences

# What the orders before the comparison buy, in quote units.
_COST = 50


async def answer_all(client: Listener, cases: Sequence[ResponseCase]) -> list[Finding]:
    """Ask each recorded question of the exchange and compare the shape of its answer."""
    traded = {case.inputs[0] for case in cases if case.method in ("fetchMyTrades", "fetchOrders")}
    for symbol in sorted(traded):
        await client.create_market_buy_order_with_cost(symbol, _COST)
    return [await _answer(client, case) for case in cases]


async def compare_listing(client: Listener, rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Compare the exchange's exchangeInfo rows with recorded ones: shape, and rules by value."""
    await client.fetch_spot_markets()
    served = {row["symbol"]: row for row in client.answer["symbols"]}
    findings = []
    for row in rows:
        name = str(row["symbol"])
        found = ["not listed"] if name not in served else list(_row_differences(row, served[name]))
        findings.append(
            Finding("listing", name, not found, "; ".join(found) or f"{len(row)} fields as recorded")
        )
    return findings


def _row_differences(recorded: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    found = list(shape_differences(dict(recorded), dict(ours)))
    for name, value in recorded.items():
        if name not in ours or isinstance(value, list | dict):
            continue
        if not _same(value, ours[name]):
            found.append(f".{name}: recorded {value}, ours {ours[name]}")
    return found


def _same(recorded: Any, ours: Any) -> bool:
    if isinstance(recorded, bool) or isinstance(ours, bool):
        return recorded is ours
    try:
        return float(recorded) == float(ours)
    except (TypeError, ValueError):
        return str(recorded) == str(ours)


async def _answer(client: Listener, case: ResponseCase) -> Finding:
    name = f"{case.method} {case.inputs[0]}"
    try:
        await getattr(client, case.python_name)(*case.inputs)
    except BaseError as refused:
        return Finding("answer", name, False, f"refused: {redact(str(refused))}")
    if not client.answer:
        return Finding("answer", name, False, "an empty answer shows no shape")
    found = list(shape_differences(case.http, client.answer))
    return Finding("answer", name, not found, "; ".join(found) or "same keys, same kinds of value")
