"""A real Dagster daemon beside a real exchange: schedule, sensor and backfill do their work by themselves.

Slowest of the fast tests: the daemon looks at schedules by the minute and at backfills twice a minute.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionStatus,
    PartitionBackfill,
)

from pipelines.definitions import defs
from pipelines.windows import days_of_history
from resources.handover import pending_signal_set
from resources.settings import load_settings
from resources.store import Store
from tests.integration.exchange_process import exchange_process
from trading.market.timeframes import timeframe
from trading.store.order_log import OrderLog

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = 40
# Four minutes into a bar: the newest closed bar stays the newest while the test lasts.
START = datetime(2025, 3, 3, 0, 4, tzinfo=UTC)
HISTORY = 700
# Well before what research has fetched, so that every candle of it comes from the backfill.
MONTH = [str((START - timedelta(days=60 - day)).date()) for day in range(30)]
# The thirty days before those, for the command line.
MONTH_BEFORE = [str((START - timedelta(days=90 - day)).date()) for day in range(30)]
PATIENCE_S = 170.0
QUARTER = timeframe("15m")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("daemon")


@pytest.fixture(scope="module")
def environment(home):
    """A world, a Dagster home and an exchange of their own, told to us and to every child alike."""
    dagster_home = home / "dagster"
    dagster_home.mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", dagster_home)
    with (
        exchange_process(
            "--symbols", str(SYMBOLS), "--start", START.isoformat(), "--rate", "500", "--accounts", "1"
        ) as exchange,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in [name for name in os.environ if name.startswith(("SLUICE_", "DAGSTER_"))]:
            patch.delenv(name)
        values = {
            "SLUICE_HOME": str(home / "data"),
            "SLUICE_WORLD": "test",
            "SLUICE_HISTORY_BARS": str(HISTORY),
            "SLUICE_EXCHANGE__BASE_URL": exchange.base.split("/api/")[0],
            "SLUICE_EXCHANGE__RATE_PER_S": "200",
            "DAGSTER_HOME": str(dagster_home),
            "DO_NOT_TRACK": "1",
        }
        for name, value in values.items():
            patch.setenv(name, value)
        yield values


@pytest.fixture(scope="module")
def instance(environment):
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as found:
        yield found


@pytest.fixture(scope="module")
def researched(environment, instance):
    """One research pass of the real job; quiet, because its events are not what is tested here."""
    result = defs.resolve_job_def("research").execute_in_process(
        instance=instance, tags=days_of_history(START, QUARTER, HISTORY), run_config=QUIET
    )
    assert result.success
    return Store()


@pytest.fixture(scope="module")
def pending(researched):
    """A signal set that waits to be handed over: one real signal row, moved to the newest closed bar."""
    lake, at = researched.lake, researched.as_of()
    newest = datetime.fromtimestamp(QUARTER.floor_ms(int(at.timestamp() * 1000)) / 1000, UTC) - QUARTER.delta
    rows = lake.read("signals").drop("lineage_id")
    row = rows.filter(pl.col("is_candidate")).head(1)
    moved = row.with_columns(
        open_time=pl.lit(newest).cast(rows.schema["open_time"]), is_entry=True, is_exit=False
    )
    kept = rows.filter(pl.col("open_time") != newest)
    researched.publish(
        "signals", pl.concat([kept, moved]).sort("symbol", "open_time"), key=["symbol", "open_time"]
    )
    symbol = row["symbol"][0]
    verdicts = lake.read("approved_symbols").drop("lineage_id")
    researched.publish(
        "approved_symbols", verdicts.with_columns(is_approved=pl.col("symbol") == symbol), key=["symbol"]
    )
    batch = pending_signal_set(researched)
    assert batch is not None
    assert [signal.symbol for signal in batch.signals] == [symbol]
    return batch


@pytest.fixture(scope="module")
def backfill(researched, instance):
    """Thirty days of candles, asked for as the UI asks: as a backfill on the instance."""
    asked = PartitionBackfill.from_asset_partitions(
        backfill_id="thirty-days",
        asset_graph=defs.resolve_asset_graph(),
        partition_names=MONTH,
        asset_selection=[dg.AssetKey("ohlcv")],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    instance.add_backfill(asked)
    return asked.backfill_id


@pytest.fixture(scope="module")
def daemon(environment, pending, backfill):
    """The daemon, once there is something to do."""
    with dagster_daemon(Path(environment["DAGSTER_HOME"])) as log:
        yield log


@contextmanager
def dagster_daemon(dagster_home: Path) -> Iterator[Path]:
    log = dagster_home / "daemon.log"
    command = [sys.executable, "-m", "dagster._daemon", "run", "-d", str(ROOT)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "-m", "tests.pipelines.daemon_location"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # A background shell hands SIGINT down ignored; Dagster would then obey neither INT nor TERM.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for left in alive_with(str(dagster_home)):
            os.kill(left, signal.SIGKILL)


def alive_with(marker: str) -> list[int]:
    """Processes other than us whose environment names our folder: children of this test and no others."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) != os.getpid() and marker.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def until(is_done: Callable[[], object], what: str, log: Path) -> None:
    """Wait; say what was waited for, and how the daemon's log ends, when it never comes."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_done():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {PATIENCE_S:.0f} s; {log.read_text()[-4000:]}")
        time.sleep(0.5)


def runs_of(instance: dg.DagsterInstance, job: str | None = None, **tags: str) -> list[dg.DagsterRun]:
    wanted = {name.replace("__", "/"): value for name, value in tags.items()}
    return instance.get_runs(dg.RunsFilter(job_name=job, tags=wanted))


def wait_for_runs(
    instance: dg.DagsterInstance, log: Path, what: str, find: Callable[[], list[dg.DagsterRun]]
) -> None:
    until(lambda: any(run.is_finished for run in find()), what, log)
    ended = [run for run in find() if run.is_finished]
    failures = [
        event.message
        for run in ended
        for event in instance.all_logs(run.run_id)
        if event.is_dagster_event and event.get_dagster_event().is_failure
    ]
    assert all(run.is_success for run in ended), failures


def bars_by_day(store: Store) -> pl.DataFrame:
    day = pl.col("open_time").dt.date().cast(pl.String).alias("day")
    held = store.candles.scan("15m").group_by(day)
    return held.agg(symbols=pl.col("symbol").n_unique(), bars=pl.len()).collect()


def days_held(store: Store) -> set[str]:
    return set(bars_by_day(store)["day"])


def test_the_sensor_starts_the_live_job_and_the_set_arrives_once(daemon, pending, instance):
    """Approved and wanted in: one run of `live_trading_job`, one row in the order log, with its signals."""
    key = {"dagster__run_key": pending.signal_set_id}
    wait_for_runs(
        instance, daemon, "a run of live_trading_job", lambda: runs_of(instance, "live_trading_job", **key)
    )
    log = OrderLog(load_settings().database_url)
    try:
        arrived = log.get_signal_set(pending.signal_set_id)
        names = log.signal_sets()["signal_set_id"].to_list()
    finally:
        log.close()
    assert arrived.signals == pending.signals
    assert arrived.versions == pending.versions
    assert names.count(pending.signal_set_id) == 1
    assert len(runs_of(instance, "live_trading_job", **key)) == 1


def test_the_command_line_backfills_thirty_days_in_one_run(daemon, environment, instance, researched):
    """The command of docs/operations.md, beside a daemon at work: exit 0, one run, candles of each day."""
    chosen = f"{MONTH_BEFORE[0]}...{MONTH_BEFORE[-1]}"
    command = ["asset", "materialize", "-m", "pipelines.definitions", "--select", "ohlcv"]
    done = subprocess.run(
        [sys.executable, "-m", "dagster", *command, "--partition-range", chosen],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (run,) = runs_of(instance, dagster__asset_partition_range_start=MONTH_BEFORE[0])
    assert run.is_success
    assert set(MONTH_BEFORE) <= days_held(researched)
    assert instance.get_materialized_partitions(dg.AssetKey("ohlcv")) >= set(MONTH_BEFORE)


def test_a_schedule_tick_materialises(daemon, instance, researched):
    """The scan's own schedule function, at the next full minute: fresh tickers, candles and signals."""

    def ticked() -> list[dg.DagsterRun]:
        return runs_of(instance, "market_scan", dagster__schedule_name="scan_every_minute")

    wait_for_runs(instance, daemon, "a scheduled scan", ticked)
    run = next(run for run in ticked() if run.is_success)
    made = {
        event.get_dagster_event().asset_key.to_user_string()
        for event in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    }
    assert made >= {"tickers", "ohlcv", "indicators", "signals"}
    assert any(version.run_id == run.run_id for version in researched.lake.versions("tickers"))


def test_a_backfill_of_thirty_days_completes_as_one_run(daemon, backfill, instance, researched):
    """The daemon launches it, one run holds all thirty days, and the lake has candles of each."""

    def has_ended() -> bool:
        return instance.get_backfill(backfill).status in BULK_ACTION_TERMINAL_STATUSES

    until(has_ended, "the backfill's end", daemon)
    runs = runs_of(instance, dagster__backfill=backfill)
    assert instance.get_backfill(backfill).status == BulkActionStatus.COMPLETED_SUCCESS
    assert len(runs) == 1
    assert runs[0].is_success
    held = bars_by_day(researched).filter(pl.col("day").is_in(MONTH))
    survivors = len(researched.kept("liquid_symbols"))
    assert held.height == 30
    assert held["symbols"].max() <= survivors
    assert held["bars"].max() <= 96 * survivors
    days = researched.lake.read("ohlcv_days")
    assert set(MONTH) <= set(days["date"])
    assert instance.get_materialized_partitions(dg.AssetKey("ohlcv")) >= set(MONTH)
