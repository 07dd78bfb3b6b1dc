"""`sluice news`: files of headlines scored offline, models trained, stories listed."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from interfaces.cli.main import run
from trading.news.items import NEWS
from trading.store.order_log.news_holds import NewsHold

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def headlines(tmp_path):
    """Two headlines and a column of the owner's."""
    path = tmp_path / "in.csv"
    path.write_text('id,headline\n007,"Bitcoin soars, traders cheer"\n008,Lender files for bankruptcy\n')
    return path


def test_a_file_is_scored_without_a_world(headlines, tmp_path, capsys, monkeypatch):
    """Other columns stay as they were, leading zeros too; the summary counts."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "nowhere"))
    out = tmp_path / "out.csv"
    assert run(["news", "score", "--in", str(headlines), "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["headlines"], summary["linked"], summary["events"]) == (2, 1, {"halt": 1})
    assert out.read_text().splitlines()[0] == "id,headline,sentiment,score,symbols,event"
    found = pl.read_csv(out, infer_schema=False)
    assert found["id"].to_list() == ["007", "008"]
    assert found["sentiment"].to_list() == ["positive", "negative"]
    assert found["symbols"].to_list() == ["BTC", None]
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"title,x\na,1\n", "columns present: 'title', 'x'"),
        (b"", "it is empty"),
        (b"headline\n\xff\xfe\n", "UTF-8"),
        (b"headline,x\na,b,c,d\n", "cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_scored_is_one_sentence(tmp_path, capsys, body, why):
    """Nothing is written."""
    (tmp_path / "in.csv").write_bytes(body)
    assert run(["news", "score", "--in", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")]) == 1
    assert why in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_the_input_is_never_overwritten(headlines, tmp_path, capsys):
    """Not by its own name and not through a link."""
    before = headlines.read_bytes()
    (tmp_path / "link.csv").symlink_to(headlines)
    for out in (headlines, tmp_path / "link.csv"):
        assert run(["news", "score", "--in", str(headlines), "--out", str(out)]) == 2
        assert "another file than --in" in capsys.readouterr().err
    assert headlines.read_bytes() == before


def test_paths_that_lead_nowhere_are_named(headlines, tmp_path, capsys):
    """No input, a folder as input, no folder for the output."""
    out = str(tmp_path / "out.csv")
    for source, target in (
        ("none.csv", out),
        (str(tmp_path), out),
        (str(headlines), str(tmp_path / "no" / "o")),
    ):
        assert run(["news", "score", "--in", source, "--out", target]) == 1
        assert "cannot be" in capsys.readouterr().err


def test_a_header_alone_gives_a_header(tmp_path, capsys):
    """No rows are no error."""
    (tmp_path / "in.csv").write_text("headline,x\n")
    arguments = ["--in", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv"), "--json"]
    assert run(["news", "score", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["headlines"] == 0
    assert (tmp_path / "out.csv").read_text().strip() == "headline,x,sentiment,score,symbols,event"


def test_a_model_is_trained_and_used(tmp_path, capsys):
    """Train prints what folds, lexicon and VADER score; score names its judge."""
    words = {"positive": "bright", "negative": "gloomy", "neutral": "grey"}
    rows = [f"day {n} is {word},{name}" for name, word in words.items() for n in range(20)]
    (tmp_path / "labels.csv").write_text("\n".join(["headline,label", *rows, "odd day,mixed"]))
    model, out = str(tmp_path / "m.skops"), tmp_path / "out.csv"
    assert run(["news", "train", "--in", str(tmp_path / "labels.csv"), "--out", model, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["left_out"]) == (60, 1)
    assert found["macro_f1"]["model (5-fold)"] == 1.0
    (tmp_path / "in.csv").write_text("headline\na gloomy one\n")
    arguments = ["--in", str(tmp_path / "in.csv"), "--out", str(out), "--model", model]
    assert run(["news", "score", *arguments]) == 0
    assert pl.read_csv(out)["sentiment"].to_list() == ["negative"]


def test_stories_of_a_world_are_listed_by_first_sight(traded, capsys):
    """Newest first; a coin names all its pairs, a pair only itself."""
    row = {"source": "wire", "link": None, "published": None, "event": None, "sentiment": 0.0}
    row |= {"mood": "neutral", "score": 0.0, "effective": None, "same_as": None}
    first = row | {"item_id": "1", "title": "old", "first_seen": AT, "symbols": ["BTC/USDT", "BTC/USDC"]}
    second = row | {
        "item_id": "2",
        "title": "new",
        "first_seen": AT.replace(hour=13),
        "symbols": ["BTC/USDT"],
    }
    traded.lake.publish("news_events", pl.DataFrame([first, second], schema=NEWS), key=["item_id"], at=AT)

    def titles(*arguments):
        assert run(["news", "list", *arguments, "--json"]) == 0
        return [story["title"] for story in json.loads(capsys.readouterr().out)]

    assert titles() == ["new", "old"]
    assert titles("btc") == ["new", "old"]
    assert titles("BTC/USDC") == ["old"]
    assert titles("ETH") == []
    assert titles("--limit", "1") == ["new"]


def test_a_world_without_news_says_what_to_do(tmp_path, monkeypatch, capsys):
    """`list`, `scores` and `--pairs` need a world; each names the next step."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    (tmp_path / "in.csv").write_text("headline\nx\n")
    score = ["score", "--pairs", "--in", str(tmp_path / "in.csv"), "--out", str(tmp_path / "o.csv")]
    for arguments in (["list"], ["scores"], score):
        assert run(["news", *arguments]) == 1
        assert "Next: sluice run" in capsys.readouterr().err


def test_held_symbols_are_listed_and_released_with_a_reason(traded, capsys):
    """What the engine keeps out, until a person says why not."""
    since = int(AT.timestamp() * 1000)
    traded.log.news_holds.place(
        [NewsHold("h", "BTC/USDT", "hack", "hacked", since, 2**45, since + 1)], at_ms=since
    )
    assert run(["news", "holds", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["symbol"], row["event"], row["reason"]) == ("BTC/USDT", "hack", "hacked")
    assert run(["news", "release", "BTC/USDT", "--reason", " "]) == 2
    assert "must say why" in capsys.readouterr().err
    assert run(["news", "release", "BTC/USDT", "--reason", "a rumour", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["holds_ended"] == 1
    assert run(["news", "holds"]) == 0
    assert "none" in capsys.readouterr().out
    assert run(["news", "holds", "--history"]) == 0
    assert "a rumour" in capsys.readouterr().out
