"""The live phase: the market is held while we think, every bar ticks once, the engine is killed once.

Line, market and engine are stand-ins with the methods the phase uses; the order log is real. The real
ones meet in test_run_command.py.
"""

import itertools
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from interfaces.run import live
from interfaces.run.line import JobResult
from interfaces.run.live import KILL_BY, KILL_WITH_BOTH, KILL_WITH_EITHER, is_time_to_kill, trade
from interfaces.run.processes import Engine
from trading.market.errors import SluiceError
from trading.market.timeframes import timeframe
from trading.store.order_log import OrderLog

QUARTER = timeframe("15m")
START = datetime(2025, 3, 3, 0, 4, tzinfo=UTC)
# A bar in ten milliseconds, so that half a second holds a handful of them.
SPEED = 90_000.0


class Market:
    """Time goes on by a minute at every look while it runs, and not at all while it is held."""

    def __init__(self) -> None:
        self.speed, self.speeds, self.moment = 1.0, [], START

    def now(self) -> datetime:
        if self.speed > 1:
            self.moment += timedelta(minutes=1)
        return self.moment

    def set_speed(self, speed: float) -> None:
        self.speed = speed
        self.speeds.append(speed)


class Line:
    """Notes when it was asked to think, and at what speed the market ran meanwhile."""

    def __init__(self, market: Market, fails_at: int | None = None) -> None:
        self.market, self.fails_at = market, fails_at
        self.ticks: list[tuple[datetime, float]] = []
        self.sensors = 0
        self.tags: list[dict[str, str]] = []
        self.ops: list[dict[str, dict[str, dict[str, bool]]]] = []

    def run(self, job, *, tags=None, ops=None):
        assert job == "signal_tick"
        if len(self.ticks) == self.fails_at:
            raise SluiceError("signal_tick failed: the venue answered nonsense")
        self.ticks.append((self.market.now(), self.market.speed))
        self.tags.append(dict(tags))
        self.ops.append(ops)
        return JobResult("run", 0.0, {})

    def fire_sensor(self, sensor):
        assert sensor == "approved_symbols_sensor"
        self.sensors += 1
        return []


class Child:
    """An engine's process as the phase sees it."""

    name = "engine"

    def __init__(self, pid: int, dies_after: int | None = None) -> None:
        self.pid, self.is_running, self.was_killed, self.was_stopped = pid, True, False, False
        self._looks = itertools.count(1)
        self._dies_after = dies_after

    def require_running(self):
        if self._dies_after is not None and next(self._looks) > self._dies_after:
            self.is_running = False
        if not self.is_running:
            raise SluiceError("engine ended with code 1")

    def kill(self):
        self.is_running, self.was_killed = False, True

    def stop(self):
        self.is_running, self.was_stopped = False, True


class Engines:
    """Starts engines that beat at once and keeps them for a look afterwards."""

    def __init__(self, folder, dies_after: int | None = None) -> None:
        self.folder, self.dies_after, self.children = folder, dies_after, []

    def __call__(self) -> Engine:
        child = Child(100 + len(self.children), self.dies_after)
        self.children.append(child)
        beat = self.folder / "engine.json"
        beat.write_text(f'{{"pid": {child.pid}}}')
        return Engine(child, beat)


@pytest.fixture(autouse=True)
def _nobody_waits_for_orders_that_never_come(monkeypatch):
    monkeypatch.setattr(live, "KILL_PATIENCE_S", 0.02)


@pytest.fixture
def log(tmp_path):
    with closing(OrderLog(f"sqlite:///{tmp_path / 'orders.db'}")) as found:
        yield found


def go(log, engines, *, seconds=0.8, line=None, market=None):
    market = market or Market()
    line = line or Line(market)
    seen = []
    phase = trade(
        line,
        market,
        log,
        start_engine=engines,
        timeframe=QUARTER,
        speed=SPEED,
        seconds=seconds,
        on_tick=lambda phase, moment: seen.append((phase.ticks, moment)),
    )
    return phase, market, line, seen


def test_the_market_stands_still_while_the_line_thinks(log, tmp_path):
    """At 900 times the pace of the world, a second of thinking would be a whole bar of price."""
    _, market, line, _ = go(log, Engines(tmp_path))
    assert len(line.ticks) >= 3
    assert all(speed == 0 for _, speed in line.ticks)
    assert {0.0, SPEED, 1.0} == set(market.speeds)


