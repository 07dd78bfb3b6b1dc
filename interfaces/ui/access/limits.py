"""How often somebody may try: token buckets by name, bounded in number."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic


class Limit:
    """At most `burst` tries at once and `per_minute` in the long run, for each key and for all together.

    Parameters
    ----------
    burst, per_minute : float
        Of one key.
    all_per_minute : float
        Of everybody, with the same as burst.
    keys : int
        Keys remembered; the longest unseen is forgotten first, which gives it a full bucket again. The bound
        of everybody holds all the same.
    """

    def __init__(
        self,
        burst: float,
        per_minute: float,
        *,
        all_per_minute: float,
        keys: int = 10_000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._burst, self._rate, self._keys, self._clock = burst, per_minute / 60, keys, clock
        self._all = (all_per_minute, clock())
        self._all_burst, self._all_rate = all_per_minute, all_per_minute / 60
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def peek(self, key: str) -> float:
        """Return the seconds until `key` may try, 0.0 for now, and count nothing."""
        return self._wait(*self._filled_now(key))

    def take(self, key: str) -> float:
        """Return 0.0 if `key` may try now (and count it), else the seconds until it may."""
        own, everybody = self._filled_now(key)
        now_s, wait_s = self._clock(), self._wait(own, everybody)
        if wait_s == 0:
            own, everybody = own - 1, everybody - 1
        self._held[key], self._all = (own, now_s), (everybody, now_s)
        self._held.move_to_end(key)
        while len(self._held) > self._keys:
            self._held.popitem(last=False)
        return wait_s

    def _filled_now(self, key: str) -> tuple[float, float]:
        now_s = self._clock()
        own = _filled(self._held.get(key, (self._burst, now_s)), now_s, self._rate, self._burst)
        return own, _filled(self._all, now_s, self._all_rate, self._all_burst)

    def _wait(self, own: float, everybody: float) -> float:
        buckets = ((own, self._rate), (everybody, self._all_rate))
        return max(((1 - left) / rate for left, rate in buckets if left < 1), default=0.0)


def _filled(held: tuple[float, float], now_s: float, rate: float, burst: float) -> float:
    left, at_s = held
    return min(burst, left + (now_s - at_s) * rate)
