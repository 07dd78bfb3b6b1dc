"""Listen keys of the user data stream: made, kept alive, closed; an hour of wall time each."""

import secrets
from dataclasses import dataclass, field

from trading.simulator.wire import Refusal

LIFE_S = 3_600.0
MAX_KEYS = 60


@dataclass(slots=True)
class ListenKeys:
    """Which listen keys live, and whose they are."""

    life_s: float = LIFE_S
    _keys: dict[str, tuple[str, float]] = field(default_factory=dict)

    def make(self, account_key: str, wall_s: float) -> str:
        """Return a new key of the account."""
        if len(self.of(account_key, wall_s)) >= MAX_KEYS:
            raise Refusal(30029, "Cannot exceed the maximum listen key limit")
        key = secrets.token_hex(32)
        self._keys[key] = (account_key, wall_s + self.life_s)
        return key

    def keep(self, account_key: str, key: str, wall_s: float) -> None:
        """Give a key another hour."""
        self._check(account_key, key, wall_s)
        self._keys[key] = (account_key, wall_s + self.life_s)

    def close(self, account_key: str, key: str, wall_s: float) -> None:
        """End a key."""
        self._check(account_key, key, wall_s)
        del self._keys[key]

    def of(self, account_key: str, wall_s: float) -> list[str]:
        """Return the live keys of an account."""
        self._keys = {key: owner for key, owner in self._keys.items() if owner[1] > wall_s}
        return [key for key, owner in self._keys.items() if owner[0] == account_key]

    def owner(self, key: str, wall_s: float) -> str | None:
        """Return the account whose live key this is; None for an unknown or expired one."""
        owner = self._keys.get(key)
        return None if owner is None or owner[1] <= wall_s else owner[0]

    def expire(self, key: str) -> None:
        """Let a key be over, as if its hour had passed."""
        self._keys.pop(key, None)

    def _check(self, account_key: str, key: str, wall_s: float) -> None:
        owner = self._keys.get(key)
        if owner is None or owner[0] != account_key or owner[1] <= wall_s:
            raise Refusal(33333, "listenKey does not exist")
