"""`sluice exchange watch` against a served embedded exchange."""

import json
import socket

import pytest

from interfaces.cli.main import run
from tests.trading.simulator.ws_stand import exchange_of, served


@pytest.fixture(scope="module")
def url():
    with served(exchange_of(speed=30.0)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "watched")


def watch(*arguments: str) -> int:
    return run(["exchange", "watch", *arguments])


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_is_one_line_per_event_and_ends_with_health(url, capsys):
    """Each event names its stream, its source and its venue time; prices are text, so nothing is rounded."""
    assert watch("AAA/USDT", "--url", url, "--seconds", "3", "--json") == 0
    *events, last = lines(capsys)
    assert {event["kind"] for event in events} >= {"quotes", "candles"}
    assert {event["symbol"] for event in events} == {"AAA/USDT"}
    assert {event["source"] for event in events} <= {"stream", "poll"}
    quote = next(event for event in events if event["kind"] == "quotes")
    assert isinstance(quote["bid"], str)
    assert float(quote["bid"]) < float(quote["ask"])
    assert last["kind"] == "health"
    assert {row["stream"] for row in last["streams"]} == {"quotes", "trades", "candles 15m"}
    assert all(row["source"] == "stream" for row in last["streams"])


def test_chosen_streams_are_the_only_ones(url, capsys):
    """--streams quotes: no bars, no prints."""
    assert watch("AAA/USDT", "--url", url, "--streams", "quotes", "--seconds", "2", "--json") == 0
    *events, last = lines(capsys)
    assert {event["kind"] for event in events} == {"quotes"}
    assert len(last["streams"]) == 1


def test_table_shows_every_pair_with_its_source(url, capsys):
    """Away from a terminal it is printed once, at the end."""
    assert watch("AAA/USDT", "--url", url, "--seconds", "2") == 0
    out = capsys.readouterr().out
    assert "AAA/USDT" in out
    assert "stream" in out
    assert "polled now: 0" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("NOPE/USDT",), "no symbol 'NOPE/USDT'"),
        (("AAA/USDT", "--timeframe", "3m"), "asked for 3m"),
        (("--streams", "depth"), "--streams takes quotes, trades, candles"),
    ],
)
def test_what_does_not_exist_is_one_sentence_and_exit_2(url, capsys, arguments, sentence):
    """Wrong use, said before anything is streamed."""
    assert watch(*arguments, "--url", url, "--seconds", "2") == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""


def test_exchange_that_is_down_is_one_sentence(capsys):
    """Where and why; exit code 1."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert watch("AAA/USDT", "--url", f"http://127.0.0.1:{port}", "--seconds", "1") == 1
    assert "no connection to 127.0.0.1" in capsys.readouterr().err
