"""`sluice status`: why is nothing trading, in the order in which a person would look."""

import http.server
import json
import os
import threading
import time
from datetime import datetime

import pytest
import sqlalchemy as sa

from interfaces.cli.main import run
from tests.trading.store.lineage_world import AT, BAR
from trading.market.timeframes import to_ms


def found(capsys):
    assert run(["status", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def beat(chain, **facts: object) -> None:
    told = {"pid": os.getpid(), "state": "running", "wall_ms": time.time() * 1000, "market_ms": to_ms(AT)}
    (chain.lake.root.parent / "engine.json").write_text(json.dumps(told | facts))


def test_approved_symbols_without_an_engine_are_not_trading(traded, capsys):
    """It never ran here; the next command is named."""
    told = found(capsys)
    assert "no engine runs (never ran here)" in told["verdict"]
    assert "sluice dev" in told["verdict"]
    assert told["orders"] == {"DONE": 2}


def test_a_living_engine_with_a_fresh_set_is_trading(traded, capsys):
    """The set expires at 06:15; it is 06:00."""
    beat(traded)
    told = found(capsys)
    assert told["engine"]["is_running"]
    assert told["verdict"].startswith("trading:")


def test_a_set_that_expired_in_market_time_is_waited_on(traded, capsys):
    """The heartbeat says it is half an hour later."""
    beat(traded, market_ms=to_ms(AT + 2 * BAR))
    told = found(capsys)
    assert "expired" in told["verdict"]
    assert told["tables"][0]["age_h"] == 0.5


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"state": "stopped"}, "stopped in good order"),
        ({"wall_ms": 0}, "is silent"),
        ({"pid": 2**22 + 1}, "is gone"),
    ],
)
def test_an_engine_that_does_not_beat_is_told_by_how_it_ended(traded, capsys, facts, said):
    """In good order, silent, or gone."""
    beat(traded, **facts)
    engine = found(capsys)["engine"]
    assert not engine["is_running"]
    assert said in engine["said"]


def test_a_damaged_heartbeat_is_one_sentence(traded, capsys):
    """Half a file is no heartbeat."""
    (traded.lake.root.parent / "engine.json").write_text("{")
    assert run(["status"]) == 1
    assert "heartbeat" in capsys.readouterr().err


def test_users_who_are_all_paused_are_the_reason(traded, capsys):
    """An engine runs, and nobody may trade."""
    beat(traded)
    for user in ("u1", "u2"):
        traded.log.accounts.change(user, is_paused=True)
    assert "every user is paused" in found(capsys)["verdict"]


def test_an_exchange_that_does_not_answer_is_named(traded, capsys, monkeypatch):
    """A port where nobody listens."""
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    exchange = found(capsys)["exchange"]
    assert exchange["answers"] is False
    assert "127.0.0.1:9" in exchange["said"]


def test_market_time_is_the_exchanges_where_it_answers(traded, capsys, monkeypatch):
    """Ages count from there."""

    class Time(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"serverTime": to_ms(AT + 4 * BAR)}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Time)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", f"http://127.0.0.1:{server.server_port}")
        told = found(capsys)
    finally:
        server.shutdown()
        server.server_close()
    assert datetime.fromisoformat(told["market_now"]) == AT + 4 * BAR
    assert told["tables"][0]["age_h"] == 1.0


def test_a_cache_that_does_not_answer_shows_no_password(traded, capsys, monkeypatch):
    """The address may hold one."""
    monkeypatch.setenv("SLUICE_REDIS_URL", "redis://:hunter2@127.0.0.1:9/0")
    assert run(["status"]) == 0
    out = capsys.readouterr().out
    assert "cache: does not answer" in out
    assert "hunter2" not in out


def test_orders_that_came_to_nothing_are_counted_by_reason(traded, capsys):
    """Never sent, because the set had expired: what a person needs to know when nothing trades."""
    with traded.log.database.write() as connection:
        connection.execute(sa.text("update intents set status = 'VOID', reason = 'the signal set expired'"))
    assert found(capsys)["orders_not_taken"] == {"the signal set expired": 2}
    assert run(["status"]) == 0
    assert "2 orders came to nothing: 'the signal set expired'" in capsys.readouterr().out
