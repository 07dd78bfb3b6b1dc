"""The fees that a markets file gives one symbol: read and checked."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from trading.backtest.fees import QUOTE, DatedFees, MarketFees
from trading.market.errors import BadInput

_DATED = ("from", "maker", "taker")


def market_fees(symbol: str, rules: Mapping[str, Any]) -> MarketFees:
    """Return the fees among the `rules` of `symbol`: ``maker``, ``taker``, ``fees``, asset and discount.

    ``taker`` alone holds for both. ``fees`` is a list of ``{"from": "2026-01-01", "maker": …, "taker": …}``;
    a plain ``maker`` and ``taker`` beside it hold before its first date.

    Raises
    ------
    BadInput
        If a fee or the discount lies outside [0, 1), a date cannot be read, or one stands twice.
    """
    dated = []
    if "taker" in rules or "maker" in rules:
        dated.append(_fees(symbol, rules, 0))
    given = rules.get("fees", [])
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise BadInput(f"markets: fees of {symbol} must be a list of {{from, maker, taker}}, was {given!r}")
    later = []
    for each in given:
        unknown = sorted(set(each) - set(_DATED))
        if unknown:
            raise BadInput(
                f"markets: fees of {symbol} have an unknown key {unknown[0]!r}; known: {', '.join(_DATED)}"
            )
        later.append(_fees(symbol, each, _moment(symbol, each.get("from"))))
    later.sort(key=lambda fees: fees.from_ms)
    for before, after in pairwise(later):
        if before.from_ms == after.from_ms:
            raise BadInput(f"markets: fees of {symbol} begin twice at {_day(after.from_ms)}")
    asset = rules.get("fee_asset", QUOTE)
    if not isinstance(asset, str) or not asset:
        raise BadInput(f'markets: fee_asset of {symbol} must be "quote", "base" or a name, was {asset!r}')
    discount = _fraction(symbol, "fee_discount", rules.get("fee_discount", 0))
    return MarketFees((*dated, *later), asset, discount)


def _fees(symbol: str, given: Mapping[str, Any], from_ms: int) -> DatedFees:
    name = "taker" if "taker" in given else "maker"
    if name not in given:
        raise BadInput(f"markets: fees of {symbol} need maker or taker, which are missing")
    taker = _fraction(symbol, name, given.get("taker", given[name]))
    return DatedFees(_fraction(symbol, "maker", given.get("maker", taker)), taker, from_ms)


def _fraction(symbol: str, name: str, value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 1:  # type: ignore[operator]  # a number by the line above
        raise BadInput(f"markets: {name} of {symbol} must be a number in [0, 1), was {value!r}")
    return float(value)  # type: ignore[arg-type]  # as above


def _moment(symbol: str, value: object) -> int:
    try:
        at = datetime.fromisoformat(value)  # type: ignore[arg-type]  # what is no text fails here
    except (TypeError, ValueError):
        raise BadInput(f'markets: fees of {symbol} need from = "2026-01-01" (UTC), was {value!r}') from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()
