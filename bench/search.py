"""How often a search calls luck an edge, how small an edge it finds.

Markets are fair (`bench.fair`), their hours in another order. The declared case is the default one: stops in
the grid, the costs that a strategy file has by default. Beside it the same without any costs: with costs most
of a grid loses and few searches are tempted. For the power curve prices rise after each dip that the declared
rule would buy, by an edge of declared size, and the whole rise is taken out again as an even drift.
"""

import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from scipy.stats import binomtest

from bench.approval import LONG, with_edge
from bench.fair import fair_market
from bench.harness import Measured, measure
from trading.backtest.candle_file import candle_file
from trading.backtest.columns import indicator_columns
from trading.backtest.search.bench import Bench
from trading.backtest.search.configurations import Base
from trading.backtest.search.found import SearchResult
from trading.backtest.search.grid_search import configurations, grid_search
from trading.backtest.search.space import parse_space
from trading.backtest.validation.trials import TrialLedger

SEEDS, POWER_SEEDS = 400, 20
SYMBOLS = 20
EDGES = (0.0, 0.0025, 0.005, 0.01, 0.02)
MOST_FALSE = 0.05
BASE = Base(
    {
        "name": "dip",
        "startup": 20,
        "entry": {"when": "rsi_14 < {rsi}"},
        "exit": {"when": "rsi_14 > {leave}"},
        "risk": {"stoploss": 0.02, "max_hold": "6h"},
        "stake": {"amount": 100.0, "volume_share": 0.0},
    },
    "dip.toml",
)
FREE = Base(
    {**BASE.document, "costs": {"fee": 0.0, "half_spread": 0.0, "slippage": 0.0, "impact": 0.0}}, BASE.where
)
SPACE = parse_space(
    "[parameters]\nrsi = { from = 22, to = 36, step = 2 }\n"
    'leave = [50, 60, 70]\n"risk.stoploss" = [0.01, 0.02]'
)


def run() -> list[dict[str, Any]]:
    """Return a line for the false edges with default costs and without any, and one for each edge."""
    lines = [_false_line("default costs", BASE), _false_line("no costs", FREE)]
    return lines + [_power_line(edge) for edge in EDGES]


def _false_line(costs: str, base: Base) -> dict[str, Any]:
    found = measure(lambda: false_edges(range(SEEDS), base), repeat=1, warm_up=False)
    share = found.value / SEEDS
    work = (
        f"{SEEDS} searches of {SPACE.size} configurations, stops in them, {costs}, on {SYMBOLS} symbols x "
        f"{LONG} bars without edge"
    )
    told = {"ratio": share, "bound": MOST_FALSE, "ok": share <= MOST_FALSE}
    told |= {"called_an_edge": found.value, "interval": interval(found.value, SEEDS)}
    return _line("search", work, found) | told


def _power_line(edge: float) -> dict[str, Any]:
    found = measure(lambda: power(edge, range(1000, 1000 + POWER_SEEDS)), repeat=1, warm_up=False)
    work = f"a rise of {edge:.2%} after each dip, {POWER_SEEDS} searches of {SPACE.size} configurations"
    told = {"ratio": found.value / POWER_SEEDS, "bound": None, "ok": None}
    return _line("search power", work, found) | told | {"reason": "a figure, held to no bound"}


def interval(hits: int, of: int) -> list[float]:
    """Return the exact 95 % interval (Clopper-Pearson) of a share."""
    found = binomtest(hits, of).proportion_ci(0.95)
    return [round(float(found.low), 4), round(float(found.high), 4)]


def false_edges(seeds: Any, base: Base = BASE) -> int:
    """Return how many searches over markets without an edge were called one."""
    return sum(searched(fair_market(seed, SYMBOLS, LONG), base).verdict.is_edge for seed in seeds)


def power(edge: float, seeds: Any, base: Base = BASE) -> int:
    """Return how many searches over markets with an edge were called one."""
    markets = (lifted(fair_market(seed, SYMBOLS, LONG), edge) for seed in seeds)
    return sum(searched(market, base).verdict.is_edge for market in markets)


def searched(candles: pl.DataFrame, base: Base = BASE) -> SearchResult:
    """Search the space, with a ledger of its own."""
    bench = Bench(candle_file(candles.rename({"open_time": "ts"})))
    with tempfile.TemporaryDirectory() as folder:
        ledger = TrialLedger(Path(folder) / "trials.jsonl")
        return grid_search(bench, base, configurations(SPACE, base), ledger, SPACE.objective)


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
