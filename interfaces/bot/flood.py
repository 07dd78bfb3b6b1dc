"""How much one person may ask: a small bucket each, forgotten when full again. Seconds are passed in."""

from collections import OrderedDict

BURST, PER_SECOND = 10.0, 1 / 3
_KNOWN = 10_000


class Floods:
    """Buckets by Telegram id; at most 10,000 of them, the longest unseen goes first."""

    def __init__(self, *, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._rate = per_second
        self._left: OrderedDict[int, tuple[float, float]] = OrderedDict()
        self._warned: OrderedDict[int, float] = OrderedDict()

    def allows(self, person: int, now: float) -> bool:
        """Whether this person may ask something now; counts it if so."""
        left, at = self._left.pop(person, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        is_fine = left >= 1
        self._left[person] = (left - 1 if is_fine else left, now)
        if len(self._left) > _KNOWN:
            self._left.popitem(last=False)
        return is_fine

    def may_warn(self, person: int, now: float) -> bool:
        """Whether to tell this person something that they did not earn: once a minute."""
        last = self._warned.pop(person, None)
        is_due = last is None or now - last >= 60
        self._warned[person] = now if is_due or last is None else last
        if len(self._warned) > _KNOWN:
            self._warned.popitem(last=False)
        return is_due
