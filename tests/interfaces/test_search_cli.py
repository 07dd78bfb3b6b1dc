"""`sluice search`, `sluice holdout`, `sluice trials`: what they print and write, how mistakes are told."""

import json
from pathlib import Path

import polars as pl
import pytest

from interfaces.cli.main import run
from tests.trading.backtest.search.searched import frame
from trading.backtest.validation.trials import TrialLedger

STRATEGY = """name = "dip"
startup = 15
[entry]
when = "rsi_14 < {rsi}"
[exit]
when = "rsi_14 > 55"
[risk]
stoploss = 0.05
max_hold = "12h"
[stake]
amount = 100
volume_share = 0
"""
SPACE = """strategy = "dip.toml"
[parameters]
rsi = { from = 25, to = 40, step = 5 }
"risk.stoploss" = [0.02, 0.05]
"""


@pytest.fixture(autouse=True)
def _no_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of a test are nobody's."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with candles that swing, a strategy with a placeholder and a space beside it."""
    frame(2, planted=0.008, days=60).write_parquet(tmp_path / "candles.parquet")
    (tmp_path / "dip.toml").write_text(STRATEGY)
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


def ask(files: Path, verb: str, *more: str) -> int:
    """Run a search on the folder's files, with its ledger and holdouts there."""
    logs = ["--ledger", str(files / "trials.jsonl"), "--holdouts", str(files / "holdouts.jsonl")]
    space = [] if verb == "confirm" else ["--space", str(files / "space.toml")]
    return run(["search", verb, "--candles", str(files / "candles.parquet"), *space, *logs, *more])


