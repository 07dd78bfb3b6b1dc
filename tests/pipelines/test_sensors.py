"""The sensors' ticks: why they rest, what they start, and that nothing is started twice."""

from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl
import pytest

from pipelines.jobs import live_trading_job
from pipelines.sensors import approved_symbols_sensor, run_failure_alert_sensor
from resources.cache import SignalBus
from resources.handover import pending_exit_set, pending_signal_set
from resources.order_log import OrderLogResource
from resources.store import Store
from tests.pipelines.pending_world import BAR, LOOK, NEWEST_BAR, PendingWorld
from tests.resources.test_live import hold
from trading.risk.exits import ExitRules


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "test")
    return Store()


@pytest.fixture
def world(store):
    return PendingWorld(store)


def tick(store: Store, cursor: str | None = None) -> Any:  # dagster keeps this type private
    """Evaluate `approved_symbols_sensor` as the daemon does, with the cursor of the tick before."""
    context = dg.build_sensor_context(cursor=cursor, resources={"store": store})
    return approved_symbols_sensor.evaluate_tick(context)


def test_without_signals_the_sensor_says_how_to_make_them(store):
    """A new world is not an error, and costs no run."""
    found = tick(store)
    assert not found.run_requests
    assert "research" in found.skip_message


def test_signals_before_any_approval_start_nothing(world):
    """The first pass publishes signals some seconds before approvals."""
    world.signal()
    found = tick(world.store)
    assert not found.run_requests
    assert "no approved symbol" in found.skip_message


def test_an_approved_entry_at_the_newest_bar_starts_one_run_named_by_its_set(world):
    """One set, one run: the run key is the set's id, so that the daemon itself refuses a second one."""
    world.approve("AAA/USDT")
    world.signal()
    batch = pending_signal_set(world.store)
    (request,) = tick(world.store).run_requests
    assert request.run_key == request.tags["sluice/signal_set"] == batch.signal_set_id
    assert batch.signal_set_id.startswith("set-")


def test_tables_that_were_looked_at_are_not_looked_at_again(world):
    """The next loop is five seconds later and finds the same versions: the cursor ends it early."""
    world.approve("AAA/USDT")
    newest = world.signal()
    first = tick(world.store)
    again = tick(world.store, first.cursor)
    assert first.run_requests
    assert not again.run_requests
    assert newest.version_id in again.skip_message


def test_a_lost_cursor_asks_for_the_same_run_key(world):
    """A sensor reset in the UI must not trade twice: the key is a function of the tables."""
    world.approve("AAA/USDT")
    world.signal()
    keys = {request.run_key for _ in range(2) for request in tick(world.store).run_requests}
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("changes", "approved"),
    [
        ({"entry": False}, "AAA/USDT"),
        ({"bar": NEWEST_BAR - BAR}, "AAA/USDT"),
        ({"bar": NEWEST_BAR + BAR}, "AAA/USDT"),
        ({}, "BBB/USDT"),
    ],
    ids=["an exit", "an older bar", "a bar that has not closed", "not approved"],
)
def test_what_is_no_entry_now_starts_nothing(world, changes, approved):
    """Only an approved symbol that wants in at the newest closed bar; the rest is history."""
    world.approve(approved)
    world.signal(**changes)
    found = tick(world.store)
    assert not found.run_requests
    assert found.cursor


def test_approvals_that_follow_their_signals_are_looked_at(world):
    """Research publishes signals first and approvals seconds later: a tick in between must not hide them."""
    world.approve()
    world.signal()
    between = tick(world.store)
    assert not between.run_requests
    world.approve("AAA/USDT")
    assert len(tick(world.store, between.cursor).run_requests) == 1


def test_fresh_signals_start_a_new_run(world):
    """Each bar may bring its own set."""
    world.approve("AAA/USDT")
    world.signal()
    first = tick(world.store)
    world.look(LOOK + BAR)
    world.signal(bar=NEWEST_BAR + BAR)
    second = tick(world.store, first.cursor)
    assert len(second.run_requests) == 1
    assert first.run_requests[0].run_key != second.run_requests[0].run_key


def test_a_failed_run_alerts_the_operator_once(store, tmp_path):
    """The alert goes through the one outbox, names job and cause, and a second evaluation adds nothing."""

    @dg.op
    def trips():
        raise ValueError("the venue answered nonsense")

    @dg.job
    def fragile():
        trips()

    (tmp_path / "test").mkdir()
    order_log = OrderLogResource()
    with dg.instance_for_test() as instance:
        result = fragile.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failure_alert_sensor",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
            resources={"order_log": order_log},
        ).for_run_failure()
        for _ in range(2):
            run_failure_alert_sensor(context)
    with order_log.open() as log:
        (event,) = log.outbox.waiting()
    assert result.run_id in event.event_id
    assert event.payload["text"].startswith("fragile failed: ")


def test_a_held_symbol_that_was_looked_at_starts_a_run_that_hands_over_its_exit(world):
    """Held under exit signals, nothing wants in: one run named by the set of exits, its word in the log."""
    rules = ExitRules(use_exit_signal=True)
    params = {"ExitRules": asdict(rules)}
    results = pl.DataFrame({"symbol": ["AAA/USDT"]})
    world.lake.publish("backtest_results", results, key=["symbol"], at=LOOK, params=params)
    world.approve("AAA/USDT")
    world.signal()
    entered = pending_signal_set(world.store)
    with OrderLogResource().open() as log:
        hold(log, entered, "AAA/USDT", opened=NEWEST_BAR + BAR / 3)
    bars = pl.DataFrame({"symbol": ["AAA/USDT"], "open_time": [NEWEST_BAR], "close": [10.0]})
    bars = bars.with_columns(pl.col("open_time").dt.cast_time_unit("ms"))
    world.lake.publish("indicators", bars, key=["symbol"], at=LOOK)
    said = world.lake.read("signals").drop("lineage_id").with_columns(is_entry=False, is_exit=True)
    world.lake.publish("signals", said, key=["symbol", "open_time"], at=LOOK)
    first = tick(world.store)
    (request,) = first.run_requests
    assert request.run_key == pending_exit_set(world.store).signal_set_id
    assert not tick(world.store, first.cursor).run_requests
    resources = {"store": world.store, "order_log": OrderLogResource(), "bus": SignalBus()}
    assert live_trading_job.execute_in_process(resources=resources).success
    with OrderLogResource().open() as log:
        (word,) = log.exits.words_since_bar(0)
    assert (word.symbol, word.signal_set_id) == ("AAA/USDT", request.run_key)
    assert word.signal_id is not None
