"""A position that is sold in parts and added to, in prices: what a live engine asks the exit machine.

The order of events inside a bar is `exit_machine.adjust_step`, the very function that the backtest compiles.
Here is what is remembered between bars, in plain Python and without a venue: amounts are not cut to steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from trading.market.ticks import Grid
from trading.risk import exit_machine
from trading.risk.exit_machine import ADDITION, ADJUSTING, AT_OPEN, FALLING, PART, WHOLE, ExitNumbers
from trading.risk.exits import ExitCode, PriceBar, parts


@dataclass(frozen=True, slots=True)
class PartRule:
    """Sell `share` of all that was bought, once, at `at` above the average (0 = only when told to)."""

    at: float
    share: float


@dataclass(frozen=True, slots=True)
class AddRule:
    """Buy `share` of the first stake, `most` times at most, at `below` the average (0 = when told to)."""

    below: float
    share: float
    most: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """Something to do: `reason` as fills are named, at a market price, before costs."""

    reason: str
    price: float
    amount: float


class AdjustedPosition:
    """One long position, from its entry on; every event is taken to fill at its price.

    Parameters
    ----------
    numbers : ExitNumbers
        Where it ends; ages in one unit that `look` counts in.
    grid : Grid
        The market's tick.
    price, amount : float
        What was paid and bought first.
    sold, added : sequence of PartRule, of AddRule
        What is to be sold and bought on the way.
    """

    def __init__(
        self,
        numbers: ExitNumbers,
        grid: Grid,
        price: float,
        amount: float,
        sold: Sequence[PartRule] = (),
        added: Sequence[AddRule] = (),
    ) -> None:
        self.numbers, self.grid, self.sold, self.added = numbers, grid, sold, added
        self.stake = price * amount
        self.first = self.average = self.peak = grid.whole(price)
        self.held = self.bought = amount
        self._extra = 0.0
        self._times = [0] * len(added)
        self._is_sold = [False] * len(sold)

    def look(
        self,
        bar: PriceBar,
        age: int,
        *,
        has_signal: bool = False,
        wants_part: int = -1,
        wants_add: int = -1,
    ) -> list[Event]:
        """Return what happens in a bar with volume, in order; afterwards `held` may be 0.

        `wants_part` and `wants_add` are the rules that a condition of an earlier bar asks for (-1 = none).
        """
        bar_open, high, low = (self.grid.whole(price) for price in (bar.open, bar.high, bar.low))
        is_due = age > 0 and 0 < self.numbers.max_hold <= age
        events: list[Event] = []
        phase, is_inside = AT_OPEN, False
        while self.held > 0:
            part, part_tick = self._next_part()
            add, add_tick = self._next_add()
            told = (age > 0 and has_signal, is_due, wants_part >= 0, wants_add >= 0)
            code, tick, phase = exit_machine.adjust_step(
                bar_open, high, low, self._levels(age), part_tick, add_tick, told, phase
            )
            if code == 0:
                break
            if code == PART:
                is_told = phase == ADJUSTING and wants_part >= 0
                events.append(self._sell_part(wants_part if is_told else part, tick, is_level=not is_told))
                wants_part = -1 if is_told else wants_part
            elif code == ADDITION:
                is_told = phase == ADJUSTING and wants_add >= 0
                events.append(self._buy(wants_add if is_told else add, tick))
                wants_add = -1 if is_told else wants_add
                if phase == FALLING:
                    is_inside, bar_open = True, tick
            else:
                events.append(self._sell(ExitCode(code).reason, tick, self.held))
        if not is_inside:
            self.peak = max(self.peak, high)
        return events

    def _levels(self, age: int) -> tuple[int, int, int]:
        numbers = self.numbers
        return (
            exit_machine.times_up(self.average, numbers.stop_keep),
            exit_machine.trail_tick(self.average, self.peak, numbers.trail_keep, numbers.trail_wake),
            exit_machine.target_tick(self.average, exit_machine.rung_of(age, -1, numbers), numbers),
        )

    def _next_part(self) -> tuple[int, int]:
        """Return (rule, tick) of the lowest part still to be sold at a level; (-1, 0) = none."""
        left = [
            (exit_machine.times_up(self.average, WHOLE + parts(rule.at)), place)
            for place, rule in enumerate(self.sold)
            if rule.at > 0 and not self._is_sold[place]
        ]
        return (min(left)[1], min(left)[0]) if left else (-1, 0)

    def _next_add(self) -> tuple[int, int]:
        """Return (rule, tick) of the highest level at which is still to be added; (-1, 0) = none."""
        left = [
            (exit_machine.times_down(self.average, WHOLE - parts(rule.below)), -place)
            for place, rule in enumerate(self.added)
            if rule.below > 0 and self._times[place] < rule.most
        ]
        return (-max(left)[1], max(left)[0]) if left else (-1, 0)

    def _sell_part(self, place: int, tick: int, *, is_level: bool) -> Event:
        self._is_sold[place] = True
        shares = zip(self.sold, self._is_sold, strict=True)
        amount = self.bought * self.sold[place].share
        if sum(rule.share for rule, told in shares if told) > 1 - 1e-9 or amount >= self.held:
            code = ExitCode.TAKE_PROFIT if is_level else ExitCode.EXIT_SIGNAL
            return self._sell(code.reason, tick, self.held)
        return self._sell("partial", tick, amount)

    def _sell(self, reason: str, tick: int, amount: float) -> Event:
        self._extra *= 1 - amount / self.held
        self.held -= amount
        return Event(reason, self.grid.value(tick), amount)

    def _buy(self, place: int, tick: int) -> Event:
        price = self.grid.value(tick)
        amount = self.added[place].share * self.stake / price
        self._times[place] += 1
        self.held += amount
        self.bought += amount
        self._extra += amount * (tick - self.first)
        if tick < self.average:
            self.peak = tick
        self.average = exit_machine.average_tick(self.first, self._extra, self.held)
        return Event("add", price, amount)
