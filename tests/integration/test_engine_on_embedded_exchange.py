"""The engine as a real process against the embedded exchange as a real process, killed again and again."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.execution.desk import Desk
from trading.execution.invariants import Judgement
from trading.execution.venue_audit import lost_and_doubled
from trading.market.orders import SignalSet, TradeSignal
from trading.simulator.accounts import demo_credentials
from trading.store.cache import ShardStreams, UserCache, connect
from trading.store.order_log import OrderLog
from trading.store.order_log.records import PENDING
from trading.store.valkey import EmbeddedValkey
from trading.users.directory import Directory
from trading.users.keys import DemoKeyRing

SEED, SPEED, USERS, KILLS = 5, 120, 4, 4


@dataclass
class Process:
    """A child of the test, ended by pid."""

    child: subprocess.Popen[bytes]

    def end(self, how: int = signal.SIGTERM, within_s: float = 15) -> int:
        if self.child.poll() is None:
            self.child.send_signal(how)
        return self.child.wait(within_s)


def start(arguments: list[str], log: Path, **env: str) -> Process:
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "interfaces.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **env},
        )
    return Process(child)


def wait_until(is_true: object, within_s: float, what: str) -> None:
    until = time.monotonic() + within_s
    while not is_true():  # type: ignore[operator]
        assert time.monotonic() < until, f"not within {within_s} s: {what}"
        time.sleep(0.05)


def is_settled(log: OrderLog) -> bool:
    return not log.orders.find(statuses=PENDING) and not log.ledger.open_trades()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Valkey of our own: carries set ids to the engine and closed trades to the users' cache."""
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server.url


async def announce(url: str, signal_set_id: str) -> None:
    client = connect(url)
    await ShardStreams(client).add(signal_set_id)
    await client.aclose()


async def cached_trades(url: str, user_id: str) -> set[str]:
    client = connect(url)
    trades = await UserCache(client).trades(user_id)
    await client.aclose()
    return {trade["trade_id"] for trade in trades}


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[str]:
    """An embedded exchange of 60 pairs on a free port; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["exchange", "serve", "--port", str(port), "--symbols", "60", "--seed", str(SEED)]
    arguments += [
        "--speed",
        str(SPEED),
        "--rate",
        "400",
        "--start",
        "2025-03-03T00:00:00Z",
        "--accounts",
        "9",
    ]
    process = start(arguments, tmp_path / "exchange.log")

    def answers() -> bool:
        assert process.child.poll() is None, (tmp_path / "exchange.log").read_text()[-800:]
        try:
            # All tickers at once: on a fresh checkout this is where the market's kernels get compiled.
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v3/ticker/24hr", timeout=150).close()
        except OSError:
            return False
        return True

    try:
        wait_until(answers, 200, "the exchange answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.end(within_s=60)


def open_desk(pool: GatewayPool, log: OrderLog) -> Desk:
    ring = DemoKeyRing(lambda number: demo_credentials(SEED, number))
    return Desk(
        log=log,
        public=pool.public,
        open_account=lambda user: pool.account(*ring.credentials(user).pair),
    )


async def make_signals(base_url: str, count: int, number: int) -> SignalSet:
    """Entries in the most traded pairs at a limit that fills, with exits that come within market minutes."""
    async with GatewayPool(ExchangeSettings(base_url=base_url, rate_per_s=300)) as pool:
        markets = {market.symbol: market for market in await pool.public.markets()}
        tickers = (await pool.public.tickers()).sort("volume_quote_24h", descending=True)
        tradable = [symbol for symbol in tickers["symbol"] if markets[symbol].is_api_tradable][:count]
        quotes = await pool.public.quotes(tradable)
        now = pool.public.clock.now()
    return SignalSet(
        signal_set_id=f"set-00000000000000aa-{number:012x}",
        created_at=now,
        expires_at=now + timedelta(hours=2),
        bar_time=now - timedelta(minutes=15),
        timeframe="15m",
        signals=tuple(
            TradeSignal(
                symbol=symbol,
                signal_id=f"sig-{number:016x}-{place:012x}",
                approval_id=f"app-00000000000000cc-{place:012x}",
                limit_price=quotes[symbol].ask * Decimal("1.03"),
                stop_loss=Decimal("0.2"),
                take_profit=Decimal("0.2"),
                max_hold_s=120,
            )
            for place, symbol in enumerate(tradable)
            if symbol in quotes
        ),
    )


async def audit(base_url: str, log: OrderLog) -> Judgement:
    async with GatewayPool(ExchangeSettings(base_url=base_url, rate_per_s=300)) as pool:
        await pool.public.markets()
        return await lost_and_doubled(open_desk(pool, log))


def test_engine_killed_with_orders_in_flight_loses_and_doubles_nothing(
    exchange: str, redis_url: str, tmp_path: Path
) -> None:
    """kill -9 while orders are out, several times; at the end venue and log tell the same story."""
    settings = {
        "SLUICE_HOME": str(tmp_path),
        "SLUICE_WORLD": "w",
        "SLUICE_EXCHANGE__BASE_URL": exchange,
        "SLUICE_EXCHANGE__RATE_PER_S": "300",
        "SLUICE_REDIS_URL": redis_url,
    }
    log = OrderLog(f"sqlite:///{tmp_path}/w/orders.db")
    Directory(log).ensure_demo(USERS)
    trade = ["trade", "--seed", str(SEED)]
    engine = start(trade, tmp_path / "engine.log", **settings)
    in_flight_at_death = 0

    def beat() -> dict[str, object]:
        found: dict[str, object] = json.loads((tmp_path / "w" / "engine.json").read_text())
        return found

    try:
        for number in range(KILLS):
            batch = asyncio.run(make_signals(exchange, 3, number))
            log.write_signal_set(batch)
            asyncio.run(announce(redis_url, batch.signal_set_id))
            sent = log.intents().height
            wait_until(lambda sent=sent: log.intents().height > sent, 60, "the set is planned")
            wait_until(lambda: log.orders.find(statuses=PENDING), 20, "orders are out")
            engine.end(signal.SIGKILL)
            in_flight_at_death += len(log.orders.find(statuses=PENDING))
            engine = start(trade, tmp_path / "engine.log", **settings)
            wait_until(
                lambda pid=engine.child.pid: beat()["pid"] == pid and is_settled(log), 60, "all is sold again"
            )
        engine.end()
        assert beat()["state"] == "stopped"
        engine = start([*trade, "--until-idle"], tmp_path / "engine.log", **settings)
        assert engine.child.wait(90) == 0
        verdict = asyncio.run(audit(exchange, log))
        assert in_flight_at_death > 0
        assert verdict.accounts == USERS
        assert verdict.orders >= 2 * USERS
        assert (verdict.lost, verdict.doubled, verdict.ledger_breaks) == ([], [], [])
        assert log.closed_trades().height >= USERS
        for user in Directory(log).all():
            mine = log.closed_trades().filter(user_id=user.user_id)["trade_id"]
            assert asyncio.run(cached_trades(redis_url, user.user_id)) == set(mine)
    finally:
        engine.end(signal.SIGKILL)
        log.close()
