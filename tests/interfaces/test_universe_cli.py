"""`sluice universe`: names that meant several things, suspended symbols, and letting one back."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from interfaces.cli.main import run
from tests.trading.store.lineage_world import AT
from trading.market.frames import CANDLES
from trading.market.instruments import INSTRUMENTS
from trading.store.candles import CandleStore
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
    assert run(["universe", "instruments", "LUNA/USD"]) == 2
    assert "near ones: LUNA/USDT" in capsys.readouterr().err


def test_suspended_symbol_is_listed_until_it_is_released(two_lunas, capsys):
    """The reason of the release stays in the history; a second release is refused."""
    assert [row["symbol"] for row in found(capsys, "suspended")] == ["LUNA/USDT"]
    assert run(["universe", "release", "LUNA/USDT", "--reason", " "]) == 2
    assert "must say why" in capsys.readouterr().err
    found(capsys, "release", "LUNA/USDT", "--reason", "looked at it")
    assert found(capsys, "suspended") == []
    assert found(capsys, "suspended", "--history")[0]["release_reason"] == "looked at it"
    assert run(["universe", "release", "LUNA/USDT", "--reason", "again"]) == 2
    assert "not suspended" in capsys.readouterr().err


def past(capsys, *arguments: str):
    return found(capsys, "--at", *arguments)


@pytest.fixture
def known(traded):
    """Two days of candles of one thick and one thin pair, and one recorded look at their end."""
    end = datetime(2025, 3, 3, tzinfo=UTC)
    opens = pl.datetime_range(
        datetime(2025, 3, 1, tzinfo=UTC),
        end,
        "15m",
        eager=True,
        closed="left",
        time_unit="ms",
        time_zone="UTC",
    )
    for name, volume in (("AAA/USDT", 5_000.0), ("BBB/USDT", 5.0)):
        bars = pl.DataFrame({"open_time": opens}).with_columns(
            symbol=pl.lit(name), open=1.0, high=1.0, low=1.0, close=1.0, volume=1.0, quote_volume=volume
        )
        CandleStore(traded.lake.root).append("15m", bars.select(list(CANDLES)), tag=name[:3])
    return traded


def test_the_past_is_answered_with_counts_by_rule(known, capsys):
    """96 bars of 5,000 pass the volume rule, 96 of 5 do not; nothing recorded says so, so it is rebuilt."""
    said = past(capsys, "2025-03-02T12:00Z")
    assert (said["source"], said["existed"], said["members"]) == ("rebuilt", 2, 1)
    assert [(row["rule"], row["pairs"]) for row in said["by_rule"]] == [("passed", 1), ("volume", 1)]
    (row,) = past(capsys, "2025-03-02T12:00Z", "--symbol", "BBB/USDT")
    assert (row["value"], row["bound"], row["is_tradable"]) == (480.0, 100_000.0, None)


def test_a_preset_changes_the_thresholds_of_the_past(known, capsys):
    """The owner's bound of 100 lets both in."""
    assert past(capsys, "2025-03-02T12:00Z", "--preset", "owner")["members"] == 2


def test_people_read_what_was_not_knowable(known, capsys):
    """The label of a rebuilt answer is in the text, too."""
    assert run(["universe", "--at", "2025-03-02T12:00Z", "--members"]) == 0
    out = capsys.readouterr().out
    assert "rebuilt from candles" in out
    assert "spread, api" in out
    assert "AAA/USDT" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--at", "yesterday"], 2, "must be a UTC day"),
        (["--at", "0001-01-01T00:00+05:00"], 2, "must be a UTC day"),
        (["--at", "1969-12-30"], 2, "2009-01-03 or later"),
        (["--at", "2019-01-01T00:00Z"], 1, "nothing is known of 2019-01-01T00:00Z"),
        (["--at", "2025-03-02T12:00Z", "--symbol", "AAB/USDT"], 2, "near ones: AAA/USDT"),
        (["--at", "2025-03-02T12:00Z", "--preset", "mine"], 2, "preset must be one of"),
    ],
)
def test_a_wrong_question_gets_one_sentence(known, capsys, arguments, code, words):
    """Unknown time, symbol or preset: what is known is named."""
    assert run(["universe", *arguments]) == code
    assert words in " ".join(capsys.readouterr().err.split())
