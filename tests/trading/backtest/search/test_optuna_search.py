"""Optuna's trials: the same from the same seed, and after a kill as if there had been none."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trading.backtest.search.searched import BASE, bench, space
from trading.backtest.search.found import SearchResult
from trading.backtest.search.optuna_search import OptunaRules, optuna_search
from trading.backtest.validation.trials import TrialLedger
from trading.market.errors import BadInput

WIDE = """
[parameters]
rsi = { from = 20, to = 45, step = 1 }
leave = { from = 45, to = 75, step = 1 }
"risk.stoploss" = { from = 0.01, to = 0.06, step = 0.005 }
"risk.max_hold" = ["6h", "12h", "1d"]
"""


def search(folder: Path, trials: int, *, seed: int = 1, resume: bool = False) -> SearchResult:
    rules = OptunaRules(trials, seed, folder / "study.db", resume)
    ledger = TrialLedger(folder / "trials.jsonl")
    run = bench(5, planted=0.004, days=30, symbols=3)
    return optuna_search(run, BASE, space(WIDE), ledger, "SharpeHyperOptLossDaily", rules)


def chosen(found: SearchResult) -> list[dict[str, object]]:
    return [dict(one.values) for one in found.configurations]


def test_a_resumed_study_suggests_what_an_uninterrupted_one_does(tmp_path: Path) -> None:
    """12 trials and then 6 more are the 18 of one run, in order; TPE has long begun to choose (after 10)."""
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = search(tmp_path / "whole", 18)
    search(tmp_path / "cut", 12)
    assert chosen(search(tmp_path / "cut", 18, resume=True)) == chosen(whole)
    assert TrialLedger(tmp_path / "cut/trials.jsonl").total().batches == len(whole.configurations)


def test_a_killed_study_goes_on_where_it_was(tmp_path: Path) -> None:
    """A process killed after its seventh trial: what ended before is in the ledger, the rest as ever."""
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from tests.trading.backtest.search import test_optuna_search as t\n"
        "from trading.backtest.search import optuna_search as o\n"
        "ask, count = o.Study.ask, [0]\n"
        "def dying(self, *a, **k):\n"
        "    trial = ask(self, *a, **k)\n"
        "    count[0] += 1\n"
        "    if count[0] == 8: os.kill(os.getpid(), 9)\n"
        "    return trial\n"
        "o.Study.ask = dying\n"
        "t.search(Path(sys.argv[1]), 13)\n"
    )
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "killed")], cwd=Path.cwd(), check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert TrialLedger(tmp_path / "killed/trials.jsonl").total().batches == 7
    assert chosen(search(tmp_path / "killed", 13, resume=True)) == chosen(search(tmp_path / "whole", 13))


def test_another_seed_looks_elsewhere_and_the_sampler_beats_its_first_guesses(tmp_path: Path) -> None:
    """Two seeds differ; the best of the later trials is better than the median of the ten random ones."""
    found = search(tmp_path, 30)
    assert chosen(search(tmp_path, 12, seed=2)) != chosen(found)[:12]
    losses = [-one.sharpe for one in found.outcomes]
    assert min(losses[10:]) < sorted(losses[:10])[5]


def test_a_study_is_not_overwritten_nor_mixed_with_other_data(tmp_path: Path) -> None:
    """Without --resume it is refused; with other candles or another space too."""
    search(tmp_path, 3)
    with pytest.raises(BadInput, match="--resume goes on with it"):
        search(tmp_path, 3)
    rules = OptunaRules(3, 1, tmp_path / "study.db", resume=True)
    with pytest.raises(BadInput, match="of other candles, space or strategy"):
        optuna_search(
            bench(6, days=30, symbols=3), BASE, space(WIDE), TrialLedger(tmp_path / "t"),
            "SharpeHyperOptLossDaily", rules,
        )  # fmt: skip
    with pytest.raises(BadInput, match="trials must be from 1"):
        OptunaRules(0)
