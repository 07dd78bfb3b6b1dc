"""`sluice status`: why is nothing trading, in the order in which a person would look."""

import http.server
import json
import os
import threading
import time
from datetime import datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from interfaces.cli.main import run
from tests.trading.store.lineage_world import AT, BAR
from trading.market.timeframes import to_ms
from trading.store.order_log import schema
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.store.order_log.schema_reconcile import account_checks, freezes
from trading.store.order_log.schema_shards import shards, workers
from trading.store.order_log.suspensions import Suspension


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


def skip(chain, user_id, rule, value, bound, reason="in words"):
    """One more signal not followed."""
    numbers = {"signal_set_id": chain.signal_set, "signal_id": f"sig-{user_id}-{rule}", "user_id": user_id}
    told = {"symbol": "AAA/USDT", "rule": rule, "reason": reason, "value": value, "bound": bound, "at_ms": 0}
    with chain.log.database.write() as connection:
        connection.execute(schema.skips.insert(), numbers | told)


def test_the_rule_that_keeps_most_users_out_is_in_the_first_sentence_with_its_numbers(traded, capsys):
    """u1 and u2 are full at 5 of 5; a third rule hits u2 alone."""
    for user in ("u1", "u2"):
        skip(traded, user, "max_exposure", Decimal("801.5"), Decimal(800))
    told = found(capsys)
    assert told["verdict"].endswith("Kept out most: 2 users, max_exposure 801.5 of 800.")
    first, second = told["blocking"]
    assert (first["rule"], first["users"], first["value"], first["bound"]) == (
        "max_exposure",
        2,
        801.5,
        "800",
    )
    assert (second["rule"], second["users"], second["said"]) == (
        "max_positions",
        1,
        "max_positions: holds 3 of 3",
    )


def test_every_closed_gate_is_a_line_with_whom_and_why(traded, capsys):
    """A halt, a suspension, a paused user, a frozen account."""
    log = traded.log
    log.halts.place(HaltKind.STOP_ENTRIES, (HaltScope.FLEET, None), by="ada", why="drill")
    log.suspensions.suspend(Suspension("AAA/USDT", "engine", "unconfirmed", "jumped", 0))
    log.accounts.change("u2", is_paused=True)
    frozen = {"freeze_id": "f", "user_id": "u1", "kind": "shortage", "subject": "AAA", "amount": "1"}
    frozen |= {"reason": "1 AAA is missing", "at_ms": 0, "at_wall_ms": 0}
    with log.database.write() as connection:
        connection.execute(freezes.insert(), frozen)
    gates = {(row["gate"], row["whom"]) for row in found(capsys)["gates"]}
    assert gates == {
        ("halt", "everybody"),
        ("suspended", "AAA/USDT"),
        ("paused", "1 of 2 users"),
        ("frozen account", "u1 all symbols"),
    }


def test_workers_and_reconciliation_are_shown(traded, capsys):
    """Two shards held by a worker that beats; one account agreed, one failed."""
    now = int(time.time() * 1000)
    with traded.log.database.write() as connection:
        connection.execute(workers.insert(), {"worker_id": "w1", "started_wall_ms": now, "beat_wall_ms": now})
        connection.execute(shards.delete())
        for shard, until in ((0, now + 60_000), (1, now + 60_000), (2, now - 1)):
            lease = {"shard": shard, "token": 1, "owner": "w1", "since_wall_ms": now, "until_wall_ms": until}
            connection.execute(shards.insert(), lease)
        connection.execute(account_checks.delete())
        for user, outcome in (("u1", "agreed"), ("u2", "failed")):
            connection.execute(
                account_checks.insert(), {"user_id": user, "outcome": outcome, "at_wall_ms": now - 5_000}
            )
    told = found(capsys)
    assert [(row["worker"], row["shards"]) for row in told["workers"]] == [("w1", 2)]
    assert told["reconciliation"]["outcomes"] == {"agreed": 1, "failed": 1}
    assert told["reconciliation"]["oldest_check_s"] >= 5
    assert run(["status"]) == 0
    out = capsys.readouterr().out
    assert "worker w1: 2 shards" in out
    assert "accounts 1 agreed, 1 failed" in out


def test_the_oldest_input_is_named(traded, capsys):
    """All tables are of 06:00; it is half an hour later."""
    beat(traded, market_ms=to_ms(AT + 2 * BAR))
    assert found(capsys)["oldest_input"]["age_h"] == 0.5


def test_the_queue_shows_what_a_place_costs(traded, capsys):
    """u1 was served first and is the only one who bought."""
    assert run(["status", "--queue", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["place"], row["entries"], row["behind_first"]) == (0, 1, 0.0)


def test_the_ledger_is_checked_on_demand(traded, capsys):
    """None = not asked; the chain's ledger is whole."""
    assert found(capsys)["problems"] is None
    assert run(["status", "--audit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
