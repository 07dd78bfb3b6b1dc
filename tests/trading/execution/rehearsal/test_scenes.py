"""The rehearsal: the limiter's arithmetic in virtual time, held against figures worked out by hand."""

import pytest

from trading.exchange.budget import Priority, Shares
from trading.execution.rehearsal.fleet import Fleet
from trading.execution.rehearsal.line import Line
from trading.execution.rehearsal.scenes import Sight, fills, lone_exits, mass_stop, restart
from trading.market.errors import BadInput


def fleet(**changes: object) -> Fleet:
    given: dict[str, object] = {"users": 40, "rate_per_s": 10.0, "burst": 5.0, "late_s": 0.0} | changes
    return Fleet(**given)  # type: ignore[arg-type]  # the keys are its own


def test_a_mass_stop_takes_the_floor_and_no_entry_goes_ahead() -> None:
    """120 exits of weight 1 at 10/s from a bucket of 5: (120 - 5) / 10 = 11.5 s, whatever waits behind."""
    alone = mass_stop(fleet())
    crowded = mass_stop(fleet(), entries=500)
    assert alone.last_s == pytest.approx(11.5, abs=0.01)
    assert alone.floor_s == pytest.approx(11.5)
    assert crowded.last_s == pytest.approx(alone.last_s, abs=0.01)
    assert alone.known_s == pytest.approx(11.5 + 0.1 + 0.2, abs=0.01)  # answer, then the stream


def test_checking_each_account_first_costs_eleven_times_as_much() -> None:
    """An exit weighs 1, reading balances 10: (40 × 3 × 11 - 5) / 10 = 131.5 s for the last exit."""
    assert mass_stop(fleet(), is_checked=True).last_s == pytest.approx(131.5, rel=0.02)


def test_a_restart_sends_exits_before_it_reconciles() -> None:
    """Exits lose no more than the reserved share to reconciliation; waiting for it costs minutes."""
    at_once = restart(fleet(users=200), crossed=0.5)
    after = restart(fleet(users=200), crossed=0.5, are_exits_waiting=True)
    assert at_once.ratio is not None
    assert 1.0 <= at_once.ratio <= 1.0 / (1 - 0.05) + 0.05
    assert after.last_s > 20 * at_once.last_s
    assert 9_800 + 250 <= at_once.weight <= 9_800 + 350  # 200 × (3 × (3 + 10) + 10), about half of 600 exits
    assert at_once.known_s == pytest.approx((at_once.weight - 5) / 10, rel=0.02)


def test_reserving_more_for_reconciliation_slows_a_mass_stop_that_polls() -> None:
    """While looks wait too, exits keep 1 - share of the rate: 1 / 0.8 = 1.25 at a fifth."""
    much = mass_stop(fleet(shares=Shares(reconcile=0.2)), sight=Sight.POLL)
    assert much.ratio == pytest.approx(1.25, abs=0.06)
    little = mass_stop(fleet(), sight=Sight.POLL)
    assert little.ratio is not None
    assert little.ratio <= 1.1


def test_a_stream_tells_of_fills_at_once_and_polling_does_not() -> None:
    """By stream a fill is bare for its lag; by polling 120 orders × weight 2 at 2/s, for minutes."""
    told, asked = fills(fleet(), sight=Sight.STREAM), fills(fleet(), sight=Sight.POLL)
    assert told.p99_s == pytest.approx(0.2)
    assert told.weight == 0
    assert asked.p50_s > 10.0


def test_what_entries_leave_lets_a_few_exits_go_at_once() -> None:
    """Bucket of 20 at 50/s, entries leave half: ten exits find ten tokens. Leaving nothing, they queue."""
    kept = lone_exits(Fleet(rate_per_s=50.0, burst=20.0, late_s=0.0), times=40)
    bare = lone_exits(
        Fleet(rate_per_s=50.0, burst=20.0, late_s=0.0, shares=Shares(entries_leave=0.0)), times=40
    )
    assert kept.p99_s == pytest.approx(0.0, abs=0.021)
    assert bare.p99_s == pytest.approx(0.2, abs=0.03)


def test_no_window_ever_holds_more_than_burst_and_rate() -> None:
    """The venue's limit in any stretch of time: burst + rate × seconds, and heavy requests wait for it."""
    line = Line(20.0, 5.0, 0.1, Shares())
    for number in range(300):
        line.ask("any", list(Priority)[number % 4], 1 + number % 3)
    line.run()
    times = [sent.left_s for sent in line.sent]
    for first in range(0, len(times), 7):
        for last in range(first, len(times), 11):
            weight = sum(sent.weight for sent in line.sent[first : last + 1])
            assert weight <= 5.0 + 20.0 * (times[last] - times[first]) + 3.0 + 1e-6
    assert len(times) == 300


def test_one_seed_is_one_outcome() -> None:
    """Replaying a seed gives the same figures to the last digit."""
    assert restart(fleet(late_s=0.002)) == restart(fleet(late_s=0.002))


@pytest.mark.parametrize(
    ("name", "value"),
    [("users", 0), ("positions", 101), ("rate_per_s", 0.0), ("burst", 0.5), ("poll_share", 2.0)],
)
def test_a_number_out_of_bounds_is_named(name: str, value: float) -> None:
    """Name, bound and value in one sentence."""
    with pytest.raises(BadInput, match=name):
        fleet(**{name: value})
