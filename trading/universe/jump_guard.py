"""Is a price to be believed? A pure guard that is fed with every look and compares it with the last good one.

Two bounds, both growing with the square root of the time since the last good price. Beyond the lower one a
print is *doubted*: nothing may be sold on it until a second look, a second later, says the same. Beyond the
upper one the symbol is *suspended* for review at once, whatever the second look says. Who records that, and
what it stops, is the callers' matter. Nothing here reads a clock.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from trading.market.errors import BadInput

# A price that runs away further with every look is believed after so many times `confirm_after_s`.
_RUNS = 3


@dataclass(frozen=True, slots=True)
class JumpRules:
    """How far a price may move between two looks. Factors: 1.25 = a quarter up, or down to four fifths.

    Parameters
    ----------
    doubt : float
        Beyond this factor within `per_s` a print needs a second look before anything is sold on it.
    suspend : float
        Beyond this factor within `per_s` the symbol is suspended for review.
    per_s : float
        Market seconds for which the factors hold as they stand; after n times as long both are raised to
        the power of the square root of n, as a random walk's width grows.
    most : float
        Neither grows beyond this factor.
    forget_s : float
        Market seconds after which a good price says nothing about the present one.
    confirm_after_s : float
        Wall seconds between a doubted print and the look that confirms it.
    """

    doubt: float = 1.02
    suspend: float = 1.25
    per_s: float = 60.0
    most: float = 5.0
    forget_s: float = 86_400.0
    confirm_after_s: float = 1.0

    def __post_init__(self) -> None:
        """Refuse bounds out of order."""
        if not 1 < self.doubt <= self.suspend <= self.most:
            raise BadInput(
                f"must be 1 < doubt <= suspend <= most, were {self.doubt}, {self.suspend}, {self.most}"
            )
        for name in ("per_s", "forget_s"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be above 0, was {getattr(self, name)}")
        if self.confirm_after_s < 0:
            raise BadInput(f"confirm_after_s must not be negative, was {self.confirm_after_s}")

    def bound(self, factor: float, passed_s: float) -> float:
        """Return `factor` as a logarithm, for two looks `passed_s` market seconds apart."""
        grown = math.log(factor) * math.sqrt(max(1.0, passed_s / self.per_s))
        return min(grown, math.log(self.most))


class JumpState(StrEnum):
    """What is known of a jump."""

    UNCONFIRMED = "unconfirmed"  # one print
    CONFIRMED = "confirmed"  # a second look says the same
    BAD_PRINT = "bad_print"  # a second look does not


@dataclass(frozen=True, slots=True)
class Jump:
    """A price beyond the upper bound. Prices in quote units, `at_ms` market time of the print."""

    symbol: str
    before: float
    after: float
    before_ms: int
    at_ms: int
    state: JumpState

    @property
    def reason(self) -> str:
        """One sentence for a person."""
        passed = (self.at_ms - self.before_ms) / 1000
        words = f"price went from {self.before:.8g} to {self.after:.8g} within {passed:,.0f} s of market time"
        said = {
            JumpState.UNCONFIRMED: "one print so far",
            JumpState.CONFIRMED: "a second look confirms it",
            JumpState.BAD_PRINT: "a second look does not: a bad print",
        }
        return f"{words}; {said[self.state]}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one look is worth. `jump` only when there is news of one that is to be recorded."""

    is_trusted: bool
    jump: Jump | None = None


@dataclass(slots=True)
class _Good:
    price: float
    at_ms: int
    is_seed: bool = False


@dataclass(slots=True)
class _Doubt:
    price: float
    at_ms: int
    wall_ms: int
    is_reported: bool
    is_above: bool
    first_wall_ms: int  # of the first print on this side; `price` and `wall_ms` are of the furthest one


