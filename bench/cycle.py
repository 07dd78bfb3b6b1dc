"""The whole analytic cycle for 2,600 symbols x 500 bars, warm: from candles to all that a decision stands on.

Indicators, a chain of 12 filters, market regime, peers by correlation and clusters, one after another, as the
assets call them; first each alone, then all in a process of its own, whose peak memory is the cycle's. Long
to wide, which three of them need, has a line and a peer of its own.
"""

from collections.abc import Callable
from typing import Any

import polars as pl

from bench import synthetic
from bench.calibration import slowness
from bench.harness import Line, Measured, against_bound, against_peer, apart, measure
from bench.screening import AT, CHAIN
from bench.screening import market as sound_market
from trading.indicators.table import indicator_table
from trading.screening.chain.declared import chain_of
from trading.screening.chain.inputs import Inputs
from trading.screening.chain.run import sift
from trading.xray.clusters import cluster_symbols
from trading.xray.group_rules import PeerRules
from trading.xray.peers import peer_table
from trading.xray.regime import market_regime
from trading.xray.returns import log_returns, wide_closes

MOST_CPU_S, MOST_RSS_MB, MOST_WIDE_CPU_S = 1.5, 1_000.0, 0.1
LEAST_OF_PIVOT = 10.0
PIVOT_SYMBOLS = 650


def run() -> list[Line]:
    """Measure and return one line for the cycle, one for long to wide, and one for each part."""
    before = slowness()
    whole = apart(_in_a_process, repeat=3)
    inputs = _inputs()
    wide = measure(lambda: wide_closes(inputs.candles), repeat=5)
    parts = {name: measure(work, repeat=3) for name, work in _parts(inputs).items()}
    # A machine that is quicker than the calibrated one is taken as it is.
    pace = max(1.0, before, slowness())
    work = f"{synthetic.SYMBOLS:,} symbols x {synthetic.BARS} bars"
    cycle = against_bound(
        "cycle",
        f"{work}: {', '.join(parts)}",
        whole,
        bound_cpu_s=MOST_CPU_S,
        slowness=pace,
        bound_mb=MOST_RSS_MB,
    )
    cycle["ok"] = cycle["ok"] and whole.peak_rss_mb <= MOST_RSS_MB
    return [
        cycle,
        against_bound("cycle long to wide", work, wide, bound_cpu_s=MOST_WIDE_CPU_S, slowness=pace),
        _against_pivot(inputs),
        *(_part(name, part, pace) for name, part in parts.items()),
    ]


def _inputs() -> Inputs:
    """Return what the chain of filters reads, with the candles of the market with planted sectors."""
    told, candles = sound_market(), synthetic.market().candles()
    last = candles.group_by("symbol", maintain_order=True).agg(pl.col("close").last())
    assert told.tickers is not None
    tickers = (
        told.tickers.drop("last", "bid", "ask")
        .join(last.rename({"close": "last"}), on="symbol")
        .with_columns(bid=pl.col("last") * 0.999, ask=pl.col("last") * 1.001)
        .select(told.tickers.columns)
    )
    return Inputs(bar=told.bar, markets=told.markets, tickers=tickers, candles=candles)


def _parts(inputs: Inputs) -> dict[str, Callable[[], Any]]:
    candles, chain = inputs.candles, chain_of(CHAIN, bars=synthetic.BARS)
    # The windows that fit into 500 bars; the third of the default set needs 960.
    rules = PeerRules(windows=(96, 288))
    return {
        "indicators": lambda: indicator_table(candles),
        "screening": lambda: sift(chain, inputs, AT),
        "regime": lambda: market_regime(candles),
        "correlations": lambda: peer_table(*log_returns(candles), rules),
        "clusters": lambda: cluster_symbols(*log_returns(candles)),
    }


_CYCLE: dict[str, Callable[[], Any]] = {}


def _in_a_process() -> int:
    """Do the cycle once; inputs are made by the first, warming call."""
    if not _CYCLE:
        _CYCLE.update(_parts(_inputs()))
    return sum(work() is not None for work in _CYCLE.values())


def _part(name: str, ours: Measured, pace: float) -> Line:
    """Return a line that is shown and not held: the parts have bounds in benchmarks of their own."""
    return against_bound(f"cycle {name}", "part of the cycle", ours, bound_cpu_s=MOST_CPU_S, slowness=pace)


def _against_pivot(inputs: Inputs) -> Line:
    candles = inputs.candles
    assert candles is not None
    few = candles.head(PIVOT_SYMBOLS * synthetic.BARS)
    ours = measure(lambda: wide_closes(few), repeat=5)
    theirs = measure(lambda: few.pivot("symbol", index="open_time", values="close"), repeat=1, warm_up=False)
    work = f"{PIVOT_SYMBOLS} symbols x {synthetic.BARS} bars"
    return against_peer("cycle long to wide", work, ours, "Polars pivot", theirs, bound=LEAST_OF_PIVOT)
