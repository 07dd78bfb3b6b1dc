"""What a venue lists: one `Market` per pair, in exact numbers."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal


@dataclass(frozen=True, slots=True)
class Market:
    """One spot pair with the rules an order must meet.

    `symbol` is the unified name (``BTC/USDT``) used above the gateway; `exchange_id` the wire name
    (``BTCUSDT``). Never derive one from the other: MEXC renames some coins (GAS is GASNEO's).
    `is_scannable` = status "1", candles exist; `is_api_tradable` = orders by API are allowed.
    They are two flags because in recorded data 7 of 9 pairs, BTC among them, are only scannable.
    """

    symbol: str
    exchange_id: str
    base: str
    quote: str
    status: str
    is_scannable: bool
    is_api_tradable: bool
    tick: Decimal
    step: Decimal
    min_amount: Decimal
    min_cost: Decimal
    max_cost: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    full_name: str = ""

    def floor_amount(self, amount: Decimal) -> Decimal:
        """Return `amount` cut down to a whole number of steps."""
        return (amount / self.step).to_integral_value(ROUND_DOWN) * self.step

    def price_up(self, price: Decimal) -> Decimal:
        """Return the smallest tick price that is not below `price`."""
        return (price / self.tick).to_integral_value(ROUND_UP) * self.tick

    def price_down(self, price: Decimal) -> Decimal:
        """Return the largest tick price that is not above `price`."""
        return (price / self.tick).to_integral_value(ROUND_DOWN) * self.tick
