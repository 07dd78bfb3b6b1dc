"""Money at once; fills within seconds; digests in the user's hour; nothing but money in quiet hours."""

from datetime import UTC, datetime, timedelta

from trading.notifications.channel import Message
from trading.notifications.messages import wording
from trading.notifications.urgency import Urgency, fingerprint_of, urgency_of
from trading.users.delivery import MERGE, digest_at, due
from trading.users.preferences import Preferences

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
FILL = Message("e1", "ada", "trade_opened", "Bought")
QUIET = Preferences(quiet_from="22:00", quiet_to="07:00")


def test_fills_wait_for_their_like_and_money_does_not():
    """2.5 s for a fill, 0 for money."""
    assert due(FILL, Urgency.FILLS, Preferences(), NOON).at == NOON + MERGE
    assert due(FILL, Urgency.MONEY, Preferences(), NOON).at == NOON


def test_quiet_hours_hold_fills_until_they_end_and_let_money_through():
    """At 23:30 a fill waits for 07:00 of the next day."""
    assert due(FILL, Urgency.FILLS, QUIET, NIGHT).at == datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert due(FILL, Urgency.MONEY, QUIET, NIGHT).at == NIGHT


def test_a_muted_kind_is_not_told_unless_it_is_an_alert():
    """A stop that sold is money, but the user said never; an alert asks somebody to act."""
    wishes = Preferences(muted=("trade_closed", "key_failed"))
    assert due(Message("e", "ada", "trade_closed", ""), Urgency.MONEY, wishes, NOON) is None
    alert = Message("e", "ada", "key_failed", "", is_alert=True)
    assert due(alert, Urgency.MONEY, wishes, NOON).at == NOON


def test_a_digest_comes_in_the_user_s_hour_at_their_own_second():
    """8 o'clock in Berlin (UTC+1 in winter) is 7:00 UTC; the id spreads users over the hour."""
    wishes = Preferences(digest_hour=8, time_zone="Europe/Berlin")
    found = due(FILL, Urgency.FILLS, wishes, NOON)
    assert found.urgency is Urgency.DIGEST
    begins = datetime(2026, 3, 3, 7, tzinfo=UTC)
    moments = [digest_at(f"u{index}", wishes, NOON) for index in range(1_000)]
    assert all(begins <= moment < begins + timedelta(hours=1) for moment in moments)
    per_minute = [int((moment - begins).total_seconds() // 60) for moment in moments]
    assert max(per_minute.count(minute) for minute in range(60)) < 45
    assert digest_at("u1", wishes, NOON) == digest_at("u1", wishes, NOON)


def test_classes_are_what_they_are_called():
    """A stop, a refused order and an alert are money; a bought coin is a fill; a listing can wait."""
    payload = {"symbol": "A/USDT", "close_price": 1, "pnl_quote": -1, "mode": "paper"}
    stop = wording("e", "u", "trade_closed", payload | {"exit_reason": "stop_loss"})
    assert urgency_of(stop, {"exit_reason": "stop_loss"}) is Urgency.MONEY
    assert urgency_of(stop, {"exit_reason": "take_profit"}) is Urgency.FILLS
    assert urgency_of(Message("e", "u", "order_rejected", ""), {}) is Urgency.MONEY
    assert urgency_of(Message("e", "u", "key_failed", "", is_alert=True), {}) is Urgency.MONEY
    assert urgency_of(FILL, {}) is Urgency.FILLS
    assert urgency_of(Message("e", "u", "whatever", ""), {}) is Urgency.DIGEST


def test_the_same_error_with_other_numbers_has_the_same_fingerprint():
    """Ids and amounts differ between two reports of one cause; halts are never the same."""
    one = Message("a", "operator", "run_failed", "run 0123456789ab failed after 3.2 s", is_alert=True)
    two = Message("b", "operator", "run_failed", "run fedcba987654 failed after 17 s", is_alert=True)
    other = Message("c", "operator", "run_failed", "the disk is full", is_alert=True)
    assert fingerprint_of(one) == fingerprint_of(two) != fingerprint_of(other)
    assert fingerprint_of(Message("d", "operator", "halt_placed", "", is_alert=True)) is None
    assert fingerprint_of(FILL) is None
