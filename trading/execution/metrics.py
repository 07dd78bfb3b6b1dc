"""What the engine tells Prometheus: names, meanings, and where each number comes from.

A registry of its own, so that nothing of the process adds to it. No label holds a user or a symbol: states,
legs, levels, rules and kinds are words of this program, and rules are cut at `MOST_RULES`. Counts of rows are
read from the order log by the scraping thread; what lives on the event loop is copied there once a second.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trading.exchange.throttle import LimiterLook, LimiterStats
from trading.market.errors import StoreError
from trading.store.order_log.counts import Counts
from trading.store.order_log.group_commit import Writer

MOST_RULES = 60  # more rules than there are in the code; what is beyond is counted as "other"
LOOK_S = 0.05  # between two looks at the loop's lag
COPY_S = 1.0  # between two copies of what lives on the loop, and between two reads of the log
_LAGS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_WRITES_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

# name -> (type, labels, meaning); docs/reference/metrics.md lists the same, a test compares them.
METRICS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "sluice_orders": ("gauge", ("state",), "Intents in the order log by state."),
    "sluice_orders_pending": ("gauge", ("leg",), "Orders that are not settled: NEW, SENT, ACKED, UNKNOWN."),
    "sluice_skips_total": (
        "counter",
        ("rule",),
        "Signals that users did not follow, by the rule that said no.",
    ),
    "sluice_positions_open": ("gauge", (), "Open round trips."),
    "sluice_exits_armed": ("gauge", (), "Open round trips whose exit nothing holds up."),
    "sluice_exits_held_up": ("gauge", (), "Open round trips whose exit cannot go on by itself."),
    "sluice_halts": ("gauge", ("kind",), "Halts that hold."),
    "sluice_outbox_waiting": ("gauge", ("reader",), "Events not yet delivered (messages) or cached."),
    "sluice_users": ("gauge", (), "Users in the log."),
    "sluice_accounts_reconciled": ("gauge", (), "Accounts that agree with the venue; others enter nothing."),
    "sluice_reconcile_findings": ("gauge", ("kind",), "What reconciliation found since the start."),
    "sluice_shards_held": ("gauge", (), "Shards of users that this process serves."),
    "sluice_limiter_tokens": ("gauge", (), "Weight that may go at once; below 0 is debt."),
    "sluice_limiter_pace_per_second": (
        "gauge",
        (),
        "Weight per second now; lower than the rate after a 429.",
    ),
    "sluice_limiter_waiting": ("gauge", ("level",), "Requests of this process that wait for their turn."),
    "sluice_limiter_requests_total": ("counter", (), "Requests since the start."),
    "sluice_limiter_weight_total": ("counter", (), "Weight of them."),
    "sluice_limiter_wait_seconds_total": ("counter", (), "Seconds that requests waited, side by side."),
    "sluice_limiter_refusals_total": ("counter", (), "Answers 429 or 418."),
    "sluice_feed_streams": ("gauge", ("source",), "Streams of live prices that are streamed, or polled."),
    "sluice_feed_oldest_seconds": ("gauge", (), "Age of the last word of the most silent stream."),
    "sluice_feed_reconnects_total": ("counter", (), "Streams that came back."),
    "sluice_loop_lag_seconds": ("histogram", (), "How much later than asked the event loop woke a timer."),
    "sluice_log_write_seconds": ("histogram", (), "From a write's request to its being on disk."),
    "sluice_last_beat_timestamp_seconds": ("gauge", (), "Unix time at which the loop last copied its state."),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A copy of what lives on the event loop."""

    now_ms: int
    reconciled: int
    findings: Mapping[str, int]
    shards: int
    limiter: LimiterLook
    stats: LimiterStats
    streams: Mapping[str, int] = field(default_factory=dict)
    oldest_s: float = 0.0
    reconnects: int = 0


class TimedWriter:
    """A `Writer` that notes how long each write took to be on disk."""

    def __init__(self, writer: Writer, seconds: Histogram) -> None:
        self._writer, self._seconds = writer, seconds

    async def do[T](self, work: Callable[[], T], *, within_s: float = 0.0) -> T:
        """As the writer behind it."""
        with self._seconds.time():
            return await self._writer.do(work, within_s=within_s)

    def close(self) -> None:
        """End the writer behind it."""
        close = getattr(self._writer, "close", None)
        if close is not None:
            close()


