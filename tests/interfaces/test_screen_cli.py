"""`sluice screen` and `sluice funnel --at`: chains tried on a small world, in tables and in JSON."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from interfaces.cli.main import run
from resources.screening import merged_trades, own_trades
from trading.market.frames import CANDLES
from trading.market.timeframes import to_ms
from trading.ohlcv.shelf import Shelf
from trading.screening.chain.known import FILTERS
from trading.store.candles import CandleStore
from trading.store.order_log.frames import closed_trades

CHAIN = """
bars = 100
[[filter]]
name = "volume"
source = "ticker"
min = 1_000
[[filter]]
name = "spread"
[[filter]]
name = "expression"
keep = "close > open"
"""


@pytest.fixture
def known(traded):
    """One pair that is traded and rises, one that is not traded, over two days."""
    opens = pl.datetime_range(
        datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 3, tzinfo=UTC), "15m", eager=True, time_unit="ms"
    )
    for name, volume in (("AAA/USDT", 5_000.0), ("BBB/USDT", 5.0)):
        bars = pl.DataFrame({"open_time": opens}).with_columns(
            symbol=pl.lit(name), open=1.0, high=2.0, low=1.0, close=1.5, volume=1.0, quote_volume=volume
        )
        CandleStore(traded.lake.root).append("15m", bars.select(list(CANDLES)), tag=name[:3])
    return traded


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(CHAIN)
    return path


def found(capsys, *arguments: str):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_chain_file_is_tried_at_a_past_moment(known, mine, capsys):
    """480 in 24 hours is under 1,000; what candles cannot tell is named; nothing is written."""
    before = {asset: known.lake.latest(asset) for asset in known.lake.assets()}
    said = found(capsys, "screen", "--chain", str(mine), "--at", "2025-03-02T12:00Z")
    assert (said["kept"], said["source"], said["not_knowable"]) == (["AAA/USDT"], "rebuilt", ["spread"])
    assert [(row["rule"], row["in"], row["out"]) for row in said["steps"]] == [
        ("volume", 2, 1),
        ("spread", 1, 1),
        ("expression", 1, 1),
    ]
    assert {asset: known.lake.latest(asset) for asset in known.lake.assets()} == before


def test_one_symbol_shows_every_threshold_it_met(known, mine, capsys):
    """Kept filters too, with value and bound."""
    arguments = ("screen", "--chain", str(mine), "--at", "2025-03-02T12:00Z", "--symbol", "AAA/USDT")
    rows = found(capsys, *arguments)
    assert [(row["rule"], row["is_kept"], row["value"], row["bound"]) for row in rows] == [
        ("volume", True, 480_000.0, 1_000.0),
        ("spread", True, None, None),
        ("expression", True, None, None),
    ]


def test_a_list_is_read_from_a_file(known, tmp_path, capsys):
    """One pair or coin a line, remarks left out; an empty file is an empty list, not a missing one."""
    chain, names = tmp_path / "listed.toml", tmp_path / "futures.txt"
    chain.write_text('[[filter]]\nname = "cross_market"\nlist = "futures"\n')
    asked = ("screen", "--chain", str(chain), "--at", "2025-03-02T12:00Z")
    assert run(list(asked)) == 1
    assert "needs lists, which this chain was not given" in " ".join(capsys.readouterr().err.split())
    names.write_text("# the other venue\nbbb   # since May\n\n")
    assert found(capsys, *asked, "--list", f"futures={names}")["kept"] == ["BBB/USDT"]
    names.write_text("")
    assert found(capsys, *asked, "--list", f"futures={names}")["kept"] == []
    assert run([*asked, "--list", "futures"]) == 2
    assert run([*asked, "--list", f"futures={tmp_path / 'none.txt'}"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_stored_minutes_reach_the_filter_of_capacity(known, tmp_path, capsys):
    """AAA's quarter hours of 5,000 are 333 a minute; its stored minutes say 90. BBB has none."""
    chain, shelf = tmp_path / "capacity.toml", Shelf.at(known.lake.root)
    chain.write_text('[[filter]]\nname = "capacity"\ndepth_share = 0\nminute_share = 1.0\n')
    asked = ("screen", "--chain", str(chain), "--at", "2025-03-02T12:00Z")
    assert found(capsys, *asked)["kept"] == ["AAA/USDT"]
    end = datetime(2025, 3, 2, 12, tzinfo=UTC)
    rows = [("AAA/USDT", end - timedelta(minutes=n), 1.0, 1.0, 1.0, 1.0, 1.0, 90.0) for n in range(1, 241)]
    shelf.candles.append("1m", pl.DataFrame(rows, schema=CANDLES, orient="row"), tag="m")
    start_ms, end_ms = (to_ms(at) for at in (end - timedelta(hours=4), end))
    shelf.coverage.record("1m", [("AAA/USDT", start_ms, end_ms)])
    said = {row["symbol"]: row["value"] for row in found(capsys, *asked)["funnel"]}
    assert said == {"AAA/USDT": 90.0, "BBB/USDT": pytest.approx(5 / 15)}


