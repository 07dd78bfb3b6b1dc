"""What tests of real engine processes share: starting them, their world, an exchange, a Valkey, the audit."""

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


def environment(folder: Path, base_url: str, **more: str) -> dict[str, str]:
    """Return what makes a `sluice` command stand in the world `w` of a test's folder, at this exchange."""
    return {
        "SLUICE_HOME": str(folder),
        "SLUICE_WORLD": "w",
        "SLUICE_EXCHANGE__BASE_URL": base_url,
        "SLUICE_EXCHANGE__RATE_PER_S": "300",
        **more,
    }


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
