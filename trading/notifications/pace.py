"""How fast Telegram may be written to: 25 a second in all, one a second to a chat, 18 a minute to a group.

Telegram's own numbers (30, 1, 20) are a step further; the difference pays for what a network does to a gap.
25 a second is an average: what a busy machine lost while messages waited is caught up, up to a second's
worth, and never more than 28 arrive in any second, counted from answers, so that no delay on the way adds to
it. A pause without work earns a burst of 3 only. Nothing here sleeps or reads a clock: seconds of one
monotonic clock are passed in.
"""

from collections import OrderedDict, deque

PER_SECOND, BURST = 25.0, 3.0
CREDIT = 25.0  # what may be caught up after a stall: a second's worth
MOST, MOST_S = 28, 1.02  # in any second; two hundredths pay for two clocks
CHAT_GAP_S = 1.05
GROUP_MOST, GROUP_S = 18, 60.0


class Pace:
    """Says how long to wait, and remembers what was sent. Chats with a negative id are groups.

    Parameters
    ----------
    per_second : float
        Messages a second over all chats.
    burst : float
        How many may go at once after a pause.
    """

    def __init__(self, *, per_second: float = PER_SECOND, burst: float = BURST) -> None:
        self._rate = per_second
        self._burst = burst
        self._tokens = burst
        self._at = 0.0
        self._until = 0.0
        self._newest: deque[float] = deque(maxlen=MOST)  # when each was surely there
        self._last: OrderedDict[int, float] = OrderedDict()
        self._group: dict[int, deque[float]] = {}

    def wait_s(self, now: float) -> float:
        """Return the seconds until anything may be sent; 0 = now."""
        self._refill(now)
        missing = max(0.0, 1.0 - self._tokens) / self._rate
        full = self._newest[0] + MOST_S - now if len(self._newest) == MOST else 0.0
        # Below a microsecond it is rounding: waiting for it would never end.
        return max(missing if missing > 1e-6 else 0.0, full if full > 1e-6 else 0.0, self._until - now, 0.0)

    def chat_wait_s(self, chat: int, now: float) -> float:
        """Return the seconds until this chat may be sent something, the others apart; 0 = now."""
        last = self._last.get(chat)
        wait = 0.0 if last is None else last + CHAT_GAP_S - now
        sent = self._group.get(chat)
        if sent is not None and len(sent) >= GROUP_MOST:
            wait = max(wait, sent[-GROUP_MOST] + GROUP_S + CHAT_GAP_S - now)
        return max(wait, 0.0)

    def resting(self, now: float) -> list[int]:
        """Return the chats that may not be sent anything now."""
        return [chat for chat in [*self._last, *self._group] if self.chat_wait_s(chat, now) > 0]

    def take(self, chat: int, now: float) -> None:
        """Count a message to `chat` that is sent now."""
        self._refill(now)
        self._tokens -= 1.0
        self._newest.append(now)
        self._last[chat] = now
        self._last.move_to_end(chat)
        while self._last and next(iter(self._last.values())) + CHAT_GAP_S <= now:
            self._last.popitem(last=False)
        if chat < 0:
            sent = self._group.setdefault(chat, deque(maxlen=GROUP_MOST))
            sent.append(now)

    def answered(self, chat: int, now: float) -> None:
        """Count from when the newest message was surely there: a slow network must not shorten a gap."""
        if self._newest:
            self._newest[-1] = max(self._newest[-1], now)
        if chat in self._last:
            self._last[chat] = now

    def idle(self, now: float) -> None:
        """Nothing waits: what is not used now is not caught up later, but for the burst."""
        self._refill(now)
        self._tokens = min(self._tokens, self._burst)

    def rest(self, seconds: float, now: float) -> None:
        """Send nothing for so long: Telegram said so (429). A rest is not caught up."""
        self.idle(now)
        self._until = max(self._until, now + seconds)
        self._at = max(self._at, self._until)

    def _refill(self, now: float) -> None:
        self._tokens = min(CREDIT, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
