"""Weighted rate limits in wall time: one token bucket per address, one per API key.

MEXC states 500 weight per 10 s; other sources say 300, and its support says 20 requests a second.
Here a bucket holds ten seconds' worth (500 at the default 50/s) and refills continuously, so a
client that keeps to the rate is never refused and one that bursts gets its 500 at once. Public
calls draw on the address, signed calls on the key (a signature that fails draws on the address).
Who keeps knocking while refused is banned with 418, twice as long each time, as MEXC threatens
(2 minutes to 3 days).
"""

import math
from dataclasses import dataclass, field

from trading.market.errors import BadInput
from trading.simulator.wire import Refusal

BURST_S = 10.0

# ccxt 4.5.90's table (describe()['api']), which follows MEXC's documentation.
WEIGHTS: dict[tuple[str, str], int] = {
    ("GET", "symbol/offline"): 10,
    ("GET", "exchangeInfo"): 25,
    ("GET", "depth"): 3,
    ("GET", "trades"): 5,
    ("GET", "ticker/24hr"): 25,
    ("GET", "ticker/price"): 10,
    ("GET", "ticker/bookTicker"): 10,
    ("GET", "order"): 2,
    ("GET", "openOrders"): 3,
    ("GET", "allOrders"): 10,
    ("GET", "account"): 10,
    ("GET", "myTrades"): 10,
    ("GET", "tradeFee"): 20,
    ("GET", "capital/config/getall"): 10,
    ("GET", "capital/deposit/hisrec"): 1,
    ("GET", "capital/withdraw/history"): 1,
    ("POST", "batchOrders"): 10,
}


def weight_of(method: str, name: str) -> int:
    """Return what one call of endpoint `name` (path after /api/v3/) costs."""
    return WEIGHTS.get((method, name), 1)


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How fast a client may go and what happens to one that does not care.

    `rate_per_s` is weight per wall second (0 = no limit), for each address and each key; `burst` is what
    a full bucket holds (None: ten seconds' worth);
    `ban_after` refusals in a row (with less than `calm_s` between them) bring a ban of `ban_s`,
    doubling up to `max_ban_s`.
    """

    rate_per_s: float = 50.0
    burst: float | None = None
    ban_after: int = 100
    ban_s: float = 120.0
    max_ban_s: float = 3 * 86_400.0
    calm_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse a bucket that could never give anything."""
        if self.burst is not None and self.burst < 1:
            raise BadInput(f"burst must be at least 1, was {self.burst:g}")

    @property
    def bucket(self) -> float:
        """Weight that a full bucket holds."""
        return self.rate_per_s * BURST_S if self.burst is None else self.burst


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float
    strikes: int = 0
    last_strike_s: float = -math.inf
    bans: int = 0
    banned_until_s: float = -math.inf


@dataclass(slots=True)
class Limiter:
    """All buckets of one exchange."""

    settings: LimitSettings = field(default_factory=LimitSettings)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    refused: int = 0
    spent: int = 0

    def spend(self, who: str, weight: int, wall_s: float) -> None:
        """Take `weight` from the bucket of `who` at wall time `wall_s` (monotonic seconds).

        Raises
        ------
        Refusal
            429 with Retry-After when the bucket is too low, 418 while banned.
        """
        rate = self.settings.rate_per_s
        if rate <= 0:
            return
        burst = self.settings.bucket
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = _Bucket(burst, wall_s)
        if wall_s < bucket.banned_until_s:
            self.refused += 1
            raise _banned(bucket.banned_until_s - wall_s)
        bucket.tokens = min(burst, bucket.tokens + (wall_s - bucket.at_s) * rate)
        bucket.at_s = wall_s
        # A call heavier than the whole bucket must be possible at all: it waits for a full one.
        need = min(float(weight), burst)
        if bucket.tokens >= need:
            bucket.tokens -= need
            self.spent += weight
            return
        self.refused += 1
        self._strike(bucket, wall_s)
        wait_s = (need - bucket.tokens) / rate
        raise Refusal(429, "Too Many Requests", status=429, retry_after_s=max(1, math.ceil(wait_s)))

    def check_ban(self, who: str, wall_s: float) -> None:
        """Refuse `who` with 418 while it is banned; costs nothing."""
        bucket = self._buckets.get(who)
        if bucket is not None and wall_s < bucket.banned_until_s:
            self.refused += 1
            raise _banned(bucket.banned_until_s - wall_s)

    def used(self, who: str, wall_s: float) -> float:
        """Return how much of the bucket of `who` is spent right now."""
        bucket = self._buckets.get(who)
        if bucket is None:
            return 0.0
        burst = self.settings.bucket
        return burst - min(burst, bucket.tokens + (wall_s - bucket.at_s) * self.settings.rate_per_s)

    def _strike(self, bucket: _Bucket, wall_s: float) -> None:
        calm = wall_s - bucket.last_strike_s > self.settings.calm_s
        bucket.strikes = 1 if calm else bucket.strikes + 1
        bucket.last_strike_s = wall_s
        if bucket.strikes < self.settings.ban_after:
            return
        ban_s = min(self.settings.ban_s * 2**bucket.bans, self.settings.max_ban_s)
        bucket.bans += 1
        bucket.strikes = 0
        bucket.banned_until_s = wall_s + ban_s
        raise _banned(ban_s)


def _banned(left_s: float) -> Refusal:
    return Refusal(
        418, "Way too many requests; IP banned", status=418, retry_after_s=max(1, math.ceil(left_s))
    )
