"""A scan of an exchange in its own process: limits enforced, every kind of nonsense in its answers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interfaces.cli.main import run
from tests.integration.exchange_process import ROOT, ExchangeProcess, exchange_process
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.quarantine import Quarantine

MARKET = ("--symbols", "80", "--start", "2025-03-03T00:00:00Z", "--speed", "0", "--rate", "50")
# Nothing of this is true, and none of it may stop a scan.
NONSENSE = {
    "seed": 3,
    "rules": [
        {"route": "GET klines", "kind": "garbage", "probability": 0.15},
        {"route": "GET klines", "kind": "bad_print", "probability": 0.1},
        {"route": "GET klines", "kind": "truncated", "probability": 0.1},
        {"route": "GET klines", "kind": "shuffled", "probability": 0.1},
        {"route": "GET klines", "kind": "duplicated", "probability": 0.1},
        {"route": "GET klines", "kind": "holes", "probability": 0.1},
        {"route": "GET klines", "kind": "error", "probability": 0.1},
        {"route": "GET klines", "kind": "broken_body", "probability": 0.05},
        {"route": "GET ticker/24hr", "kind": "garbage", "probability": 1.0},
    ],
}


@pytest.fixture(scope="module")
def venue() -> Iterator[ExchangeProcess]:
    with exchange_process(*MARKET) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: ExchangeProcess) -> Path:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "scanned")
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", venue.base)
    monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "50")
    return tmp_path / "scanned"


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run(["scan", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_cold_then_warm_scan_at_the_pace_of_the_limiter(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All symbols once, 500 bars each, not one refusal; then nothing is missing while time stands still."""
    cold = scanned(capsys, "--cold")
    names = {
        "stages",
        "requests",
        "weight",
        "elapsed_s",
        "cpu_s",
        "floor_s",
        "ratio",
        "http_429",
        "startup_s",
    }
    assert names <= set(cold)
    assert [stage["stage"] for stage in cold["stages"]] == [
        "listing",
        "tickers",
        "prefilter",
        "candles",
        "screen",
    ]
    assert cold["floor_s"] == pytest.approx((cold["weight"] - 12.5) / 50, abs=1e-3)
    # The pace is not to be beaten; how near it comes is measured in bench/scan_cold.
    assert cold["elapsed_s"] >= cold["floor_s"] * 0.98
    assert (cold["http_429"], cold["failed"]) == (0, {})
    stored = CandleStore(home / "lake").read("15m")
    assert stored.height == cold["bars"]
    assert stored.select("symbol", "open_time").is_unique().all()
    assert Lake(home / "lake").latest("tickers") is not None
    warm = scanned(capsys, "--symbols", "30")
    candles = next(stage for stage in warm["stages"] if stage["stage"] == "candles")
    assert candles["requests"] <= 2  # a look at the clock, perhaps
    assert candles["out"] == candles["in"] > 0


def test_table_for_people_says_floor_and_ratio(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json: a row per stage and one sentence with the floor."""
    assert run(["scan", "--symbols", "5", "--cold", "--burst", "30"]) == 0
    told = capsys.readouterr()
    assert "weight - 30 burst) / 50 per s" in told.out
    assert "prefilter" in told.out
    assert "candles: 5 of 5" in told.err


def test_nonsense_in_every_third_answer_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that cannot be are set aside or their symbol is named; whatever is stored is a possible bar."""
    plan = tmp_path / "faults.json"
    plan.write_text(json.dumps(NONSENSE))
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "nonsense")
    with exchange_process(*MARKET[:-1], "200", "--faults", str(plan)) as spoiled:
        monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", spoiled.base)
        report = scanned(capsys, "--cold", "--rate", "200")
    lake = tmp_path / "nonsense" / "lake"
    stored = CandleStore(lake).read("15m")
    assert stored["symbol"].n_unique() + len(report["failed"]) >= report["symbols"] - 2  # dead pairs
    assert stored["symbol"].n_unique() > report["symbols"] / 2
    assert report["quarantined"]
    assert Quarantine(lake).read().height == sum(report["quarantined"].values())
    for low, high in (("low", "open"), ("open", "high"), ("low", "close"), ("close", "high")):
        assert (stored[low] <= stored[high]).all()
    assert (stored["low"] > 0).all()


def test_exchange_that_is_down_is_told_in_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ways are named, exit code 1, and nothing is written."""
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    assert run(["scan"]) == 1
    told = capsys.readouterr().err
    assert "{" not in told  # no log line in JSON
    assert "Next: start the exchange of http://127.0.0.1:9" in told
    assert "Tried the gateway by ccxt" in told
    assert "then plain HTTP" in told
    assert "stays as it was" in told
    assert not list(home.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--timeframe", "7m"], "15m"),
        (["--rate", "0"], "rate must be above 0 and at most 1,000, was 0"),
        (["--rate", "inf"], "rate must be above 0 and at most 1,000, was inf"),
        (["--burst", "-3"], "burst must be at least 1 and at most 5,000, was -3"),
        (["--symbols", "0"], "symbols"),
        (["--bars", "0"], "bars"),
    ],
)
def test_value_out_of_bounds_is_wrong_use(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and a sentence that names what is allowed, before anything is asked for."""
    assert run(["scan", *arguments]) == 2
    assert word in capsys.readouterr().err


def test_scan_of_an_empty_machine_starts_an_exchange_and_ends_it(tmp_path: Path) -> None:
    """No world, nothing running: it says so, works, and leaves no process; interrupted it keeps what came."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    environment["SLUICE_HOME"] = str(tmp_path)
    command = [sys.executable, "-m", "interfaces.cli", "scan", "--cold"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if "candles: " in line and "candles: 0 of" not in line:
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait(30) == 130
    assert "starting the embedded one for world scan-7-2610" in told[0]
    assert "scan interrupted at candles" in rest
    lake = tmp_path / "scan-7-2610" / "lake"
    assert CandleStore(lake).read("15m")["symbol"].n_unique() > 100
    assert not (tmp_path / "scan-7-2610" / "addresses.json").exists()