class EngineMetrics(Collector):
    """One engine's numbers in a registry of their own."""

    def __init__(self, counts: Counts, facts: Callable[[], Facts]) -> None:
        self._counts = counts
        self._look = facts
        self._facts = facts()
        self._copied_s = time.time()
        self._read: tuple[float, list[Metric]] | None = None
        self.registry = CollectorRegistry()
        self.lag = self._histogram("sluice_loop_lag_seconds", _LAGS_S)
        self.writes = self._histogram("sluice_log_write_seconds", _WRITES_S)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    async def pulse(self) -> None:
        """Measure the loop's lag and copy its state, until cancelled."""
        copied = time.monotonic()
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(LOOK_S)
            self.lag.observe(max(0.0, time.perf_counter() - asked - LOOK_S))
            if time.monotonic() - copied >= COPY_S:
                copied = time.monotonic()
                self._facts, self._copied_s = self._look(), time.time()

    def describe(self) -> Iterable[Metric]:
        """Say nothing before the first scrape: the registry would read the log for it."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Give every number but the histograms; rows of the log at most once a second."""
        yield from self._of_the_log()
        yield from _of_the_loop(self._facts, self._copied_s)

    def _of_the_log(self) -> list[Metric]:
        now = time.monotonic()
        if self._read is None or now - self._read[0] >= COPY_S:
            try:
                self._read = now, list(self._rows())
            except StoreError:  # the log refuses: the other numbers are wanted all the more
                return []
        return self._read[1]

    def _rows(self) -> Iterator[Metric]:
        counts = self._counts
        positions, held_up = counts.positions()
        yield gauge("sluice_orders", counts.orders())
        yield gauge("sluice_orders_pending", counts.pending())
        yield counter("sluice_skips_total", bounded(counts.skips(self._facts.now_ms)))
        yield gauge("sluice_positions_open", positions)
        yield gauge("sluice_exits_armed", positions - held_up)
        yield gauge("sluice_exits_held_up", held_up)
        yield gauge("sluice_halts", counts.halts())
        yield gauge("sluice_outbox_waiting", counts.waiting())
        yield gauge("sluice_users", counts.users())

    def _histogram(self, name: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, METRICS[name][2], buckets=buckets, registry=self.registry)


def _of_the_loop(facts: Facts, copied_s: float) -> Iterator[Metric]:
    yield gauge("sluice_accounts_reconciled", facts.reconciled)
    yield gauge("sluice_reconcile_findings", facts.findings)
    yield gauge("sluice_shards_held", facts.shards)
    yield gauge("sluice_limiter_tokens", facts.limiter.tokens)
    yield gauge("sluice_limiter_pace_per_second", facts.limiter.pace_per_s)
    waiting = {level.name.lower(): count for level, count in facts.limiter.waiting.items()}
    yield gauge("sluice_limiter_waiting", waiting)
    yield counter("sluice_limiter_requests_total", facts.stats.requests)
    yield counter("sluice_limiter_weight_total", facts.stats.weight)
    yield counter("sluice_limiter_wait_seconds_total", facts.stats.wait_s)
    yield counter("sluice_limiter_refusals_total", facts.stats.http_429)
    yield gauge("sluice_feed_streams", facts.streams)
    yield gauge("sluice_feed_oldest_seconds", facts.oldest_s)
    yield counter("sluice_feed_reconnects_total", facts.reconnects)
    yield gauge("sluice_last_beat_timestamp_seconds", copied_s)


def bounded(counted: Mapping[str, int]) -> dict[str, int]:
    """Return the counts with at most `MOST_RULES` names; the rest is `other`."""
    names = sorted(counted, key=lambda name: (-counted[name], name))
    kept = {name: counted[name] for name in names[:MOST_RULES]}
    rest = sum(counted[name] for name in names[MOST_RULES:])
    return kept | ({"other": rest} if rest else {})


def gauge(name: str, values: float | Mapping[str, int]) -> Metric:
    """Return a gauge of `METRICS`: one value, or one per word of its label."""
    return _filled(GaugeMetricFamily(name, METRICS[name][2], labels=METRICS[name][1]), values)


def counter(name: str, values: float | Mapping[str, int]) -> Metric:
    """Return a counter of `METRICS`."""
    return _filled(CounterMetricFamily(name, METRICS[name][2], labels=METRICS[name][1]), values)


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, values: float | Mapping[str, int]
) -> GaugeMetricFamily | CounterMetricFamily:
    if isinstance(values, Mapping):
        for word, value in values.items():
            family.add_metric([word], value)
    else:
        family.add_metric([], values)
    return family
