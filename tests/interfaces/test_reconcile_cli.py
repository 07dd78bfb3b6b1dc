"""`sluice reconcile`: the report of the last checks, and a freeze lifted by a person."""

import json
from decimal import Decimal

import pytest

from interfaces.cli.main import run
from trading.store.order_log import OrderLog
from trading.store.order_log.reconciliations import Check, Unexplained
from trading.users.directory import Directory


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "w")
    log = OrderLog(f"sqlite:///{tmp_path}/w/orders.db")
    Directory(log).ensure_demo(2)
    yield log
    log.close()


def said(capsys, *arguments: str, code: int = 0):
    capsys.readouterr()
    assert run(["reconcile", *arguments, "--json"]) == code
    out = capsys.readouterr().out
    return json.loads(out[out.index("{") :])


def test_unchecked_accounts_are_not_clean_and_checked_ones_are(log, capsys):
    """Never checked is no agreement; two checks of 10 weight are a clean report, with the floor in it."""
    found = said(capsys, code=1)
    assert (found["accounts"], found["outcomes"]) == (2, {"never": 2})
    for user in Directory(log).all():
        log.reconciliations.note(Check(user.user_id, "start", "agreed", 1_000, 5, 10))
    found = said(capsys)
    assert (found["is_clean"], found["weight"], found["floor_weight"]) == (True, 20, 20)
    assert run(["reconcile"]) == 0
    assert "clean: exchange and log agree" in capsys.readouterr().out


def test_a_freeze_shows_until_a_person_lifts_it(log, capsys):
    """Exit code 1 and the reason while it holds; lifting needs a reason and is on record."""
    user = Directory(log).all()[0].user_id
    for each in Directory(log).all():
        log.reconciliations.note(Check(each.user_id, "start", "agreed", 1_000, 5, 10))
    short = Unexplained("AAA/USDT", "shortage", "AAA", Decimal(-3), "shortage in AAA/USDT: 3 less")
    log.reconciliations.settle(user, [short], at_ms=5, is_whole=True)
    (frozen,) = said(capsys, code=1)["frozen"]
    assert (frozen["user"], frozen["symbol"], frozen["kind"]) == (user, "AAA/USDT", "shortage")
    assert run(["reconcile", "--lift", frozen["freeze_id"]]) == 2
    assert said(capsys, "--lift", frozen["freeze_id"], "--why", "sold by hand")["frozen"] == []
    log.reconciliations.settle(user, [short], at_ms=6, is_whole=True)
    assert log.reconciliations.frozen() == []
    worse = Unexplained("AAA/USDT", "shortage", "AAA", Decimal(-4), "shortage in AAA/USDT: 4 less")
    log.reconciliations.settle(user, [worse], at_ms=7, is_whole=True)
    assert len(log.reconciliations.frozen()) == 1


def test_asking_an_engine_that_is_not_there_says_so(log, capsys):
    """Nobody answers within the time: exit code 1, and the wish stays for the next start."""
    user = Directory(log).all()[0].user_id
    found = said(capsys, "--ask", "--users", user, "--wait-s", "0.3", code=1)
    assert found["answered"] is False
    assert log.reconciliations.asked() == {user}


def test_who_leaves_is_in_no_message_to_the_operator_either(log):
    """The alarm about their account stays, under the pseudonym."""
    user = Directory(log).all()[0].user_id
    short = Unexplained("AAA/USDT", "shortage", "AAA", Decimal(-3), "shortage in AAA/USDT: 3 less")
    log.reconciliations.settle(user, [short], at_ms=5, is_whole=True)
    log.leaving.forget(user, "left-0000")
    (event,) = log.outbox.of_user("operator")
    assert event.payload["user_id"] == "left-0000"
    assert [one.user_id for one in log.reconciliations.frozen()] == ["left-0000"]
