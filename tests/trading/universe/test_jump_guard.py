"""Prints that are doubted, jumps that suspend, and what a second look a second later says."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.market.frames import TICKERS, UTC_MS
from trading.universe.jump_guard import JumpGuard, JumpRules, JumpState
from trading.universe.jump_scan import believed_jumps, jumps_between

MINUTE = 60_000


def look(guard: JumpGuard, price: float, at_s: float):
    """One look; wall time and market time run together."""
    return guard.look("AAA/USDT", price, at_ms=int(at_s * 1000), wall_ms=int(at_s * 1000))


def test_first_print_and_small_moves_are_believed():
    """Nothing is known before the first; two per cent within a minute is ordinary."""
    guard = JumpGuard()
    assert look(guard, 100.0, 0).is_trusted
    assert look(guard, 101.9, 10).is_trusted
    assert look(guard, 100.2, 20).is_trusted


def test_bad_print_sells_nothing_and_suspends_at_once():
    """100 -> 10 -> 100: the print is never trusted, the symbol is suspended, and the print is called bad."""
    guard = JumpGuard()
    look(guard, 100.0, 0)
    first = look(guard, 10.0, 1)
    assert not first.is_trusted
    assert first.jump is not None
    assert (first.jump.before, first.jump.after, first.jump.state) == (100.0, 10.0, JumpState.UNCONFIRMED)
    back = look(guard, 100.0, 1.4)
    assert back.is_trusted
    assert back.jump is not None
    assert back.jump.state is JumpState.BAD_PRINT


def test_real_crash_is_trusted_after_a_second():
    """100 -> 60 stays: doubted for a second, then confirmed, so that stops can sell."""
    guard = JumpGuard()
    look(guard, 100.0, 0)
    assert [look(guard, 60.0, at).is_trusted for at in (1.0, 1.5, 1.9)] == [False, False, False]
    confirmed = look(guard, 59.5, 2.1)
    assert confirmed.is_trusted
    assert confirmed.jump is not None
    assert confirmed.jump.state is JumpState.CONFIRMED
    assert look(guard, 59.0, 3.0).is_trusted


def test_doubted_move_below_the_upper_bound_suspends_nothing():
    """Five per cent in a second needs a second look and no review."""
    guard = JumpGuard()
    look(guard, 100.0, 0)
    doubted = look(guard, 95.0, 1)
    assert (doubted.is_trusted, doubted.jump) == (False, None)
    later = look(guard, 95.0, 2.1)
    assert (later.is_trusted, later.jump) == (True, None)


def test_two_bad_prints_on_both_sides_confirm_nothing():
    """Up and then down is no confirmation of either."""
    guard = JumpGuard()
    look(guard, 100.0, 0)
    assert not look(guard, 1000.0, 1).is_trusted
    assert not look(guard, 10.0, 2.5).is_trusted


def test_a_mild_doubt_does_not_confirm_a_wild_print():
    """97 is doubted; half the price two seconds later is the first print of its kind: doubted too."""
    guard = JumpGuard()
    look(guard, 100.0, 0)
    assert not look(guard, 97.0, 1).is_trusted
    wild = look(guard, 50.0, 3)
    assert not wild.is_trusted
    assert wild.jump is not None  # and the symbol is suspended at once
    assert look(guard, 99.5, 3.5).is_trusted


def test_second_look_that_comes_back_halfway_confirms():
    """Two prints agree that the price is at most 95: what two looks say is believed."""
    guard = JumpGuard()
    look(guard, 100.0, 0)
    assert not look(guard, 90.0, 1).is_trusted
    assert look(guard, 95.0, 2.1).is_trusted


def test_price_that_runs_away_is_believed_after_three_seconds():
    """Five per cent less with every look, every half second: sold on after three seconds, not never."""
    guard = JumpGuard()
    look(guard, 100.0, 0)
    answers = [look(guard, 100.0 * 0.95**n, n / 2).is_trusted for n in range(1, 9)]
    assert answers.index(True) == 6  # the first doubt came at 0.5 s, this look at 3.5 s


def test_bounds_grow_with_the_root_of_time_and_stop_growing():
    """Nine minutes allow the cube of one minute's factor; nothing allows more than `most`."""
    rules = JumpRules()
    assert rules.bound(1.25, 9 * 60.0) == pytest.approx(3 * math.log(1.25))
    assert rules.bound(1.25, 1e9) == math.log(rules.most)


def test_seed_stands_in_after_a_restart():
    """A process that has just begun compares the first print with what was paid."""
    guard = JumpGuard()
    judged = guard.look("AAA/USDT", 10.0, at_ms=MINUTE, wall_ms=0, seed=(100.0, 0))
    assert not judged.is_trusted
    assert judged.jump is not None


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_price_that_is_none_is_refused(price):
    """The message names it."""
    with pytest.raises(BadInput, match="must be above 0"):
        look(JumpGuard(), price, 0)


@pytest.mark.parametrize(
    "changes", [{"doubt": 1.0}, {"suspend": 1.01}, {"most": 1.1}, {"per_s": 0.0}, {"confirm_after_s": -1.0}]
)
def test_rules_out_of_order_are_refused(changes):
    """1 < doubt <= suspend <= most, and times above 0."""
    with pytest.raises(BadInput):
        JumpRules(**changes)


@given(st.lists(st.floats(min_value=1.0, max_value=1e6), min_size=1, max_size=30))
def test_no_single_print_beyond_the_upper_bound_is_ever_trusted(prices):
    """Within a second of looks, a trusted print is near the last trusted one, whatever came."""
    guard = JumpGuard()
    trusted: float | None = None
    for number, price in enumerate(prices):
        judged = guard.look("AAA/USDT", price, at_ms=number * 100, wall_ms=number * 100)
        if judged.is_trusted and trusted is not None and number < 10:  # within the first second
            assert abs(math.log(price / trusted)) <= guard.rules.bound(guard.rules.doubt, 1.0) + 1e-9
        if judged.is_trusted:
            trusted = price


def tickers(at_ms: int, prices: dict[str, float]) -> pl.DataFrame:
    rows = {name: [None] * len(prices) for name in TICKERS} | {
        "symbol": list(prices),
        "last": list(prices.values()),
        "at": [at_ms] * len(prices),
    }
    frame = pl.DataFrame(rows, schema_overrides={"at": pl.Int64, "last": pl.Float64})
    return frame.with_columns(pl.col("at").cast(UTC_MS))


def test_jumps_between_two_looks_at_the_market():
    """Ten times in a minute is a jump, a fifth is not, and a pair that only one look prices says nothing."""
    before = tickers(0, {"A": 1.0, "B": 1.0, "C": 1.0})
    after = tickers(MINUTE, {"A": 10.0, "B": 1.2, "D": 5.0})
    assert [(jump.symbol, jump.after) for jump in jumps_between(before, after)] == [("A", 10.0)]


def test_a_look_in_which_everything_jumps_suspends_nobody():
    """3 of 40 pairs are more than a twentieth: the look is wrong. 2 of 40 are not: both are suspended."""
    names = [f"S{number:02}" for number in range(40)]
    before = tickers(0, dict.fromkeys(names, 1.0))

    def after(jumped: int) -> pl.DataFrame:
        return tickers(MINUTE, {name: 10.0 if name in names[:jumped] else 1.0 for name in names})

    assert believed_jumps(before, after(3)) == []
    assert [jump.symbol for jump in believed_jumps(before, after(2))] == ["S00", "S01"]
    assert believed_jumps(None, after(2)) == []
