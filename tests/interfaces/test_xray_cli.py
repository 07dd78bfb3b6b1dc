"""`sluice xray` on a small world: names, moments, JSON, page; what came later is not seen."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from interfaces.cli.main import run
from trading.market.frames import CANDLES, TICKERS
from trading.news.items import NEWS
from trading.store.candles import CandleStore
from trading.store.lake import Lake

START = datetime(2025, 3, 1, tzinfo=UTC)
NOON, EVENING = START + timedelta(hours=12), START + timedelta(hours=18)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Two pairs with 18 hours of candles, two looks at tickers, a headline seen between them."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "small")
    lake = Lake(tmp_path / "small" / "lake")
    steps = np.random.default_rng(0).normal(0, 0.003, (2, 72))
    rows = []
    for name, close in zip(("BTC/USDT", "ETH/USDT"), 100 * np.exp(np.cumsum(steps, axis=1)), strict=True):
        for n, price in enumerate(close.tolist()):
            at = START + n * timedelta(minutes=15)
            rows.append((name, at, price, price, price, price, 1.0, price))
    CandleStore(lake.root).append("15m", pl.DataFrame(rows, schema=CANDLES, orient="row"), tag="t")
    for at, bid in ((NOON, 90.0), (EVENING, 95.0)):
        look = [("BTC/USDT", at, bid, bid, bid + 1, bid, bid, bid, 1.0, 1e6, 0.0)]
        lake.publish("tickers", pl.DataFrame(look, schema=TICKERS, orient="row"), key=["symbol"], at=at)
    seen = NOON + timedelta(hours=1)
    item = {"item_id": "1", "source": "wire", "title": "Bitcoin [bold]moves", "first_seen": seen}
    item |= {"symbols": ["BTC/USDT"], "mood": "neutral", "score": 0.1}
    lake.publish("news_events", pl.DataFrame([item], schema=NEWS), key=["item_id"], at=EVENING)
    return lake


def found(capsys, *arguments: str):
    assert run(["xray", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["BTC/USDT", "btc/usdt", "btc", "BTCUSDT", "btc-usdt"])
def test_a_symbol_may_be_said_in_any_usual_way(world, capsys, name):
    """Case, slash and quote may be left out where one pair alone can be meant."""
    assert found(capsys, name)["symbol"] == "BTC/USDT"


def test_a_past_moment_sees_nothing_that_came_later(world, capsys):
    """At noon: the bar that closed then, the tickers of noon, no headline of one o'clock."""
    then, now = found(capsys, "btc", "--at", "2025-03-01T12:00Z"), found(capsys, "btc")
    assert (then["bar"], now["bar"]) == ("2025-03-01T11:45:00+00:00", "2025-03-01T17:45:00+00:00")
    assert (then["liquidity"]["bid"], now["liquidity"]["bid"]) == (90.0, 95.0)
    assert ([len(each["news"]) for each in (then, now)]) == [0, 1]
    assert then["sources"]["news_events"] == "nothing was known by then"
    assert then["bars"] == 48


def test_what_nobody_had_judged_is_replayed_and_said_to_be(world, capsys):
    """As `sluice funnel --at` says it: the same rules with the same values, under the name of a replay."""
    at = ("--at", "2025-03-01T12:00Z")
    view = found(capsys, "btc", *at)
    assert run(["funnel", "BTC/USDT", *at, "--json"]) == 0
    replay = json.loads(capsys.readouterr().out)
    keys = ("rule", "value", "bound")
    assert [[row[key] for key in keys] for row in view["judged"]] == [
        [row[key] for key in keys] for row in replay
    ]
    assert {row["stage"] for row in view["judged"]} == {"replayed"}
    last = view["judged"][-1]
    assert last["is_ok"] is False
    told = f"replayed over what was known then, it falls by {last['rule']}: {last['words']}."
    assert view["verdict"] == f"Nobody had judged it yet; {told}"
    words = {row["rule"]: row["words"] for row in view["judged"]}
    assert words["age"] == "not knowable then, taken as passed"


