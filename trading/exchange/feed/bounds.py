"""How long silence may last, how often is polled meanwhile, and how fast a lost connection comes back.

All in wall seconds. The venue pings, caps and key lives are those of MEXC's documentation.
"""

import random
from dataclasses import dataclass

from trading.exchange.feed.events import Kind
from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class Bounds:
    """Patience and pace of one feed.

    Parameters
    ----------
    quotes_s, candles_s, trades_s : float
        A stream of this kind that is silent for longer is polled until it speaks again. A thin market
        is silent too: polling costs little and, when it brings nothing new, proves the stream right.
    connection_s : float
        A connection on which no frame came for longer, not even the answer to a ping, is dead.
        The client pings every 8 s.
    confirm_s : float
        How long the venue may take to accept a subscription.
    suspect_s : float
        A silent stream gets this long to bring what polling has just brought; then it is resubscribed.
    settle_s : float
        How long after a bar's end its last push may come; then the closed bar is asked for.
    echo_s : float
        An order acknowledged over REST must show on the private stream within this.
    audit_s : float
        How often the resting orders of a streamed account are compared with REST: a private stream can
        die without a sign while nothing new is ordered.
    poll_quotes_s, poll_candles_s, poll_trades_s, poll_account_s : float
        Pace of polling while a stream does not serve.
    backoff_s, backoff_most_s : float
        First and longest wait before connecting again; doubled in between, cut by up to half at random.
    stable_s : float
        A connection that lived this long starts again at the first wait.
    tick_s : float
        How often a public feed looks whether something is due.
    per_connection : int
        Most streams of one connection (MEXC: 30).
    """

    quotes_s: float = 15.0
    candles_s: float = 30.0
    trades_s: float = 60.0
    connection_s: float = 20.0
    confirm_s: float = 10.0
    suspect_s: float = 3.0
    settle_s: float = 2.0
    echo_s: float = 5.0
    audit_s: float = 300.0
    poll_quotes_s: float = 3.0
    poll_candles_s: float = 2.0
    poll_trades_s: float = 5.0
    poll_account_s: float = 5.0
    backoff_s: float = 0.5
    backoff_most_s: float = 30.0
    stable_s: float = 60.0
    tick_s: float = 0.25
    per_connection: int = 30

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not value > 0:
                raise BadInput(f"{name} must be above 0, was {value}")

    def silent_s(self, kind: Kind) -> float:
        """Return for how long a public stream of `kind` may be silent."""
        return {Kind.QUOTES: self.quotes_s, Kind.CANDLES: self.candles_s}.get(kind, self.trades_s)

    def backoff(self, attempt: int, rng: random.Random) -> float:
        """Return the wait before connection `attempt` (0 = the first after a loss).

        Spread over its upper half, so that a thousand connections lost at once do not return at once.
        """
        full: float = min(self.backoff_most_s, self.backoff_s * 2 ** min(attempt, 30))
        return float(full * rng.uniform(0.5, 1.0))
