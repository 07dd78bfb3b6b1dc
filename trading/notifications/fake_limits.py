"""Telegram's limits as the fake server counts them: every window of arrivals, on its own clock."""

from collections import deque
from dataclasses import dataclass, field

ALL_MOST, ALL_S = 30, 1.0
CHAT_GAP_S = 1.0
GROUP_MOST, GROUP_S = 20, 60.0


@dataclass(slots=True)
class Windows:
    """What arrived, the fullest windows there were, and what broke a limit. Seconds of one clock."""

    most_per_second: int = 0
    most_per_minute_of_a_group: int = 0
    shortest_gap_s: float | None = None
    breaks: list[str] = field(default_factory=list)
    _all: deque[float] = field(default_factory=deque)
    _last: dict[int, float] = field(default_factory=dict)
    _groups: dict[int, deque[float]] = field(default_factory=dict)

    def arrived(self, chat: int, at: float) -> float | None:
        """Count a message; return the seconds to wait if it broke a limit, None if it did not."""
        before = len(self.breaks)
        self.most_per_second = max(self.most_per_second, _push(self._all, at, ALL_S))
        if len(self._all) > ALL_MOST:
            self._broken(f"{len(self._all)} messages within a second")
        last = self._last.get(chat)
        if chat < 0:
            count = _push(self._groups.setdefault(chat, deque()), at, GROUP_S)
            self.most_per_minute_of_a_group = max(self.most_per_minute_of_a_group, count)
            if count > GROUP_MOST:
                self._broken(f"{count} messages to group {chat} within a minute")
        if last is not None:
            gap = at - last
            self.shortest_gap_s = gap if self.shortest_gap_s is None else min(self.shortest_gap_s, gap)
            if gap < CHAT_GAP_S:
                self._broken(f"two messages to chat {chat} within {gap:.3f} s")
        self._last[chat] = at
        return None if len(self.breaks) == before else 1.0

    def _broken(self, how: str) -> None:
        self.breaks.append(how)


def _push(window: deque[float], at: float, seconds: float) -> int:
    window.append(at)
    while window[0] <= at - seconds:
        window.popleft()
    return len(window)
