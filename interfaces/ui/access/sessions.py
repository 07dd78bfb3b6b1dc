"""Who is logged in: in memory, bounded, ended by time. A restart of the server ends every session."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from interfaces.ui.access.accounts import Role

MOST, MOST_OF_ONE = 1_000, 20
IDLE_S, LONGEST_S = 12 * 3_600.0, 7 * 86_400.0
FORM_S = 600.0
COOKIE = "sluice_session"


@dataclass(slots=True)
class Session:
    """One login. `csrf` must come with everything that changes something.

    `mark` is the account's when it logged in: another password or role ends the session.
    """

    name: str
    role: Role
    csrf: str
    began_s: float
    seen_s: float
    mark: str = ""

    def is_over(self, now_s: float) -> bool:
        """Whether it was idle or open for too long."""
        return now_s - self.seen_s > IDLE_S or now_s - self.began_s > LONGEST_S


class Sessions:
    """Sessions by a hash of their token; the least recently used go first when there are too many."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._held: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, name: str, role: Role, mark: str = "") -> str:
        """Return the token of a new session."""
        own = [key for key, held in self._held.items() if held.name == name]
        for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._held[key]
        while len(self._held) >= MOST:
            self._held.popitem(last=False)
        token, now_s = secrets.token_urlsafe(32), self._clock()
        self._held[_key(token)] = Session(name, role, secrets.token_urlsafe(32), now_s, now_s, mark)
        return token

    def get(self, token: str | None) -> Session | None:
        """Return a session that holds, and note that it was used."""
        key = _key(token or "")
        session = self._held.get(key)
        if session is None:
            return None
        now_s = self._clock()
        if session.is_over(now_s):
            del self._held[key]
            return None
        session.seen_s = now_s
        self._held.move_to_end(key)
        return session

    def look(self, token: str | None) -> Session | None:
        """Return a session that holds, without counting as use: a screen left open is idle."""
        session = self._held.get(_key(token or ""))
        return None if session is None or session.is_over(self._clock()) else session

    def end(self, token: str | None) -> None:
        """Log out."""
        self._held.pop(_key(token or ""), None)


class Forms:
    """Login forms: each is good once, for ten minutes, and only in the browser that asked for it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[str, float] = OrderedDict()

    def make(self) -> str:
        """Return the stamp of a new form."""
        text = f"{self._clock():.0f}.{secrets.token_urlsafe(12)}"
        return f"{text}.{self._signature(text)}"

    def take(self, stamp: str, cookie: str | None) -> bool:
        """Whether `stamp` is ours, fresh, of this browser and not used before; it is used then."""
        text, _, signature = stamp[:200].rpartition(".")
        if stamp != cookie or not hmac.compare_digest(signature.encode(), self._signature(text).encode()):
            return False
        now_s, made_s = self._clock(), float(text.partition(".")[0])
        while self._used and next(iter(self._used.values())) < now_s - FORM_S:
            self._used.popitem(last=False)
        if now_s - made_s > FORM_S or text in self._used:
            return False
        self._used[text] = now_s
        return True

    def _signature(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