def test_people_read_steps_and_who_is_kept(known, mine, capsys):
    """Tables on stdout, progress on stderr."""
    assert run(["screen", "--chain", str(mine), "--at", "2025-03-02T12:00Z"]) == 0
    said = capsys.readouterr()
    assert "BBB/USDT: 24 h volume is 480, below 1,000" in " ".join(said.out.split())
    assert "1 of 2 kept; rebuilt from candles, newest close of 2025-03-02 12:00:00 UTC" in said.out
    assert "not knowable and taken as passed: spread" in said.out
    assert "filters: 3 of 3" in said.err


def test_the_funnel_is_replayed_at_a_past_moment(known, capsys):
    """The settings' own preset, or another; the same document as of `screen`."""
    said = found(capsys, "funnel", "--at", "2025-03-02T12:00Z")
    assert said["not_knowable"] == ["api", "age", "spread"]
    assert {row["symbol"]: row["rule"] for row in said["funnel"]} == {
        "AAA/USDT": "bars",
        "BBB/USDT": "volume",
    }
    owner = found(capsys, "funnel", "--at", "2025-03-02T12:00Z", "--chain", "owner")
    assert {row["rule"] for row in owner["funnel"]} == {"bars"}
    assert run(["funnel", "--at", "2025-03-02T12:00Z"]) == 0
    assert "Funnel of chain default at 2025-03-02 12:00 UTC" in capsys.readouterr().out


def test_every_filter_and_every_shipped_chain_can_be_looked_up(capsys):
    """Keys and first line of help; TOML to begin with."""
    assert [row["filter"] for row in found(capsys, "screen", "--filters")] == list(FILTERS)
    source = {row["filter"]: row["source"] for row in found(capsys, "screen", "--filters")}
    assert source["market_cap"].startswith("caps: no source")
    assert source["delist"] == "delistings: news_events: delistings that say when"
    assert source["capacity"] == "depth: no source in the line; callers in Python; candles: ohlcv"
    assert source["quote"] == "markets"
    assert source["volume"] == source["percent_change"] == "candles: ohlcv"
    assert run(["screen", "--show", "owner"]) == 0
    assert 'name = "signal"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--chain", "nowhere.toml"], 2, "a chain is a TOML file or one of default, owner; there is no"),
        (["--show", "mine"], 2, "preset must be one of default, owner, was 'mine'"),
        (["--at", "yesterday"], 2, "must be a UTC day"),
        (["--at", "2019-01-01T00:00Z"], 1, "nothing is known of 2019-01-01T00:00Z"),
        (["--at", "2025-03-02T12:00Z", "--symbol", "AAB/USDT"], 2, "near ones: AAA/USDT"),
    ],
)
def test_a_wrong_question_gets_one_sentence(known, capsys, arguments, code, words):
    """Unknown chain, time or symbol."""
    assert run(["screen", *arguments]) == code
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_mistake_in_a_file_names_its_line(known, mine, capsys):
    """And the near name."""
    mine.write_text(CHAIN.replace("min = ", "mni = "))
    assert run(["screen", "--chain", str(mine)]) == 2
    assert "mine.toml, line 6: unknown key of filter volume 'mni'; near ones: min" in capsys.readouterr().err
    mine.write_bytes(b"\xff\xfe\x00")
    assert run(["screen", "--chain", str(mine)]) == 2
    assert "mine.toml cannot be read" in capsys.readouterr().err
    mine.write_text("#" * 100_001)
    assert run(["screen", "--chain", str(mine)]) == 2
    assert "must have at most 100,000 bytes" in capsys.readouterr().err


def test_our_own_trades_reach_the_filters_that_ask_for_them(traded):
    """One decision is one trade, whoever followed it; open while one of its users holds it."""
    closed = closed_trades(traded.log.database)
    (row,) = own_trades(traded.log).iter_rows(named=True)
    (trade,) = closed.iter_rows(named=True)
    assert (row["symbol"], row["open_at"], row["close_at"], row["net_return"]) == (
        trade["symbol"],
        trade["open_at"],
        trade["close_at"],
        trade["profit_ratio"],
    )


def test_a_thousand_users_on_one_signal_are_one_trade():
    """Two closed with 10 % and 20 %, one still open: one trade, open, 15 % so far."""
    at = datetime(2025, 3, 1, tzinfo=UTC)
    closed = pl.DataFrame(
        {
            "signal_id": ["s", "s"],
            "symbol": ["A/USDT", "A/USDT"],
            "open_at": [at, at + timedelta(minutes=1)],
            "close_at": [at + timedelta(hours=1)] * 2,
            "profit_ratio": [0.1, 0.2],
        }
    )
    still = closed.head(1).drop("close_at", "profit_ratio")
    whole, part = merged_trades(closed, closed.head(0)), merged_trades(closed, still)
    assert whole.select("open_at", "close_at").row(0) == (at, at + timedelta(hours=1))
    assert whole["net_return"][0] == pytest.approx(0.15)
    assert part.height == 1
    assert part["close_at"][0] is None
