"""An adjusted position that has ended, written as one trade; and the book it is followed in."""

import numpy as np

from trading.backtest.adjusted_orders import (
    ARRIVED,
    BOUGHT,
    BOUGHT_MARK,
    BOUGHT_VALUE,
    CLOSED,
    DOUBT,
    DOUBTS,
    ENTRY,
    FILLS,
    GOT,
    RULES,
    SOLD,
    SOLD_MARK,
    SOLD_VALUE,
    SPENT,
    SUMS,
)  # fmt: skip
from trading.backtest.compiled import lean
from trading.backtest.job import Adjust, AdjustedBook, AdjustedJob, Book
from trading.risk.exit_machine import ADDITION


@lean
def write_trade(job: AdjustedJob, k: int, t: int, row: int, n: int) -> None:
    """Write the trade: amount = all that was bought, rates = averages, money over all fills."""
    book, whole, money, venue = job.book, job.book.whole, job.book.money, job.venue
    rows, rates = book.rows, book.rates
    rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3] = k, t - 1, t, row
    rows[n, 4], rows[n, 5], rows[n, 6] = whole[CLOSED], whole[BOUGHT], min(1, whole[DOUBTS])
    unit = venue.step_num[k] / venue.step_den[k]
    bought = whole[BOUGHT] * venue.step_num[k] / venue.step_den[k]
    sold = whole[SOLD] * venue.step_num[k] / venue.step_den[k]
    rates[n, 0], rates[n, 1] = money[BOUGHT_VALUE] / bought, money[SOLD_VALUE] / sold
    rates[n, 2], rates[n, 3] = money[BOUGHT_MARK] / bought, money[SOLD_MARK] / sold
    _without_noise(book, n)
    rates[n, 4], rates[n, 5] = money[SPENT], money[GOT]
    left = money[ARRIVED] - sold
    rates[n, 6] = left if left > unit * 1e-6 else 0.0


@lean
def _without_noise(book: AdjustedBook, n: int) -> None:
    """Write an average of one fill as that fill's own rate, to the last digit."""
    last = book.whole[FILLS] - 1
    for place in range(last, -1, -1):
        if book.fills[place, 0] != n:
            break
        code = book.fills[place, 2]
        side = 0 if code in (ENTRY, ADDITION) else 1
        if code != DOUBT and (side == 1 or code == ENTRY):
            for which in (0, 2):
                rate = book.fill_rates[place, which]
                if abs(book.rates[n, which + side] - rate) < 1e-13 * rate:
                    book.rates[n, which + side] = rate


def fresh(book: Book, adjust: Adjust) -> AdjustedBook:
    """Return the book with room for the fills of its trades and for the position under way."""
    # Every doubtful bar has an event of its own.
    most = len(book.rows) * 2 * (2 + int(adjust.add_most.sum()) + len(adjust.part_share))
    rules = len(adjust.add_keep) + len(adjust.part_share)
    return AdjustedBook(
        *book,
        fills=np.zeros((most, 4), np.int64),
        fill_rates=np.zeros((most, 3)),
        whole=np.zeros(RULES + 2 * rules, np.int64),
        money=np.zeros(SUMS),
    )
