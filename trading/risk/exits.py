"""When and at what price a long position is left: the one exit machine.

The backtest kernel compiles `exit_step` itself and the live engine calls it through `exit_decision`,
so the two cannot drift apart. Costs (spread, slippage, fees) are not known here: prices are the
market's own. `exit_step` must stay plain arithmetic on numbers, or it can no longer be compiled.

Order of events, in the order in which time passes inside a bar; the first that happens wins:

1. open at or below the stop: out at the open (the gap is ours to lose)
2. open above the target: out at the open
3. an exit signal of an earlier closed bar: out at the open
4. held for the maximum time: out at the open
5. low at or below the stop: out at the stop
6. high above the target: out at the target

A bar that touches both stop and target is taken as a loss (5 before 6). On the entry bar 3 and 4
cannot happen; 1, 2, 5 and 6 can. A bar without volume fills nothing: its caller skips it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from trading.market.errors import BadInput
from trading.market.orders import TradeSignal


class ExitCode(IntEnum):
    """Why a position was left, as the compiled kernel writes it."""

    NONE = 0
    STOP_LOSS = 1
    TAKE_PROFIT = 2
    TRAILING_STOP = 3
    EXIT_SIGNAL = 4
    MAX_HOLD = 5

    @property
    def reason(self) -> str:
        """The name used in frames, logs and reports; ``open`` while nothing happened."""
        return "open" if self is ExitCode.NONE else self.name.lower()


@dataclass(frozen=True, slots=True)
class ExitRules:
    """Where a position ends.

    Parameters
    ----------
    stop_loss : float
        Fraction of the entry price below it, in (0, 1).
    take_profit : float or None
        Fraction of the entry price above it; None = no target.
    trailing_stop : float or None
        Fraction below the highest price seen in earlier bars, in (0, 1); None = off.
    trailing_offset : float
        The trailing stop starts to work once that high is this fraction above the entry.
    max_hold_bars : int or None
        Out at the open of the bar that is this many bars after the entry bar; None = no limit.
    use_exit_signal : bool
        Whether exit signals count (one also forbids an entry of the same bar). A signal set that
        carries no exits is traded with False, so a backtest that stands for it must say False too.
    """

    stop_loss: float = 0.04
    take_profit: float | None = 0.03
    trailing_stop: float | None = None
    trailing_offset: float = 0.0
    max_hold_bars: int | None = 16
    use_exit_signal: bool = False

    def __post_init__(self) -> None:
        _require(0 < self.stop_loss < 1, "stop_loss must lie between 0 and 1", self.stop_loss)
        if self.take_profit is not None:
            _require(0 < self.take_profit < 100, "take_profit must lie between 0 and 100", self.take_profit)
        if self.trailing_stop is not None:
            _require(0 < self.trailing_stop < 1, "trailing_stop must lie between 0 and 1", self.trailing_stop)
        _require(
            0 <= self.trailing_offset < 100, "trailing_offset must lie in [0, 100)", self.trailing_offset
        )
        if self.max_hold_bars is not None:
            _require(self.max_hold_bars >= 1, "max_hold_bars must be at least 1", self.max_hold_bars)

    @classmethod
    def of_signal(cls, signal: TradeSignal, bar_s: int) -> Self:
        """Return the rules a signal set's entry carries; `bar_s` is the bar length in seconds.

        A hold shorter than one bar counts as one bar.
        """
        _require(bar_s > 0, "bar_s must be positive", bar_s)
        return cls(
            stop_loss=float(signal.stop_loss),
            take_profit=None if signal.take_profit is None else float(signal.take_profit),
            max_hold_bars=max(1, signal.max_hold_s // bar_s),
            use_exit_signal=False,
        )

    @property
    def numbers(self) -> tuple[float, float, float, float, int]:
        """The last five arguments of `exit_step`; 0 stands for a rule that is off."""
        return (
            self.stop_loss,
            0.0 if self.take_profit is None else self.take_profit,
            0.0 if self.trailing_stop is None else self.trailing_stop,
            self.trailing_offset,
            0 if self.max_hold_bars is None else self.max_hold_bars,
        )


@dataclass(frozen=True, slots=True)
class PriceBar:
    """What the market did in one bar, or at one instant (`at`)."""

    open: float
    high: float
    low: float

    @classmethod
    def at(cls, price: float) -> Self:
        """Return the bar of one observed price: how a live engine asks between candles."""
        return cls(price, price, price)


@dataclass(frozen=True, slots=True)
class Exit:
    """A position is to be left, for this reason, at this market price (before costs)."""

    code: ExitCode
    price: float

    @property
    def reason(self) -> str:
        """The reason in words, as frames spell it."""
        return self.code.reason


def exit_step(  # noqa: PLR0917 - compiled by the backtest: numbers by position
    bar_open: float,
    high: float,
    low: float,
    entry: float,
    peak: float,
    bars_held: int,
    has_signal: bool,
    stop_loss: float,
    take_profit: float,
    trailing_stop: float,
    trailing_offset: float,
    max_hold: int,
) -> tuple[int, float]:
    """Return the exit code and price of one bar; (0, 0.0) while the position stays.

    Compiled as it stands by the backtest: numbers only, 0 = a rule that is off. `entry` is the price
    paid, `peak` the highest price of earlier bars of this position, `bars_held` 0 on the entry bar.
    """
    stop = entry * (1.0 - stop_loss)
    stop_code = 1
    if trailing_stop > 0.0 and peak >= entry * (1.0 + trailing_offset):
        trail = peak * (1.0 - trailing_stop)
        if trail > stop:
            stop = trail
            stop_code = 3
    target = entry * (1.0 + take_profit)
    code = 0
    price = 0.0
    if bar_open <= stop:
        code, price = stop_code, bar_open
    elif take_profit > 0.0 and bar_open > target:
        code, price = 2, bar_open
    elif bars_held > 0 and has_signal:
        code, price = 4, bar_open
    elif bars_held > 0 and max_hold > 0 and bars_held >= max_hold:
        code, price = 5, bar_open
    elif low <= stop:
        code, price = stop_code, stop
    elif take_profit > 0.0 and high > target:
        code, price = 2, target
    return code, price


def exit_decision(
    rules: ExitRules,
    bar: PriceBar,
    *,
    entry: float,
    bars_held: int,
    peak: float | None = None,
    has_exit_signal: bool = False,
) -> Exit | None:
    """Return how the position leaves in `bar`, or None while it stays.

    Parameters
    ----------
    rules : ExitRules
        Where positions end.
    bar : PriceBar
        One bar with volume, or one observed price.
    entry : float
        Average price paid, in quote units.
    bars_held : int
        Whole bars since the entry bar; 0 on the entry bar.
    peak : float, optional
        Highest price of earlier bars; the entry price where not given. Only trailing stops look.
    has_exit_signal : bool
        Whether an earlier closed bar, after the entry, said exit.

    Raises
    ------
    BadInput
        If a price is not positive or the bar's low is above its high.
    """
    _require(entry > 0, "entry price must be positive", entry)
    _require(0 < bar.low <= bar.high, "bar must have 0 < low <= high; low", bar.low)
    seen = entry if peak is None else peak
    signal = has_exit_signal and rules.use_exit_signal
    code, price = exit_step(bar.open, bar.high, bar.low, entry, seen, bars_held, signal, *rules.numbers)
    return None if code == 0 else Exit(ExitCode(code), price)


def _require(is_true: bool, rule: str, value: float) -> None:
    if not is_true:
        raise BadInput(f"{rule}, was {value}")
