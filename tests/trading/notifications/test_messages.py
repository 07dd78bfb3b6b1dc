"""Wording for every kind of event, and a channel that says each thing once."""

import structlog
from structlog.testing import capture_logs

from trading.notifications.channel import LogChannel, Message
from trading.notifications.messages import wording


def test_closed_trade_is_told_with_price_reason_and_result():
    """A person reads symbol, price, why and how much."""
    payload = {
        "symbol": "AAA/USDT", "close_price": "110", "exit_reason": "take_profit",
        "pnl_quote": "19.8", "mode": "paper",
    }  # fmt: skip
    message = wording("e1", "u1", "trade_closed", payload)
    assert (
        message.text == "Closed AAA/USDT at 110 (take_profit: its target was reached): +19.80 USDT (paper)."
    )
    assert not message.is_alert


def test_lost_order_is_an_alert():
    """Somebody should act on it."""
    assert wording("e1", "u1", "order_lost", {"symbol": "AAA/USDT", "reason": "not found"}).is_alert


def test_unknown_kind_is_told_by_its_name():
    """A new event is never swallowed."""
    assert wording("e1", "u1", "new_thing", {"x": 1}).text == "new_thing: {'x': 1}"


async def test_repeated_event_is_logged_once():
    """The outbox delivers at least once; people read it once."""
    structlog.reset_defaults()
    with capture_logs() as lines:
        channel = LogChannel()
        for _ in range(2):
            await channel.deliver(Message("e1", "u1", "trade_closed", "text"))
    assert [line["event_id"] for line in lines] == ["e1"]
