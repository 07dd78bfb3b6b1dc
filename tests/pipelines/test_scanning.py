"""The cold scan as a job: its log says how far it is, its metadata what it cost."""

import dagster as dg
import pytest

from pipelines.definitions import defs
from resources.exchange import Exchange
from resources.store import Store
from tests.integration.exchange_process import exchange_process
from trading.store.candles import CandleStore


def test_cold_scan_can_be_watched_and_read_afterwards(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Lines of progress in the run's log, a row per stage in the metadata, candles in the world's lake."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "watched")
    monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "200")
    market = ("--symbols", "60", "--start", "2025-03-03T00:00:00Z", "--speed", "0", "--rate", "200")
    with exchange_process(*market) as venue, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", venue.base)
        result = defs.resolve_job_def("cold_scan").execute_in_process(
            instance=instance, resources={"exchange": Exchange(), "store": Store()}
        )
        log = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert result.success
    assert any(line.startswith("candles: ") for line in log)
    assert any("of the floor of" in line for line in log)
    event = next(e for e in result.all_node_events if e.event_type_value == "STEP_OUTPUT")
    figures = event.step_output_data.metadata
    assert [record.data["stage"] for record in figures["stages"].records] == [
        "listing",
        "tickers",
        "prefilter",
        "candles",
        "screen",
    ]
    assert figures["http 429"].value == 0
    stored = CandleStore(tmp_path / "watched" / "lake").read("15m")
    assert stored.height == figures["bars stored"].value > 0
