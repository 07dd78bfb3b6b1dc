"""What an entry bids: the set's limit, or the best bid below it."""

from decimal import Decimal

from trading.exchange.gateway import Quote
from trading.execution.settings import EngineSettings
from trading.market.orders import OrderType
from trading.market.symbols import Market


def entry_price(
    settings: EngineSettings, limit: Decimal, quote: Quote, market: Market, *, is_last: bool = False
) -> Decimal:
    """Return what an entry bids: the set's limit, or with `entry_at_bid` the best bid up to that limit."""
    if not settings.entry_at_bid or settings.entry_type is not OrderType.LIMIT or is_last:
        return limit
    return min(limit, market.price_down(quote.bid))
