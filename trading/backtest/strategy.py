"""What a strategy is: when to enter and leave, where to stop, what to stake. Files are `strategy_file`'s."""

from dataclasses import dataclass, field

from trading.backtest.costs import CostModel
from trading.backtest.protections import Guards
from trading.indicators.expressions.expression import Expression
from trading.risk.sizing import SizingRules

_LIVE = SizingRules()
_ESTIMATE = CostModel()
VOLUME_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Trailing:
    """A stop `stop` below the high, active once profit reached `offset`; fractions."""

    stop: float
    offset: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What a trade pays beside the price; fractions. `fee` on both sides, the rest in mode default only.

    Parameters
    ----------
    half_spread, slippage : float
        Each side pays them on top of the candle's price.
    impact : float
        Times √(stake / what the signal's bar traded), at most 2 %.
    entry_rests, target_rests : bool
        Whether buys, and sales at a target, are limit orders that rest in the book: a maker's fee, and
        neither spread nor slippage nor impact.
    """

    fee: float = _ESTIMATE.taker_fee
    half_spread: float = _ESTIMATE.half_spread
    slippage: float = _ESTIMATE.base_slippage
    impact: float = _ESTIMATE.impact
    entry_rests: bool = False
    target_rests: bool = False


@dataclass(frozen=True, slots=True)
class Addition:
    """More is bought while the position is held; at a level, or when a condition is met.

    Parameters
    ----------
    at : float
        Fraction below the average paid, as a negative number; 0 = by condition.
    when : Expression or None
        Acts at the next bar's open, if that follows directly and trades.
    share, amount : float
        Share of the first stake, or quote units; one of them is 0.
    most : int
        How often in one position.
    """

    at: float = 0.0
    when: Expression | None = None
    share: float = 0.0
    amount: float = 0.0
    most: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A share of all that was bought is sold, once; at a profit, or when a condition is met.

    Parameters
    ----------
    at : float
        Profit after fees and costs, of the average paid; 0 = by condition.
    when : Expression or None
        Acts at the open of the next bar that trades.
    share : float
        In (0, 1]; of all parts together at most 1.
    """

    share: float
    at: float = 0.0
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Sizing:
    """How large a stake is, where it is no fixed amount. 0 = off.

    Parameters
    ----------
    risk : float
        Share of the wallet's realised worth that the stop may lose, before costs: as live sizes.
    max_share, reserve : float
        Most of that worth in one position; what of the cash is never spent. Only with `risk`.
    most : float
        Most quote units a trade, whatever says so.
    """

    risk: float = 0.0
    max_share: float = float(_LIVE.max_position_share)
    reserve: float = float(_LIVE.reserve)
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Strategy:
    """What a strategy file says.

    Parameters
    ----------
    entry, exit_ : Expression
        Conditions on the close of a bar; `exit_` None = no exit signal.
    startup : int
        Leading bars of each symbol without a signal.
    rank : Expression or None
        Which entry goes first when slots are short: the highest value, then the symbol's name. None: name.
    entry_limit : float
        Most that the open may lie above the signal's close (mode default); 0 = no limit.
    stoploss : float
        Fraction below the entry, in (0, 1).
    roi : tuple of (int, float)
        Minutes since the entry, profit after fees at which to leave from then on; ascending; may be empty.
    take_profit : float
        Instead of roi: fraction of the price paid above it, fees not counted; 0 = off.
    max_hold_min : int
        Minutes; 0 = no limit.
    stake : float
        Quote units a trade; 0 = the wallet's realised worth, shared by the slots, or `sizing.risk`.
    wallet : float
        Quote units to begin with; 0 = money never ends.
    scale : Expression or None
        By which the stake is multiplied, as of the signal's bar (0 where unknown): a volatility target.
    guards : Guards
        Protections, all off unless switched on.
    sizing : Sizing
        A stake by risk, and caps.
    volume_share : float
        Most of the entry bar's volume that is bought (mode default); 0 = no limit.
    exit_counts_on_line : bool
        Whether the research line sells on `exit_` too; false = it is only shown there.
    digest : str
        Of the text it was read from: two strategies of one name and different texts are two.
    additions, parts : tuple of Addition, of Part
        What is bought and sold while a position is held; mode default only.
    """

    entry: Expression
    stoploss: float
    stake: float
    exit_: Expression | None = None
    startup: int = 0
    rank: Expression | None = None
    entry_limit: float = 0.0
    roi: tuple[tuple[int, float], ...] = ()
    take_profit: float = 0.0
    trailing: Trailing | None = None
    max_hold_min: int = 0
    wallet: float = 0.0
    scale: Expression | None = None
    volume_share: float = VOLUME_SHARE
    guards: Guards = field(default_factory=Guards)
    costs: Costs = field(default_factory=Costs)
    sizing: Sizing = field(default_factory=Sizing)
    additions: tuple[Addition, ...] = ()
    parts: tuple[Part, ...] = ()
    exit_counts_on_line: bool = True
    name: str = ""
    about: str = ""
    digest: str = ""

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All that read columns."""
        own = (self.entry, self.exit_, self.rank, self.scale, *self.conditions)
        return tuple(each for each in own if each is not None)

    @property
    def conditions(self) -> tuple[Expression, ...]:
        """Of the additions, then of the parts, where they have one."""
        asked = [each.when for each in self.additions] + [each.when for each in self.parts]
        return tuple(each for each in asked if each is not None)

    @property
    def is_adjusted(self) -> bool:
        """Whether a position asks for the second follower: parts, additions, limit orders to enter."""
        return bool(self.additions or self.parts or self.costs.entry_rests)
