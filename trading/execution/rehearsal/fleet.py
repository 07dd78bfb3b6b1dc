"""What a rehearsal assumes of users, venue and engine. Weights are those of `trading.exchange.weights`."""

import math
from dataclasses import dataclass, field

from trading.exchange.budget import Shares
from trading.exchange.throttle import MOST_RATE_PER_S
from trading.exchange.weights import weight_of
from trading.market.errors import BadInput

ORDER = weight_of("POST", "order")
LOOK = weight_of("GET", "order")
OPEN_ORDERS = weight_of("GET", "openOrders")
FILLS = weight_of("GET", "myTrades")
BALANCES = weight_of("GET", "account")


@dataclass(frozen=True, slots=True)
class Fleet:
    """Users behind one address.

    Parameters
    ----------
    users, positions : int
        Users, and open positions of each.
    rate_per_s : float
        Weight per second that the address may spend.
    burst : float or None
        Weight that may go at once; a quarter of a second's worth (at least 1) where not given.
    rtt_s : float
        Seconds from the wire to the answer.
    late_s : float
        Mean lateness of timers in seconds.
    stream_s : float
        Seconds until a private stream tells of a fill.
    poll_share : float
        Of the rate, for looking after resting orders where there is no stream.
    seed : int
        Of everything that is drawn.
    """

    users: int = 1_000
    positions: int = 3
    rate_per_s: float = 20.0
    burst: float | None = None
    rtt_s: float = 0.1
    late_s: float = 0.002
    stream_s: float = 0.2
    poll_share: float = 0.2
    seed: int = 0
    shares: Shares = field(default_factory=Shares)

    def __post_init__(self) -> None:
        for name, least, most in (
            ("users", 1, 100_000),
            ("positions", 1, 100),
            ("rate_per_s", 0.01, MOST_RATE_PER_S),
            ("rtt_s", 0.0, 60.0),
            ("late_s", 0.0, 1.0),
            ("stream_s", 0.0, 3_600.0),
            ("poll_share", 0.001, 1.0),
        ):
            value = getattr(self, name)
            if not (least <= value <= most and math.isfinite(value)):
                raise BadInput(f"{name} must lie from {least:g} to {most:,.0f}, was {value}")
        if self.burst is not None and not 1 <= self.burst < math.inf:
            raise BadInput(f"burst must be at least 1 and finite, was {self.burst}")

    @property
    def bucket(self) -> float:
        """Weight that may go at once."""
        return max(1.0, self.rate_per_s / 4) if self.burst is None else self.burst

    @property
    def held(self) -> int:
        """Open positions of all users."""
        return self.users * self.positions

    def floor_s(self, weight: float) -> float:
        """Return the seconds that the limit alone asks for `weight`, from a full bucket."""
        return max(0.0, weight - self.bucket) / self.rate_per_s
