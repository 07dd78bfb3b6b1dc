"""Operators' alerts to other services: what is an alert, once, again after a failure."""

import pytest

from interfaces.bot.alerts import Alerts, through_apprise
from trading.market.errors import MissingData
from trading.users.telling import Telling


def test_an_operator_s_alert_goes_out_once_and_a_trader_s_message_does_not(stand):
    """A run that failed is an operator's alert; a fill is a user's matter; a canary's note is one, too."""
    stand.add(1)
    told: list[str] = []
    telling = Telling(stand.log, has_alerts=True)
    stand.bought("fill", "u1")
    stand.post("r1", "operator", "run_failed", text="the disk is full")
    telling.step(stand.wall.now())
    alerts = Alerts(stand.log, lambda text: not told.append(text), stand.wall.now)
    assert [alerts.step(), alerts.step()] == [True, False]
    assert len(told) == 1
    assert told[0].startswith("the disk is full")


def test_an_alert_that_failed_is_tried_again_after_a_minute(stand):
    """Nothing is lost while mail is down."""
    telling = Telling(stand.log, has_alerts=True)
    stand.post("r1", "operator", "run_failed", text="x")
    telling.step(stand.wall.now())
    answers = [False, True]
    alerts = Alerts(stand.log, lambda _text: answers.pop(0), stand.wall.now)
    assert [alerts.step(), alerts.step()] == [True, False]
    stand.wall.advance(60_000)
    assert alerts.step()
    assert stand.log.messages.counts()["sent"] == 1


def test_without_the_extra_or_with_a_bad_address_it_is_said_and_no_address_is_repeated():
    """An address may hold a password."""
    with pytest.raises(MissingData) as said:
        through_apprise(["nonsense-that-is-secret"])
    assert "secret" not in str(said.value)
    assert "requirements-alerts.lock" in str(said.value) or "address 1" in str(said.value)
