"""The live phase: market time runs, the line ticks at every bar, the engine trades and is killed once.

In accelerated time a driver calls the same jobs and the same sensor function that the daemon calls by the
clock on the wall. While they think, and while the engine offers a new signal set to every user, the market
is held still: at 900 times the pace of the world a second of either would be a whole bar (see
docs/decisions). Exits get no such grace: they are watched while the market runs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from interfaces.run.children import wait_for
from interfaces.run.line import JobResult, Line
from interfaces.run.market import MarketControl
from interfaces.run.processes import READY_S, Engine
from interfaces.run.record import Kill
from pipelines.windows import days_of_refresh
from trading.market.timeframes import Timeframe, from_ms, to_ms
from trading.store.order_log import OrderLog
from trading.store.order_log.records import PENDING

# How much has run when the kill comes: with a set handed over while positions are open, with either of them,
# in any case. Few pairs are approved, and their signals come early or not at all.
KILL_WITH_BOTH, KILL_WITH_EITHER, KILL_BY = 0.1, 0.3, 0.75
KILL_PATIENCE_S = 1.0


@dataclass(slots=True)
class LivePhase:
    """What happened while the market ran."""

    ticks: int = 0
    handovers: list[JobResult] = field(default_factory=list)
    kill: Kill | None = None
    tick_seconds: float = 0.0


def trade(
    line: Line,
    market: MarketControl,
    log: OrderLog,
    *,
    start_engine: Callable[[], Engine],
    timeframe: Timeframe,
    speed: float,
    seconds: float,
    on_tick: Callable[[LivePhase, datetime], None],
) -> LivePhase:
    """Let the engine trade for `seconds` of wall time at `speed`; ticks hold the market and come on top."""
    phase = LivePhase()
    market.set_speed(0.0)
    engine = _ready(start_engine())
    try:
        left = seconds
        _tick(line, log, phase, timeframe, market.now())
        while left > 0:
            left -= _run_to_next_bar(market, timeframe, speed, left)
            engine.require_running()
            moment = market.now()
            handed = _tick(line, log, phase, timeframe, moment)
            if phase.kill is None and is_time_to_kill(log, 1 - left / seconds, is_handed=handed):
                engine, phase.kill = _kill_and_restart(engine, start_engine, log, market, moment)
            if handed:
                until_offered(log)
            on_tick(phase, moment)
        _settle(log)
    finally:
        # The engine first: a venue that has died must not leave it running without anybody.
        engine.stop()
        market.set_speed(1.0)
    return phase


def _ready(engine: Engine) -> Engine:
    """Wait until the engine's heart beats."""
    wait_for(engine.child, engine.is_beating, within_s=READY_S)
    return engine


def until_offered(log: OrderLog, within_s: float = 10.0) -> None:
    """Wait until every live signal set has been offered to every user and no order is on its way."""
    users = {row["user_id"] for row in log.user_summary().to_dicts()}
    deadline = time.monotonic() + within_s
    newest = log.signal_sets().sort("created_at").tail(1)["signal_set_id"].to_list()
    while time.monotonic() < deadline:
        if all(users <= log.sets.offered_to(name) for name in newest) and not log.orders.find(
            statuses=PENDING
        ):
            return
        time.sleep(0.02)


def _run_to_next_bar(market: MarketControl, timeframe: Timeframe, speed: float, left: float) -> float:
    """Let market time run until the next bar has closed; return the wall seconds it ran."""
    now_ms = to_ms(market.now())
    target = from_ms(timeframe.floor_ms(now_ms) + timeframe.ms)
    began = time.monotonic()
    market.set_speed(speed)
    try:
        while market.now() < target and time.monotonic() - began < left:
            remaining = (target - market.now()).total_seconds() / speed
            time.sleep(max(min(remaining, 0.5), 0.01))
    finally:
        market.set_speed(0.0)
    return max(time.monotonic() - began, 1e-3)


def _tick(line: Line, log: OrderLog, phase: LivePhase, timeframe: Timeframe, moment: datetime) -> bool:
    """Run the quick refresh and the sensor; return whether a signal set was handed over."""
    began = time.monotonic()
    quick = {"config": {"only_approved": True}}
    line.run(
        "signal_tick",
        tags=days_of_refresh(moment, timeframe),
        ops={"ohlcv": quick, "indicators": quick},
    )
    before = log.signal_sets().height
    phase.handovers += line.fire_sensor("approved_symbols_sensor")
    phase.ticks += 1
    phase.tick_seconds += time.monotonic() - began
    return log.signal_sets().height > before


def is_time_to_kill(log: OrderLog, progress: float, *, is_handed: bool) -> bool:
    """Best with orders on their way and positions open; late in the phase in any case."""
    if progress < KILL_WITH_BOTH or progress > KILL_BY:
        return progress > KILL_BY
    at_stake = (is_handed, bool(log.ledger.open_trades()))
    return all(at_stake) or (progress > KILL_WITH_EITHER and any(at_stake))


def _kill_and_restart(
    engine: Engine,
    start_engine: Callable[[], Engine],
    log: OrderLog,
    market: MarketControl,
    moment: datetime,
) -> tuple[Engine, Kill]:
    """End the engine as a power cut would, and start another one on the same log.

    It dies as soon as an order of the new set is on its way. The market goes on at the world's own pace
    until the new engine's heart beats: an outage of that many real seconds.
    """
    deadline = time.monotonic() + KILL_PATIENCE_S
    while not log.orders.find(statuses=PENDING) and time.monotonic() < deadline:
        time.sleep(0.002)
    engine.child.kill()
    in_flight, held = len(log.orders.find(statuses=PENDING)), len(log.ledger.open_trades())
    began = time.monotonic()
    market.set_speed(1.0)
    restarted = _ready(start_engine())
    market.set_speed(0.0)
    return restarted, Kill(moment.isoformat(), in_flight, held, time.monotonic() - began)


def _settle(log: OrderLog, within_s: float = 15.0) -> None:
    """Give orders that are on their way the time to end; the market stands still meanwhile."""
    deadline = time.monotonic() + within_s
    while log.orders.find(statuses=PENDING) and time.monotonic() < deadline:
        time.sleep(0.2)
