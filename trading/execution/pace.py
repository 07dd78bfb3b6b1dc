"""When to try something again: at once, then after pauses that double up to a limit, in wall time."""

from trading.market.clock import Clock


class Pace:
    """Remembers, per key, how often something was tried and when it is due again.

    Kept in memory on purpose: after a restart everything is due at once.
    """

    def __init__(self, wall: Clock, first_s: float, most_s: float) -> None:
        self._wall = wall
        self._first_ms = first_s * 1000
        self._most_ms = most_s * 1000
        self._tries: dict[str, int] = {}
        self._due_ms: dict[str, float] = {}

    def is_due(self, key: str) -> bool:
        """Whether `key` may be tried now."""
        return self._wall.now_ms() >= self._due_ms.get(key, 0)

    def tries(self, key: str) -> int:
        """Return how often `key` was put off."""
        return self._tries.get(key, 0)

    def put_off(self, key: str, *, most_s: float | None = None, least_s: float = 0.0) -> None:
        """Count a try in vain and set the next one, in no less than `least_s`."""
        tries = self._tries.get(key, 0)
        most_ms = self._most_ms if most_s is None else most_s * 1000
        self._tries[key] = tries + 1
        pause_ms = max(min(self._first_ms * 2 ** min(tries, 30), most_ms), least_s * 1000)
        self._due_ms[key] = self._wall.now_ms() + pause_ms

    def forget(self, key: str) -> None:
        """Drop what is known of `key`."""
        self._tries.pop(key, None)
        self._due_ms.pop(key, None)
