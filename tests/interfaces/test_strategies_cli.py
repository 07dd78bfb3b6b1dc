"""`sluice strategies`: the list, one file, and a shipped name in `sluice backtest`."""

import json

import polars as pl
import pytest

from interfaces.cli.main import run
from trading.signals import shipped


def test_the_list_names_every_strategy_and_where_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON: one row per file; two of them need what only the line knows."""
    assert run(["strategies", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["strategy"] for row in rows] == list(shipped.names())
    assert [row["strategy"] for row in rows if row["runs_on"] == "the line"] == ["model_driven", "rsi_regime"]


def test_show_prints_the_file_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """A copy of what is printed is the file; an unknown name lists those there are."""
    assert run(["strategies", "show", "ema_trend"]) == 0
    assert capsys.readouterr().out == shipped.text_of("ema_trend")
    assert run(["strategies", "show", "nothing"]) == 2
    assert "no strategy 'nothing'; shipped: bollinger_breakout" in capsys.readouterr().err


def test_backtest_takes_a_shipped_name(
    capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """150 flat bars and one spike on volume: the break-out is bought once and sold back below the band."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    closes = [100.0 + 0.1 * (place % 2) for place in range(150)]
    closes[100:103] = [103.0, 104.0, 100.0]
    frame = pl.DataFrame(
        {"symbol": "A", "ts": [900_000 * place for place in range(150)], "open": closes, "high": closes,
         "low": closes, "close": closes, "volume": [5e4 if place == 100 else 1e4 for place in range(150)]}
    )  # fmt: skip
    frame.write_parquet(tmp_path / "candles.parquet")
    command = ["backtest", "--candles", str(tmp_path / "candles.parquet"), "--strategy"]
    assert run([*command, "bollinger_breakout", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["strategy"], report["trades"]) == ("bollinger_breakout", 1)
    assert run([*command, "model_driven"]) == 2
    assert "probability: candles do not say" in capsys.readouterr().err
