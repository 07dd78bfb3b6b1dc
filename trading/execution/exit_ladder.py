"""What follows when the venue refuses an exit: one declared step for every class of refusal.

The limit itself widens with each attempt that reached the book and sold nothing (`exit_bands`). A refusal
says something else, and what helps depends on what it says. What no step helps is told to a person and tried
again ever more rarely: an alert, not a loop.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from trading.market import errors
from trading.market.errors import ExchangeError
from trading.store.order_log.records import Intent, IntentStatus


class Step(StrEnum):
    """What the next attempt does differently."""

    AGAIN = "again"  # nothing: the reason passes by itself
    BALANCE = "balance"  # sells what the account has free
    NARROW = "narrow"  # halves the way below the bid: a band of the venue's own is tighter than ours
    SMALLER = "smaller"  # sells half: the venue has a most for one order
    RELIST = "relist"  # reads the listing anew: ticks, steps or minimums have changed
    REST = "rest"  # a plain limit order, cancelled at the next look: this order type is closed
    LOOK_UP = "look_up"  # is not sent before `follow` knows what became of the last one
    PERSON = "person"  # nothing helps but a person, or time


@dataclass(frozen=True, slots=True)
class Rung:
    """A step, the least wall seconds before it, after how many such refusals in a row a person is told."""

    step: Step
    wait_s: float
    alert_after: int
    said: str


LADDER: dict[type[ExchangeError], Rung] = {
    errors.InsufficientFunds: Rung(Step.BALANCE, 0.0, 4, "the account has less than the position"),
    errors.BelowMinimum: Rung(Step.RELIST, 0.0, 3, "the venue calls what is left too little to sell"),
    errors.BadPrecision: Rung(Step.RELIST, 0.0, 3, "the venue refuses the amount's or the price's step"),
    errors.SymbolHalted: Rung(Step.PERSON, 30.0, 1, "the symbol is halted or delisted"),
    errors.OrderRefused: Rung(Step.NARROW, 0.5, 4, "the venue refuses the order"),
    errors.RateLimited: Rung(Step.AGAIN, 0.0, 8, "the venue refuses requests: too many"),
    errors.Banned: Rung(Step.PERSON, 30.0, 1, "the venue has locked this address out"),
    errors.ClockSkew: Rung(Step.AGAIN, 0.5, 4, "the venue refuses this machine's clock"),
    errors.ClockDrift: Rung(Step.PERSON, 5.0, 1, "this machine's clock is wrong"),
    # The user was told by the refusal itself (`told.py`), and a new key should sell soon.
    errors.BadCredentials: Rung(Step.PERSON, 0.5, 6, "the exchange account's key is refused"),
    errors.Unreachable: Rung(Step.AGAIN, 0.5, 8, "the venue cannot be reached"),
    errors.OutcomeUnknown: Rung(Step.LOOK_UP, 0.0, 8, "the venue does not say what became of it"),
    errors.OrderNotFound: Rung(Step.LOOK_UP, 0.0, 8, "the venue does not know the order"),
    errors.BadPayload: Rung(Step.LOOK_UP, 0.0, 8, "the venue's answer makes no sense"),
    ExchangeError: Rung(Step.AGAIN, 1.0, 4, "the venue refuses"),
}
# Codes that say more than their class does (MEXC spot v3).
CODES: dict[int, Rung] = {
    30003: Rung(Step.SMALLER, 0.0, 6, "the venue calls the order too large"),
    30010: Rung(Step.NARROW, 0.0, 4, "the price is outside the venue's band"),
    30087: Rung(Step.NARROW, 0.0, 4, "the price is outside the venue's band"),
    30001: Rung(Step.PERSON, 30.0, 1, "the venue allows no sale of this symbol now"),
    30041: Rung(Step.REST, 0.0, 2, "the venue allows no such order type here"),
    30019: Rung(Step.REST, 0.0, 2, "the venue has closed this order type here"),
    30051: Rung(Step.REST, 0.0, 2, "the venue has closed this order type here"),
}
_CODE = re.compile(r"code (-?\d+)")


def rung_of(kind: str, message: str = "") -> Rung:
    """Return the rung for a refusal, by the name of its class and the code in its message."""
    code = _CODE.search(message)
    if code is not None and int(code.group(1)) in CODES:
        return CODES[int(code.group(1))]
    found = getattr(errors, kind, ExchangeError)
    classes = found.__mro__ if isinstance(found, type) else ExchangeError.__mro__
    return next((LADDER[each] for each in classes if each in LADDER), LADDER[ExchangeError])


def narrowed(before: Sequence[Intent]) -> int:
    """Return how many attempts the venue's own price band refused so far: each halves ours, for good."""
    refused = [intent.reason or "" for intent in before if intent.status is IntentStatus.REJECTED]
    said = [reason.partition(": ") for reason in refused]
    return sum(rung_of(kind, message).step is Step.NARROW for kind, _, message in said)


def last_refusal(before: Sequence[Intent]) -> tuple[Rung, int] | None:
    """Return the rung of the last attempt, if it was refused, and how many in a row were refused that way.

    Attempts that never left say nothing.
    """
    rung, count = None, 0
    for intent in reversed(before):
        if intent.status is IntentStatus.VOID:
            continue
        if intent.status is not IntentStatus.REJECTED:
            break
        kind, _, message = (intent.reason or "").partition(": ")
        this = rung_of(kind, message)
        if rung is None:
            rung = this
        if this != rung:
            break
        count += 1
    return None if rung is None else (rung, count)
