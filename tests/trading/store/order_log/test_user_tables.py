"""Keys, consents, preferences, requests, taken-over positions, leaving: on SQLite and on Postgres alike."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.store.order_log.rows import intent
from trading.market.errors import BadInput
from trading.store.order_log.takeover import TakenOver
from trading.store.order_log.user_keys import SealedKey

USER = {
    "user_id": "new", "name": "New", "mode": "paper", "account": "key:mexc", "capital": Decimal(100),
    "risk_per_trade": Decimal("0.01"), "max_positions": 3, "daily_loss_limit": Decimal("0.05"),
    "allowed": [], "blocked": [], "is_paused": False,
}  # fmt: skip
HELD = TakenOver("AAA/USDT", Decimal(2), Decimal("95.5"), 1_700_000_000_000, Decimal("0.1"), None, 3600)
KEY = SealedKey(
    "new", "mexc", 1, "m1", b"\x00wrapped", b"\xffsealed", "p1", "unproven", None, True, 1, None, None
)


def write(log, **changes) -> None:
    values = {"is_new": True, "positions": [HELD], "key": KEY, "at_ms": 1_700_000_001_000} | changes
    log.takeover.write(USER, **values)


def test_row_is_written_whole(log):
    """User, key bytes, and a position whose sums are those of one execution at its entry price."""
    write(log)
    assert log.keys.get("new", "mexc") == KEY
    [trade] = log.ledger.open_trades("new")
    assert (trade.held, trade.open_price, trade.stop_price) == (2, Decimal("95.5"), Decimal("85.95"))
    assert log.takeover.known("new") == {HELD.identity("new")}
    assert log.breaks() == []


def test_row_that_fails_in_its_middle_leaves_nothing(log):
    """The same position twice breaks a unique key after user and key were written: all of it is undone."""
    with pytest.raises(Exception, match=r"(?i)unique"):
        write(log, positions=[HELD, HELD])
    assert log.keys.get("new", "mexc") is None
    assert log.ledger.open_trades("new") == []
    assert "new" not in {row["user_id"] for row in log.accounts.rows()}


def test_rewrap_and_note_ask_for_the_row_they_read(log):
    """A key that changed meanwhile is neither re-wrapped nor judged."""
    write(log)
    assert log.keys.rewrap(KEY, master_id="m2", wrapped_key=b"again")
    assert not log.keys.rewrap(KEY, master_id="m3", wrapped_key=b"late")
    assert log.keys.note("new", "mexc", 1, state="proven", reason=None, wall_ms=5)
    log.keys.put(replace(KEY, key_version=2))
    assert not log.keys.note("new", "mexc", 1, state="failed", reason="x", wall_ms=6)
    assert log.keys.get("new", "mexc").state == "unproven"
    assert log.keys.versions() == {"new": ("mexc", 2)}


def test_requests_are_open_once_and_closed_once(log):
    """Asking again is the same request; a second finish changes nothing."""
    write(log)
    first, again = log.wishes.ask("new", "close_all"), log.wishes.ask("new", "close_all")
    assert first == again
    assert log.wishes.finish(first.request_id, "done")
    assert not log.wishes.finish(first.request_id, "again")
    assert log.wishes.open_requests() == []
    assert log.wishes.ask("new", "leave").kind == "leave"


def test_preferences_are_replaced(log):
    """The newest stands."""
    write(log)
    assert log.wishes.preferred("new") == {}
    log.wishes.prefer("new", {"muted": ["a"]})
    log.wishes.prefer("new", {"muted": []})
    assert log.wishes.preferred("new") == {"muted": []}


def test_leaving_is_refused_while_something_is_open_and_then_complete(log_with_set):
    """An unsettled order, then nothing: gone from every table, what stays is under the pseudonym."""
    log = log_with_set
    write(log, positions=[])
    log.wishes.accept("new", version="1", text_sha256="00")
    plan = replace(intent(), user_id="new", coid="c-new", intent_id="int-new", trade_id="trd-new")
    log.orders.plan_entries("new", plan.signal_set_id, [plan], [], place=0, at_ms=1)
    with pytest.raises(BadInput, match="1 orders are not settled"):
        log.leaving.forget("new", "left-1")
    log.orders.void("c-new", "over")
    log.leaving.forget("new", "left-1")
    everything = log.leaving.everything("new")
    assert {name: rows for name, rows in everything.items() if rows} == {}
    left = log.leaving.everything("left-1")
    assert len(left["intents"]) == len(left["consents"]) == 1
    assert left["user_keys"] == left["outbox"] == []
    assert left["users"][0]["name"] == "left"


def test_export_holds_no_sealed_byte(log):
    """Keys appear by state and version only."""
    write(log)
    [row] = log.leaving.everything("new")["user_keys"]
    assert "sealed" not in row
    assert "wrapped_key" not in row
    assert row["key_version"] == 1
