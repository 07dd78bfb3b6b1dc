"""When a message goes out: quiet hours in their zone, digest, muted kinds; alerts always."""

from datetime import UTC, datetime

import pytest

from trading.market.errors import BadInput
from trading.users.preferences import Delivery, Preferences

NIGHT = Preferences(quiet_from="22:00", quiet_to="07:00", time_zone="Europe/Berlin", muted=("trade_reduced",))


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (20, Delivery.NOW),
        (21, Delivery.MORNING),
        (23, Delivery.MORNING),
        (5, Delivery.MORNING),
        (6, Delivery.NOW),
    ],
)
def test_quiet_hours_are_in_the_users_zone(hour, expected):
    """In January Berlin is UTC+1: 22:00 to 07:00 there is 21:00 to 06:00 UTC."""
    at = datetime(2026, 1, 5, hour, tzinfo=UTC)
    assert NIGHT.delivery("trade_closed", at, is_alert=False) == expected


def test_alerts_come_whatever_is_set():
    """Somebody should act: neither quiet, nor digest, nor muted."""
    at = datetime(2026, 1, 5, 23, tzinfo=UTC)
    assert NIGHT.delivery("trade_reduced", at, is_alert=True) is Delivery.NOW
    assert NIGHT.delivery("trade_reduced", at, is_alert=False) is Delivery.NEVER
    assert Preferences(digest_hour=8).delivery("trade_closed", at, is_alert=False) is Delivery.DIGEST


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet_from": "22:00"},
        {"quiet_from": "25:00", "quiet_to": "07:00"},
        {"quiet_from": "22", "quiet_to": "7"},
        {"digest_hour": 24},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
    ],
)
def test_wrong_preferences_are_refused(wrong):
    """Named with what is right."""
    with pytest.raises(BadInput):
        Preferences(**wrong)


def test_preferences_come_back_as_written():
    """Through JSON and back."""
    assert Preferences.from_json(NIGHT.to_json()) == NIGHT
    assert Preferences.from_json({}) == Preferences()
