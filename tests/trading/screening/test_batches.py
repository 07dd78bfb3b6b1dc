import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.screening.batches import in_batches


@given(items=st.lists(st.integers()), size=st.integers(1, 12))
def test_batches_hold_every_item_once_in_order(items, size):
    """Nothing is lost at the edges, and no batch is larger than asked."""
    batches = list(in_batches(items, size))
    assert [item for batch in batches for item in batch] == items
    assert all(1 <= len(batch) <= size for batch in batches)


def test_progress_is_told_after_each_batch():
    """25 symbols in tens: 10, 20, 25 of 25."""
    told = []
    for _ in in_batches(range(25), 10, lambda done, total: told.append((done, total))):
        pass
    assert told == [(10, 25), (20, 25), (25, 25)]


def test_an_empty_batch_size_is_refused():
    """Zero would never end."""
    with pytest.raises(BadInput, match="at least 1, was 0"):
        list(in_batches([1], 0))
