"""Make the expected trades of freqtrade on seeded candles anew, for the test that holds our mode to them.

The candles come from the embedded exchange's own generator, so that only the answers have to be kept. Needs
an environment with freqtrade, of its own (it cannot share one with this project):

    uv venv FTENV --python 3.12 && uv pip install --python FTENV/bin/python freqtrade==2026.9
    .venv/bin/python scripts/freqtrade_expected.py FTENV/bin/python
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from trading.market.timeframes import TIMEFRAMES
from trading.simulator.source import Pair
from trading.simulator.synthetic import SyntheticMarket, synthetic

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = ROOT / "tests" / "trading" / "backtest" / "freqtrade"
FEE = 0.001


@dataclass(frozen=True, slots=True)
class PeerSet:
    """One data set: which candles, and how the strategy file ``NAME.toml`` is run on them.

    `ragged`: symbols begin and end at different bars and have holes. `min_costs`: least orders around the
    stake.
    """

    name: str
    seed: int
    symbols: int
    bars: int
    timeframe: str
    slots: int = 0
    ragged: bool = False
    markets: bool = False
    min_costs: tuple[float, ...] = ()


SETS = (
    PeerSet("plain", 7, 8, 1500, "15m"),
    PeerSet("ladder", 11, 10, 1500, "15m"),
    PeerSet("slots", 13, 14, 1500, "15m", slots=3),
    PeerSet("ragged", 17, 8, 1200, "1h", slots=4, ragged=True, markets=True),
    PeerSet("min_cost", 19, 10, 1500, "15m", markets=True, min_costs=(5.0, 9.3, 9.6, 11.0, 12.3, 12.6, 13.5)),
    PeerSet("cooldown", 23, 8, 1500, "15m"),
    PeerSet("stops", 29, 10, 2500, "15m", slots=5),
    PeerSet("drawdown", 31, 10, 2500, "15m", slots=5),
    PeerSet("low_profit", 37, 10, 1500, "15m"),
    PeerSet("wallet", 41, 10, 1500, "15m"),
)


def candles(of: PeerSet) -> tuple[pl.DataFrame, dict[str, dict[str, float]]]:
    """Return the set's candles as `sluice backtest` reads them, and the rules of its markets."""
    market = synthetic(of.seed, 400)
    end = market.default_start_ms
    start = end - of.bars * TIMEFRAMES[of.timeframe].ms
    pairs = [
        p for p in market.pairs.values() if p.listed_ms < start - 1 and p.status == "1" and p.quote == "USDT"
    ]
    chosen = pairs[:: len(pairs) // of.symbols][: of.symbols]
    draw = np.random.default_rng(of.seed)
    frames = [_bars(market, pair, of, start, end, draw) for pair in chosen]
    rules = {
        f"{p.base}/{p.quote}": {
            "tick": 10.0**-p.price_decimals,
            "step": 10.0**-p.amount_decimals,
            "min_amount": float(p.min_amount),
            "min_cost": float(p.min_cost),
        }
        for p in chosen
    }
    for place, own in enumerate(rules.values()):
        if of.min_costs:
            own["min_cost"] = of.min_costs[place % len(of.min_costs)]
    return pl.concat(frames), rules if of.markets else {}


def _bars(
    market: SyntheticMarket, pair: Pair, of: PeerSet, start: int, end: int, draw: np.random.Generator
) -> pl.DataFrame:
    bars = market.bars(pair.symbol, of.timeframe, start, end, end)
    keep = np.ones(len(bars.open_ms), bool)
    if of.ragged:
        keep[: int(draw.integers(0, 200))] = False
        keep[len(keep) - int(draw.integers(1, 150)) :] = False
        for hole in draw.integers(220, len(keep) - 200, 6):
            keep[hole : hole + int(draw.integers(1, 4))] = False
    tick, step = 10**pair.price_decimals, 10**pair.amount_decimals
    prices = {name: getattr(bars, name)[keep] / tick for name in ("open", "high", "low", "close")}
    times = pl.Series(bars.open_ms[keep]).cast(pl.Datetime("ms", "UTC"))
    named = pl.DataFrame({"symbol": [f"{pair.base}/{pair.quote}"] * int(keep.sum()), "ts": times})
    return named.with_columns(**prices, volume=bars.volume[keep] / step)


def main() -> None:
    """Run freqtrade on every set and write its trades."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        raise SystemExit(2)
    for of in SETS:
        if sys.argv[2:] and of.name not in sys.argv[2:]:
            continue
        frame, rules = candles(of)
        trades = _ask(sys.argv[1], of, frame, rules)
        lines = ",\n".join("  " + json.dumps(list(trade.values())) for trade in trades)
        columns = json.dumps(list(trades[0]))
        digest = str(frame.hash_rows(seed=0).sum())
        text = f'{{\n "candles": "{digest}",\n "columns": {columns},\n "trades": [\n{lines}\n ]\n}}\n'
        (EXPECTED / f"{of.name}.json").write_text(text)
        print(f"{of.name}: {len(trades)} trades of {frame['symbol'].n_unique()} symbols")


def _ask(python: str, of: PeerSet, frame: pl.DataFrame, rules: dict[str, dict[str, float]]) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        frame.write_parquet(work / "candles.parquet")
        (work / "markets.json").write_text(json.dumps(rules))
        command = [
            python, str(ROOT / "scripts" / "freqtrade_run.py"), "--candles", str(work / "candles.parquet"),
            "--strategy", str(EXPECTED / f"{of.name}.toml"), "--out", str(work / "trades.json"),
            "--markets", str(work / "markets.json"), "--fee", str(FEE), "--slots", str(of.slots or -1),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return json.loads((work / "trades.json").read_text())["trades"]


if __name__ == "__main__":
    main()
