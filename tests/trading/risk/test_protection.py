"""The four protections live: by hand, and lock for lock what the backtest's compiled ones do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest import protections as compiled
from trading.risk.guards import Guards, empty_log
from trading.risk.protection import SOBER, Ended, horizon_ms, protection, replay

MINUTE = 60_000
NAMES = ("A/USDT", "B/USDT", "C/USDT")


def stops(*minutes: int, symbol="A/USDT") -> list[Ended]:
    return [Ended(symbol, at * MINUTE, -0.02, True) for at in minutes]


def rule(trades, guards: Guards, at: float, symbol="A/USDT"):
    found = protection(trades, symbol, int(at * MINUTE), guards, whose="the user")
    return None if found is None else (found.rule, float(found.value))


def test_a_symbol_rests_after_each_of_its_trades():
    """Ended at 1, three minutes of rest: out until 4, in at 4; B is not held up."""
    guards = Guards(cooldown_ms=3 * MINUTE)
    assert rule(stops(1), guards, 3.5) == ("protection_cooldown", 30.0)
    assert rule(stops(1), guards, 4) is None
    assert rule(stops(1), guards, 2, "B/USDT") is None


def test_losing_stops_lock_all_or_their_own():
    """Two stops within five minutes lock four from the second on; a gain that a stop took does not count."""
    guards = Guards(stop_window_ms=5 * MINUTE, stop_trades=2, stop_ms=4 * MINUTE)
    trades = [*stops(1), *stops(2, symbol="B/USDT")]
    assert rule(trades, guards, 3, "C/USDT") == ("protection_stoploss_guard", 180.0)
    assert rule(trades, guards, 6, "C/USDT") is None
    assert rule(trades, guards._replace(stop_per_symbol=True), 3) is None
    gain = [*stops(1), Ended("A/USDT", 2 * MINUTE, 0.01, True)]
    assert rule(gain, guards, 3) is None


def test_a_drawdown_locks_all_and_low_profit_its_symbol():
    """Three times -2 %: a fall of 6 %, above 5 %. Two make -4 % for A, below -3 %."""
    fall = Guards(
        drawdown_window_ms=60 * MINUTE, drawdown_trades=2, drawdown_most=0.05, drawdown_ms=3 * MINUTE
    )
    assert rule(stops(1, 2), fall, 2.5, "B/USDT") is None
    assert rule(stops(1, 2, 3), fall, 4, "B/USDT") == ("protection_max_drawdown", 120.0)
    low = Guards(low_window_ms=60 * MINUTE, low_trades=2, low_least=-0.03, low_ms=4 * MINUTE)
    assert rule(stops(1, 2), low, 5) == ("protection_low_profit", 60.0)
    assert rule(stops(1, 2), low, 5, "B/USDT") is None


guard_sets = st.builds(
    Guards,
    cooldown_ms=st.integers(0, 5).map(lambda n: n * MINUTE),
    stop_window_ms=st.integers(1, 30).map(lambda n: n * MINUTE),
    stop_trades=st.integers(1, 4),
    stop_ms=st.integers(0, 9).map(lambda n: n * MINUTE),
    stop_per_symbol=st.booleans(),
    drawdown_window_ms=st.integers(1, 40).map(lambda n: n * MINUTE),
    drawdown_trades=st.integers(1, 5),
    drawdown_most=st.floats(0, 0.1),
    drawdown_ms=st.integers(0, 9).map(lambda n: n * MINUTE),
    low_window_ms=st.integers(1, 40).map(lambda n: n * MINUTE),
    low_trades=st.integers(1, 4),
    low_least=st.floats(-0.05, 0.05),
    low_ms=st.integers(0, 9).map(lambda n: n * MINUTE),
)
endings = st.lists(
    st.builds(
        Ended,
        symbol=st.sampled_from(NAMES),
        ended_ms=st.integers(0, 60 * MINUTE),
        profit=st.floats(-0.1, 0.1),
        is_stop=st.booleans(),
    ),
    max_size=25,
    unique_by=lambda trade: trade.ended_ms,
)


@settings(max_examples=200, deadline=None)
@given(trades=endings, guards=guard_sets, at=st.integers(0, 90 * MINUTE))
def test_live_and_backtest_lock_the_same_after_the_same_trades(trades, guards, at):
    """One list of trades through both: locks to the millisecond; live names one when locked."""
    ours, places = replay(trades, "A/USDT", guards)
    theirs = empty_log(len(places), len(trades))
    for trade in sorted(trades, key=lambda trade: trade.ended_ms):
        compiled.note_end(theirs, guards, places[trade.symbol], trade.ended_ms, trade.profit, trade.is_stop)
    np.testing.assert_array_equal(ours.lock_ms, theirs.lock_ms)
    past = [trade for trade in trades if trade.ended_ms <= at]
    known, places = replay(past, "A/USDT", guards)
    is_out = compiled.is_locked(known, places["A/USDT"], at)
    assert (protection(past, "A/USDT", at, guards, whose="x") is not None) == is_out


@settings(max_examples=100, deadline=None)
@given(trades=endings, guards=guard_sets, at=st.integers(0, 90 * MINUTE))
def test_trades_beyond_the_horizon_never_matter(trades, guards, at):
    """What the engine leaves unread changes no verdict."""
    past = [trade for trade in trades if trade.ended_ms <= at]
    near = [trade for trade in past if trade.ended_ms > at - horizon_ms(guards)]
    whole, part = (protection(some, "A/USDT", at, guards, whose="x") for some in (past, near))
    assert whole == part


def test_all_are_off_unless_switched_on():
    """As in a strategy file; and the sober ones are all on."""
    assert not Guards().is_on
    assert horizon_ms(Guards()) == 0
    assert rule(stops(*range(50)), Guards(), 50) is None
    for name in ("cooldown_ms", "stop_ms", "drawdown_ms", "low_ms"):
        assert getattr(SOBER, name) > 0


@pytest.mark.parametrize("seconds", [0.001])
def test_the_lock_ends_on_its_millisecond(seconds):
    """Out a millisecond before, in at the moment itself."""
    guards = Guards(cooldown_ms=MINUTE)
    assert rule(stops(1), guards, 2 - seconds / 60) is not None
    assert rule(stops(1), guards, 2) is None
