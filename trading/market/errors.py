"""One tree for everything that can go wrong, so callers catch the narrowest thing they can act on.

::

    SluiceError
    ├── BadInput                  the caller's value is wrong; the message names value and bound
    │   ├── InvalidBars           candles that no market can have printed
    │   ├── InvalidExpression     a condition that cannot be read; the message names the place
    │   ├── UnknownSymbol
    │   ├── UnknownTimeframe
    │   └── InTheWay              well asked, and not possible as things stand (a port is taken)
    │       └── HoldoutSpent      this stretch of time has been looked at once already
    ├── MissingData               something needed has not been made yet
    │   └── NoVersion             a lineage id or table that nobody published
    ├── StoreError                lake, warehouse, order log or cache refused
    └── ExchangeError             the venue, or the way to it
        ├── OutcomeUnknown        a write was sent and no answer tells what became of it
        │   └── VenueFailed       5xx (or the venue's own code for one): unknown, not failed, says MEXC
        ├── Unreachable           no answer to a read
        │   └── Timeout
        ├── RateLimited           429; `retry_after_s` says when to come back
        │   └── Banned            418; the address is locked out
        ├── ClockSkew             700003: our timestamp is outside the venue's window
        │   └── ClockDrift        this machine's clock is too far off: nothing was signed or sent
        ├── BadCredentials        key, signature or permission
        ├── BadPayload            the answer is not what the protocol promises
        └── OrderRefused          a definite refusal: nothing was accepted
            ├── InsufficientFunds
            ├── BelowMinimum      notional or quantity under the venue's minimum
            ├── BadPrecision
            ├── SymbolHalted      listed but not tradable now
            └── OrderNotFound     -2013; never by itself proof that the order does not exist
                └── NothingToCancel   -2011: filled, cancelled before, or not visible yet
"""


class SluiceError(Exception):
    """Root of every error this project raises on purpose."""


class BadInput(SluiceError):
    """A value from outside is wrong; the message names the value and the bound."""


class InvalidBars(BadInput):
    """Candles that no market can have printed (high < low, unordered, non-positive)."""


class InvalidExpression(BadInput):
    """A condition in words cannot be read; `at` is the place in its text, counted from 1."""

    def __init__(self, message: str, *, at: int = 1) -> None:
        super().__init__(message)
        self.at = at


class UnknownSymbol(BadInput):
    """No such symbol on this venue; the message names near ones."""


class UnknownTimeframe(BadInput):
    """No such timeframe; the message lists those that exist."""


class InTheWay(BadInput):
    """What was asked for is understood and cannot be done as things stand; asked again later, it may be.

    The command line ends with 1 on it, with 2 on any other BadInput.
    """


class HoldoutSpent(InTheWay):
    """A locked holdout was opened before: what a second look shows is no longer out of sample."""


class MissingData(SluiceError):
    """Something this step reads has not been produced yet; the message says how to make it."""


class NoVersion(MissingData):
    """A lineage id or a table version that nobody published."""


class StoreError(SluiceError):
    """A store (lake, warehouse, order log, cache) refused or is damaged."""


class ExchangeError(SluiceError):
    """Anything between us and the venue; `code` is the venue's own code where it gave one."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class OutcomeUnknown(ExchangeError):
    """A write was sent and nothing tells what became of it: reconcile, never resubmit blindly."""


class VenueFailed(OutcomeUnknown):
    """The venue answered a write with 5xx: by its own documentation unknown, not failed."""


class Unreachable(ExchangeError):
    """A read got no usable answer (connection, 5xx)."""


class NoSuchAddress(Unreachable):
    """The address that requests shall leave from is none of this machine's."""


class Timeout(Unreachable):
    """A read got no answer in time."""


class RateLimited(ExchangeError):
    """429: too many requests. `retry_after_s` is the venue's own wish, in wall seconds."""

    def __init__(self, message: str, *, code: int | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class Banned(RateLimited):
    """418: this address is locked out for `retry_after_s`."""


class ClockSkew(ExchangeError):
    """The venue refused our timestamp; synchronise and sign again (nothing was accepted)."""


class ClockDrift(ClockSkew):
    """Our machine's clock is further from the venue's than allowed; nothing was signed or sent."""


class BadCredentials(ExchangeError):
    """Key unknown, revoked, expired, bound to another address, or without the permission."""


class BadPayload(ExchangeError):
    """The answer is not what the protocol promises (truncated JSON, nulls, wrong types)."""


class OrderRefused(ExchangeError):
    """A definite refusal of an order: nothing was accepted."""


class InsufficientFunds(OrderRefused):
    """The account does not hold enough free balance."""


class BelowMinimum(OrderRefused):
    """Notional or quantity under the venue's minimum."""


class BadPrecision(OrderRefused):
    """Price or quantity finer than the venue's tick or step."""


class SymbolHalted(OrderRefused):
    """The symbol is listed but cannot be traded now (halted, delisted, not open to the API)."""


class OrderNotFound(OrderRefused):
    """The venue does not know this order *now*; it may still appear (ccxt issue 21614)."""


class NothingToCancel(OrderNotFound):
    """-2011: no open order of that id *now*; it filled, was cancelled before, or is not visible yet."""
