"""The clock lease: what has been shown is covered before it is shown; nothing goes back."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.trading.simulator.handmade import START_MS
from trading.simulator.clock_lease import LEASE_S, ClockLease
from trading.simulator.state import StateFile


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 5_000_000), st.sampled_from([0.0, 1.0, 60.0, 900.0])), max_size=30
    )
)
def test_every_time_that_was_covered_lies_below_the_written_one(
    tmp_path_factory: Any, steps: list[tuple[int, float]]
) -> None:
    """Whatever the clock does: a reader of the file after a kill sees a time at or beyond all shown ones."""
    folder = tmp_path_factory.mktemp("lease")
    lease, now_ms = ClockLease(folder), START_MS
    for step_ms, speed in steps:
        now_ms += step_ms
        lease.cover(now_ms, speed)
        reader = ClockLease(folder)
        assert now_ms <= reader.until_ms <= now_ms + LEASE_S * 1000 * max([1.0, *(s for _, s in steps)])
        reader.close()
    lease.close()


def test_a_request_extends_the_lease_and_a_restart_begins_behind_it(make_client: Any, tmp_path: Path) -> None:
    """Saved at the start, killed 20 s later without another save: the next run does not begin 20 s ago."""
    client = make_client()
    state = StateFile(tmp_path)
    state.lock()
    client.exchange.lease = state.lease
    state.save(client.exchange)
    client.forward(20_000)
    shown = client.get("/api/v3/time").body["serverTime"]
    state.unlock()
    again = StateFile(tmp_path)
    again.lock()
    times = again.saved_times()
    assert times is not None
    assert shown < times[0] <= shown + LEASE_S * 1000
    again.unlock()


def test_a_clean_end_gives_back_what_was_not_used(tmp_path: Path) -> None:
    """settle writes the last market time itself."""
    lease = ClockLease(tmp_path)
    lease.cover(START_MS, 900.0)
    lease.settle(START_MS + 7)
    lease.close()
    assert ClockLease(tmp_path).until_ms == START_MS + 7
