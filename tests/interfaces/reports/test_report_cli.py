"""`sluice report` on files: figures, JSON, page, and two runs explained."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from interfaces.cli.main import run

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of ten trades: the second leaves one by its stop, and does not make the last."""
    rows = [
        {
            "symbol": "A/USDT",
            "open_ts": START + timedelta(days=k),
            "close_ts": START + timedelta(days=k, hours=3),
            "open_rate": 100.0,
            "close_rate": 102.0,
            "amount": 1.0,
            "profit_ratio": 0.02,
            "exit_reason": "roi",
        }
        for k in range(10)
    ]
    changed = [dict(row) for row in rows[:9]]
    changed[3] |= {"close_rate": 95.0, "profit_ratio": -0.05, "exit_reason": "stop_loss"}
    paths = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pl.DataFrame(rows).write_parquet(paths[0])
    pl.DataFrame(changed).write_parquet(paths[1])
    return paths


def test_a_report_is_printed_as_a_document(files, capsys) -> None:
    """Ten trades of 2 on 1,000."""
    assert run(["report", str(files[0]), "--json"]) in (0, None)
    found = json.loads(capsys.readouterr().out)
    assert found["figures"]["trades"] == 10
    assert found["figures"]["profit"] == pytest.approx(20.0)


def test_a_page_is_written_beside_the_tables(files, tmp_path: Path, capsys) -> None:
    """The path is told on stderr; stdout keeps the tables."""
    target = tmp_path / "page.html"
    run(["report", str(files[0]), "--html", str(target)])
    told = capsys.readouterr()
    assert "by exit reason" in told.out
    assert str(target) in told.err
    assert target.stat().st_size > 5000


def test_two_runs_are_explained_trade_by_trade(files, capsys) -> None:
    """7 lost by the stop, 2 by the trade that is missing."""
    run(["report", str(files[0]), "--against", str(files[1]), "--json"])
    found = json.loads(capsys.readouterr().out)
    reasons = {row["reason"]: row["difference"] for row in found["reasons"]}
    assert reasons["left by roi in a, by stop_loss in b"] == pytest.approx(-7.0)
    assert reasons["b did not enter: no signal there, or a rule kept it out"] == pytest.approx(-2.0)
    run(["report", str(files[0]), "--against", str(files[1])])
    assert "trades that differ" in capsys.readouterr().out


def test_a_file_that_is_missing_or_no_table_is_one_sentence(files, tmp_path: Path, capsys) -> None:
    """Exit code 2, nothing on stdout."""
    other = tmp_path / "text.parquet"
    other.write_text("no table")
    for arguments, said in (
        ([str(tmp_path / "none.parquet")], "no such file"),
        ([str(other)], "is not a Parquet file"),
        ([str(files[0]), "--candles", str(files[0])], "must have the columns close, high, low, open"),
    ):
        assert run(["report", *arguments]) == 2
        told = capsys.readouterr()
        assert (said in told.err, told.out) == (True, ""), said


def test_costs_that_are_not_given_are_those_the_trades_paid(files, tmp_path: Path, capsys) -> None:
    """Marks 100 and 102 at 0.2 % a side: 1.02 × 0.998 / 1.002 - 1 net. Random entries then pay as much."""
    paid = pl.read_parquet(files[0]).with_columns(
        open_mark=100.0, close_mark=102.0, profit_ratio=1.02 * 0.998 / 1.002 - 1
    )
    paid.write_parquet(tmp_path / "paid.parquet")
    run(["report", str(tmp_path / "paid.parquet"), "--json"])
    rows = {row["multiple"]: row for row in json.loads(capsys.readouterr().out)["cost_stress"]}
    assert rows[1.0]["cost_per_side"] == pytest.approx(0.002, rel=1e-9)
    assert rows[0.0]["mean_return"] == pytest.approx(0.02, rel=1e-9)
    assert rows[1.0]["mean_return"] == pytest.approx(1.02 * 0.998 / 1.002 - 1, rel=1e-6)
    run(["report", str(tmp_path / "paid.parquet"), "--json", "--cost", "0.001"])
    rows = {row["multiple"]: row for row in json.loads(capsys.readouterr().out)["cost_stress"]}
    assert rows[1.0]["cost_per_side"] == 0.001
