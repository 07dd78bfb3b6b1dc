"""Arithmetic of a round trip: from its fills to what is held, paid, earned. Pure; exact decimals.

A fee in the base asset comes out of what was bought (or, on a sale, out of what is left): it lowers the
position. A fee in the quote asset lowers the proceeds. A fee in a third asset lowers neither; it is
priced in quote units when it is booked, and counted as unpriced if nobody knew a price.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trading.market.orders import Fill, Side
from trading.store.order_log.records import ZERO


@dataclass(frozen=True, slots=True)
class BookedFill:
    """The part of a booked fill that a position is made of; `fee_quote` None = no price was known."""

    side: Side
    amount: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    fee_quote: Decimal | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What the fills of one round trip add up to. Amounts in base, costs and fees in quote units."""

    bought: Decimal
    bought_cost: Decimal
    sold: Decimal
    sold_cost: Decimal
    base_fees: Decimal
    fees_quote: Decimal
    fees_unpriced: int
    pnl_quote: Decimal
    first_ms: int
    last_ms: int

    @property
    def held(self) -> Decimal:
        """Base units held by these fills alone (dust not yet taken off)."""
        return self.bought - self.base_fees - self.sold


def assets(symbol: str) -> tuple[str, str]:
    """Return base and quote of a unified symbol (``BTC/USDT``)."""
    base, _, quote = symbol.partition("/")
    return base, quote


def fee_in_quote(fill: Fill, prices: dict[str, Decimal]) -> Decimal | None:
    """Return the fee of `fill` in quote units; None if taken in an asset without a price in `prices`."""
    base, quote = assets(fill.symbol)
    if fill.fee == 0 or fill.fee_asset == quote:
        return fill.fee
    if fill.fee_asset == base:
        return fill.fee * fill.price
    price = prices.get(fill.fee_asset)
    return None if price is None else fill.fee * price


def add_up(symbol: str, fills: Iterable[BookedFill]) -> Sums:
    """Return the sums of the fills of one round trip; there must be at least one.

    `pnl_quote` = proceeds - cost - fees that were not taken in base. Base fees are in it already: what
    they took could not be sold. It is a final figure only once nothing is held.
    """
    base, _ = assets(symbol)
    bought = bought_cost = sold = sold_cost = base_fees = fees_quote = other_fees = ZERO
    unpriced = 0
    times = []
    for fill in fills:
        times.append(fill.at_ms)
        if fill.side is Side.BUY:
            bought, bought_cost = bought + fill.amount, bought_cost + fill.cost
        else:
            sold, sold_cost = sold + fill.amount, sold_cost + fill.cost
        fee_quote = fill.fee_quote
        if fee_quote is None:
            unpriced += 1
            continue
        fees_quote += fee_quote
        if fill.fee_asset == base:
            base_fees += fill.fee
        else:
            other_fees += fee_quote
    return Sums(
        bought=bought,
        bought_cost=bought_cost,
        sold=sold,
        sold_cost=sold_cost,
        base_fees=base_fees,
        fees_quote=fees_quote,
        fees_unpriced=unpriced,
        pnl_quote=sold_cost - bought_cost - other_fees,
        first_ms=min(times),
        last_ms=max(times),
    )
