"""What our own orders leave on the tape of one symbol: prints, and a push that wears off. Market time, ticks.

A taker's fills are prints: volume, highs and lows of their minute, and the last price until the book has
refilled. Beyond that, a share of how far the best price was pushed stays: it comes in while the book
refills (so nothing jumps twice) and then halves every five minutes, since the path underneath is given.
Nothing here knows orders, books or sources.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

REFILL_MS = 60_000
HALF_LIFE_MS = 300_000
# After ten half-lives less than a thousandth is left: then it is nothing.
LIFE_MS = REFILL_MS + 10 * HALF_LIFE_MS
_SLOT_MS = 5_000
_FOREVER = 2**62


class Push(NamedTuple):
    """A push of `ticks` (signed) that begins at `at_ms` and counts until `until_ms` (a relisting)."""

    at_ms: int
    ticks: float
    until_ms: int


@dataclass(slots=True)
class Prints:
    """Our prints of one bar: extremes (ticks), steps, quote units; time of the last, and its way from mid."""

    low: int
    high: int
    steps: int
    quote: int
    last_ms: int
    residual: int


@dataclass(slots=True)
class Footprint:
    """All pushes and prints of one symbol; `bar_ms` is the finest bar of its market."""

    bar_ms: int
    pushes: list[Push] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)
    prints: dict[int, Prints] = field(default_factory=dict)

    def add(
        self, at_ms: int, *, low: int, high: int, steps: int, quote: int, residual: int, push: float
    ) -> None:
        """Take in the fills of one taker; times never go back."""
        opened = at_ms // self.bar_ms * self.bar_ms
        cell = self.prints.get(opened)
        if cell is None:
            self.opens.append(opened)
            self.prints[opened] = Prints(low, high, steps, quote, at_ms, residual)
        else:
            cell.low, cell.high = min(cell.low, low), max(cell.high, high)
            cell.steps += steps
            cell.quote += quote
            cell.last_ms, cell.residual = at_ms, residual
        if push:
            self._push(at_ms, push)

    @property
    def begins_ms(self) -> int:
        """Market time of the oldest bar with a print; a push is never without one."""
        return self.opens[0] if self.opens else _FOREVER

    def shift(self, at_ms: int) -> float:
        """Return by how many ticks quotes stand away from the path at `at_ms`."""
        total = 0.0
        for number in range(len(self.pushes) - 1, -1, -1):
            begun_ms, ticks, until_ms = self.pushes[number]
            age = at_ms - begun_ms
            if age >= LIFE_MS:
                break
            if age > 0 and at_ms < until_ms:
                total += ticks * min(1.0, age / REFILL_MS) * 0.5 ** (max(0, age - REFILL_MS) / HALF_LIFE_MS)
        return total

    def residual(self, at_ms: int) -> float:
        """Return by how many ticks the last price stands away from the quotes' middle at `at_ms`."""
        opened = at_ms // self.bar_ms * self.bar_ms
        for start in (opened, opened - self.bar_ms):
            cell = self.prints.get(start)
            if cell is not None and cell.last_ms <= at_ms:
                return cell.residual * max(0.0, 1 - (at_ms - cell.last_ms) / REFILL_MS)
        return 0.0

    def between(self, from_ms: int, to_ms: int) -> list[Prints]:
        """Return the prints of bars that open in [from_ms, to_ms)."""
        rows = self.opens[bisect_left(self.opens, from_ms) : bisect_left(self.opens, to_ms)]
        return [self.prints[opened] for opened in rows]

    def active(self, from_ms: int, to_ms: int) -> tuple[int, int] | None:
        """Return the part of [from_ms, to_ms) in which any push counts, None if there is none."""
        first = bisect_right(self.pushes, (from_ms - LIFE_MS, float("inf"), _FOREVER))
        last = bisect_left(self.pushes, (to_ms, float("-inf"), 0)) - 1
        if first > last:
            return None
        return max(from_ms, self.pushes[first].at_ms), min(to_ms, self.pushes[last].at_ms + LIFE_MS)

    def range(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """Return bounds of the shift over [from_ms, to_ms], in whole ticks: exact where it is monotone."""
        if self.active(from_ms, to_ms + 1) is None:
            return 0, 0
        first = bisect_left(self.pushes, (from_ms - REFILL_MS, float("-inf"), 0))
        last = bisect_left(self.pushes, (to_ms, float("-inf"), 0))
        turns = {from_ms, to_ms}
        for push in self.pushes[first:last]:
            turns |= {at for at in (push.at_ms, push.at_ms + REFILL_MS) if from_ms < at < to_ms}
        found = [round(self.shift(at)) for at in turns]
        return min(found), max(found)

    def cut(self, at_ms: int, price_factor: float, volume_factor: float) -> None:
        """End every push at `at_ms` and bring the prints into new units: the symbol is listed anew."""
        self.pushes = [Push(p.at_ms, p.ticks * price_factor, min(p.until_ms, at_ms)) for p in self.pushes]
        for cell in self.prints.values():
            cell.low = max(1, round(cell.low * price_factor))
            cell.high = max(1, round(cell.high * price_factor))
            cell.steps = round(cell.steps * volume_factor)
            cell.residual = 0

    def to_json(self) -> list[object]:
        """Return it for the state file."""
        cells = [
            [at, c.low, c.high, c.steps, str(c.quote), c.last_ms, c.residual] for at, c in self.prints.items()
        ]
        return [[list(push) for push in self.pushes], cells]

    @classmethod
    def from_json(cls, bar_ms: int, raw: list[list[list[int]]]) -> "Footprint":
        """Read what `to_json` wrote."""
        pushes = [Push(int(at), float(ticks), int(until)) for at, ticks, until in raw[0]]
        found = cls(bar_ms, pushes)
        for at, low, high, steps, quote, last_ms, residual in raw[1]:
            found.opens.append(at)
            found.prints[at] = Prints(low, high, steps, int(quote), last_ms, residual)
        return found

    def _push(self, at_ms: int, ticks: float) -> None:
        # It begins with the next slot, at nothing: a thousand takers at once become one push, without a jump.
        begin_ms = -(-at_ms // _SLOT_MS) * _SLOT_MS
        if self.pushes and self.pushes[-1][::2] == (begin_ms, _FOREVER):
            ticks += self.pushes.pop().ticks
        self.pushes.append(Push(begin_ms, ticks, _FOREVER))
