"""A day of the real engine on the embedded exchange, replayed through the backtest: all is explained."""

import asyncio
import contextlib
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.integration.live_venue import SEED, START_MS, serving
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.execution.run import run_engine
from trading.execution.settings import EngineSettings
from trading.market.clock import SystemClock
from trading.market.listing import to_frame
from trading.market.orders import SignalSet, TradeSignal
from trading.market.timeframes import timeframe, to_ms
from trading.monitoring.day import watched_until_ms
from trading.monitoring.paper_day import replay_day
from trading.simulator.accounts import demo_credentials
from trading.simulator.synthetic import synthetic
from trading.store.order_log import OrderLog
from trading.store.order_log.live_rows import followed
from trading.users.directory import Directory
from trading.users.keys import DemoKeyRing

BAR = timeframe("5m")
SPEED, USERS, BARS, SYMBOLS = 100.0, 3, 24, 8


async def signals_of_bar(pool: GatewayPool, log: OrderLog, number: int, symbols: list[str]) -> SignalSet:
    """Entries in some pairs at the newest closed bar, with exits so near that all kinds come."""
    await pool.public.sync_clock()
    now = pool.public.clock.now()
    bar_ms = BAR.floor_ms(to_ms(now)) - BAR.ms
    opened = now - timedelta(milliseconds=to_ms(now) - bar_ms)
    chosen = [symbols[(number + step * 3) % len(symbols)] for step in range(2)]
    made = []
    for place, symbol in enumerate(chosen):
        bars = await pool.public.candles(symbol, BAR.name, since_ms=bar_ms, limit=1)
        if not bars.height:
            continue
        near = Decimal("0.002") * (1 + number % 3)
        ids = f"sig-{number:016x}-{place:012x}", f"app-00000000000000cc-{place:012x}"
        limit = Decimal(repr(bars["close"][-1])) * Decimal("1.01")
        made.append(TradeSignal(symbol, *ids, limit, near, near, 4 * BAR.ms // 1000))
    name = f"set-00000000000000aa-{number:012x}"
    batch = SignalSet(name, now, opened + 2 * BAR.delta, opened, BAR.name, tuple(made))
    if made:
        log.write_signal_set(batch)
    return batch


async def a_day(
    base_url: str, folder: Path, url: str
) -> tuple[list[SignalSet], pl.DataFrame, list, pl.DataFrame]:
    """Trade some bars; return the sets, all candles afterwards, the listing and the tickers."""
    settings = ExchangeSettings(base_url=base_url, rate_per_s=300)
    stop, log, sets = asyncio.Event(), OrderLog(url), []
    Directory(log).ensure_demo(USERS)
    engine = asyncio.create_task(
        run_engine(
            database_url=url,
            exchange=settings,
            keys=DemoKeyRing(lambda number: demo_credentials(SEED, number)),
            state_dir=folder,
            settings=EngineSettings(watch_s=0.1),
            stop=stop,
        )
    )
    async with GatewayPool(settings) as pool:
        markets = await pool.public.markets()
        tickers = (await pool.public.tickers()).sort("volume_quote_24h", descending=True)
        tradable = {market.symbol for market in markets if market.is_api_tradable}
        symbols = [symbol for symbol in tickers["symbol"] if symbol in tradable][:SYMBOLS]
        for number in range(BARS):
            await pool.public.sync_clock()
            wait_ms = BAR.next_ms(BAR.floor_ms(pool.public.clock.now_ms())) - pool.public.clock.now_ms()
            await asyncio.sleep((wait_ms / SPEED + 100) / 1000)
            sets.append(await signals_of_bar(pool, log, number, symbols))
        await asyncio.sleep(6 * BAR.ms / SPEED / 1000)
        stop.set()
        await engine
        first_ms = to_ms(sets[0].bar_time - 2 * BAR.delta)
        await pool.public.sync_clock()
        frames = [await pool.public.candles(symbol, BAR.name, since_ms=first_ms) for symbol in symbols]
    log.close()
    return [batch for batch in sets if batch.signals], pl.concat(frames), markets, tickers


@pytest.mark.slow
def test_a_day_of_the_real_engine_has_no_difference_without_a_cause(tmp_path):
    """Entries, stops, targets and time-outs of three users; each difference has a declared cause."""
    url = f"sqlite:///{tmp_path}/orders.db"
    with serving(synthetic(SEED, 60, edge=False, as_of_ms=START_MS), SPEED) as running:
        sets, candles, markets, tickers = asyncio.run(a_day(running.url, tmp_path, url))
    with contextlib.closing(OrderLog(url, wall=SystemClock())) as log:
        rows = followed(log.database)
        day = replay_day(
            sets,
            rows,
            candles,
            to_frame(markets).with_columns(
                pl.col("tick", "step", "min_amount", "min_cost", "taker_fee").cast(pl.Float64)
            ),
            tickers=tickers,
            watched_until_ms=watched_until_ms(log, tmp_path),
        )
    counts = day.counts()
    sys.stdout.write(f"{counts}\n")  # for docs/reliability.md
    assert counts["entered_both"] >= 20
    assert set(day.rows["live_exit"].drop_nulls()) >= {"stop_loss", "take_profit"}
    assert day.unexplained.to_dicts() == []
    assert counts["same_exit"] >= counts["entered_both"] / 2
