"""`sluice models search` through the command line: a verdict, counted trials, and the same after a resume."""

import json

import numpy as np
import polars as pl
import pytest

from interfaces.cli.main import run
from tests.trading.learning.test_model_search import market
from trading.learning.protocol import search
from trading.learning.protocol.rules import EvaluationRules


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Candles of five pairs, and trials scored by their settings alone: what is tested is the way."""

    def score(self, values):
        return float(values["take_profit"]) - float(values["stop_loss"]), np.array([0.01, -0.01])

    monkeypatch.setattr(search._Bench, "score", score)
    monkeypatch.setattr(
        search, "EvaluationRules", lambda: EvaluationRules(draws=100, seeds=1, is_thorough=False)
    )
    market().write_parquet(tmp_path / "candles.parquet")
    return tmp_path


def searched(files, capsys, trials: int, study: str, *more: str) -> dict:
    arguments = ["--candles", str(files / "candles.parquet"), "--trials", str(trials), "--seed", "1"]
    arguments += ["--storage", str(files / study), "--book", str(files / f"{study}-book")]
    assert run(["models", "search", *arguments, *more, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_search_prints_what_it_found_and_what_it_is_worth_and_resumes_as_if_never_stopped(files, capsys):
    """Two trials, then four in the same file: as four at once; the best by hand; judged on days apart."""
    searched(files, capsys, 2, "a.db")
    resumed = searched(files, capsys, 4, "a.db", "--html", str(files / "page.html"))
    through = searched(files, capsys, 4, "b.db")
    assert resumed["trials"] == through["trials"]
    assert [row["number"] for row in sorted(resumed["trials"], key=lambda row: row["number"])] == [0, 1, 2, 3]
    worth = [float(row["take_profit"]) - float(row["stop_loss"]) for row in resumed["trials"]]
    assert resumed["objective"] == pytest.approx(max(worth))
    assert resumed["verdict"] in {"refused", "no_data"}
    assert resumed["tried"] >= 1
    assert (files / "page.html").stat().st_size > 1000


def test_candles_that_are_none_are_one_sentence(files, capsys):
    """No traceback; the exit code says refused."""
    pl.DataFrame({"a": [1]}).write_parquet(files / "odd.parquet")
    assert run(["models", "search", "--candles", str(files / "odd.parquet"), "--trials", "1"]) == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