class JumpGuard:
    """Remembers, per symbol, the last good price and the print that is in doubt. In memory only."""

    def __init__(self, rules: JumpRules | None = None) -> None:
        self.rules = rules or JumpRules()
        self._good: dict[str, _Good] = {}
        self._doubts: dict[str, _Doubt] = {}

    def look(
        self, symbol: str, price: float, *, at_ms: int, wall_ms: int, seed: tuple[float, int] | None = None
    ) -> Judgement:
        """Judge one print, and remember it.

        Parameters
        ----------
        price : float
            In quote units; above 0.
        at_ms : int
            Market time of the look.
        wall_ms : int
            This machine's time of the look: confirmation waits in real seconds.
        seed : tuple of float and int, optional
            A price that is known from elsewhere (what was paid, what the signal saw) and its market time:
            stands in while no look of our own is remembered. A first print near it is believed.

        Raises
        ------
        BadInput
            If the price is not a number above 0.
        """
        if not (math.isfinite(price) and price > 0):
            raise BadInput(f"price of {symbol} must be above 0, was {price}")
        good = self._known(symbol, at_ms, seed)
        if good is None:
            self._good[symbol] = _Good(price, at_ms)
            return Judgement(is_trusted=True)
        doubt = self._doubts.get(symbol)
        # While a print is in doubt, all looks are held against what was known when it came.
        passed_s = ((at_ms if doubt is None else doubt.at_ms) - good.at_ms) / 1000
        move = math.log(price / good.price)
        # Nothing recent is known behind a seed: any real distance from it needs a second look.
        if abs(move) <= self.rules.bound(self.rules.doubt, 0.0 if good.is_seed else passed_s):
            return self._believed(symbol, price, at_ms, good, doubt)
        is_jump = abs(move) > self.rules.bound(self.rules.suspend, passed_s)
        if doubt is None or doubt.is_above != (price > good.price):
            self._doubts[symbol] = _Doubt(price, at_ms, wall_ms, is_jump, price > good.price, wall_ms)
            return Judgement(False, self._jump(symbol, good, price, at_ms) if is_jump else None)
        if not self._is_confirmed(doubt, price, at_ms, wall_ms):
            news = is_jump and not doubt.is_reported
            doubt.is_reported |= is_jump
            return Judgement(False, self._jump(symbol, good, price, at_ms) if news else None)
        state = JumpState.CONFIRMED if is_jump else JumpState.BAD_PRINT
        is_news = is_jump or doubt.is_reported
        shown = price if is_jump else doubt.price
        self._settle(symbol, price, at_ms)
        return Judgement(True, self._jump(symbol, good, shown, at_ms, state) if is_news else None)

    def _is_confirmed(self, doubt: _Doubt, price: float, at_ms: int, wall_ms: int) -> bool:
        """Whether a second print on the doubted side says the same as the first, or comes back towards good.

        One that lies as far beyond the doubted print as would be doubted itself confirms nothing: it is
        doubted in its place. A price that runs on like that for `_RUNS` looks' time is believed all the same:
        nobody stays in a falling market because it falls too fast.
        """
        further = math.log(price / doubt.price) * (1 if doubt.is_above else -1)
        passed_s = max(at_ms - doubt.at_ms, 0) / 1000
        waited_ms = self.rules.confirm_after_s * 1000
        if further <= self.rules.bound(self.rules.doubt, passed_s):
            return wall_ms - doubt.wall_ms >= waited_ms
        if wall_ms - doubt.first_wall_ms >= _RUNS * waited_ms:
            return True
        doubt.price, doubt.wall_ms = price, wall_ms
        return False

    def is_beyond(self, symbol: str, price: float, *, at_ms: int) -> bool:
        """Whether a print would suspend its symbol. Remembers nothing, and knows no seed."""
        good = self._good.get(symbol)
        if good is None or at_ms - good.at_ms > self.rules.forget_s * 1000:
            return False
        passed_s = (at_ms - good.at_ms) / 1000
        return abs(math.log(price / good.price)) > self.rules.bound(self.rules.suspend, passed_s)

    def _known(self, symbol: str, at_ms: int, seed: tuple[float, int] | None) -> _Good | None:
        good = self._good.get(symbol)
        if good is not None and at_ms - good.at_ms <= self.rules.forget_s * 1000:
            return good
        if seed is None:
            self._doubts.pop(symbol, None)
            return None
        self._good[symbol] = _Good(*seed, is_seed=True)
        return self._good[symbol]

    def _believed(
        self, symbol: str, price: float, at_ms: int, good: _Good, doubt: _Doubt | None
    ) -> Judgement:
        self._settle(symbol, price, at_ms)
        if doubt is None or not doubt.is_reported:
            return Judgement(is_trusted=True)
        jump = Jump(symbol, good.price, doubt.price, good.at_ms, doubt.at_ms, JumpState.BAD_PRINT)
        return Judgement(is_trusted=True, jump=jump)

    def _settle(self, symbol: str, price: float, at_ms: int) -> None:
        self._doubts.pop(symbol, None)
        self._good[symbol] = _Good(price, at_ms)

    @staticmethod
    def _jump(
        symbol: str, good: _Good, price: float, at_ms: int, state: JumpState = JumpState.UNCONFIRMED
    ) -> Jump:
        return Jump(symbol, good.price, price, good.at_ms, at_ms, state)
