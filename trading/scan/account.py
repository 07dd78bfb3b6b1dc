"""What each stage of a scan cost, and what the limiter alone would have cost.

The floor is (total weight - the bucket's burst) / rate: the soonest that the last request may leave when
the first one finds a full bucket. Nothing is measured in market time here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Protocol


class Tally(Protocol):
    """The limiter's counters since its start (`trading.exchange.throttle.LimiterStats`)."""

    requests: int
    weight: int
    wait_s: float
    held_s: float
    http_429: int


class Bucket(Protocol):
    """The limiter, as far as the account needs it."""

    rate_per_s: float
    burst: float

    @property
    def stats(self) -> Tally:
        """Counters since the start."""
        ...


@dataclass(slots=True)
class StageCost:
    """One stage. `came_in` and `went_out` count symbols; None where it saw none.

    `wait_s` are wall seconds during which the limiter held requests back, `wait_sum_s` the waits of all
    requests added up; `cpu_s` is of this process, all threads. `reason` tells what dropped most.
    """

    stage: str
    came_in: int | None = None
    went_out: int | None = None
    requests: int = 0
    weight: int = 0
    wait_s: float = 0.0
    wait_sum_s: float = 0.0
    cpu_s: float = 0.0
    elapsed_s: float = 0.0
    reason: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return it as plain data, ready for JSON."""
        plain = {name: _rounded(value) for name, value in asdict(self).items()}
        return {
            "stage": plain.pop("stage"),
            "in": plain.pop("came_in"),
            "out": plain.pop("went_out"),
            **plain,
        }


@dataclass(frozen=True, slots=True)
class ScanReport:
    """The whole scan; `elapsed_s` runs from the first request to the last verdict.

    `symbols` counts those that candles were wanted of, `kept` those the screen let through; `failed` maps
    a symbol to its reason; `quarantined` counts rows by reason.
    """

    is_cold: bool
    timeframe: str
    source: str
    stages: list[StageCost]
    rate: float
    burst: float
    requests: int
    weight: int
    elapsed_s: float
    cpu_s: float
    http_429: int
    symbols: int
    kept: list[str]
    bars: int
    failed: dict[str, str]
    quarantined: dict[str, int]
    batches: int
    in_flight: int

    @property
    def floor_s(self) -> float:
        """Seconds that the limiter alone asks for."""
        return max(0.0, (self.weight - self.burst) / self.rate)

    @property
    def ratio(self) -> float | None:
        """Elapsed over floor; None where the floor is 0."""
        return self.elapsed_s / self.floor_s if self.floor_s > 0 else None

    @property
    def wait_s(self) -> float:
        """Wall seconds during which the limiter held requests back."""
        return sum(stage.wait_s for stage in self.stages)

    def to_dict(self) -> dict[str, object]:
        """Return what `sluice scan --json` prints."""
        ratio = self.ratio
        return {
            "stages": [stage.to_dict() for stage in self.stages],
            "requests": self.requests,
            "weight": self.weight,
            "elapsed_s": round(self.elapsed_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "floor_s": round(self.floor_s, 3),
            "ratio": None if ratio is None else round(ratio, 4),
            "http_429": self.http_429,
            "is_cold": self.is_cold,
            "timeframe": self.timeframe,
            "source": self.source,
            "rate": self.rate,
            "burst": self.burst,
            "wait_s": round(self.wait_s, 3),
            "symbols": self.symbols,
            "kept": len(self.kept),
            "bars": self.bars,
            "failed": self.failed,
            "quarantined": self.quarantined,
            "batches": self.batches,
            "in_flight": self.in_flight,
        }


@dataclass(slots=True)
class Account:
    """Keeps the stages of one scan; `begin` starts the clock.

    Parameters
    ----------
    bucket : Bucket
        The limiter that all requests of the scan pass.
    """

    bucket: Bucket
    wall: Callable[[], float] = time.monotonic
    cpu: Callable[[], float] = time.process_time
    stages: list[StageCost] = field(default_factory=list)
    _start: "_Reading | None" = None

    def begin(self) -> None:
        """Start the clock: the next request is the first one."""
        self._start = self._read()

    @contextmanager
    def stage(self, name: str) -> Iterator[StageCost]:
        """Measure the block as stage `name`; it fills in the symbols."""
        cost = StageCost(name)
        self.stages.append(cost)
        before = self._read()
        try:
            yield cost
        finally:
            self._charge(cost, before)

    def total(self) -> StageCost:
        """Return what everything since `begin` took."""
        cost = StageCost("all")
        self._charge(cost, self._start or self._read())
        return cost

    @property
    def refusals(self) -> int:
        """429 and 418 since `begin`."""
        start = self._start or self._read()
        return self.bucket.stats.http_429 - start.http_429

    def _charge(self, cost: StageCost, before: "_Reading") -> None:
        now = self._read()
        cost.requests = now.requests - before.requests
        cost.weight = now.weight - before.weight
        cost.wait_s = now.held_s - before.held_s
        cost.wait_sum_s = now.wait_s - before.wait_s
        cost.cpu_s = now.cpu_s - before.cpu_s
        cost.elapsed_s = now.wall_s - before.wall_s

    def _read(self) -> "_Reading":
        stats = self.bucket.stats
        return _Reading(
            requests=stats.requests,
            weight=stats.weight,
            wait_s=stats.wait_s,
            held_s=stats.held_s,
            http_429=stats.http_429,
            cpu_s=self.cpu(),
            wall_s=self.wall(),
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    requests: int
    weight: int
    wait_s: float
    held_s: float
    http_429: int
    cpu_s: float
    wall_s: float


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
