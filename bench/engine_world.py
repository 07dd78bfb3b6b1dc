"""What the engine's load figures are made with: users, a signal set, workers that trade it, a watcher."""

import asyncio
import json
import multiprocessing
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.harness import peak_rss_mb
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.weights import weight_of
from trading.execution.settings import EngineSettings
from trading.market.orders import SignalSet, TradeSignal
from trading.risk.fleet import FleetRules
from trading.simulator.accounts import demo_credentials
from trading.store.order_log import OrderLog, schema
from trading.store.order_log.accounts import note_change
from trading.users.directory import row_of
from trading.users.keys import DemoKeyRing
from trading.users.user import User

SEED, SIGNALS, PATIENCE_S = 7, 3, 1_800.0
WATCH_S = 0.01  # a timer of 1 ms costs 3 % of a core, which is an eighth of what an order costs
# What is measured is the way of an order, not whether the caps let it go.
NO_CAPS = FleetRules(None, None, None, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Load:
    """One run: where the venue is, where files go, how many users, weight per second, engine processes."""

    base_url: str
    folder: str
    users: int
    rate_per_s: float
    workers: int

    @property
    def database_url(self) -> str:
        """The order log."""
        return f"sqlite:///{self.folder}/orders.db"

    @property
    def exchange(self) -> ExchangeSettings:
        """One budget for all workers and everything that they ask."""
        return ExchangeSettings(self.base_url, rate_per_s=self.rate_per_s, limiter_path=Path(self.folder))


def traded(load: Load) -> dict[str, Any]:
    """Let workers trade one set and return the figures of `bench.engine`."""
    log = OrderLog(load.database_url)
    if not log.accounts.rows():
        _add_users(log, load.users)
    batch = asyncio.run(_make_set(load))
    context = multiprocessing.get_context("spawn")
    go, stop, answers = context.Event(), context.Event(), context.Queue()
    children = [context.Process(target=_worker, args=(load, go, stop, answers)) for _ in range(load.workers)]
    for child in children:
        child.start()
    try:
        _wait(lambda: _are_ready(log, load.workers), 120)
        _wait(lambda: _opened(load) >= load.users, 1_800)
        go.set()
        time.sleep(0.5)
        log.write_signal_set(batch)
        written_ms = log.sets.written_wall_ms(batch.signal_set_id)
        _wait(lambda: _is_done(log, load.users), PATIENCE_S)
        stop.set()
        told = [answers.get(timeout=120) for _ in children]
    finally:
        stop.set()
        for child in children:
            child.join(60)
            child.kill()
        log.close()
    return _figures(load, told, written_ms)


def restarted(load: Load) -> tuple[float, int]:
    """Return seconds from a start until all exits are armed, and how many positions there are."""
    traded(load)
    log = OrderLog(load.database_url)
    positions = log.ledger.count_open()
    log.close()
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    began = time.time()
    child = context.Process(target=_armed, args=(load, positions, answers))
    child.start()
    armed_at = float(answers.get(timeout=300))
    child.join(60)
    child.kill()
    return armed_at - began, positions


def _worker(load: Load, go: Event, stop: Event, answers: Any) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers.put(runner.run(_work(load, go, stop)))


async def _work(load: Load, go: Event, stop: Event) -> dict[str, Any]:
    """Run one engine; CPU and lag are counted from `go` to `stop`."""
    halt = asyncio.Event()
    engine = asyncio.create_task(_engine(load, halt))
    while not go.is_set():  # noqa: ASYNC110 - another process sets it
        await asyncio.sleep(0.1)
    lags: list[float] = []
    cpu = time.process_time()
    watching = asyncio.create_task(_watch(lags))
    while not stop.is_set() and not engine.done():  # noqa: ASYNC110 - same
        await asyncio.sleep(0.1)
    cpu = time.process_time() - cpu
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    halt.set()
    summary = await engine
    cuts = statistics.quantiles(lags, n=1000)
    return {
        "cpu_s": cpu,
        "peak_rss_mb": peak_rss_mb(),
        "lag_p50_ms": cuts[499],
        "lag_p99_ms": cuts[989],
        "lag_max_ms": max(lags),
        "http_429": summary.http_429,
    }


def _engine(load: Load, halt: asyncio.Event) -> Any:
    from trading.execution.run import run_engine
    from trading.notifications.channel import LogChannel

    return run_engine(
        database_url=load.database_url,
        exchange=load.exchange,
        keys=DemoKeyRing(lambda number: demo_credentials(SEED, number)),
        state_dir=Path(load.folder),
        settings=EngineSettings(fleet=NO_CAPS),
        channel=LogChannel(),
        stop=halt,
    )


def _armed(load: Load, positions: int, answers: Any) -> None:
    """Start an engine and say when its book held every position and had looked at it once."""
    import uvloop

    from trading.execution.exits import Exits

    looked = Exits._sweep  # noqa: SLF001 - the look itself, in every way an engine takes it

    armed = asyncio.Event()

    async def sweep(self: Exits) -> int:
        found = await looked(self)
        if len(self.book) >= positions and not armed.is_set():
            armed.set()
            answers.put(time.time())
        return found

    Exits._sweep = sweep  # type: ignore[method-assign]  # noqa: SLF001 - the process ends with this
    halt = asyncio.Event()

    async def work() -> None:
        engine = asyncio.create_task(_engine(load, halt))
        await asyncio.wait([engine, asyncio.create_task(armed.wait())], return_when=asyncio.FIRST_COMPLETED)
        halt.set()
        await engine

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def _figures(load: Load, told: list[dict[str, Any]], written_ms: int) -> dict[str, Any]:
    log = OrderLog(load.database_url)
    sent = schema.intents.c.sent_wall_ms
    with log.database.read() as connection:
        first, count = connection.execute(sa.select(sa.func.min(sent), sa.func.count(sent))).one()
    log.close()
    rows = [json.loads(line) for line in (Path(load.folder) / "requests.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["wall_ms"] >= written_ms]
    orders = [row["wall_ms"] for row in rows if (row["method"], row["path"][-6:]) == ("POST", "/order")]
    weight = sum(_weight(row) for row in rows if row["wall_ms"] <= max(orders))
    last_s = (max(orders) - written_ms) / 1000
    floor_s = weight / load.rate_per_s
    worst = {name: round(max(each[name] for each in told), 1) for name in told[0] if name != "cpu_s"}
    return worst | {
        "orders": count,
        "orders_at_venue": len(orders),
        "cpu_s": sum(each["cpu_s"] for each in told),
        "first_order_ms": first - written_ms,
        "last_order_s": last_s,
        "weight_to_last": weight,
        "floor_s": round(floor_s, 2),
        "floor_ratio": round(last_s / floor_s, 3),
    }


def _weight(row: dict[str, Any]) -> int:
    return weight_of(row["method"], row["path"].rpartition("/api/v3/")[2])


def _wait(is_true: Any, within_s: float) -> None:
    until = time.monotonic() + within_s
    while not is_true():
        if time.monotonic() > until:
            raise RuntimeError(f"not done within {within_s:.0f} s")
        time.sleep(0.5)


def _are_ready(log: OrderLog, workers: int) -> bool:
    roster = log.leases.roster()
    return (
        len(roster.workers) == workers and not roster.unserved and all(each.shards for each in roster.workers)
    )


def _opened(load: Load) -> int:
    """Return how many listen keys were made: accounts are opened before a set comes."""
    lines = (Path(load.folder) / "requests.jsonl").read_text().splitlines()
    return sum('"POST"' in line and "userDataStream" in line for line in lines)


def _is_done(log: OrderLog, users: int) -> bool:
    status = schema.intents.c.status
    with log.database.read() as connection:
        rows = connection.execute(sa.select(status, sa.func.count()).group_by(status)).all()
    found = {str(name): int(number) for name, number in rows}
    return found.get("DONE", 0) == sum(found.values()) >= users * SIGNALS


def _add_users(log: OrderLog, count: int) -> None:
    rows = [
        row_of(User(f"user-{n:05d}", f"User {n}", account=f"demo:{n}", capital=Decimal(1000)))
        | {"created_wall_ms": 1}
        for n in range(1, count + 1)
    ]
    with log.database.write() as connection:
        connection.execute(schema.users.insert(), rows)
        note_change(log.database, connection)


async def _make_set(load: Load) -> SignalSet:
    """Return a set of the most traded pairs, limits a little above the ask."""
    async with GatewayPool(ExchangeSettings(load.base_url, rate_per_s=1000)) as pool:
        markets = {market.symbol: market for market in await pool.public.markets()}
        tickers = (await pool.public.tickers()).sort("volume_quote_24h", descending=True)
        symbols = [name for name in tickers["symbol"] if markets[name].is_api_tradable][:SIGNALS]
        quotes = await pool.public.quotes(symbols)
        now = pool.public.clock.now()
    return SignalSet(
        signal_set_id="set-00000000000000aa-000000000001",
        created_at=now,
        expires_at=now + timedelta(hours=4),
        bar_time=now,
        timeframe="15m",
        signals=tuple(
            TradeSignal(
                symbol=symbol,
                signal_id=f"sig-0000000000000001-{place:012x}",
                approval_id=f"app-00000000000000cc-{place:012x}",
                limit_price=quotes[symbol].ask * Decimal("1.02"),
                stop_loss=Decimal("0.5"),
                take_profit=Decimal(5),
                max_hold_s=10_000_000,
            )
            for place, symbol in enumerate(symbols)
        ),
    )


async def _watch(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(WATCH_S)
        lags.append((time.perf_counter() - began - WATCH_S) * 1000)


def ccxt_cpu_ms(base_url: str, orders: int) -> float:
    """Return CPU milliseconds of plain ccxt for one order: created, then fetched once."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_plain(base_url, orders))


async def _plain(base_url: str, orders: int) -> float:
    import ccxt.async_support as ccxt

    from bench.requests import _urls

    key, secret = demo_credentials(SEED, 1)
    keys = {"apiKey": key, "secret": secret, "urls": {"api": _urls(base_url)}}
    peer = ccxt.mexc({"enableRateLimit": False, "options": {"recvWindow": 60_000}} | keys)
    try:
        await peer.load_time_difference()  # before the first signed request
        await peer.load_markets()
        price = (await peer.fetch_ticker("BTC/USDT"))["last"] * 0.9
        waiting = iter(range(orders))

        async def work() -> None:
            for _ in waiting:
                made = await peer.create_order("BTC/USDT", "limit", "buy", 0.0002, price)
                await peer.fetch_order(made["id"], "BTC/USDT")
                await peer.cancel_order(made["id"], "BTC/USDT")

        cpu = time.process_time()
        await asyncio.gather(*(work() for _ in range(16)))
        # Three requests of one kind and cost; the cancel only keeps the book of open orders short.
        return float((time.process_time() - cpu) / orders * 1000 * 2 / 3)
    finally:
        await peer.close()
