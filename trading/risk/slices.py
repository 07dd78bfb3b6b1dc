"""How much of a position to sell at once, so that a fleet does not sell into its own hole. Pure."""

from decimal import Decimal

from trading.market.symbols import Market


def slice_amount(amount: Decimal, room: Decimal, price: Decimal, market: Market) -> Decimal:
    """Return how many base units of `amount` to sell now, a whole number of steps.

    Parameters
    ----------
    amount : Decimal
        Base units to sell in all; sellable, that is at or above the venue's minimums.
    room : Decimal
        Base units that may be sold now; 0 or less = nothing.
    price : Decimal
        Best bid, in quote units.

    Returns
    -------
    Decimal
        At most `amount`. Never so little that the venue refuses it, and never so much that a remainder is
        left which it would refuse: where `room` is smaller than the least sale, the least sale goes. 0 when
        there is no room.
    """
    if room <= 0:
        return Decimal(0)
    least = _least(price, market)
    wanted = market.floor_amount(max(min(amount, room), least))
    left = amount - wanted
    return amount if left < least else wanted


def _least(price: Decimal, market: Market) -> Decimal:
    """Return the least amount that can be sold: a fifth above the venue's minimums, as the bid may fall."""
    least = max(market.min_amount, market.min_cost / price, market.step) * Decimal("1.2")
    steps = -(-least // market.step)
    return steps * market.step
