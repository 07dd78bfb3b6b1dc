"""An account's news: orders forwards only, fills once, balances by venue time."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.trading.exchange.feed.fakes import fill, order
from trading.exchange.feed.account_sequence import BalanceSequence, FillSequence, OrderSequence
from trading.exchange.feed.events import Origin
from trading.market.orders import Balance, OrderState, OrderStatus

LIFE = [
    order("o1"),
    order("o1", OrderStatus.PARTIAL, "3"),
    order("o1", OrderStatus.PARTIAL, "7"),
    order("o1", OrderStatus.PARTIALLY_CANCELED, "7"),
]


@given(st.permutations(LIFE))
def test_order_never_goes_backwards_and_its_end_is_always_told(states: list[OrderState]) -> None:
    """In whatever order the states come: what is told only advances, and the last told is the end."""
    sequence = OrderSequence()
    told = [state for state in states if sequence.offer(state) is not None]
    assert [LIFE.index(state) for state in told] == sorted(LIFE.index(state) for state in told)
    assert told[-1] == LIFE[-1]
    assert sequence.open_orders() == []


def test_ended_order_stays_ended_unless_more_was_filled() -> None:
    """A status that goes back is a stale answer; a fill that comes late is the truth."""
    sequence = OrderSequence()
    sequence.offer(order("o1", OrderStatus.PARTIALLY_CANCELED, "3"))
    assert sequence.offer(order("o1", OrderStatus.PARTIAL, "3")) is None
    assert sequence.offer(order("o1", OrderStatus.FILLED, "10")) is not None


@given(st.lists(st.lists(st.integers(0, 12), max_size=8), max_size=8))
def test_fill_is_told_once_however_often_and_late_it_comes(batches: list[list[int]]) -> None:
    """Any overlap of stream and REST: each trade id once, none lost."""
    sequence = FillSequence()
    told = [f for batch in batches for f in sequence.offer([fill(f"t{n}", n * 10) for n in batch])]
    assert sorted(f.trade_id for f in told) == sorted({f"t{n}" for batch in batches for n in batch})


def test_equal_trade_ids_of_two_pairs_are_two_fills() -> None:
    """Trade ids are the pair's, not the account's."""
    sequence = FillSequence()
    assert len(sequence.offer([fill("t1"), fill("t1", symbol="ETH/USDT")])) == 2


def test_older_balance_is_no_news() -> None:
    """Pushes may overtake each other."""
    sequence = BalanceSequence()
    new, old = Balance("USDT", Decimal(5), Decimal(0)), Balance("USDT", Decimal(9), Decimal(0))
    assert sequence.offer(new, 20, Origin.STREAM) == new
    assert sequence.offer(old, 10, Origin.STREAM) is None
    assert sequence.offer(new, 30, Origin.STREAM) is None


def test_balance_asked_for_after_a_push_goes_beyond_it() -> None:
    """REST's word bears no time, only that of the question; a push that was sent before it is older."""
    sequence = BalanceSequence()
    pushed, polled = Balance("USDT", Decimal(5), Decimal(0)), Balance("USDT", Decimal(9), Decimal(0))
    sequence.offer(pushed, 20, Origin.STREAM)
    assert sequence.offer(polled, 10, Origin.POLL) == polled
    assert sequence.offer(pushed, 19, Origin.STREAM) is None