def test_each_tick_is_at_a_bar_of_its_own(log, tmp_path):
    """The first look is at once, then once after every bar that closed; one sensor tick each."""
    phase, _, line, seen = go(log, Engines(tmp_path))
    bars = [QUARTER.floor_ms(int(moment.timestamp() * 1000)) for moment, _ in line.ticks]
    # The last tick comes when time is up, perhaps within the bar of the one before.
    assert all(later - earlier == QUARTER.ms for earlier, later in itertools.pairwise(bars[:-1]))
    assert phase.ticks == len(line.ticks) == line.sensors
    assert [ticks for ticks, _ in seen] == list(range(2, phase.ticks + 1))


def test_a_tick_is_about_the_newest_days_and_approved_symbols_only(log, tmp_path):
    """The quick refresh: a full scan at every bar would take longer than the bar."""
    _, _, line, _ = go(log, Engines(tmp_path))
    quick = {"config": {"only_approved": True}}
    assert all(ops == {"ohlcv": quick, "indicators": quick} for ops in line.ops)
    # 00:04 lies within four bars of midnight: the day before belongs to the newest bars.
    assert sorted(line.tags[0].values()) == ["2025-03-02", "2025-03-03"]


def test_the_engine_is_killed_once_and_another_one_takes_over(log, tmp_path):
    """In the middle or shortly after, whatever trades there are; the second one lives to the end."""
    engines = Engines(tmp_path)
    phase, _, _, seen = go(log, engines)
    first, second = engines.children
    assert first.was_killed
    assert second.was_stopped
    assert not second.was_killed
    assert phase.kill is not None
    assert phase.kill.in_flight == phase.kill.open_positions == 0
    assert 0 < KILL_WITH_BOTH < KILL_WITH_EITHER < KILL_BY < 1
    killed_at = datetime.fromisoformat(phase.kill.at_market)
    assert seen[0][1] <= killed_at <= seen[-1][1]


@pytest.mark.parametrize(
    ("progress", "is_handed", "has_positions", "comes"),
    [
        (0.05, True, True, False),  # too early, whatever is at stake
        (0.15, True, True, True),  # orders on their way and positions open
        (0.15, True, False, False),
        (0.15, False, True, False),
        (0.35, True, False, True),  # orders will be on their way
        (0.35, False, True, True),  # stops are watched
        (0.35, False, False, False),
        (0.80, False, False, True),  # nothing came: it is killed all the same
    ],
)
def test_the_kill_comes_where_most_is_at_stake(log, progress, is_handed, has_positions, comes, monkeypatch):
    """A kill that nothing was in flight at shows little: it waits for orders and positions, not for ever."""
    monkeypatch.setattr(log.ledger, "open_trades", lambda: [object()] if has_positions else [])
    assert is_time_to_kill(log, progress, is_handed=is_handed) is comes


def test_time_goes_on_for_the_world_during_the_outage(log, tmp_path):
    """Held at zero, a restart would cost nothing: it costs as many market seconds as real ones."""
    _, market, _, _ = go(log, Engines(tmp_path))
    assert market.speeds[-1] == 1.0
    assert 1.0 in market.speeds[1:-1]


def test_even_the_shortest_phase_kills_and_ends(log, tmp_path):
    """One tick at the end of it is late enough for the kill."""
    phase, _, _, _ = go(log, Engines(tmp_path), seconds=0.01)
    assert phase.kill is not None
    assert phase.ticks == 2


def test_an_engine_that_dies_by_itself_fails_the_run(log, tmp_path):
    """Its death is a fault, not the planned one; the market is let go again."""
    engines, market = Engines(tmp_path, dies_after=1), Market()
    with pytest.raises(SluiceError, match="engine ended with code 1"):
        go(log, engines, market=market)
    assert market.speed == 1.0


def test_a_line_that_fails_leaves_no_engine_and_no_frozen_market(log, tmp_path):
    """Whatever happens inside, what was started is ended."""
    engines, market = Engines(tmp_path), Market()
    with pytest.raises(SluiceError, match="nonsense"):
        go(log, engines, line=Line(market, fails_at=2), market=market)
    assert all(not child.is_running for child in engines.children)
    assert market.speed == 1.0
