"""One research pass from disk to verdict: 2,610 symbols x 30 days of 5-minute bars.

The functions that the assets call, in their order: candles of the lake, a chain of 12 filters, indicators,
signals, backtest, approval. Symbols come in batches, so that memory does not grow with the market; approval
sees all of them. Writing the candles is not part of the pass.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from bench import synthetic
from bench.calibration import slowness
from bench.harness import Measured, against_bound, apart, cpu_s, peak_rss_mb
from bench.screening import CHAIN
from trading.backtest.engine import run_backtest
from trading.backtest.nightly import approve_tonight
from trading.backtest.rules import ApprovalRules
from trading.backtest.validation.budget import NightBook
from trading.indicators.table import indicator_table
from trading.market.frames import MARKETS, TICKERS
from trading.market.timeframes import timeframe
from trading.screening.chain.declared import chain_of
from trading.screening.chain.inputs import Inputs
from trading.screening.chain.run import sift
from trading.signals.generate import signal_rows
from trading.store.candles import CandleStore

SYMBOLS, DAYS, BATCH = 2_610, 30, 256
BARS = DAYS * 288
START = datetime(2024, 1, 1, tzinfo=UTC)
AT = START + timedelta(days=DAYS)
MOST_CPU_S, MOST_RSS_MB = 60.0, 3_000.0
_WRITTEN = 290  # symbols written at a time


def run() -> dict[str, Any]:
    """Write a market, then measure one pass over it in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.environ.get("SLUICE_BENCH_RESEARCH", name))
        if not (folder / "markets.parquet").is_file():
            apart(write_market, str(folder), repeat=1, warm_up=False)
        before = slowness()
        found = apart(research_pass, str(folder), repeat=1, warm_up=False)
        pace = max(1.0, before, slowness())
    facts = found.value
    cost = Measured(facts.pop("cpu_s"), found.wall_s, facts.pop("peak_rss_mb"))
    work = f"{SYMBOLS:,} symbols x {DAYS} days of 5m bars, batches of {BATCH}, compilation cached"
    line = against_bound(
        "research pass", work, cost, bound_cpu_s=MOST_CPU_S, slowness=pace, bound_mb=MOST_RSS_MB
    )
    line["ok"] = line["ok"] and cost.peak_rss_mb <= MOST_RSS_MB
    return line | facts


def write_market(folder: str) -> None:
    """Write the lake's candles, and markets and tickers beside them."""
    home = Path(folder)
    store, newest = CandleStore(home), []
    since = pl.col("open_time") - pl.lit(START).cast(pl.Datetime("ms", "UTC"))
    for first in range(0, SYMBOLS, _WRITTEN):
        made = synthetic.market(_WRITTEN, BARS, seed=synthetic.SEED + first)
        names = [f"S{first + k:04d}/USDT" for k in range(_WRITTEN)]
        candles = replace(made, symbols=names).candles().with_columns(open_time=START + since / 3)
        store.append("5m", candles, tag=f"from{first}")
        newest.append(candles.group_by("symbol", maintain_order=True).agg(pl.col("close").last()))
    store.rewrite_month("5m", f"{START:%Y-%m}")
    markets, tickers = sound_tables(pl.concat(newest))
    tickers.write_parquet(home / "tickers.parquet")
    markets.write_parquet(home / "markets.parquet")


def sound_tables(newest: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return MARKETS and TICKERS of symbols with these last closes; nothing of them is amiss."""
    zero = ("min_amount", "min_cost", "max_cost", "open_24h", "high_24h", "low_24h", "volume_base_24h")
    base = pl.col("symbol").str.split("/").list.first()
    frame = newest.with_columns(
        exchange_id=base, base=base, full_name=base, quote=pl.lit("USDT"), status=pl.lit("1"),
        is_scannable=pl.lit(value=True), is_api_tradable=pl.lit(value=True), tick=pl.lit(1e-8),
        step=pl.lit(1e-6), maker_fee=pl.lit(0.0), taker_fee=pl.lit(0.0005), change_24h=pl.lit(0.0),
        at=pl.lit(AT), last=pl.col("close"), bid=pl.col("close") * 0.999, ask=pl.col("close") * 1.001,
        volume_quote_24h=pl.lit(1e6), **{name: pl.lit(0.0) for name in zero},
    )  # fmt: skip
    return frame.select(list(MARKETS)).cast(MARKETS), frame.select(list(TICKERS)).cast(TICKERS)


def research_pass(folder: str) -> dict[str, Any]:
    """Measure a pass; a small one before it loads what is compiled, as a daemon has it loaded."""
    home = Path(folder)
    markets, tickers = (pl.read_parquet(home / f"{name}.parquet") for name in ("markets", "tickers"))
    _stages(home, markets.head(8), tickers.head(8), {})
    spent: dict[str, float] = {}
    before = cpu_s()
    trades, metrics, kept = _stages(home, markets, tickers, spent)
    began = cpu_s()
    (home / "nights.jsonl").unlink(missing_ok=True)
    found = approve_tonight(metrics, trades, ApprovalRules(), NightBook(home / "nights.jsonl"), AT)
    spent["approval"] = cpu_s() - began
    return {
        "cpu_s": cpu_s() - before,
        "peak_rss_mb": peak_rss_mb(),
        "screened": kept,
        "trades": trades.height,
        "approved": len(found.approved),
        "stages_cpu_s": {name: round(seconds, 2) for name, seconds in spent.items()},
    }


def _stages(
    home: Path, markets: pl.DataFrame, tickers: pl.DataFrame, spent: dict[str, float]
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return trades and figures of all batches, and how many symbols the chain kept."""
    store, chain, bar = CandleStore(home), chain_of(CHAIN, bars=500), timeframe("5m")
    trades, metrics, kept = [], [], 0
    for batch in _batches(markets["symbol"].to_list()):
        with _noted(spent, "read"):
            candles = store.read("5m", symbols=batch)
        with _noted(spent, "screen"):
            own = pl.col("symbol").is_in(batch)
            newest = candles.filter(pl.col("open_time") >= AT - 500 * bar.delta)
            inputs = Inputs(bar=bar, markets=markets.filter(own), candles=newest, tickers=tickers.filter(own))
            chosen = list(sift(chain, inputs, AT).kept)
        with _noted(spent, "indicators"):
            table = indicator_table(candles.filter(pl.col("symbol").is_in(chosen)))
        with _noted(spent, "signals"):
            signals = signal_rows(table, timeframe="5m")
        with _noted(spent, "backtest"):
            found = run_backtest(table, signals, markets, tickers=tickers, bar_ms=bar.ms)
        trades.append(found.trades)
        metrics.append(found.metrics)
        kept += len(chosen)
    return pl.concat(trades), pl.concat(metrics), kept


def _batches(symbols: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(symbols), BATCH):
        yield symbols[first : first + BATCH]


@contextmanager
def _noted(spent: dict[str, float], stage: str) -> Iterator[None]:
    began = cpu_s()
    yield
    spent[stage] = spent.get(stage, 0.0) + cpu_s() - began
