"""From exchangeInfo to `Market`, and the table that translates names both ways.

Tick and step are ten to the minus precision; `baseSizePrecision` is the smallest amount and
`quoteAmountPrecision` the smallest cost (exchange.md, section 1: MEXC's field names mislead).
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from trading.market.errors import BadPayload, UnknownSymbol
from trading.market.symbols import Market

_ONLINE = "1"
# tradeSideType: 1 both sides, 2 buy only, 3 sell only, 4 closed (MEXC's exchange information page).
_BOTH_SIDES = "1"
_MOST_DECIMALS = 30
# A plain number as JSON or MEXC's strings have it; Decimal and float() would take "1_000" and "١" too.
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,5})?", re.ASCII)
# Names become parts of paths, URLs, ids and lines of a terminal. Letters of any script are names: MEXC
# lists such coins.
_NO_NAME = re.compile(r"""[/\\:#?%&=<>|"'`\s]|^\.|\.\.""")
_LONGEST_NAME, _LONGEST_TEXT = 40, 100


def to_markets(
    rows: Iterable[Any],
    unify: Callable[[str], str],
    api_symbols: set[str] | None = None,
    *,
    rejected: dict[str, str] | None = None,
) -> list[Market]:
    """Return one `Market` per usable row of exchangeInfo's `symbols`, in the venue's order.

    Parameters
    ----------
    unify : callable
        Coin id -> unified coin name (MEXC's GAS is GASDAO).
    api_symbols : set of str or None
        Ids the venue says are open to the API (`defaultSymbols`); None where it did not say.
    rejected : dict or None
        Gets id -> reason of each row that is left out: without names that can be names, or with
        numbers that are none.

    Raises
    ------
    BadPayload
        If `rows` is no list at all.

    Notes
    -----
    Where two ids give one unified name, the later row stands, as in ccxt.
    """
    if not isinstance(rows, Iterable):
        raise BadPayload(f"a listing must be a list of symbols, was {type(rows).__name__}")
    found: dict[str, Market] = {}
    for place, row in enumerate(rows):
        try:
            market = _market(row, unify, api_symbols)
        except BadPayload as error:
            if rejected is not None:
                rejected[_told(row, place)] = str(error)
            continue
        found[market.symbol] = market
    return list(found.values())


def _told(row: Any, place: int) -> str:
    """Return how a person may be told of a row: its id in quotes, escaped and cut, or its place."""
    name = row.get("symbol") if isinstance(row, Mapping) else None
    return ascii(name[:_LONGEST_NAME]) if isinstance(name, str) else f"row {place}"


def _market(row: Any, unify: Callable[[str], str], api_symbols: set[str] | None) -> Market:
    if not isinstance(row, Mapping):
        raise BadPayload(f"expected an object, got {type(row).__name__}")
    exchange_id, base_id, quote_id = (_name(row, field) for field in ("symbol", "baseAsset", "quoteAsset"))
    tick = _step(row.get("quoteAssetPrecision"))
    step = _step(row.get("baseAssetPrecision"))
    min_amount, min_cost, max_cost = (
        _bound(row, field) for field in ("baseSizePrecision", "quoteAmountPrecision", "maxQuoteAmount")
    )
    fees = [decimal(row.get(field) or 0) for field in ("makerCommission", "takerCommission")]
    status = str(row.get("status", ""))
    is_open = (
        row.get("isSpotTradingAllowed") is True
        and row.get("st") is not True
        and str(row.get("tradeSideType", _BOTH_SIDES)) == _BOTH_SIDES
        and (api_symbols is None or exchange_id in api_symbols)
    )
    base, quote = unify(base_id), unify(quote_id)
    return Market(
        symbol=f"{base}/{quote}",
        exchange_id=exchange_id,
        base=base,
        quote=quote,
        status=status,
        is_scannable=status == _ONLINE,
        is_api_tradable=status == _ONLINE and is_open,
        tick=tick,
        step=step,
        min_amount=min_amount,
        min_cost=min_cost,
        max_cost=max_cost,
        maker_fee=fees[0],
        taker_fee=fees[1],
        full_name=_text(row.get("fullName")),
    )


def _name(row: Mapping[str, Any], field: str) -> str:
    name = row.get(field)
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise BadPayload(f"{field} must be a name of 1 to {_LONGEST_NAME} characters, was {ascii(name)[:60]}")
    if _NO_NAME.search(name) or not name.isprintable():
        raise BadPayload(f"{field} holds signs that no name has: {name!a}")
    return name


def _bound(row: Mapping[str, Any], field: str) -> Decimal:
    bound = decimal(row.get(field) or 0)
    if bound < 0:
        raise BadPayload(f"{field} must be at least 0, was {bound}")
    return bound


def _text(value: Any) -> str:
    """Return a text for people: what could steer a terminal is left out."""
    return "".join(filter(str.isprintable, value[:_LONGEST_TEXT])) if isinstance(value, str) else ""


def is_plain_number(text: str) -> bool:
    """Whether `text` is a decimal number in ASCII digits, with nothing around or between them."""
    return _NUMBER.fullmatch(text) is not None


def decimal(value: Any) -> Decimal:
    """Return a wire number exactly.

    Raises
    ------
    BadPayload
        If it is no finite number.
    """
    text = str(value) if isinstance(value, str | int | float | Decimal) else ""
    if isinstance(value, bool) or not is_plain_number(text):
        raise BadPayload(f"expected a number, got {ascii(value)[:40]}")
    number = Decimal(text)
    # An exponent of a billion is finite too, and a gigabyte when written out.
    if abs(number.adjusted()) > _MOST_DECIMALS:
        raise BadPayload(f"expected a number within 10**±30, got {ascii(value)[:40]}")
    return number


def _step(decimals: Any) -> Decimal:
    places = decimal(decimals)
    if places != places.to_integral_value() or not 0 <= places <= _MOST_DECIMALS:
        raise BadPayload(f"a precision must be a whole number from 0 to {_MOST_DECIMALS}, was {places}")
    return Decimal(1).scaleb(-int(places))


class MarketTable:
    """All markets of the process, shared by reference; replaced whole, never changed in place."""

    def __init__(self) -> None:
        self.markets: tuple[Market, ...] = ()
        self._by_symbol: dict[str, Market] = {}
        self._by_id: dict[str, Market] = {}

    def replace(self, markets: Iterable[Market]) -> None:
        """Swap in a new listing."""
        self.markets = tuple(markets)
        self._by_symbol = {market.symbol: market for market in self.markets}
        self._by_id = {market.exchange_id: market for market in self.markets}

    @property
    def by_id(self) -> Mapping[str, Market]:
        """Wire id -> market."""
        return self._by_id

    def get(self, symbol: str) -> Market:
        """Return the market called `symbol`.

        Raises
        ------
        UnknownSymbol
            If it is not listed; the message names near ones.
        """
        found = self._by_symbol.get(symbol)
        if found is None:
            near = difflib.get_close_matches(symbol[:40], self._by_symbol, n=3)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise UnknownSymbol(f"no symbol {symbol[:40]!r} among {len(self.markets)} listed{hint}")
        return found
