"""The least capital with which a user's settings can work: the sizing rules, read backwards."""

from decimal import ROUND_UP, Decimal

from trading.market.errors import BadInput
from trading.risk.limits import PositionLimits
from trading.risk.sizing import SizingRules

ONE = Decimal(1)
# What MEXC asks of most pairs, and its taker fee, where no listing is at hand.
USUAL_MIN_COST, USUAL_FEE = Decimal(1), Decimal("0.0005")


def smallest_position(min_cost: Decimal, stop: Decimal, fee: Decimal) -> Decimal:
    """Return the least cost of an entry that can still be sold at its stop, after the fee, by two orders.

    An exit that fills in parts leaves a rest, and that too must be worth an order: hence twice the minimum.
    """
    return 2 * min_cost / ((ONE - stop) * (ONE - fee))


def smallest_capital(
    rules: SizingRules,
    limits: PositionLimits,
    *,
    stop: Decimal,
    min_cost: Decimal = USUAL_MIN_COST,
    fee: Decimal = USUAL_FEE,
) -> Decimal:
    """Return the least capital, in quote units rounded up, at which every position can be opened and left.

    The largest of four bounds, p being the smallest position: risked capital must reach it (p × stop ÷ risk),
    so must the largest share of one position (p ÷ share); n positions must fit into the exposure
    (n × p ÷ exposure) and into the balance less the reserve (n × p × (1 + fee) ÷ (1 - reserve)).

    Parameters
    ----------
    rules, limits : SizingRules, PositionLimits
        As the engine uses them.
    stop : Decimal
        Stop as a fraction of the price, in (0, 1).
    min_cost : Decimal
        The venue's minimum order in quote units: the largest of the pairs traded.
    fee : Decimal
        Taker fee, a fraction.

    Raises
    ------
    BadInput
        If the stop lies outside (0, 1) or the minimum is not positive.
    """
    if not 0 < stop < 1:
        raise BadInput(f"stop must lie between 0 and 1, was {stop}")
    if not min_cost > 0:
        raise BadInput(f"min_cost must be above 0, was {min_cost}")
    position = smallest_position(min_cost, stop, fee)
    together = limits.max_positions * position
    least = max(
        position * stop / rules.risk_per_trade,
        position / rules.max_position_share,
        together / limits.max_exposure,
        together * (ONE + fee) / (ONE - rules.reserve),
    )
    return least.quantize(ONE, ROUND_UP)
