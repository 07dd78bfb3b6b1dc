"""From exchangeInfo to `Market`, and the table that translates names both ways.

Tick and step are ten to the minus precision; `baseSizePrecision` is the smallest amount and
`quoteAmountPrecision` the smallest cost (exchange.md, section 1: MEXC's field names mislead).
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.market.errors import BadPayload, UnknownSymbol
from trading.market.symbols import Market

_ONLINE = "1"
# tradeSideType: 1 both sides, 2 buy only, 3 sell only, 4 closed (MEXC's exchange information page).
_BOTH_SIDES = "1"
_MOST_DECIMALS = 30


def to_markets(
    rows: Iterable[Any], unify: Callable[[str], str], api_symbols: set[str] | None = None
) -> list[Market]:
    """Return one `Market` per usable row of exchangeInfo's `symbols`, in the venue's order.

    Parameters
    ----------
    unify : callable
        Coin id -> unified coin name (MEXC's GAS is GASDAO).
    api_symbols : set of str or None
        Ids the venue says are open to the API (`defaultSymbols`); None where it did not say.

    Notes
    -----
    A row without names or with numbers that are none is left out. Where two ids give one unified
    name, the later row stands, as in ccxt.
    """
    found: dict[str, Market] = {}
    for row in rows:
        market = _market(row, unify, api_symbols)
        if market is not None:
            found[market.symbol] = market
    return list(found.values())


def _market(row: Any, unify: Callable[[str], str], api_symbols: set[str] | None) -> Market | None:
    if not isinstance(row, Mapping):
        return None
    exchange_id, base_id, quote_id = (row.get(name) for name in ("symbol", "baseAsset", "quoteAsset"))
    if not all(isinstance(name, str) and name for name in (exchange_id, base_id, quote_id)):
        return None
    try:
        tick = _step(row["quoteAssetPrecision"])
        step = _step(row["baseAssetPrecision"])
        min_amount = decimal(row.get("baseSizePrecision") or 0)
        min_cost = decimal(row.get("quoteAmountPrecision") or 0)
        max_cost = decimal(row.get("maxQuoteAmount") or 0)
        fees = [decimal(row.get(name) or 0) for name in ("makerCommission", "takerCommission")]
    except (KeyError, BadPayload):
        return None
    status = str(row.get("status", ""))
    is_open = (
        row.get("isSpotTradingAllowed") is True
        and row.get("st") is not True
        and str(row.get("tradeSideType", _BOTH_SIDES)) == _BOTH_SIDES
        and (api_symbols is None or exchange_id in api_symbols)
    )
    base, quote = unify(str(base_id)), unify(str(quote_id))
    return Market(
        symbol=f"{base}/{quote}",
        exchange_id=str(exchange_id),
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
        full_name=str(row.get("fullName") or ""),
    )


def decimal(value: Any) -> Decimal:
    """Return a wire number exactly.

    Raises
    ------
    BadPayload
        If it is no finite number.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise BadPayload(f"expected a number, got {str(value)[:40]!r}") from None
    # An exponent of a billion is finite too, and a gigabyte when written out.
    is_sane = number.is_finite() and abs(number.adjusted()) <= _MOST_DECIMALS
    if not is_sane or isinstance(value, bool):
        raise BadPayload(f"expected a finite number within 10**±30, got {str(value)[:40]!r}")
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
