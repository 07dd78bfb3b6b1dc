"""Costs by stage, the floor, and the ratio to it: worked out by hand."""

from dataclasses import dataclass, field, replace

import pytest

from trading.exchange.throttle import LimiterStats
from trading.scan.account import Account, ScanReport, StageCost


@dataclass
class Bucket:
    rate_per_s: float = 50.0
    burst: float = 12.5
    stats: LimiterStats = field(default_factory=LimiterStats)


REPORT = ScanReport(
    is_cold=True,
    timeframe="15m",
    source="ccxt",
    stages=[StageCost("listing", 10, 9, wait_s=0.25), StageCost("candles", 9, 9, wait_s=1.5)],
    rate=50.0,
    burst=12.5,
    requests=100,
    weight=2_676,
    elapsed_s=55.0,
    cpu_s=7.0,
    http_429=0,
    symbols=9,
    kept=[],
    bars=0,
    failed={},
    quarantined={},
    batches=1,
    in_flight=64,
)


def test_floor_is_weight_beyond_the_burst_over_the_rate() -> None:
    """(2,676 - 12.5) / 50 = 53.27 s; 55 s are 1.0325 of it."""
    assert REPORT.floor_s == pytest.approx(53.27)
    assert REPORT.ratio == pytest.approx(1.0325, abs=1e-4)
    assert REPORT.wait_s == 1.75


def test_no_ratio_where_everything_fits_into_the_bucket() -> None:
    """Weight 466 with a bucket of 500: the floor is 0, never negative, and nothing is divided by it."""
    fits = replace(REPORT, weight=466, burst=500.0)
    assert (fits.floor_s, fits.ratio) == (0.0, None)
    assert fits.to_dict()["ratio"] is None


def test_each_stage_is_charged_with_what_happened_inside_it() -> None:
    """Counters before are not its own; CPU and wall come from the clocks passed in."""
    bucket, wall, cpu = Bucket(), [100.0], [5.0]
    bucket.stats.requests = bucket.stats.weight = 7
    account = Account(bucket, wall=lambda: wall[0], cpu=lambda: cpu[0])
    account.begin()
    with account.stage("listing") as cost:
        bucket.stats.requests += 2
        bucket.stats.weight += 26
        bucket.stats.wait_s += 3.0
        bucket.stats.held_s += 2.0
        wall[0], cpu[0] = 104.0, 5.5
        cost.came_in, cost.went_out = 10, 9
    with account.stage("tickers"):
        bucket.stats.http_429 += 1
        wall[0] = 105.0
    assert account.stages[0] == StageCost(
        "listing", 10, 9, requests=2, weight=26, wait_s=2.0, wait_sum_s=3.0, cpu_s=0.5, elapsed_s=4.0
    )
    total = account.total()
    assert (total.requests, total.weight, total.elapsed_s, total.cpu_s) == (2, 26, 5.0, 0.5)
    assert account.refusals == 1


def test_stage_is_charged_also_when_it_fails() -> None:
    """What was spent before the error was spent."""
    bucket = Bucket()
    account = Account(bucket)
    account.begin()

    def fail() -> None:
        with account.stage("listing"):
            bucket.stats.requests += 3
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fail()
    assert account.stages[0].requests == 3
