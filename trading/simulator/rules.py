"""From the parameters of an order to a checked request, or MEXC's own refusal of it."""

import re
from collections.abc import Mapping

from trading.simulator.listings import Listing, Terms
from trading.simulator.orders import Kind, OrderRequest, Side
from trading.simulator.units import ATOM_DECIMALS, Malformed, TooFine, atoms_text, parse_units, trimmed
from trading.simulator.wire import Refusal, illegal, refuse_missing

_CLIENT_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")
_TIME_IN_FORCE = {"IOC": Kind.IOC, "FOK": Kind.FOK}


def check_order(params: Mapping[str, str], listing: Listing, now_ms: int) -> tuple[OrderRequest, Terms]:
    """Return the order that `params` describe and the terms of its pair.

    Raises
    ------
    Refusal
        In MEXC's codes: 700004 missing, -1121 / 30014 / 30016 / 10007 the symbol, 10096 too many
        decimals, 10102 not positive, 30002 / 30003 below or above the order value allowed.
    """
    symbol = params.get("symbol") or refuse_missing("symbol")
    terms = listing.tradable(symbol, now_ms)
    side, kind = _side(params), _kind(params)
    quantity = _steps(params.get("quantity"), terms)
    budget = _budget(params.get("quoteOrderQty"))
    price = _price(params.get("price"), terms)
    if kind is Kind.MARKET:
        if quantity is None and budget is None:
            refuse_missing("quantity")
        if budget is not None:
            quantity = None
        price = None
    else:
        if quantity is None:
            refuse_missing("quantity")
        if price is None:
            refuse_missing("price")
        budget = None
    last = listing.source.price(symbol, now_ms)
    check_value(terms, kind, price if price is not None else last, quantity, budget)
    request = OrderRequest(symbol, side, kind, price or 0, quantity, budget, _client_id(params))
    return request, terms


def check_value(terms: Terms, kind: Kind, price: int, quantity: int | None, budget: int | None) -> None:
    """Refuse what is smaller or larger than the pair allows (30002, 30003)."""
    if quantity is not None and quantity < terms.min_steps:
        least = trimmed(terms.min_steps, terms.pair.amount_decimals)
        raise Refusal(30002, f"The minimum transaction volume cannot be less than:{least}{terms.pair.base}")
    cost = budget if quantity is None else price * quantity * terms.cost_atoms
    assert cost is not None  # either quantity or budget is set by then
    if cost < terms.min_cost:
        least = atoms_text(terms.min_cost)
        raise Refusal(30002, f"The minimum transaction volume cannot be less than:{least}{terms.pair.quote}")
    # Market orders have a tenth of the cap (maxQuoteAmountMarket), as in the recorded pairs.
    most = terms.max_market_cost if kind is Kind.MARKET else terms.max_cost
    if cost > most > 0:
        raise Refusal(
            30003,
            f"The maximum transaction volume cannot be greater than:{atoms_text(most)}{terms.pair.quote}",
        )


def _side(params: Mapping[str, str]) -> Side:
    text = params.get("side") or refuse_missing("side")
    if text not in Side.__members__:
        raise Refusal(30001, "Current transaction direction is not allowed to place an order")
    return Side(text)


def _kind(params: Mapping[str, str]) -> Kind:
    text = params.get("type") or refuse_missing("type")
    try:
        kind = Kind(text)
    except ValueError:
        raise Refusal(30041, "current order type can not place order") from None
    if kind is Kind.LIMIT:
        return _TIME_IN_FORCE.get(params.get("timeInForce", ""), kind)
    return kind


def _steps(text: str | None, terms: Terms) -> int | None:
    if not text:
        return None
    return _positive(text, terms.pair.amount_decimals, "quantity")


def _price(text: str | None, terms: Terms) -> int | None:
    if not text:
        return None
    return _positive(text, terms.pair.price_decimals, "price")


def _budget(text: str | None) -> int | None:
    return _positive(text, ATOM_DECIMALS, "quoteOrderQty") if text else None


def _positive(text: str, decimals: int, name: str) -> int:
    try:
        units = parse_units(text, decimals)
    except Malformed:
        raise Refusal(10097, f"{name} is error") from None
    except TooFine:
        raise Refusal(10096, f"{name} decimal places is too long") from None
    if units == 0:
        raise Refusal(10102, f"{name} cannot be zero or negative")
    return units


def _client_id(params: Mapping[str, str]) -> str | None:
    text = params.get("newClientOrderId")
    if not text:
        return None
    if _CLIENT_ID.fullmatch(text) is None:
        raise illegal("newClientOrderId")
    return text
