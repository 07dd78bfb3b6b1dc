"""`sluice funnel` beyond the looks: backtest and approval stages, and where one symbol fell."""

import json

import polars as pl
import pytest

from interfaces.cli.main import run
from tests.trading.store.lineage_world import AT, SYMBOL


def found(capsys, *arguments: str):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def republish(lake, asset: str, frame: pl.DataFrame, key: tuple[str, ...] = ("symbol",)) -> None:
    lake.publish(asset, frame.drop("lineage_id", strict=False), key=key, at=AT)


@pytest.fixture
def three(traded):
    """Three screened: one never traded, one refused by its profit factor, one approved."""
    names = [SYMBOL, "BBB/USDT", "CCC/USDT"]
    kept = {
        "stage": "screening",
        "rule": "passed",
        "is_kept": True,
        "value": None,
        "bound": None,
        "reason": "passed",
    }
    screened = pl.DataFrame(
        [{"symbol": name, **kept} for name in names], schema_overrides={"value": pl.Float64}
    )
    republish(traded.lake, "screened_symbols", screened)
    republish(traded.lake, "backtest_results", pl.DataFrame({"symbol": names, "trades": [12, 9, 0]}))
    verdicts = {
        "symbol": names,
        "is_approved": [True, False, False],
        "failed_rule": [None, "min_profit_factor", "min_trades"],
        "reason": ["passed", "1.1 is under 1.3", "0 trades"],
    }
    republish(traded.lake, "approved_symbols", pl.DataFrame(verdicts))
    rules = {"symbol": ["BBB/USDT"], "rule": ["min_profit_factor"], "value": [1.1], "bound": [1.3]}
    republish(traded.lake, "approval_rules", pl.DataFrame(rules), ("symbol", "rule"))
    return traded


def test_backtest_and_approval_are_stages_of_their_own(three, capsys):
    """Who never traded fell at the backtest and is not counted again at approval."""
    rows = {row["stage"]: (row["in"], row["out"]) for row in found(capsys, "funnel")}
    assert rows["backtest"] == (3, 2)
    assert rows["approval"] == (2, 1)


def test_a_refused_symbol_shows_value_and_bound_of_the_rule_that_failed(three, capsys):
    """From the table of rules, not from words."""
    last = found(capsys, "funnel", "BBB/USDT")[-1]
    assert (last["rule"], last["value"], last["bound"]) == ("min_profit_factor", 1.1, 1.3)


def test_a_symbol_that_never_traded_fell_at_the_backtest(three, capsys):
    """Zero trades against at least one."""
    last = found(capsys, "funnel", "--symbol", "CCC/USDT")[-1]
    assert (last["stage"], last["value"], last["bound"]) == ("backtest", 0.0, 1.0)


def test_the_fate_is_one_sentence(three, capsys):
    """Measured and held against; small letters will do."""
    assert run(["funnel", "bbb/usdt"]) == 0
    assert "Fell at approval by min_profit_factor: measured 1.1, held against 1.3." in capsys.readouterr().out


def test_an_approved_symbol_passed_everything(three, capsys):
    """The last stage is named."""
    assert run(["funnel", SYMBOL]) == 0
    assert "Passed everything so far, approval the last." in capsys.readouterr().out


def test_the_table_says_as_of_when(three, capsys):
    """In market time."""
    assert run(["funnel"]) == 0
    assert "as of 2026-01-06 06:00 UTC" in capsys.readouterr().out


def test_a_symbol_on_an_empty_world_names_the_next_command(tmp_path, monkeypatch, capsys):
    """No pass, no verdict."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "empty")
    assert run(["funnel", "BTC/USDT"]) == 1
    assert "sluice run" in capsys.readouterr().err
