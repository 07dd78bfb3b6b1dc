"""Trades of the compiled loop added to running sums, compiled: none of them becomes a row of a frame."""

import sys
from collections.abc import Callable

import numpy as np

from trading.backtest.compiled import digest, lean
from trading.backtest.entries import ENTRIES_MACHINE
from trading.backtest.job import GOT, LEAVE, OWNER, SPENT, Book
from trading.backtest.walk import Floats, Ints

# Columns of the sums: trades, net returns and their squares, winning trades, gains, losses (above 0).
TRADES, TOTAL, SQUARES, WINS, GAINS, LOSSES = range(6)
COLUMNS = 6
DAY_MS = 86_400_000


@lean
def _add(sums: Floats, net: float) -> None:
    sums[TRADES] += 1.0
    sums[TOTAL] += net
    sums[SQUARES] += net * net
    if net > 0.0:
        sums[WINS] += 1.0
        sums[GAINS] += net
    else:
        sums[LOSSES] -= net


def _build(machine: int) -> Callable[..., None]:
    @lean(cache=True, nogil=True)
    def run(
        book: Book, count: int, open_ms: Ints, first_day: int, is_freqtrade: bool,
        total: Floats, daily: Floats, own: Floats,
    ) -> None:  # fmt: skip
        """Add the first `count` trades of a book: to all, to the UTC day of the exit, to the symbol's own.

        `own` has a row per symbol of the block, or none. freqtrade's money is rounded to eight decimals.
        """
        if machine == 0:
            return
        for n in range(count):
            got, spent = book.rates[n, GOT], book.rates[n, SPENT]
            net = np.rint((got - spent) * 1e8) / 1e8 / spent if is_freqtrade else got / spent - 1.0
            _add(total, net)
            daily[open_ms[book.rows[n, LEAVE]] // DAY_MS - first_day] += net
            if len(own) > 0:
                _add(own[book.rows[n, OWNER]], net)

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


add_book = _build(digest(sys.modules[__name__]) ^ ENTRIES_MACHINE)
