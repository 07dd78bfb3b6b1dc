"""`sluice universe`: names that meant several things, suspended symbols, and letting one back."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from interfaces.cli.main import run
from tests.trading.store.lineage_world import AT
from trading.market.instruments import INSTRUMENTS
from trading.store.order_log.suspensions import Suspension

BORN = datetime(2022, 5, 31, 6, tzinfo=UTC)


@pytest.fixture
def two_lunas(traded):
    """One name with two instruments, another with one, and one suspended symbol."""
    none = dict.fromkeys(INSTRUMENTS)
    old = none | {"symbol": "LUNA/USDT", "instrument_id": "LUNA/USDT#20220401T0000", "reason": "first_seen"}
    new = none | {"symbol": "LUNA/USDT", "instrument_id": "LUNA/USDT#20220531T0600", "reason": "relisted"}
    btc = none | {"symbol": "BTC/USDT", "instrument_id": "BTC/USDT#20220401T0000", "reason": "first_seen"}
    first = {"start": datetime(2022, 4, 1, tzinfo=UTC)}
    rows = [old | first | {"end": BORN}, new | {"start": BORN}, btc | first]
    frame = pl.DataFrame(rows, schema=INSTRUMENTS)
    traded.lake.publish("instruments", frame, key=["instrument_id"], at=AT)
    traded.log.suspensions.suspend(Suspension("LUNA/USDT", "engine", "confirmed", "fell", 1_000))
    return traded


def found(capsys, *arguments: str):
    assert run(["universe", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_names_that_meant_several_things_are_listed(two_lunas, capsys):
    """Without a name only those; with one, its whole story."""
    assert [row["instrument_id"] for row in found(capsys, "instruments")] == [
        "LUNA/USDT#20220401T0000",
        "LUNA/USDT#20220531T0600",
    ]
    assert len(found(capsys, "instruments", "BTC/USDT")) == 1
    assert run(["universe", "instruments", "LUNA/USD"]) == 1
    assert "near ones: LUNA/USDT" in capsys.readouterr().err


def test_suspended_symbol_is_listed_until_it_is_released(two_lunas, capsys):
    """The reason of the release stays in the history; a second release is refused."""
    assert [row["symbol"] for row in found(capsys, "suspended")] == ["LUNA/USDT"]
    assert run(["universe", "release", "LUNA/USDT", "--reason", " "]) == 1
    assert "must say why" in capsys.readouterr().err
    found(capsys, "release", "LUNA/USDT", "--reason", "looked at it")
    assert found(capsys, "suspended") == []
    assert found(capsys, "suspended", "--history")[0]["release_reason"] == "looked at it"
    assert run(["universe", "release", "LUNA/USDT", "--reason", "again"]) == 1
    assert "not suspended" in capsys.readouterr().err
