"""The default set bar by bar: what each symbol carries, so that a new bar costs nothing of its history."""

from datetime import datetime

import numpy as np
import polars as pl

from trading.indicators.bars import Floats, Ints, sorted_bars
from trading.indicators.fused.default_set import advanced
from trading.indicators.fused.kernel import MEMORY
from trading.market.errors import InvalidBars
from trading.market.frames import UTC_MS

_NEVER = np.iinfo(np.int64).min


class IndicatorState:
    """The recurrences of all symbols after the bars given so far, empty at first.

    An update gives exactly, bit by bit, the rows that `indicator_table` gives on the whole history: both are
    one kernel. Costs per update O(rows given), memory 432 bytes per symbol. Not safe for use by two threads.

    Examples
    --------
    >>> state = IndicatorState()
    >>> history = state.update(candles)          # doctest: +SKIP
    >>> newest = state.update(next_candles)      # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self._memory: Floats = np.zeros((0, MEMORY))
        self._seen: Ints = np.zeros(0, np.int64)
        self._newest: Ints = np.zeros(0, np.int64)

    def __len__(self) -> int:
        """Symbols with at least one bar."""
        return len(self._place)

    def bars(self, symbol: str) -> int:
        """Return how many bars of `symbol` were given; 0 for one that was never seen."""
        place = self._place.get(symbol)
        return 0 if place is None else int(self._seen[place])

    def newest(self, symbol: str) -> datetime | None:
        """Return the open time of the last bar given, None for a symbol that was never seen."""
        place = self._place.get(symbol)
        if place is None:
            return None
        found: datetime = pl.Series([self._newest[place]]).cast(UTC_MS)[0]
        return found

    def update(self, candles: pl.DataFrame) -> pl.DataFrame:
        """Take in new closed bars and return them with the default set.

        Parameters
        ----------
        candles : DataFrame of CANDLES, shape (n_rows, 8)
            Any order; any symbols, new ones too; none, one or several bars of each.

        Returns
        -------
        DataFrame of shape (n_rows, 8 + 15)
            Sorted by (symbol, open_time), as `indicator_table` has it. A symbol that misses a bar goes on
            from its last one: bars are taken as consecutive.

        Raises
        ------
        InvalidBars
            As `indicator_table`; and if a bar is not newer than the last one taken in of its symbol. The
            state is then as it was.
        """
        bars = sorted_bars(candles)
        names = bars.symbols
        if not names:
            return bars.frame.with_columns(**advanced(bars, self._seen[:0], self._memory[:0]))
        times = bars.frame["open_time"].to_physical().to_numpy()
        known = len(self._place)
        places = np.array([self._place.get(name, -1) for name in names], dtype=np.int64)
        is_new = places < 0
        places[is_new] = known + np.arange(int(is_new.sum()))
        self._check_newer(names, places, times[bars.starts[:-1]])
        self._grow(known + int(is_new.sum()))
        seen, memory = self._seen[places], self._memory[places]
        columns = advanced(bars, seen, memory)
        self._seen[places], self._memory[places] = seen, memory
        self._newest[places] = times[bars.starts[1:] - 1]
        self._place |= {names[row]: int(places[row]) for row in np.flatnonzero(is_new)}
        return bars.frame.with_columns(**columns)

    def _check_newer(self, names: list[str], places: Ints, first: Ints) -> None:
        last = np.concatenate((self._newest, np.full(len(places), _NEVER)))[places]
        late = np.flatnonzero(first <= last)
        if len(late):
            at = int(late[0])
            given, held = pl.Series([int(first[at]), int(last[at])]).cast(UTC_MS)
            raise InvalidBars(
                f"a bar must be newer than the last one taken in; {names[at]} has one at {given} after "
                f"{held} ({len(late)} such symbols)"
            )

    def _grow(self, symbols: int) -> None:
        more = symbols - len(self._seen)
        if more > 0:
            self._memory = np.concatenate((self._memory, np.zeros((more, MEMORY))))
            self._seen = np.concatenate((self._seen, np.zeros(more, np.int64)))
            self._newest = np.concatenate((self._newest, np.full(more, _NEVER)))
