"""One open position's exits, worked out once and asked with one observed price at a time.

The levels are the exit machine's. Between two changes of them (a rung, the longest hold, a higher peak) a
look is two comparisons of whole numbers, because thousands of positions are asked at every look. What is not
between the levels is put to `exit_machine.exit_step` itself, so that order and ties are the backtest's.

Two things move with bars only, as in the backtest: ages count whole bars since the one that the entry fell
into, and the peak of a trailing stop is the high of bars that have closed, which `raise_peak` is told.
"""

from trading.market.timeframes import Timeframe
from trading.risk import exit_machine
from trading.risk.exit_machine import ExitNumbers

NEVER_MS = 2**62


class Armed:
    """Levels of one position.

    Parameters
    ----------
    numbers : ExitNumbers
        Its rules, ages in ms. The longest hold is `due_ms` here, not `numbers.max_hold`.
    paid : int
        Average price paid, in ticks.
    entered_ms : int
        Market time of the first execution.
    due_ms : int
        When the longest hold is over.
    bar : Timeframe or None
        Bars that ages are counted in; None = none, ages run from the execution.
    peak : int
        Highest price of closed bars so far, in ticks; `paid` before the first.
    """

    __slots__ = ("_bar", "_due_ms", "_is_due", "_numbers", "_paid", "_rung", "_since_ms", "_top", "_turn_ms",
                 "fixed", "peak", "stop", "target", "trail")  # fmt: skip

    def __init__(
        self, numbers: ExitNumbers, paid: int, entered_ms: int, due_ms: int, bar: Timeframe | None, peak: int
    ) -> None:
        self._numbers, self._paid, self._bar = numbers, paid, bar
        self._since_ms = entered_ms if bar is None else bar.floor_ms(entered_ms)
        self._due_ms = due_ms
        self._is_due = False
        self._rung = -1
        self.fixed = exit_machine.times_up(paid, numbers.stop_keep)
        self.peak = 0
        self.trail = 0
        self.stop = self.fixed
        self.target = 0
        self._top = NEVER_MS
        self._turn_ms = -1
        self.raise_peak(max(peak, paid))

    @property
    def entry_bar_ms(self) -> int:
        """Open time of the bar that the entry fell into; the entry itself where there are no bars."""
        return self._since_ms

    @property
    def is_due(self) -> bool:
        """Whether the longest hold was over at the last look."""
        return self._is_due

    def raise_peak(self, peak: int) -> None:
        """Let the trailing stop follow the highest price of closed bars; a lower one changes nothing."""
        if peak <= self.peak:
            return
        self.peak, numbers = peak, self._numbers
        self.trail = exit_machine.trail_tick(self._paid, peak, numbers.trail_keep, numbers.trail_wake)
        self.stop = max(self.fixed, self.trail)

    def look(self, tick: int, now_ms: int, has_signal: bool) -> int:
        """Return the exit code of one observed price (`ExitCode`), 0 while the position stays.

        `has_signal`: a closed bar, not older than the entry bar, said exit.
        """
        if now_ms >= self._turn_ms:
            self._turn(now_ms)
        if self.stop < tick <= self._top and not has_signal and not self._is_due:
            return 0
        levels = (self.fixed, self.trail, self.target)
        return int(exit_machine.exit_step(tick, tick, tick, levels, has_signal, self._is_due)[0])

    def _turn(self, now_ms: int) -> None:
        """Bring rung and longest hold to `now_ms`, and note when they change next."""
        bar_ms = now_ms if self._bar is None else self._bar.floor_ms(now_ms)
        self._rung = exit_machine.rung_of(bar_ms - self._since_ms, self._rung, self._numbers)
        self.target = int(exit_machine.target_tick(self._paid, self._rung, self._numbers))
        self._top = self.target or NEVER_MS
        self._is_due = now_ms >= self._due_ms
        turns = [self._due_ms] if not self._is_due else []
        if self._rung + 1 < len(self._numbers.ages):
            turns.append(self._since_ms + int(self._numbers.ages[self._rung + 1]))
        # A rung between two bars comes into force with the bar after it.
        soonest = min(turns, default=NEVER_MS)
        if self._bar is not None and soonest not in (NEVER_MS, self._due_ms):
            floor = self._bar.floor_ms(soonest)
            soonest = floor if floor == soonest else self._bar.next_ms(floor)
        self._turn_ms = soonest
