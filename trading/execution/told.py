"""Who hears of it when the venue refuses somebody: who can act, in plain words, once a day for each cause.

An engine that meets the same refusal at every look tells it once; what was told is a row of the outbox, so a
restart tells it no second time either.
"""

from functools import partial

from trading.market.clock import Clock
from trading.market.errors import (
    BadCredentials,
    BadInput,
    BadPrecision,
    BelowMinimum,
    ClockSkew,
    ExchangeError,
    InsufficientFunds,
    OrderRefused,
    SluiceError,
    StoreError,
    SymbolHalted,
)
from trading.market.timeframes import DAY_MS, HOUR_MS
from trading.store.order_log import OrderLog
from trading.store.order_log.news_holds import OPERATOR
from trading.store.order_log.records import Event, Intent, Leg
from trading.users.key_store import ACCOUNT
from trading.users.refusals import in_words

# MEXC's codes whose class alone would say too little.
_BY_CODE = {
    30019: "the exchange takes no orders of this type in this pair now",
    30051: "the exchange takes no orders of this type in this pair now",
    30087: "the price lies outside the band that the exchange allows now",
    30010: "the price lies outside the band that the exchange allows now",
    10007: "the pair is closed to trading through the API",
}
_BY_CLASS: tuple[tuple[type[SluiceError], str], ...] = (
    (InsufficientFunds, "the free balance does not pay for it"),
    (BelowMinimum, "it is below the exchange's minimum order"),
    (BadPrecision, "the exchange has changed the steps of price or amount"),
    (SymbolHalted, "the pair cannot be traded now: halted, delisted or closed"),
)


def refusal_in_words(error: ExchangeError | BadInput) -> str:
    """Return why an order was refused, in words, with the venue's code where it gave one."""
    code = error.code if isinstance(error, ExchangeError) else None
    by_class = next((told for kind, told in _BY_CLASS if isinstance(error, kind)), None)
    words = _BY_CODE.get(code or 0) or by_class
    if words is None:
        return str(error)
    return words if code is None else f"{words} (code {code})"


class Told:
    """Posts such messages.

    `doubted` holds users with a key of their own that the venue refused: the daily check looks at it at once,
    and its sentence is what they are told.
    """

    def __init__(self, log: OrderLog, wall: Clock) -> None:
        self._log = log
        self._wall = wall
        self._posted: set[str] = set()
        self.doubted: set[str] = set()

    def refusal(self, intent: Intent, error: ExchangeError | BadInput) -> Event | None:
        """Return what a user hears of a refused order; None where trying again is all there is to do."""
        if not isinstance(error, OrderRefused | BadInput):
            return None
        cause = getattr(error, "code", None) or type(error).__name__
        name = f"order_rejected:{intent.user_id}:{intent.symbol}:{intent.leg.value}:{cause}:{self._day()}"
        what = "purchase" if intent.leg is Leg.OPEN else "sale"
        payload: dict[str, object] = {
            "symbol": intent.symbol,
            "reason": refusal_in_words(error),
            "what": what,
            "leg": intent.leg.value,
        }
        return Event(name, intent.user_id, "order_rejected", payload, self._wall.now_ms())

    async def note(self, user_id: str, error: Exception) -> None:
        """Tell of an account that the venue refuses (its user) or of this machine's clock (the operator).

        Anything else is nobody's to mend, and nothing is said.

        A log that cannot be written is told of elsewhere; the message follows at the next refusal.
        """
        event = self._event(user_id, error)
        if event is not None:
            await self._post(event)

    async def late_set(self, signal_set_id: str, when: str) -> None:
        """Tell the operator of a signal set that expired; nothing in it is traded any more."""
        payload: dict[str, object] = {"reason": f"signal set {signal_set_id} expired {when}"}
        name = f"signal_set_expired:{signal_set_id}"
        await self._post(Event(name, OPERATOR, "signal_set_expired", payload, self._wall.now_ms()))

    async def strange_message(self) -> None:
        """Tell the operator, once an hour, that the stream brings ids of no signal set."""
        at_ms = self._wall.now_ms()
        name = f"strange_message:{at_ms // HOUR_MS}"
        await self._post(Event(name, OPERATOR, "strange_message", {}, at_ms))

    async def _post(self, event: Event) -> None:
        if event.event_id in self._posted:
            return
        try:
            await self._log.durably(partial(self._log.outbox.post, event))
        except StoreError:
            return
        self._posted.add(event.event_id)

    def _event(self, user_id: str, error: Exception) -> Event | None:
        at_ms = self._wall.now_ms()
        if isinstance(error, ClockSkew):
            hour = at_ms // HOUR_MS
            payload: dict[str, object] = {"reason": str(error)}
            return Event(f"clock_skew:{hour}", OPERATOR, "clock_skew", payload, at_ms)
        if not isinstance(error, BadCredentials):
            return None
        if self._has_own_key(user_id):
            self.doubted.add(user_id)
            return None
        reason = in_words(error)[1]
        name = f"account_trouble:{user_id}:{error.code}:{self._day()}"
        return Event(name, user_id, "account_trouble", {"reason": reason}, at_ms)

    def _has_own_key(self, user_id: str) -> bool:
        return any(row["account"] == ACCOUNT for row in self._log.accounts.rows(user_id))

    def _day(self) -> int:
        return self._wall.now_ms() // DAY_MS