def test_a_minute_before_the_first_look_knows_candles_and_nothing_else(world, capsys):
    """Candles are facts of the market; what was concluded later is not there."""
    early = found(capsys, "btc", "--at", "2025-03-01T11:59")
    assert early["bar"] == "2025-03-01T11:30:00+00:00"
    assert early["liquidity"]["bid"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["BTX/USDT"], "nothing is called 'BTX/USDT'; near ones: BTC/USDT"),
        (["<script>"], "nothing is called '<script>'; near ones: none"),
        (["btc", "--at", "2025-03-02T00:00Z"], "lies after the newest look, 2025-03-01 18:00 UTC"),
        (
            ["btc", "--at", "2025-02-01T00:00Z"],
            "no closed bar of BTC/USDT by 2025-02-01 00:00 UTC: its candles begin at 2025-03-01 00:00",
        ),
    ],
)
def test_what_is_not_known_is_one_sentence_with_what_is(world, capsys, arguments, words):
    """No traceback; near names, or the span of what is stored."""
    # The last of them is a moment that could be known, and is not.
    assert run(["xray", *arguments]) == (1 if words.startswith("no closed bar") else 2)
    assert words in capsys.readouterr().err


def test_a_moment_that_is_none_and_a_negative_stake_are_wrong_use(world, capsys):
    """Exit code 2, as for every wrong option."""
    assert run(["xray", "btc", "--at", "yesterday"]) == 2
    assert run(["xray", "btc", "--stake", "-5"]) == 2


def test_an_empty_world_says_what_to_do(tmp_path, monkeypatch, capsys):
    """Before the first run."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "empty")
    assert run(["xray", "btc"]) == 1
    assert "Next: sluice run" in capsys.readouterr().err


def test_the_stake_asked_for_is_the_one_that_is_costed(world, capsys):
    """50 quote units, and whose they are."""
    liquidity = found(capsys, "btc", "--stake", "50")["liquidity"]
    assert (liquidity["stake"], liquidity["stake_of"]) == (50.0, "as asked")
    assert found(capsys, "btc")["liquidity"]["stake"] == 0.0


def test_the_terminal_view_prints_foreign_text_as_it_is(world, capsys):
    """Brackets of a headline are no markup; every section is there."""
    assert run(["xray", "btc"]) == 0
    out = capsys.readouterr().out
    assert "Bitcoin [bold]moves" in out
    for title in ("What the chart says", "Liquidity and cost", "What it moves with", "News"):
        assert title in out


def test_a_page_and_json_may_be_had_at_once(world, capsys, tmp_path):
    """The page is written, the JSON printed."""
    path = tmp_path / "x.html"
    assert found(capsys, "btc", "--html", str(path))["symbol"] == "BTC/USDT"
    assert path.read_text().startswith("<!doctype html>")


def test_a_pair_whose_candles_were_never_fetched_says_why(world, capsys):
    """Listed, dropped before candles: the ticker, the rule and its words, and no error."""
    dropped = {"symbol": "DOGE/USDT", "stage": "markets", "rule": "status", "is_kept": False}
    words = {"value": 2.0, "bound": 1.0, "reason": "not online"}
    world.publish("markets", pl.DataFrame({"symbol": ["DOGE/USDT"]}), key=["symbol"], at=NOON)
    world.publish("funnel_markets", pl.DataFrame([dropped | words]), key=["symbol"], at=NOON)
    document = found(capsys, "doge")
    assert (document["bar"], document["bars"], document["readings"]) == (None, 0, [])
    assert document["verdict"] == "It fell at markets by status: not online."
    assert run(["xray", "doge"]) == 0
    assert "no bar of it is stored" in capsys.readouterr().out


def test_a_book_is_of_now(world, capsys):
    """--book with --at is refused; without a running exchange it says how to start one."""
    assert run(["xray", "btc", "--book", "--at", "2025-03-01T12:00Z"]) == 2
    assert "an order book is of now" in capsys.readouterr().err
    assert run(["xray", "btc", "--book"]) == 1
    assert "no exchange address" in capsys.readouterr().err
