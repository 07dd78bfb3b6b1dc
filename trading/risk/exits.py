"""When and at what price a long position is left, in prices: what the live engine asks the exit machine.

The order of events inside a bar is `trading.risk.exit_machine`'s, the very functions that the backtest
compiles. Here are the rules as people state them, and their translation into ticks and back.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Self

import numpy as np

from trading.market.errors import BadInput
from trading.market.orders import TradeSignal
from trading.market.ticks import Grid
from trading.risk import exit_machine
from trading.risk.exit_machine import WHOLE, ExitNumbers

NO_HOLD_BARS = 10**6  # a hold that nobody reaches: how a signal set says that there is none


class ExitCode(IntEnum):
    """Why a position was left, as the compiled kernel writes it."""

    NONE = 0
    STOP_LOSS = 1
    TAKE_PROFIT = 2
    TRAILING_STOP = 3
    EXIT_SIGNAL = 4
    MAX_HOLD = 5
    FORCE_EXIT = 6

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
        Whether exit signals count (one also forbids an entry of the same bar).
    ladder : tuple of (int, float)
        Instead of `take_profit`: whole bars since the entry bar, ascending, and the target from then on, a
        fraction of the entry price that may be negative; empty = off.
    """

    stop_loss: float = 0.04
    take_profit: float | None = 0.03
    trailing_stop: float | None = None
    trailing_offset: float = 0.0
    max_hold_bars: int | None = 16
    use_exit_signal: bool = False
    ladder: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        rungs = tuple((int(age), float(target)) for age, target in self.ladder)
        object.__setattr__(self, "ladder", rungs)  # as JSON has it: lists in a list
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
        self._check_ladder()

    def _check_ladder(self) -> None:
        if not self.ladder:
            return
        if self.take_profit is not None:
            raise BadInput(f"exits must have a ladder or one take_profit, had both ({self.take_profit})")
        ages = [age for age, _ in self.ladder]
        if ages != sorted(set(ages)) or ages[0] < 0:
            raise BadInput(f"ladder must have ascending ages from 0 bars on, was {ages}")
        for _, target in self.ladder:
            _require(-1 < target < 100, "a target of the ladder must lie in (-1, 100)", target)

    @classmethod
    def of_signal(cls, signal: TradeSignal, bar_s: int) -> Self:
        """Return the rules a signal set's entry carries; `bar_s` is the bar length in seconds.

        A hold shorter than one bar counts as one bar; one of `NO_HOLD_BARS` or more is none. A rung that
        begins between two bars comes into force with the next one.
        """
        _require(bar_s > 0, "bar_s must be positive", bar_s)
        terms, held = signal.exits, max(1, signal.max_hold_s // bar_s)
        return cls(
            stop_loss=float(signal.stop_loss),
            take_profit=None if signal.take_profit is None else float(signal.take_profit),
            trailing_stop=None if terms.trailing_stop is None else float(terms.trailing_stop),
            trailing_offset=float(terms.trailing_offset),
            max_hold_bars=None if held >= NO_HOLD_BARS else held,
            use_exit_signal=bool(terms.exit_source),
            ladder=tuple((-(-age // bar_s), float(target)) for age, target in terms.ladder),
        )

    def numbers(self, bar: int = 1) -> ExitNumbers:
        """Return the rules as the exit machine takes them; ages in bars × `bar` (1 = bars, or ms a bar)."""
        hold, rungs = self.max_hold_bars, self.ladder
        if self.take_profit is not None:
            rungs = ((0, self.take_profit),)
        return ExitNumbers(
            stop_keep=WHOLE - parts(self.stop_loss),
            trail_keep=0 if self.trailing_stop is None else WHOLE - parts(self.trailing_stop),
            trail_wake=WHOLE + parts(self.trailing_offset),
            max_hold=0 if hold is None else hold * bar,
            ages=np.array([age * bar for age, _ in rungs], np.int64),
            factors=np.array([WHOLE + parts(target) for _, target in rungs], np.int64),
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


def parts(fraction: float) -> int:
    """Return `fraction` in whole parts of the exit machine; finer than 1e-8 is rounded."""
    return round(fraction * WHOLE)


def exit_decision(
    rules: ExitRules,
    bar: PriceBar,
    *,
    entry: float,
    bars_held: int,
    peak: float | None = None,
    has_exit_signal: bool = False,
    tick: Decimal | None = None,
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
    tick : Decimal, optional
        The market's price step: levels are rounded up to it. Without it they are rounded in the fifteenth
        digit.

    Raises
    ------
    BadInput
        If a price is not positive or the bar's low is above its high.
    """
    _require(entry > 0, "entry price must be positive", entry)
    _require(0 < bar.low <= bar.high, "bar must have 0 < low <= high; low", bar.low)
    grid = Grid.finest(max(entry, bar.high, peak or 0.0)) if tick is None else Grid.of(tick)
    signal = has_exit_signal and rules.use_exit_signal
    return exit_in_bar(rules.numbers(), bar, grid, entry=entry, age=bars_held, peak=peak, has_signal=signal)


def exit_in_bar(
    numbers: ExitNumbers,
    bar: PriceBar,
    grid: Grid,
    *,
    entry: float,
    age: int,
    peak: float | None = None,
    has_signal: bool = False,
) -> Exit | None:
    """Return how a position under `numbers` leaves in `bar`, levels on the ticks of `grid`; None = it stays.

    As `exit_decision`; `age` is in the unit of the numbers' ages, 0 on the entry bar.
    """
    paid = grid.whole(entry)
    seen = paid if peak is None else grid.whole(peak)
    levels = (
        exit_machine.times_up(paid, numbers.stop_keep),
        exit_machine.trail_tick(paid, seen, numbers.trail_keep, numbers.trail_wake),
        exit_machine.target_tick(paid, exit_machine.rung_of(age, -1, numbers), numbers),
    )
    code, found = exit_machine.exit_step(
        grid.whole(bar.open),
        grid.whole(bar.high),
        grid.whole(bar.low),
        levels,
        age > 0 and has_signal,
        age > 0 and 0 < numbers.max_hold <= age,
    )
    return None if code == 0 else Exit(ExitCode(code), grid.value(int(found)))


def _require(is_true: bool, rule: str, value: float) -> None:
    if not is_true:
        raise BadInput(f"{rule}, was {value}")
