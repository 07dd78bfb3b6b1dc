"""How many base units to buy: risk a fixed share of capital, inside what the venue accepts.

Exact numbers only (Decimal). What may be held at the same time is `limits`' matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from trading.market.errors import BadInput
from trading.market.symbols import Market

ONE = Decimal(1)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class SizingRules:
    """How much to risk.

    Parameters
    ----------
    risk_per_trade : Decimal
        Share of capital lost, before costs, when the stop is hit.
    max_position_share : Decimal
        Largest share of capital in one position, whatever the stop allows.
    reserve : Decimal
        Share of the free balance never spent: the price may rise between quote and fill.
    """

    risk_per_trade: Decimal = Decimal("0.01")
    max_position_share: Decimal = Decimal("0.10")
    reserve: Decimal = Decimal("0.02")

    def __post_init__(self) -> None:
        _require_share("risk_per_trade", self.risk_per_trade)
        _require_share("max_position_share", self.max_position_share)
        if not ZERO <= self.reserve < ONE:
            raise BadInput(f"reserve must lie in [0, 1), was {self.reserve}")


@dataclass(frozen=True, slots=True)
class PositionSize:
    """What to buy, or why nothing.

    `amount` is a whole number of steps in base units (0 = skip), `cost` its value in quote units at
    the price asked about, `skip_reason` a sentence when nothing is to be bought.
    """

    amount: Decimal
    cost: Decimal
    skip_reason: str | None = None

    @property
    def is_skipped(self) -> bool:
        """Whether nothing is to be bought."""
        return self.skip_reason is not None


STAKE_SHARE = "policy_size"  # the feature of a signal that carries which part of the stake a policy takes


def stake_share(features: Mapping[str, float]) -> Decimal:
    """Return which part of the usual stake an entry takes, in (0, 1]; 1 where no policy says it.

    Whatever is no share (above 1, below or at 0, not finite) counts as 1: a policy never takes more than the
    rules, and what it takes nothing of is never handed over.
    """
    said = features.get(STAKE_SHARE, 1.0)
    return Decimal(repr(said)) if 0 < said <= 1 else ONE


def stake_by_risk[T: (float, Decimal)](
    capital: T, free_quote: T, stop_distance: T, fee: T, shares: tuple[T, T, T]
) -> T:
    """Return the quote units that lose a share of capital at the stop, inside two caps; may be negative.

    `shares` are those of `SizingRules`: risk per trade, largest position, reserve. Plain arithmetic: exact
    with Decimal for the live engine, and the backtest compiles it as it stands.
    """
    by_risk = capital * shares[0] / stop_distance
    by_share = capital * shares[1]
    by_balance = free_quote * (1 - shares[2]) / (1 + fee)
    return min(by_risk, by_share, by_balance)


def position_size(
    capital: Decimal,
    free_quote: Decimal,
    stop_distance: Decimal,
    market: Market,
    price: Decimal,
    rules: SizingRules | None = None,
) -> PositionSize:
    """Return the amount that loses `risk_per_trade` of `capital` at the stop, floored to the step.

    Parameters
    ----------
    capital : Decimal
        The user's whole equity, in quote units.
    free_quote : Decimal
        What can be spent now, in quote units.
    stop_distance : Decimal
        Stop as a fraction of the price, in (0, 1).
    market : Market
        Step, minimums, maximum and taker fee of the pair.
    price : Decimal
        Price expected to be paid, in quote units.
    rules : SizingRules, optional
        Defaults where not given.

    Returns
    -------
    PositionSize
        What remains after the fee must still be sellable at the stop by an exit that fills in two parts, the
        first at most half: amount and notional at or above twice the venue's minimums. Otherwise the rest
        could never be left (`smallest.smallest_position` is this rule read backwards).

    Raises
    ------
    BadInput
        If price or capital is not positive, or the stop lies outside (0, 1).
    """
    rules = rules or SizingRules()
    _require_share("stop_distance", stop_distance)
    if price <= 0 or capital <= 0:
        raise BadInput(f"price and capital must be positive, were {price} and {capital}")
    shares = (rules.risk_per_trade, rules.max_position_share, rules.reserve)
    stake = stake_by_risk(capital, free_quote, stop_distance, market.taker_fee, shares)
    if market.max_cost > 0:
        stake = min(stake, market.max_cost)
    amount = market.floor_amount(max(ZERO, stake) / price)
    reason = _too_small(amount, stop_distance, market, price)
    if reason is not None:
        return PositionSize(ZERO, ZERO, reason)
    return PositionSize(amount, amount * price)


def _too_small(amount: Decimal, stop_distance: Decimal, market: Market, price: Decimal) -> str | None:
    left = market.floor_amount(amount * (ONE - market.taker_fee))
    if left <= 0:
        return f"amount {amount} leaves less than one step of {market.step} after the fee"
    # Half of it in whole steps: what is left if an exit first sells the other half.
    rest = market.floor_amount(left / 2)
    if rest <= 0 or rest < market.min_amount:
        return f"amount {left} after the fee is below twice the minimum of {market.min_amount or market.step}"
    at_stop = left * price * (ONE - stop_distance)
    if rest * price * (ONE - stop_distance) < market.min_cost:
        return (
            f"worth {at_stop:f} at the stop, below the minimum order of {market.min_cost} twice "
            "(an exit may fill in two parts)"
        )
    return None


def _require_share(name: str, value: Decimal) -> None:
    if not ZERO < value < ONE:
        raise BadInput(f"{name} must lie between 0 and 1, was {value}")
