"""What else ends a trade beside its stop, target and longest hold: carried from the signal to the last sale.

Immutable and small: written with the signal set, with each order and with the trade, so that a trade is left
by the rules it was entered with, whatever research thinks by then.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from trading.market.errors import BadInput
from trading.market.timeframes import Timeframe, timeframe

_ZERO = Decimal(0)
_MOST = Decimal(100)


@dataclass(frozen=True, slots=True)
class ExitTerms:
    """Rules of one trade. Fractions are of the entry price.

    Parameters
    ----------
    timeframe : str
        Bars in which ages are counted and whose highs a trailing stop follows; empty = the set is from before
        there were any: ages are counted from the first execution.
    trailing_stop : Decimal or None
        Fraction below the highest price of closed bars, in (0, 1); None = off.
    trailing_offset : Decimal
        The trailing stop wakes once that high is this fraction above the entry; at least 0.
    ladder : tuple of (int, Decimal)
        Ages in market seconds, ascending, and the target from each on; may be below 0. Takes the place of
        `take_profit`; empty = one target or none.
    exit_source : str
        Whose exit signals end the trade: name and digest of a strategy's text. Empty = nobody's.
    alert_after_bars, leave_after_bars : int
        After so many closed bars in a row without a word from research about the symbol the operator is
        told; after so many the trade is left. Only where exit signals count.
    """

    timeframe: str = ""
    trailing_stop: Decimal | None = None
    trailing_offset: Decimal = _ZERO
    ladder: tuple[tuple[int, Decimal], ...] = ()
    exit_source: str = ""
    alert_after_bars: int = 4
    leave_after_bars: int = 24

    @property
    def bar(self) -> Timeframe | None:
        """The bars that ages are counted in; None = there are none."""
        return timeframe(self.timeframe) if self.timeframe else None

    @property
    def is_plain(self) -> bool:
        """Whether nothing but stop, target and longest hold ends the trade."""
        return self.trailing_stop is None and not self.ladder and not self.exit_source

    def to_text(self) -> str:
        """Return canonical JSON; decimals are plain text."""
        body = {
            "timeframe": self.timeframe,
            "trailing_stop": None if self.trailing_stop is None else format(self.trailing_stop, "f"),
            "trailing_offset": format(self.trailing_offset, "f"),
            "ladder": [[age, format(target, "f")] for age, target in self.ladder],
            "exit_source": self.exit_source,
            "alert_after_bars": self.alert_after_bars,
            "leave_after_bars": self.leave_after_bars,
        }
        return json.dumps(body, sort_keys=True, separators=(",", ":"))

    @staticmethod
    def of_text(text: str | None) -> "ExitTerms":
        """Read what `to_text` wrote; None = from before there were terms."""
        return ExitTerms() if text is None else _read(text)

    def check(self, where: str, take_profit: Decimal | None) -> None:
        """Refuse terms that no engine could follow.

        Raises
        ------
        BadInput
            Naming `where` and the first value that is out of bounds.
        """
        if self.trailing_stop is not None and not 0 < self.trailing_stop < 1:
            raise BadInput(
                f"trailing_stop of {where} must be None or a fraction in (0, 1), was {self.trailing_stop}"
            )
        if not 0 <= self.trailing_offset < _MOST:
            raise BadInput(f"trailing_offset of {where} must lie in [0, 100), was {self.trailing_offset}")
        ages = [age for age, _ in self.ladder]
        if ages != sorted(set(ages)) or any(age < 0 for age in ages):
            raise BadInput(f"ladder of {where} must have ascending ages from 0 s on, was {ages}")
        for _, target in self.ladder:
            if not -1 < target < _MOST:
                raise BadInput(f"a target of the ladder of {where} must lie in (-1, 100), was {target}")
        if self.ladder and take_profit is not None:
            raise BadInput(f"{where} must have a ladder or one take_profit, had both")
        if not self.is_plain and not self.timeframe:
            raise BadInput(f"the exits of {where} count bars, so timeframe must be named, was empty")
        if not 1 <= self.alert_after_bars <= self.leave_after_bars:
            raise BadInput(
                f"{where} must have 1 <= alert_after_bars <= leave_after_bars, were "
                f"{self.alert_after_bars}, {self.leave_after_bars}"
            )
        _ = self.bar  # an unknown name is refused there


@lru_cache(maxsize=512)
def _read(text: str) -> ExitTerms:
    """Read terms; all trades of a strategy share one text, and it is read at every look."""
    raw = json.loads(text)
    trail = raw["trailing_stop"]
    return ExitTerms(
        timeframe=raw["timeframe"],
        trailing_stop=None if trail is None else Decimal(trail),
        trailing_offset=Decimal(raw["trailing_offset"]),
        ladder=tuple((int(age), Decimal(target)) for age, target in raw["ladder"]),
        exit_source=raw["exit_source"],
        alert_after_bars=raw["alert_after_bars"],
        leave_after_bars=raw["leave_after_bars"],
    )
