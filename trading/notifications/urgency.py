"""How soon somebody must hear: three classes, and the fingerprint by which the same error is known again."""

import re
from collections.abc import Mapping
from enum import IntEnum

from trading.notifications.channel import Message


class Urgency(IntEnum):
    """The class of a message; a lower one goes first and is never merged away behind another."""

    MONEY = 0  # somebody's money or key is in danger, or a stop has sold
    FILLS = 1  # bought, sold
    DIGEST = 2  # news that can wait


_MONEY_KINDS = frozenset({"order_rejected", "close_all_done", "close_trade_done", "account_unfrozen"})
_FILL_KINDS = frozenset({"trade_opened", "trade_reduced", "trade_closed", "order_found", "broadcast"})
_STOPS = frozenset({"stop_loss", "trailing_stop"})
# What people ordered, or what happens once: each is told by itself, however like the last it reads.
_NO_ERRORS = frozenset({"halt_placed", "halt_lifted", "canary"})
_NUMBERS = re.compile(r"\b[0-9a-f]{8,}\b|\d+(?:[.,]\d+)*")


def urgency_of(message: Message, payload: Mapping[str, object]) -> Urgency:
    """Return the class of a message: alerts, refused orders and stops are money."""
    stopped = message.kind == "trade_closed" and str(payload.get("exit_reason")) in _STOPS
    if message.is_alert or stopped or message.kind in _MONEY_KINDS:
        return Urgency.MONEY
    return Urgency.FILLS if message.kind in _FILL_KINDS else Urgency.DIGEST


def fingerprint_of(message: Message) -> str | None:
    """Return what two reports of the same error share (all but their numbers); None for what is no error."""
    if not message.is_alert or message.kind in _NO_ERRORS:
        return None
    return f"{message.kind}: {_NUMBERS.sub('#', message.text)}"[:500]
