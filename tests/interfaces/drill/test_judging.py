"""What is judged from the venue's request log: each rule with one request that breaks it."""

import json
from dataclasses import replace

import pytest

from interfaces.drill.judging import early, resent, strangers
from interfaces.drill.venue import Request, requests
from tests.trading.store.order_log.rows import intent as an_intent
from trading.store.order_log.records import IntentStatus

SENT_MS = 1_700_000_000_000


def an_order(coid: str, wall_s: float = SENT_MS / 1000 + 0.01, key_end: str = "aaaa") -> Request:
    return Request(wall_s, 0, "POST", "/api/v3/order", {"newClientOrderId": coid}, key_end, 200, None, None)


@pytest.fixture
def intents():
    return {
        "sent": an_intent(coid="sent", user_id="u1", status=IntentStatus.DONE, sent_wall_ms=SENT_MS),
        "void": an_intent(coid="void", user_id="u1", status=IntentStatus.VOID),
    }


def test_a_client_order_id_that_goes_over_the_wire_twice_is_a_break(intents):
    """Another attempt has another id, after a definite refusal, too; strangers' ids are not our business."""
    assert resent([an_order("sent")], intents) == []
    assert resent([an_order("sent")] * 2 + [an_order("else")] * 3, intents) == ["sent was sent 2 times"]
    refused = replace(an_order("sent"), status=400, code=700003)
    assert len(resent([refused, replace(an_order("sent"), wall_s=SENT_MS / 1000 + 1)], intents)) == 1


def test_an_order_that_the_venue_read_before_it_was_sent_on_disk_is_a_break(intents):
    """Before its row says SENT, without a row, or with one that says it never left."""
    assert early([an_order("sent")], intents) == []
    found = early([an_order("sent", SENT_MS / 1000 - 0.5), an_order("none"), an_order("void")], intents)
    assert [line.split()[0] for line in found] == ["sent", "none", "void"]


def test_an_order_that_a_restored_log_was_told_of_by_the_venue_is_no_break(intents):
    """It was SENT in the log that was lost; in this one it appears afterwards."""
    told = an_intent(coid="told", status=IntentStatus.DONE, sent_wall_ms=SENT_MS + 60_000)
    assert len(early([an_order("told")], {"told": told})) == 1
    adopted = replace(told, reason="found at the venue after restore 1")
    assert early([an_order("told")], {"told": adopted}) == []


def test_an_order_under_another_users_key_is_a_break(intents):
    """The venue saw the last letters of the key."""
    ends = {"u1": "aaaa"}
    assert strangers([an_order("sent")], intents, ends) == []
    assert len(strangers([an_order("sent", key_end="bbbb")], intents, ends)) == 1


def test_a_line_that_is_still_being_written_is_left_out(tmp_path):
    """The venue may be killed in the middle of one."""
    row = {
        "wall_ms": 1500.0,
        "market_ms": 7,
        "method": "POST",
        "path": "/api/v3/order",
        "params": {"newClientOrderId": "a"},
        "key_end": "aaaa",
        "status": 200,
        "code": None,
        "fault": None,
    }
    path = tmp_path / "requests.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(row)[:40])
    assert [(each.coid, each.wall_s, each.is_order) for each in requests(path)] == [("a", 1.5, True)]
