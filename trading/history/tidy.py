"""Many small files made few: days that are over become one file, months that are over go by symbol.

Readers see the same bars before, during and after. Not here: how files are written (trading/store).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trading.history.shelf import Shelf
from trading.store.rewrite import is_settled

# A day that still grows is merged only when reading it has become slow.
_MOST_PARTS_TODAY = 32


@dataclass(frozen=True, slots=True)
class Tidied:
    """What tidying did: days compacted into one file, months rewritten by symbol."""

    days: tuple[str, ...] = ()
    months: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """One line for a log or a terminal."""
        return f"tidied: {len(self.days)} days into one file each, {len(self.months)} months by symbol"


def tidy(shelf: Shelf, *, at: datetime, timeframes: Sequence[str] | None = None) -> Tidied:
    """Merge the files of days and months that are over at market time `at`.

    Parameters
    ----------
    timeframes : sequence of str or None
        Only these bar lengths; None = all that are stored.
    """
    days: list[str] = []
    months: list[str] = []
    today, this_month = f"{at:%Y-%m-%d}", f"{at:%Y-%m}"
    for name in shelf.candles.timeframes() if timeframes is None else timeframes:
        for month in shelf.candles.held(name):
            if month.name < this_month:
                if not is_settled(month):
                    shelf.candles.rewrite_month(name, month.name)
                    months.append(f"{name} {month.name}")
                continue
            for day, files in sorted(month.parts.items()):
                if len(files) > (1 if day < today else _MOST_PARTS_TODAY):
                    shelf.candles.compact(name, day)
                    days.append(f"{name} {day}")
    return Tidied(tuple(days), tuple(months))