def test_a_grid_prints_its_estimate_its_best_and_one_sentence(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The estimate comes first and on stderr; the last line is the verdict."""
    assert ask(files, "grid", "--top", "3") == 0
    said = capsys.readouterr()
    assert said.err.startswith("8 configurations × 6 symbols × 8,640 bars in all: about")
    assert "buy and hold" in said.out
    assert "random entries" in said.out
    assert said.out.strip().splitlines()[-1].startswith("of 8 tried (worth")


@pytest.mark.parametrize(("option", "value"), [("--fee", "nan"), ("--fee", "1"), ("--slots", "-1")])
def test_terms_out_of_bounds_are_one_sentence(
    files: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    """A fee that is no number fell through the grid's shared kernel once."""
    assert ask(files, "grid", option, value) != 0
    said = capsys.readouterr().err
    assert f"{option[2:]} must" in said
    assert "Traceback" not in said


def test_json_page_table_and_winner_are_written(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The winner is a strategy file that `sluice backtest` runs; the page asks nothing of any address."""
    out, best, page = (str(files / name) for name in ("all.parquet", "best.toml", "page.html"))
    assert ask(files, "grid", "--json", "--out", out, "--best", best, "--html", page) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tried"], told["is_edge"], len(told["best"])) == (8, True, 8)
    assert {row["multiple"] for row in told["report"]["cost_stress"]} >= {0.0, 1.0, 2.0, 3.0}
    assert pl.read_parquet(out).height == 8
    html = (files / "page.html").read_text()
    assert "Is the best more than luck?" in html
    assert "src=" not in html
    book = ["--ledger", str(files / "more.jsonl")]
    candles = str(files / "candles.parquet")
    assert run(["backtest", "--candles", candles, "--strategy", best, "--json", *book]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["trades"] == told["best"][0]["trades"]
    assert TrialLedger(files / "more.jsonl").total("dip").count == 6
    # The winner run again on the same candles and terms is no new trial.
    same = files / "trials.jsonl"
    assert run(["backtest", "--candles", candles, "--strategy", best, "--ledger", str(same)]) == 0
    assert TrialLedger(same).total("dip").batches == 8


def test_a_backtest_over_an_unopened_holdout_says_so(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world's holdouts are asked; one behind the candles, or opened already, is not named."""
    monkeypatch.setattr("interfaces.cli.searching._lake", lambda: files)
    for name, begin, end in (("late", "2026-02-15", "2026-03-01"), ("next", "2026-05-01", "2026-06-01")):
        assert run(["holdout", "declare", name, "--from", begin, "--to", end]) == 0
    (files / "plain.toml").write_text(STRATEGY.replace("{rsi}", "30"))
    ask_ = ["backtest", "--candles", str(files / "candles.parquet"), "--strategy", str(files / "plain.toml")]
    capsys.readouterr()
    assert run(ask_) == 0
    told = capsys.readouterr().err
    assert "unopened holdout late (2026-02-15 to 2026-03-01)" in told
    assert "next" not in told
    assert run(["holdout", "open", "late", "--by", "ann", "--why", "looked"]) == 0
    capsys.readouterr()
    assert run(ask_) == 0
    assert "holdout" not in capsys.readouterr().err


def test_a_holdout_is_left_out_confirmed_once_and_refused_a_second_time(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Declared, dropped from the search and said, opened by its confirmation, spent."""
    book = ["--holdouts", str(files / "holdouts.jsonl")]
    assert run(["holdout", "declare", "late", "--from", "2026-02-15", "--to", "2026-03-01", *book]) == 0
    best = str(files / "best.toml")
    assert ask(files, "grid", "--best", best) == 0
    assert "2,016 bars lie in a holdout and were left out: late (2026-02-15 to 2026-03-01)" in (
        capsys.readouterr().out
    )
    look = ["--strategy", best, "--holdout", "late", "--by", "ann", "--why", "chosen"]
    assert ask(files, "confirm", "--json", *look) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["is_confirmed"]
    assert 10 < told["report"]["figures"]["trades"] <= told["trades"]
    assert ask(files, "confirm", *look) == 1
    assert "a second look is no longer out of sample" in capsys.readouterr().err
    assert run(["holdout", "list", "--json", *book]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "spent"


def test_walking_forward_prints_folds_and_writes_a_page(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """60 days, 30 to train and 10 to test: three folds."""
    page = str(files / "walk.html")
    assert ask(files, "walk-forward", "--purge", "12h", "--html", page, "--json", "--test", "9d") == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["folds"]) == 3
    assert told["verdict"].startswith("3 folds, ")
    assert "Inside and outside" in (files / "walk.html").read_text()
    assert ask(files, "walk-forward", "--train", "soon") == 2
    assert "--train must be like 30d, 12h or 90m, was 'soon'" in capsys.readouterr().err


def test_optuna_counts_in_the_same_ledger_and_trials_shows_all(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three trials of a study; the table of trials has the strategy, and luck for what they are worth."""
    study = ["--storage", str(files / "study.db"), "--trials", "3"]
    assert ask(files, "optuna", *study, "--json") == 0
    tried = json.loads(capsys.readouterr().out)["tried"]
    assert ask(files, "optuna", *study) == 2
    assert "--resume goes on with it" in capsys.readouterr().err
    assert run(["trials", "--ledger", str(files / "trials.jsonl"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["strategy"], row["configurations"], row["trials"]) for row in rows] == [
        ("dip", tried, 6 * tried),
        ("all", tried, 6 * tried),
    ]


@pytest.mark.parametrize(
    ("space", "more", "said"),
    [
        ("[parameters]\nrsi = []", [], "parameters.rsi has no value"),
        (SPACE, ["--most", "7"], "at most 7 configurations, had 8 (about 0 CPU-s and "),
        (SPACE, ["--objective", "Best"], "objective must be one of ShortTradeDurHyperOptLoss"),
        (SPACE, ["--mode", "best"], "--mode must be default or freqtrade"),
        (SPACE.replace("dip.toml", "dap.toml"), [], "dap.toml"),
        ("[parameters]\nrsi = [30]", [], "names a strategy file"),
    ],
)
def test_a_mistake_is_one_sentence(
    files: Path, capsys: pytest.CaptureFixture[str], space: str, more: list[str], said: str
) -> None:
    """Exit code 1, and the sentence names the bound."""
    (files / "space.toml").write_text(space)
    assert ask(files, "grid", *more) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
