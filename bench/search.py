"""How often a search calls luck an edge, how small an edge it finds, and what a grid costs.

Markets are those of `bench approval`: without an edge, their hours in another order. Trading costs nothing
here, else most of a grid loses and no search is ever tempted. Nor is there a stop: these candles are drawn in
three steps each, and a stop filled at its price between two steps is a gift that a search rightly finds (5 of
16 searches did, at no costs). For the power curve prices rise after each
dip that the declared rule would buy, by an edge of declared size, and the whole rise is taken out again as an
even drift.
"""

import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from bench.approval import LONG, quiet_market, with_edge
from bench.harness import Measured, measure
from trading.backtest.candle_file import candle_file
from trading.backtest.columns import indicator_columns
from trading.backtest.search.bench import Bench
from trading.backtest.search.configurations import Base
from trading.backtest.search.found import SearchResult
from trading.backtest.search.grid_search import configurations, grid_search
from trading.backtest.search.space import parse_space
from trading.backtest.validation.trials import TrialLedger

SEEDS, POWER_SEEDS = 200, 10
SYMBOLS = 20
EDGES = (0.0, 0.0025, 0.005, 0.01, 0.02)
MOST_FALSE = 0.05
BASE = Base(
    {
        "name": "dip",
        "startup": 20,
        "entry": {"when": "rsi_14 < {rsi}"},
        "exit": {"when": "rsi_14 > {leave}"},
        "risk": {"stoploss": 0.9, "max_hold": "6h"},
        "stake": {"amount": 100.0, "volume_share": 0.0},
        "costs": {"fee": 0.0, "half_spread": 0.0, "slippage": 0.0, "impact": 0.0},
    },
    "dip.toml",
)
SPACE = parse_space(
    "[parameters]\nrsi = { from = 22, to = 36, step = 2 }\n"
    'leave = [50, 60, 70]\n"risk.max_hold" = ["3h", "6h"]'
)


def run() -> list[dict[str, Any]]:
    """Return one line for the false edges of 200 seeds and one for each edge of the power curve."""
    return [_false_line(), *(_power_line(edge) for edge in EDGES)]


def _false_line() -> dict[str, Any]:
    found = measure(lambda: false_edges(range(SEEDS)), repeat=1, warm_up=False)
    share = found.value / SEEDS
    work = f"{SEEDS} searches of {SPACE.size} configurations on {SYMBOLS} symbols x {LONG} bars without edge"
    told = {"ratio": share, "bound": MOST_FALSE, "ok": share <= MOST_FALSE}
    return _line("search", work, found) | told | {"called_an_edge": found.value}


def _power_line(edge: float) -> dict[str, Any]:
    found = measure(lambda: power(edge, range(1000, 1000 + POWER_SEEDS)), repeat=1, warm_up=False)
    work = f"a rise of {edge:.2%} after each dip, {POWER_SEEDS} searches of {SPACE.size} configurations"
    told = {"ratio": found.value / POWER_SEEDS, "bound": None, "ok": None}
    return _line("search power", work, found) | told | {"reason": "a figure, held to no bound"}


def false_edges(seeds: Any) -> int:
    """Return how many searches over markets without an edge were called one."""
    return sum(searched(quiet_market(seed, LONG)).verdict.is_edge for seed in seeds)


def power(edge: float, seeds: Any) -> int:
    """Return how many searches over markets with an edge were called one."""
    return sum(searched(lifted(quiet_market(seed, LONG), edge)).verdict.is_edge for seed in seeds)


def searched(candles: pl.DataFrame) -> SearchResult:
    """Search the space on the first symbols, with a ledger of its own."""
    kept = candles["symbol"].unique().sort().head(SYMBOLS)
    frame = candles.filter(pl.col("symbol").is_in(kept.to_list())).rename({"open_time": "ts"})
    bench = Bench(candle_file(frame))
    with tempfile.TemporaryDirectory() as folder:
        ledger = TrialLedger(Path(folder) / "trials.jsonl")
        return grid_search(bench, BASE, configurations(SPACE, BASE), ledger, SPACE.objective)


def lifted(candles: pl.DataFrame, edge: float) -> pl.DataFrame:
    """Return the candles with a rise after each bar whose RSI is below 30."""
    frame = candles.sort("symbol", "open_time")
    file = candle_file(frame.rename({"open_time": "ts"}))
    dips = indicator_columns(file.bars, ["rsi_14"])["rsi_14"] < 30
    signals = frame.select("symbol", "open_time").with_columns(is_entry=dips.fill_null(False))
    return with_edge(frame, signals, frame["symbol"].unique(), edge)


def _line(name: str, work: str, found: Measured) -> dict[str, Any]:
    return {
        "name": name,
        "work": work,
        "ours_cpu_s": round(found.cpu_s, 4),
        "ours_wall_s": round(found.wall_s, 4),
        "peak_rss_mb": round(found.peak_rss_mb, 1),
        "peer": None,
        "peer_cpu_s": None,
    }
