"""The backtest's loop against vectorbt's rust back end and freqtrade's loop, in one run.

2,600 symbols x 8,760 bars in memory, one configuration, entries and exits given as masks. vectorbt runs its
fastest way (stop and target, no statistics); ours has max hold as well, and once everything at once (ladder,
trailing, hold, volume cap, impact, 60 slots in time order). freqtrade's loop is the difference between a long
and a short run of it, so that its start does not count.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.cores import on_threads, second_core, verdict
from bench.harness import Measured, against_peer, apart
from bench.peers import ROOT, PeerMissing, ask, python_of
from trading.backtest import runs, trade_frame
from trading.backtest.candle_file import PLAIN_MARKET, candle_file
from trading.backtest.job import Job, Signals
from trading.backtest.replay import Mode, no_detail, replay
from trading.backtest.replay import run as run_job
from trading.backtest.runs import empty_book
from trading.backtest.strategy import Costs, Strategy, Trailing
from trading.backtest.strategy_file import parse_strategy
from trading.backtest.translate import terms_of, venue_of
from trading.backtest.walk import Bars
from trading.indicators.expressions.expression import condition

SYMBOLS, BARS = 2_600, 8_760
HOUR_MS = 3_600_000
PEER_SYMBOLS, PEER_SHORT, PEER_LONG, OWN_BARS = 10, 1_000, 5_000, 100_000
POOLS = [runs, trade_frame]  # whose thread pools the run on both cores uses
_NEVER = condition("volume < 0", known=lambda _: False)
PLAIN = Strategy(
    _NEVER,
    0.03,
    1.0,
    roi=((0, 0.06),),
    max_hold_min=48 * 60,
    volume_share=0.0,
    costs=Costs(0.001, 0.0, 0.0005, 0.0),
)
FULL = Strategy(
    _NEVER, 0.03, 1.0, roi=((0, 0.06), (600, 0.03), (1500, 0.01)), trailing=Trailing(0.01, 0.02),
    max_hold_min=48 * 60, entry_limit=0.05,
)  # fmt: skip
TOML = """startup = 30
[entry]
when = "rsi_14 < 40"
[exit]
when = "rsi_14 > 70"
[risk]
stoploss = 0.03
roi = { "0" = 0.06 }
[stake]
amount = 50
"""


def run() -> list[dict[str, Any]]:
    """Return one line per comparison; a peer that is not there makes `ok` null."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_market(folder)
        lines = _against_vectorbt(folder)
    return [*lines, _against_freqtrade()]


def write_market(folder: Path) -> None:
    """Write seeded walks of symbol x time, rounded to six decimals, with one entry in sixty bars."""
    draw = np.random.default_rng(20260901)
    shape = (SYMBOLS, BARS)
    close = 50 * np.exp(np.cumsum(draw.standard_normal(shape, np.float32) * 0.008, axis=1, dtype=np.float64))
    close = np.clip(close, 0.01, 1e6)
    opened = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    high = top * (1 + 0.004 * draw.random(shape, np.float32))
    low = bottom * (1 - 0.004 * draw.random(shape, np.float32))
    for label, values in (("open", opened), ("high", high), ("low", low), ("close", close)):
        np.save(folder / f"{label}.npy", np.round(values, 6))
    np.save(folder / "volume.npy", np.full(shape, 1e6))
    for label in ("entries", "exits"):
        mask = draw.random(shape, np.float32) < 1 / 60
        mask[:, 0] = False
        np.save(folder / f"{label}.npy", mask)


def loop(folder: str, strategy: Strategy, slots: int, threads: int) -> Any:
    """Prepare the arrays once and return the work: the loop and its frame of trades."""
    data = {
        name: np.load(Path(folder) / f"{name}.npy").reshape(-1)
        for name in ("open", "high", "low", "close", "volume")
    }
    offsets = np.arange(SYMBOLS + 1, dtype=np.int64) * BARS
    open_ms = np.tile(np.arange(BARS, dtype=np.int64) * HOUR_MS, SYMBOLS)
    bars = Bars(offsets, open_ms, **data, per_unit=np.full(SYMBOLS, 1e8))
    # The peer's masks say on which bar they act; ours on whose close they were said.
    masks = [
        np.roll(np.load(Path(folder) / f"{name}.npy"), -1, axis=1).reshape(-1)
        for name in ("entries", "exits")
    ]
    names = [f"S{k:04d}/USDT" for k in range(SYMBOLS)]
    venue = venue_of([PLAIN_MARKET] * SYMBOLS, strategy, strategy.costs.fee, bars, is_freqtrade=False)
    terms = terms_of(bars, HOUR_MS, strategy, slots, is_freqtrade=False)
    signals = Signals(masks[0], masks[1], np.empty(0))
    return lambda: (
        run_job(
            names,
            Job(bars, no_detail(SYMBOLS), signals, venue, terms, empty_book()),
            0,
            np.empty(0),
            threads,
        ).trades.height
    )


def measured_loop(folder: str, strategy: Strategy, slots: int, threads: int) -> dict[str, Any]:
    """Measure in a process of its own; returns figures and extra memory."""
    from bench.harness import measure, peak_rss_mb

    work = loop(folder, strategy, slots, threads)
    work()
    Path("/proc/self/clear_refs").write_text("5")
    base = peak_rss_mb()
    found = measure(work, warm_up=False)
    return {
        "cpu_s": found.cpu_s,
        "wall_s": found.wall_s,
        "trades": found.value,
        "extra_mb": found.peak_rss_mb - base,
    }


