"""Caps over all users together: what one more entry may add to what the fleet has and can get rid of. Pure.

Money in quote units. A bound of None switches a cap off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from trading.market.errors import BadInput
from trading.risk.refusal import Refusal

ZERO = Decimal(0)
NO_CLUSTER = -1
BETA = "market_beta"  # the feature of a signal that carries its beta


@dataclass(frozen=True, slots=True)
class FleetRules:
    """Bounds of the fleet. Shares of capital are of the capital of all users together.

    Parameters
    ----------
    minute_share : Decimal or None
        Entries of all users in one symbol within a market minute, of what an average minute trades there
        (24 h volume / 1,440). 1.5 is what approvals assume: a tenth of a 15-minute bar.
    depth_share : Decimal or None
        Entries that are out or about to be, of the asks up to the entry's limit.
    holding_depths : Decimal or None
        Holding and entries of all users, in multiples of the bids within the widest exit band: how often the
        book would have to fill up again for everybody to leave.
    symbol_share, cluster_share : Decimal or None
        Holding and entries in one symbol, in one cluster (no cluster: no cap), of capital.
    beta_share : Decimal or None
        Sum of holding × market beta, of capital; a symbol whose beta is not known counts with 1.
    drawdown_per_hour : Decimal or None
        Fall of the fleet's profit and loss, open positions at their bids, from its highest within a market
        hour; of capital. Entries go on when the hour has passed.
    exit_budget_s : Decimal or None
        Seconds that leaving every open position may take at the rate at which orders can be sent.
    """

    minute_share: Decimal | None = Decimal("1.5")
    depth_share: Decimal | None = Decimal("0.5")
    holding_depths: Decimal | None = Decimal(3)
    symbol_share: Decimal | None = Decimal("0.20")
    cluster_share: Decimal | None = Decimal("0.40")
    beta_share: Decimal | None = Decimal("0.80")
    drawdown_per_hour: Decimal | None = Decimal("0.03")
    exit_budget_s: Decimal | None = Decimal(180)

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            bound = getattr(self, name)
            if bound is not None and not (bound.is_finite() and bound > 0):
                raise BadInput(f"{name} must be above 0, or None for off, was {bound}")


@dataclass(frozen=True, slots=True)
class Room:
    """What the market offers in one symbol. None = nobody could tell: the cap that needs it lets pass.

    `minute_volume` is what an average minute trades; `ask_depth` stands up to the entry's limit, `bid_depth`
    within the widest exit band.
    """

    minute_volume: Decimal | None = None
    ask_depth: Decimal | None = None
    bid_depth: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What all users have now, the entry that is asked about left out.

    `symbol_held` is what is held plus what entries may still spend, `symbol_out` the latter alone,
    `symbol_minute` what entries took or may take within this market minute. `beta_held` is the sum of
    holding × beta, `positions` counts open and pending ones, `drawdown` is the fall within the hour.
    """

    capital: Decimal
    symbol_held: Decimal = ZERO
    symbol_out: Decimal = ZERO
    symbol_minute: Decimal = ZERO
    cluster_held: Decimal = ZERO
    beta_held: Decimal = ZERO
    positions: int = 0
    drawdown: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Wanted:
    """One entry: symbol, most it may spend, cluster and beta. Cost 0 asks about what is taken already."""

    symbol: str
    cost: Decimal
    cluster: int = NO_CLUSTER
    beta: Decimal = Decimal(1)


def fleet_refusal(
    wanted: Wanted, taken: Taken, room: Room, rules: FleetRules, *, exit_rate_per_s: Decimal | None
) -> Refusal | None:
    """Return the first cap that one more entry would break, with value and bound; None = all hold.

    Parameters
    ----------
    exit_rate_per_s : Decimal or None
        Orders that can be sent in a second; None = not known, the budget for leaving lets pass.
    """
    for rule, value, bound, words in _caps(wanted, taken, room, rules, exit_rate_per_s):
        if value > bound:
            return Refusal(
                rule, f"{words} would be {_short(value)}, the bound is {_short(bound)}", value, bound
            )
    return None


_Cap = tuple[str, Decimal, Decimal, str]


def _caps(
    wanted: Wanted, taken: Taken, room: Room, rules: FleetRules, rate: Decimal | None
) -> Iterator[_Cap]:
    yield from _market(wanted, taken, room, rules)
    yield from _capital(wanted, taken, rules)
    if rules.exit_budget_s is not None and rate is not None:
        count = taken.positions + (1 if wanted.cost > 0 else 0)
        words = f"seconds to leave {count} positions at {_short(rate)} orders a second"
        yield "fleet_exit_budget", count / rate, rules.exit_budget_s, words


def _market(wanted: Wanted, taken: Taken, room: Room, rules: FleetRules) -> Iterator[_Cap]:
    name = wanted.symbol
    if rules.minute_share is not None and room.minute_volume is not None:
        bound = rules.minute_share * room.minute_volume
        words = f"entries of all users in {name} within a minute"
        yield "fleet_minute_volume", taken.symbol_minute + wanted.cost, bound, words
    if rules.depth_share is not None and room.ask_depth is not None:
        words = f"entries of all users out in {name}"
        yield "fleet_depth", taken.symbol_out + wanted.cost, rules.depth_share * room.ask_depth, words
    if rules.holding_depths is not None and room.bid_depth is not None:
        words = f"holding of all users in {name}"
        bound = rules.holding_depths * room.bid_depth
        yield "fleet_holding_depth", taken.symbol_held + wanted.cost, bound, words


def _capital(wanted: Wanted, taken: Taken, rules: FleetRules) -> Iterator[_Cap]:
    capital = taken.capital
    if rules.symbol_share is not None:
        words = f"holding of all users in {wanted.symbol}"
        yield "fleet_symbol", taken.symbol_held + wanted.cost, rules.symbol_share * capital, words
    if rules.cluster_share is not None and wanted.cluster != NO_CLUSTER:
        words = f"holding of all users in cluster {wanted.cluster}"
        yield "fleet_cluster", taken.cluster_held + wanted.cost, rules.cluster_share * capital, words
    if rules.beta_share is not None:
        value = taken.beta_held + wanted.cost * wanted.beta
        yield "fleet_beta", value, rules.beta_share * capital, "holding of all users times market beta"
    if rules.drawdown_per_hour is not None:
        words = "loss of the fleet within an hour"
        yield "fleet_drawdown", taken.drawdown, rules.drawdown_per_hour * capital, words


def _short(value: Decimal) -> str:
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4g}"
