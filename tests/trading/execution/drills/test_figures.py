"""Percentiles by nearest rank, and what each part of a queue got."""

import pytest

from trading.execution.drills.figures import by_place, percentile, spread
from trading.market.errors import BadInput


def test_percentiles_are_values_that_were_measured():
    """Nearest rank over 1..10: the median is the 5th, p99 the 10th, a tenth the 1st."""
    values = [float(n) for n in range(10, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.99, 0.1)] == [5.0, 10.0, 1.0]
    assert spread(values) == {"n": 10, "p50": 5.0, "p99": 10.0, "max": 10.0}
    assert spread([]) == {"n": 0}


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_or_outside_its_share_is_refused(values, share):
    """No value is made up."""
    with pytest.raises(BadInput):
        percentile(values, share)


def test_a_queue_is_cut_by_when_its_orders_left():
    """Four orders, two parts: the first two left at 1 and 2 s for 1 and 0.98, the others at 3 and 4 s."""
    rows = [(4.0, 0.90), (1.0, 1.0), (3.0, 0.94), (2.0, 0.98)]
    assert by_place(rows, 2) == [
        {"orders": 2, "first_s": 1.0, "last_s": 2.0, "mean_price_share": 0.99},
        {"orders": 2, "first_s": 3.0, "last_s": 4.0, "mean_price_share": 0.92},
    ]
    assert [part["orders"] for part in by_place(rows[:1], 3)] == [1]
