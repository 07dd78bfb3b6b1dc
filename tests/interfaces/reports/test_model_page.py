"""An evaluation as page, tables and JSON: whole, escaped, and the same figures everywhere."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interfaces.cli.main import run
from interfaces.reports.model_page import model_page
from interfaces.reports.model_terminal import print_evaluation
from trading.learning.dataset import DatasetRules, training_set
from trading.learning.protocol.gate import judge
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import run_protocol

START = datetime(2026, 1, 1, tzinfo=UTC)


def pool(days: int = 40, a_day: int = 20) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    n = days * a_day
    at = [START + timedelta(days=k // a_day, minutes=k % a_day * 60) for k in range(n)]
    x = rng.normal(size=(n, 3))
    return pl.DataFrame(
        {
            "signal_id": [f"s{k}" for k in range(n)],
            "symbol": [f"S{k % 5}/USDT" for k in range(n)],
            "bar_time": at,
            "source": ["paper"] * n,
            "decided_at": at,
            "closed_at": [one + timedelta(hours=2) for one in at],
            "net_return": 0.01 * x[:, 0] + rng.normal(0, 0.01, n),
            "fee_ratio": [0.002] * n,
            "f_a": x[:, 0],
            "f_news": x[:, 1],
            "f_regime": x[:, 2],
        }
    ).with_columns(pl.col("bar_time", "decided_at", "closed_at").cast(pl.Datetime("ms", "UTC")))


@pytest.fixture(scope="module")
def made():
    training = training_set(
        pool(), START + timedelta(days=60), DatasetRules(("f_a", "f_news", "f_regime"), "f2")
    )
    report = run_protocol(training, EvaluationRules(draws=200, seeds=2))
    return training, report, judge(report)


def test_the_page_tells_every_part_and_asks_nothing_of_the_net(made) -> None:
    """Gate, equity, baselines, calibration, stress, leak meter, ablations, seeds; no script, no address."""
    _, report, judged = made
    page = model_page(report, judged, title="models <b>of a test</b>")
    for part in ("gate", "equity", "baselines", "calibration", "stress", "leak", "ablations", "seeds", "all"):
        assert f'<section id="{part}"' in page
    assert "<b>of a test</b>" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count('class="dot"') == 10
    assert "without news" in page


def test_the_terminal_says_the_verdict_last(made, capsys) -> None:
    """Every rule of the gate is in the tables, and the verdict closes them."""
    _, report, judged = made
    print_evaluation(report, judged)
    said = capsys.readouterr().out
    assert said.rstrip().splitlines()[-1] == f"{str(judged.verdict).replace('_', ' ')}: {judged.reason}"
    for rule in ("deflated sharpe", "random percentile", "lead over incumbent"):
        assert rule in said


def test_an_empty_set_has_a_page_and_a_verdict_too() -> None:
    """Nothing was decided yet: no kinds, and the reason."""
    training = training_set(pool().clear(), START, DatasetRules(("f_a",), "f2"))
    report = run_protocol(training)
    page = model_page(report, judge(report), title="empty")
    assert "too little data" in page
    assert "decisions 0, must be" in page


def test_the_command_writes_page_and_json_of_a_stored_training_set(made, tmp_path: Path, capsys) -> None:
    """`--training` reads what was written; stdout is one document."""
    training, _, _ = made
    path, page = tmp_path / "set.parquet", tmp_path / "model.html"
    training.frame.write_parquet(path)
    asked = ["models", "evaluate", "--training", str(path), "--kinds", "logistic", "--json"]
    assert run([*asked, "--html", str(page), "--book", str(tmp_path / "book")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "logistic"
    assert told["report"]["level"] == pytest.approx(0.05 * 0.437, rel=0.01)
    assert len(told["report"]["kinds"][0]["folds"]) == 5
    assert page.read_text().startswith("<!doctype html>")
    # The same set again is the same trial; another night has less to spend.
    assert (tmp_path / "book" / "model_trials.jsonl").read_text().count("\n") == 1
    assert run([*asked, "--holdout", "november"]) == 2
    assert run(["models", "evaluate", "--training", str(page)]) == 2


def test_candles_are_decided_labelled_and_judged(tmp_path: Path) -> None:
    """From prices alone: the rules' entries, outcomes net of costs, features as of the bar."""
    from trading.learning.protocol.market_sets import market_set, read_market

    rng = np.random.default_rng(3)
    bars = 900
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (2, bars)), axis=1))
    frame = pl.concat(
        [
            pl.DataFrame(
                {
                    "symbol": [name] * bars,
                    "ts": [START + timedelta(hours=k) for k in range(bars)],
                    "open": np.concatenate([[100.0], one[:-1]]),
                    "high": one * 1.01,
                    "low": one * 0.99,
                    "close": one,
                    "volume": np.full(bars, 1e4),
                }
            )
            for name, one in zip(("BTCUSDT", "ETHUSDT"), close, strict=True)
        ]
    ).with_columns(
        pl.max_horizontal("high", "open").alias("high"), pl.min_horizontal("low", "open").alias("low")
    )
    frame.write_parquet(tmp_path / "candles.parquet")
    candles = read_market(str(tmp_path / "candles.parquet"))
    assert set(candles["symbol"]) == {"BTC/USDT", "ETH/USDT"}
    made = market_set(candles)
    assert made.frame.height > 10
    assert (made.frame["closed_at"] > made.frame["decided_at"]).all()
    assert made.frame["weight"].unique().to_list() == [1.0]
    # The stop is 4 %, the target 3 %; a round trip costs 0.24 %.
    assert made.frame["net_return"].is_between(-0.0475, 0.03).mean() > 0.9
