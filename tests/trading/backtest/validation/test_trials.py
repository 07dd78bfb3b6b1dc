"""Every trial counts: each once, from several processes, over nights."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.backtest.validation.trials import TrialLedger, trial_batch
from trading.market.errors import BadInput

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_trials_are_symbols_times_configurations_times_nights(tmp_path: Path) -> None:
    """3 configurations × 2 nights × 5 symbols = 30; the same night again adds nothing."""
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    batches = [
        trial_batch("rsi", f"p{config}", f"night{night}", np.full(5, 0.1 * config), at=AT)
        for config in range(3)
        for night in range(2)
    ]
    assert ledger.record(batches) == 6
    ledger.record(batches[:2])
    assert (ledger.total().count, ledger.total().batches) == (30, 6)
    assert ledger.total("ema").count == 0


def test_lines_that_are_no_trials_are_counted_as_missing(tmp_path: Path) -> None:
    """A torn line, junk and an object without a trial's keys: three missing, the whole ones still count."""
    path = tmp_path / "trials.jsonl"
    ledger = TrialLedger(path)
    assert ledger.damaged() == 0
    ledger.record([trial_batch("rsi", "p", "d", np.zeros(4), at=AT)])
    with path.open("ab") as file:
        file.write(b'{"trial_id":"x","strat\nnonsense\n{"trial_id":"y"}\n\n')
    assert ledger.damaged() == 3
    assert ledger.total().count == 4


def test_the_variance_over_batches_is_that_of_all_ratios(tmp_path: Path) -> None:
    """Merged from means and squares; a trial without a ratio counts as a trial and not in the variance."""
    rng = np.random.default_rng(1)
    parts = [rng.normal(k, 1, 10 + k) for k in range(5)]
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    ledger.record(trial_batch("rsi", str(k), "d", part, at=AT) for k, part in enumerate(parts))
    ledger.record([trial_batch("rsi", "none", "d", np.array([np.nan, np.nan]), at=AT)])
    total = ledger.total("rsi")
    assert total.count == sum(map(len, parts)) + 2
    assert total.sharpe_variance == pytest.approx(np.concatenate(parts).var(ddof=1))


def test_several_processes_lose_no_trial(tmp_path: Path) -> None:
    """Four at once, 50 lines each."""
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path; import numpy as np\n"
        "from trading.backtest.validation.trials import TrialLedger, trial_batch\n"
        "at = datetime(2026, 1, 1, tzinfo=UTC)\n"
        "for k in range(50):\n"
        "    batch = trial_batch('s', f'{sys.argv[2]}-{k}', 'd', np.ones(3), at=at)\n"
        "    TrialLedger(Path(sys.argv[1])).record([batch])\n"
    )
    path = tmp_path / "trials.jsonl"
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), str(k)]) for k in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert TrialLedger(path).total().count == 4 * 50 * 3


def test_a_backtest_s_rows_are_trials_per_day_and_not_per_year(tmp_path: Path) -> None:
    """Yearly ratios of √365 and 3√365 are 1 and 3 a day, a variance of 2; a symbol without one counts too."""
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    year = 365**0.5
    metrics = pl.DataFrame({"symbol": ["A", "B", "C"], "sharpe": [year, 3 * year, None]})
    assert ledger.record_backtest("signals", {"rsi": 30}, "v-1", metrics, at=AT) == 1
    assert ledger.record_backtest("signals", {"rsi": 30}, "v-1", metrics.head(0), at=AT) == 0
    assert (ledger.total().count, ledger.total().sharpe_variance) == (3, pytest.approx(2.0))
    ledger.record_backtest("signals", {"rsi": 25}, "v-1", metrics, at=AT)
    assert ledger.total().count == 6


def test_no_ledger_is_no_trials_and_bad_rows_are_refused(tmp_path: Path) -> None:
    """Nothing was tried; a batch has at least one symbol and a time with its zone."""
    assert TrialLedger(tmp_path / "none.jsonl").total().count == 0
    with pytest.raises(BadInput, match="symbols >= 1"):
        trial_batch("s", "p", "d", np.zeros(0), at=AT)
    with pytest.raises(BadInput, match="time zone"):
        trial_batch("s", "p", "d", np.ones(1), at=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


def test_reruns_over_a_window_that_moves_are_worth_four_times_what_is_new(tmp_path: Path) -> None:
    """Ten nights over a window of 20 days: 1 + 9 × 4 × 1/20 = 2.8 trials, not 10; a leap of 5 days is one."""
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    nights = [AT + timedelta(days=day) for day in range(10)]
    ledger.record(
        trial_batch("s", "p", f"n{at:%d}", np.ones(3), at=at, window_days=20.0) for at in reversed(nights)
    )
    assert (ledger.total("s").batches, ledger.total("s").effective) == (10, pytest.approx(2.8))
    ledger.record(
        [trial_batch("s", "p", "later", np.ones(3), at=nights[-1] + timedelta(days=5), window_days=20.0)]
    )
    assert ledger.total("s").effective == pytest.approx(3.8)


def test_weights_add_up_and_nothing_tried_is_one_trial(tmp_path: Path) -> None:
    """Eight configurations worth a quarter each are two trials; lines without a weight (older) count one."""
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    assert ledger.total().effective == 1.0
    ledger.record(trial_batch("s", str(k), "d", np.ones(1), at=AT, weight=0.25) for k in range(8))
    path = tmp_path / "trials.jsonl"
    old = path.read_text().splitlines()[0].replace('"weight":0.25,"window_days":null', '"old":1')
    path.write_text(path.read_text() + old.replace('"trial_id":"', '"trial_id":"x') + "\n")
    assert ledger.total("s").effective == pytest.approx(3.0)
    assert [(one.strategy, one.batches) for one in ledger.strategies()] == [("s", 9)]


def test_a_nightly_backtest_knows_its_window(tmp_path: Path) -> None:
    """First bar 1 January, last bar 11 January: ten days; a night later it is worth 4/10 of a trial more."""
    ledger = TrialLedger(tmp_path / "trials.jsonl")
    for night in range(2):
        begin = AT + timedelta(days=night)
        metrics = pl.DataFrame(
            {"sharpe": [1.0], "first_bar": [begin], "last_bar": [begin + timedelta(days=10)]}
        )
        ledger.record_backtest("signals", "rules", f"v{night}", metrics, at=begin)
    assert ledger.total("signals").effective == pytest.approx(1.4)
