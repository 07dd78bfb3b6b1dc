"""Logging: one chain for both libraries, context on every line, no secret in any."""

import io
import json
import logging

import pytest
import structlog

from interfaces.logging import MASK, bound, redact_text, setup_logging

API_KEY = "mx0vglExampleKey12345"
SECRET = "3f7c0d1e9b5a4c2d8e6f7a1b2c3d4e5f3f7c0d1e9b5a4c2d8e6f7a1b2c3d4e5f"


@pytest.fixture
def log():
    """Send everything to a text buffer as JSON; give logging back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    setup_logging("debug", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def test_a_line_away_from_a_terminal_is_json(log):
    """Programs read logs more often than people."""
    structlog.get_logger("trading.room").info("scan done", symbols=2610)
    (line,) = log()
    assert (line["event"], line["symbols"], line["level"]) == ("scan done", 2610, "info")


def test_context_stands_on_every_line_inside_the_block(log):
    """Run, symbol, user and order are bound once, for both libraries."""
    with bound(run="r1", symbol="BTC/USDT", user="u7", order="coid"):
        structlog.get_logger("trading.a").info("one")
        logging.getLogger("trading.b").info("two")
    structlog.get_logger("trading.a").info("three")
    first, second, third = log()
    for line in (first, second):
        assert {"run": "r1", "symbol": "BTC/USDT", "user": "u7", "order": "coid"}.items() <= line.items()
    assert "run" not in third


def test_filter_decision_shows_value_and_bound_at_debug(log):
    """At debug level nobody has to guess why a symbol fell."""
    structlog.get_logger("trading.screening").debug("dropped", rule="min_volatility", value=0.0, bound=0.001)
    (line,) = log()
    assert (line["value"], line["bound"]) == (0.0, 0.001)


@pytest.mark.parametrize(
    "fields",
    [
        {"api_key": API_KEY},
        {"apiKey": API_KEY},
        {"secret": SECRET},
        {"password": "hunter2hunter2"},
        {"headers": {"X-MEXC-APIKEY": API_KEY}},
        {"request": {"params": [{"signature": SECRET}]}},
        {"url": f"https://api.example/api/v3/order?symbol=BTCUSDT&timestamp=1&signature={SECRET}"},
        {"store": "redis://user:hunter2hunter2@127.0.0.1:6379/0"},
        {"header": "Bearer abcdefghijklmnop"},
        {"note": f"the key is {API_KEY}, keep it"},
        {"body": f'{{"secret": "{SECRET}"}}'},
        {"raw": f"signature={SECRET}".encode()},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_no_secret_reaches_a_line(log, fields):
    """By name of the field, by shape of the value, however deep, in text or bytes."""
    structlog.get_logger("trading.x").warning("call", **fields)
    logging.getLogger("trading.y").warning("call %s", fields)
    text = json.dumps(log())
    assert MASK in text
    for secret in (API_KEY, SECRET, "hunter2hunter2", "abcdefghijklmnop"):
        assert secret not in text


def test_secret_in_an_exception_is_masked(log):
    """Client libraries put the signed URL into their message."""

    def call() -> None:
        raise RuntimeError(f"GET /api/v3/account?recvWindow=5000&signature={SECRET} failed")

    try:
        call()
    except RuntimeError:
        structlog.get_logger("trading.x").exception("call failed")
        logging.getLogger("trading.y").exception("call failed")
    text = json.dumps(log())
    assert SECRET not in text
    assert "RuntimeError" in text


@pytest.mark.parametrize(
    "plain", ["BTC/USDT dropped: 0.0004 < 0.001", "v-signals-0123456789abcdef", "lane:1 key pair"]
)
def test_ordinary_text_is_left_alone(plain):
    """A redactor that masks too much hides what the line was for."""
    assert redact_text(plain) == plain


def test_level_hides_what_is_below_it():
    """info shows no decision of a filter."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    setup_logging("info", stream=stream, as_json=True)
    structlog.get_logger("trading.screening").debug("dropped")
    root.handlers[:], root.level = before
    structlog.reset_defaults()
    assert stream.getvalue() == ""


def test_a_library_s_chatter_is_dropped_and_its_warnings_pass(log):
    """Database migrations and HTTP clients would bury what the operator looks for."""
    logging.getLogger("alembic.runtime").info("Context impl SQLiteImpl.")
    logging.getLogger("ccxt.base").debug("whole signed request")
    logging.getLogger("sqlalchemy.pool").warning("connection lost")
    assert [line["event"] for line in log()] == ["connection lost"]


def test_a_bot_s_token_within_an_address_is_masked():
    """Telegram's addresses hold it behind the word bot, without a gap."""
    token = f"123456789:{'A' * 35}"
    address = f"https://api.telegram.org/bot{token}/getUpdates"
    assert redact_text(address) == f"https://api.telegram.org/bot{MASK}/getUpdates"
