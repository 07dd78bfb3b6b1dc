"""Why a user enters nothing now, for reasons that a person can change. Exits never ask here."""

from dataclasses import dataclass
from pathlib import Path

from trading.store.order_log import OrderLog
from trading.users.consent import TEXT, missing, read_text
from trading.users.key_store import ACCOUNT, EXCHANGE, FAILED, UNPROVEN
from trading.users.user import Mode, User

CLOSE_ALL, LEAVE = "close_all", "leave"
# Asked of one trade: the kind of its request is ``close_trade:TRADE_ID``.
CLOSE_TRADE = "close_trade"
# Orders have one way out in this release.
ONLY_EMBEDDED = "orders go to the embedded exchange only in this release: live trading is off"


@dataclass(frozen=True, slots=True)
class Gate:
    """A closed gate: a short, countable rule and a sentence."""

    rule: str
    reason: str


def closing_of(trade_id: str) -> str:
    """Return the kind of request that sells one trade."""
    return f"{CLOSE_TRADE}:{trade_id}"


class EntryGates:
    """Asked once per user and signal set.

    Parameters
    ----------
    log : OrderLog
        Keys, consents and requests.
    live_refusal : str or None
        Why nobody trades live here now; None = live is open (decision 18).
    text : Path
        The risk text that must have been accepted.
    """

    def __init__(self, log: OrderLog, live_refusal: str | None = ONLY_EMBEDDED, text: Path = TEXT) -> None:
        self._log = log
        self._live_refusal = live_refusal
        self._text = text

    def closed(self, user: User) -> Gate | None:
        """Return the gate that keeps this user from entering, None if all are open."""
        return self._request(user) or self._key(user) or self._live(user)

    def _request(self, user: User) -> Gate | None:
        kinds = {r.kind for r in self._log.wishes.open_requests() if r.user_id == user.user_id}
        if LEAVE in kinds:
            return Gate(LEAVE, "the user is leaving")
        if CLOSE_ALL in kinds:
            return Gate(CLOSE_ALL, "the user asked to close everything, which is not done yet")
        return None

    def _key(self, user: User) -> Gate | None:
        if user.account != ACCOUNT:
            return None
        key = self._log.keys.get(user.user_id, EXCHANGE)
        if key is None:
            return Gate("key", f"no key is linked: `sluice users link {user.user_id}`")
        if key.state == UNPROVEN:
            return Gate("key", f"the key was never proven: `sluice users check {user.user_id}`")
        if key.state == FAILED:
            return Gate("key", f"the key failed its last check: {key.reason}")
        return None

    def _live(self, user: User) -> Gate | None:
        if user.mode is not Mode.LIVE:
            return None
        if self._live_refusal is not None:
            return Gate("live_off", self._live_refusal)
        key = self._log.keys.get(user.user_id, EXCHANGE)
        if key is None or not key.is_ip_bound:
            return Gate("key", "live trading needs the user's own key, bound to this machine's address")
        unread = missing(self._log.wishes, user.user_id, read_text(self._text))
        return None if unread is None else Gate("consent", unread)
