"""`status`, `funnel`, `doctor`: what a person asks first, on an empty world and on a small one."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from interfaces.cli import doctor
from interfaces.cli.main import run
from trading.market.frames import FUNNEL
from trading.store.lake import Lake

AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """An empty world of its own."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "looks")
    return Lake(tmp_path / "looks" / "lake")


def verdicts(stage: str, *rows: tuple[str, str, bool, float | None, float | None, str]) -> pl.DataFrame:
    full = [(symbol, stage, *rest) for symbol, *rest in rows]
    return pl.DataFrame(full, schema=FUNNEL, orient="row")


@pytest.fixture
def small(lake):
    """Three symbols, of which one survives the look at volume and none the approval."""
    listed = verdicts(
        "markets",
        ("AAA/USDT", "passed", True, None, None, "passed"),
        ("BBB/USDT", "passed", True, None, None, "passed"),
        ("CCC/USDT", "status", False, 2.0, 1.0, "is halted"),
    )
    liquid = verdicts(
        "prefilter",
        ("AAA/USDT", "passed", True, None, None, "passed"),
        ("BBB/USDT", "min_quote_volume_24h", False, 0.0, 100.0, "volume 0 is under 100"),
    )
    approvals = pl.DataFrame({
        "symbol": ["AAA/USDT"], "is_approved": [False], "failed_rule": ["false_discovery"],
        "reason": ["p 0.4 is above the bound"], "score": [0.001], "backtest_id": ["bt-1"],
    })  # fmt: skip
    for name, frame in (
        ("funnel_markets", listed),
        ("liquid_symbols", liquid),
        ("approved_symbols", approvals),
    ):
        lake.publish(name, frame, key=["symbol"], at=AT)
    return lake


def output(capsys, *arguments: str):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_empty_world_says_what_to_type_next(lake, capsys):
    """No table yet is no error, and looking creates nothing."""
    assert "sluice run" in output(capsys, "status")["verdict"]
    assert output(capsys, "funnel") == []
    assert not (lake.root.parent / "orders.db").exists()


def test_funnel_counts_in_out_and_main_reason(small, capsys):
    """Three listed, two sound, one liquid, none approved."""
    rows = output(capsys, "funnel")
    assert [(row["stage"], row["in"], row["out"]) for row in rows] == [
        ("markets", 3, 2),
        ("prefilter", 2, 1),
        ("approval", 1, 0),
    ]
    assert rows[1]["main_reason"].startswith("min_quote_volume_24h")


def test_funnel_of_a_symbol_is_its_way_with_value_and_bound(small, capsys):
    """A volume of 0 is shown as 0, not as unknown."""
    last = output(capsys, "funnel", "BBB/USDT")[-1]
    assert (last["rule"], last["value"], last["bound"]) == ("min_quote_volume_24h", 0.0, 100.0)


def test_funnel_of_an_unknown_symbol_names_near_ones(small, capsys):
    """A typing error is answered with what was probably meant."""
    assert run(["funnel", "AA/USDT"]) == 2
    assert "AAA/USDT" in capsys.readouterr().err


def test_status_names_the_stage_that_ran_dry(small, capsys):
    """Not trading, and why: the first stage with nothing left."""
    verdict = output(capsys, "status")["verdict"]
    assert "approval" in verdict
    assert "false_discovery" in verdict


def test_doctor_finds_this_project_in_order(lake, capsys, monkeypatch):
    """Each finding has a name and what was seen."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr(doctor, "dbt_manifest", lambda: doctor.Finding("dbt manifest", True, "not looked at"))
    assert run(["doctor", "--json"]) in (0, 1)
    found = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    for check in ("python", "packages", "settings", "disk", "home", "order log", "cache"):
        assert found[check]["is_ok"], found[check]


def test_doctor_says_what_is_wrong_and_what_to_do(lake, capsys, monkeypatch):
    """A bad setting is one finding, not a traceback; exit code 1."""
    monkeypatch.setenv("SLUICE_HISTORY_BARS", "1")
    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "SLUICE_HISTORY_BARS" in out
    assert ".env" in out


def test_doctor_sees_a_package_that_is_not_as_locked(tmp_path):
    """The lock is read with its markers and compared with what is installed."""
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "polars==2.1.0 ; python_full_version < '3.13' \\\n    --hash=sha256:ab\n"
        "nothere==1.0 ; python_full_version < '3.9' \\\n    --hash=sha256:cd\n"
    )
    assert doctor.locked(lock) == {"polars": "2.1.0"}
