"""How an entry after every bar would have ended, each as if it were the only one. Compiled.

Entered and followed by the very function that trades (`entries.open_position`): what random entries earn and
what signals earn differ by where they enter, never by how they are filled.
"""

import sys
from collections.abc import Callable

from trading.backtest.compiled import digest, lean
from trading.backtest.entries import ENTRIES_MACHINE, open_position, scaled
from trading.backtest.job import CODE, GOT, SPENT, Job
from trading.backtest.walk import Floats, Ints


def _build(machine: int) -> Callable[..., None]:
    @lean(cache=True, nogil=True)
    def run(job: Job, out_row: Ints, out_return: Floats) -> None:
        """Write per signal row of `job` the row of the exit and what one quote unit spent made.

        Row -1 = no signal, could not be entered, or never ended. The book needs room for one trade.
        """
        bars, book = job.bars, job.book
        for k in range(len(bars.offsets) - 1):
            last = bars.offsets[k + 1]
            for signal in range(bars.offsets[k], last):
                out_row[signal] = -1
                if machine == 0 or not job.signals.is_entry[signal] or signal + 1 >= last:
                    continue
                row = open_position(job, k, signal + 1, 0, scaled(job, signal + 1, job.terms.stake))
                if row >= 0 and book.rows[0, CODE] != 0:
                    out_row[signal] = row
                    out_return[signal] = book.rates[0, GOT] / book.rates[0, SPENT] - 1.0

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


every_entry = _build(digest(sys.modules[__name__]) ^ ENTRIES_MACHINE)
