"""What a strategy is: when to enter and leave, where to stop, what to stake. Files are `strategy_file`'s."""

from dataclasses import dataclass, field

from trading.backtest.costs import CostModel
from trading.backtest.protections import Guards
from trading.indicators.expressions.expression import Expression

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
        Quote units a trade; 0 = the wallet's realised worth, shared by the slots.
    wallet : float
        Quote units to begin with; 0 = money never ends.
    scale : Expression or None
        By which the stake is multiplied, as of the signal's bar (0 where unknown): a volatility target.
    guards : Guards
        Protections, all off unless switched on.
    volume_share : float
        Most of the entry bar's volume that is bought (mode default); 0 = no limit.
    digest : str
        Of the text it was read from: two strategies of one name and different texts are two.
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
    name: str = ""
    about: str = ""
    digest: str = ""

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All that read columns."""
        return tuple(each for each in (self.entry, self.exit_, self.rank, self.scale) if each is not None)
