"""What a venue's refusal means for a key, in words for the person who can act. Who asks: proof.py."""

from enum import StrEnum

from trading.exchange.key_access import NO_PERMISSION
from trading.market.errors import (
    BadCredentials,
    ClockSkew,
    ExchangeError,
    InsufficientFunds,
    OrderRefused,
    RateLimited,
    SluiceError,
    Unreachable,
)


class Verdict(StrEnum):
    """What one check found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the venue could not be asked now; nothing is said about the key


# The key is bound, and not to the address that asked.
_BOUND = frozenset({406, 700006})


def address_refused(address: str, which: str, standby: str | None) -> str:
    """Return the sentence for an address that a key refuses; `which` is main or standby."""
    mend = "add it at the exchange" if standby is None else "bind it at the exchange to both"
    return f"The key refuses {address}, your {which} address: {mend}."


def is_address_refused(error: SluiceError) -> bool:
    """Whether the key is good and bound to other addresses than the one that asked."""
    return _code(error) in _BOUND


def _code(error: SluiceError) -> int | None:
    return error.code if isinstance(error, ExchangeError) else None


_BY_CODE = {
    400: "The exchange got no key at all: link it again.",
    402: "The key has expired: make a new one and link it.",
    406: "The key is bound to other addresses than this machine's: add this one at the exchange.",
    10072: "The exchange does not know this key: mistyped, deleted or revoked. Make a new one and link it.",
    700001: "This is no key of MEXC by its form: link it again, key first, secret second.",
    700002: "The secret does not belong to the key: link both again.",
    700006: "The key is bound to other addresses than this machine's: add this one at the exchange.",
    NO_PERMISSION: "The key lacks a permission: it must read the spot account and deals, and trade.",
    10007: "The key may not trade this pair through the API: allow it at the exchange.",
}


# By class, the narrowest first; a class that says nothing about the key leaves it unjudged.
_BY_CLASS: tuple[tuple[type[SluiceError], Verdict, str], ...] = (
    (RateLimited, Verdict.UNKNOWN, "The exchange asks for patience: try again in a minute."),
    (
        ClockSkew,
        Verdict.UNKNOWN,
        "This machine's clock differs from the exchange's: set it, then check again.",
    ),
    (BadCredentials, Verdict.FAILED, "The exchange refuses the key: make a new one and link it."),
    (
        InsufficientFunds,
        Verdict.FAILED,
        "The free balance does not pay for the smallest order: deposit some.",
    ),
    (OrderRefused, Verdict.FAILED, "The exchange refuses a test order: is the pair open to this key?"),
    (Unreachable, Verdict.UNKNOWN, "The exchange cannot be reached now: the key was not judged."),
    (SluiceError, Verdict.UNKNOWN, "The exchange gave no usable answer: check again later."),
)


def in_words(error: SluiceError) -> tuple[Verdict, str]:
    """Return what an error means for a key, and one sentence; codes and raw answers stay out of it."""
    code = _code(error)
    if code in _BY_CODE and not isinstance(error, RateLimited | ClockSkew):
        return Verdict.FAILED, _BY_CODE[code]
    return next((verdict, told) for kind, verdict, told in _BY_CLASS if isinstance(error, kind))