def _against_vectorbt(folder: Path) -> list[dict[str, Any]]:
    reason, theirs = "", None
    try:
        theirs = ask("vectorbt", "scripts/vectorbt_run.py", str(folder))
    except PeerMissing as error:
        reason = str(error)
    peer = None if theirs is None else Measured(theirs["cpu_s"], theirs["wall_s"], 0.0)
    cases = [("stop, target, max hold", PLAIN, 0, 10.0), ("everything on, 60 slots", FULL, 60, 4.0)]
    lines = []
    for words, strategy, slots, bound in cases:
        ours = apart(measured_loop, str(folder), strategy, slots, 1, repeat=1, warm_up=False).value
        cost = Measured(ours["cpu_s"], ours["wall_s"], 0.0)
        line = against_peer(
            f"backtest {words}", f"{SYMBOLS:,} x {BARS:,} bars, one configuration", cost,
            "vectorbt 1.2.0, rust", peer, bound=bound, reason=reason,
        )  # fmt: skip
        rate = SYMBOLS * BARS / ours["cpu_s"] / 1e6
        more = {
            "million_bars_per_cpu_s": round(rate, 1),
            "trades": ours["trades"],
            "extra_mb": round(ours["extra_mb"], 1),
        }
        if theirs is not None:
            more["peer_extra_mb"] = round(theirs["extra_mb"], 1)
        lines.append(line | more)
    return [*lines, apart(_both_cores, str(folder), repeat=1, warm_up=False).value]


def _both_cores(folder: str) -> dict[str, Any]:
    """Compare one thread and two, in a process of their own; see `bench.cores`."""
    one, two = loop(folder, PLAIN, 0, 1), loop(folder, PLAIN, 0, 2)
    one(), two()
    free = second_core()
    costs = [on_threads(work, POOLS) for work in (one, two)]
    found = verdict(costs[0], costs[1], min(free, second_core()))
    line = {"name": "backtest on both cores", "work": "unlimited slots", "peer": "one core"}
    cost = {"ours_cpu_s": round(costs[1]["cpu_s"], 4), "peer_cpu_s": round(costs[0]["cpu_s"], 4)}
    return line | cost | found | {"bound": 1.7, "ok": found["ratio"] >= 1.7}


def _against_freqtrade() -> dict[str, Any]:
    """Compare CPU per pair-candle: freqtrade's long run less its short one, ours on `OWN_BARS`, scaled."""
    strategy, theirs, reason = parse_strategy(TOML), [], ""
    ours = apart(_replayed, candle_file(_walks(OWN_BARS)), strategy)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "s.toml").write_text(TOML)
        try:
            for bars in (PEER_SHORT, PEER_LONG):
                _walks(bars).write_parquet(folder / "c.parquet")
                theirs.append(_freqtrade(folder))
        except PeerMissing as error:
            reason = str(error)
    candles = PEER_SYMBOLS * (PEER_LONG - PEER_SHORT)
    scaled = Measured(ours.cpu_s * candles / (PEER_SYMBOLS * OWN_BARS), ours.wall_s, ours.peak_rss_mb)
    peer = Measured(theirs[1] - theirs[0], 0.0, 0.0) if len(theirs) == 2 else None
    work = f"{candles:,} pair-candles, indicators and signals included; ours of {OWN_BARS:,} bars, scaled"
    line = against_peer(
        "backtest like freqtrade", work, scaled, "freqtrade 2026.9", peer, bound=1000.0, reason=reason
    )
    return line | {"ours_cpu_s": round(scaled.cpu_s, 6)}


def _replayed(candles: Any, strategy: Strategy) -> int:
    return replay(candles, strategy, Mode.FREQTRADE, fee=0.001).trades.height


def _freqtrade(folder: Path) -> float:
    python, out = python_of("freqtrade"), folder / "t.json"
    command = [
        str(python), str(ROOT / "scripts" / "freqtrade_run.py"), "--candles", str(folder / "c.parquet"),
        "--strategy", str(folder / "s.toml"), "--out", str(out),
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except subprocess.SubprocessError as error:
        raise PeerMissing(f"freqtrade failed: {error}") from error
    return float(json.loads(out.read_text())["cpu_s"])


def _walks(bars: int) -> pl.DataFrame:
    draw = np.random.default_rng(5)
    frames = []
    for k in range(PEER_SYMBOLS):
        close = np.round(50 * np.exp(np.cumsum(draw.normal(0, 0.004, bars))), 4)
        opened = np.concatenate([close[:1], close[:-1]])
        high, low = np.maximum(opened, close), np.minimum(opened, close)
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [f"S{k}/USDT"] * bars,
                    "ts": pl.Series(np.arange(bars, dtype=np.int64) * 900_000 + 1_735_689_600_000).cast(
                        pl.Datetime("ms", "UTC")
                    ),
                    "open": opened,
                    "high": np.round(high * (1 + 0.003 * draw.random(bars)), 4),
                    "low": np.round(low * (1 - 0.003 * draw.random(bars)), 4),
                    "close": close,
                    "volume": np.full(bars, 1000.0),
                }
            )
        )
    return pl.concat(frames)
