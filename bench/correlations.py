"""Correlation of 2,600 symbols over 499 returns against the bare matrix product it cannot do without.

The peer is numpy's `x @ x.T` (BLAS) of the centred, scaled returns in float64, nothing else; both keep to one
thread. So is what shrinkage, ranks, peers over three windows, alerts and one question about peers cost.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

from bench import synthetic
from bench.calibration import slowness
from bench.harness import Line, Measured, against_bound, against_peer, measure, missing
from trading.store.lake import Lake
from trading.xray.correlation import correlation
from trading.xray.decoupling import decoupled_pairs
from trading.xray.peers import ROW_GROUP, TABLE, peer_table, peers_at

# Least ratios: the product's CPU seconds over ours, so 1 / 1.3 and 1 / 5.
COMPLETE, HOLEY = 1 / 1.3, 1 / 5
PANDAS_SYMBOLS = 300


def run() -> list[Line]:
    """Measure and return one line per piece of work."""
    with threadpoolctl.threadpool_limits(1):
        return _lines()


def _lines() -> list[Line]:
    market = synthetic.market()
    names, returns = market.symbols, market.returns()
    holey = synthetic.with_holes(returns)
    scaled = returns - returns.mean(axis=1, keepdims=True)
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    product = measure(lambda: scaled @ scaled.T, repeat=7)
    work, peer = f"{len(names):,} x {len(names):,} over {returns.shape[1]} returns", "bare product, float64"

    def line(what: str, ours: Measured, bound: float, **more: Any) -> Line:
        return against_peer(f"correlations {what}", work, ours, peer, product, bound=bound, **more)

    lines = [
        line("complete", measure(lambda: correlation(names, returns), repeat=7), COMPLETE),
        line("with holes", measure(lambda: correlation(names, holey), repeat=5), HOLEY),
        line("complete, shrunk", measure(lambda: correlation(names, returns, shrink=True)), 0.5),
        line("with holes, shrunk", measure(lambda: correlation(names, holey, shrink=True)), 0.1),
        line("Spearman", measure(lambda: correlation(names, returns, method="spearman")), 0.25),
    ]
    # A machine that is quicker than the calibrated one is taken as it is.
    pace = max(1.0, slowness())
    long = synthetic.market(bars=1_000)
    peers = measure(lambda: peer_table(long.symbols, long.returns()), repeat=2)
    alerts = measure(lambda: decoupled_pairs(long.symbols, long.returns()), repeat=2)
    both = "2,600 symbols x 1,000 bars"
    return [
        *lines,
        _against_pandas(names, holey),
        against_bound(
            "correlations table", f"{both}, 20 peers over 3 windows", peers, bound_cpu_s=1.0, slowness=pace
        ),
        against_bound(
            "correlations alerts", f"{both}, newest of 10 windows", alerts, bound_cpu_s=1.5, slowness=pace
        ),
        _question(peers.value),
    ]


def _against_pandas(names: list[str], holey: synthetic.Floats) -> Line:
    work = f"{PANDAS_SYMBOLS} symbols with holes"
    few = holey[:PANDAS_SYMBOLS]
    ours = measure(lambda: correlation(names[:PANDAS_SYMBOLS], few))
    theirs, gap = None, None
    if not missing(["pandas"]):
        import pandas

        frame = pandas.DataFrame(few.T)
        theirs = measure(lambda: frame.corr(min_periods=30), repeat=2)
        gap = float(np.nanmax(np.abs(theirs.value.to_numpy() - ours.value.rho)))
    return against_peer(
        "correlations and pandas", work, ours, "pandas .corr", theirs, bound=5.0, largest_difference=gap
    )


def _question(table: Any) -> Line:
    """Peers of one symbol against reading the whole table."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        lake.publish(TABLE, table, key=["symbol", "window", "peer"], at=at, row_group=ROW_GROUP)
        ours = measure(lambda: peers_at(lake, "S1234/USDT", at), repeat=9)
        theirs = measure(lambda: lake.read(TABLE), repeat=5)
    work = f"top 20 peers of one symbol at a moment, {table.height:,} rows stored"
    return against_peer("peers_at", work, ours, "reading the whole table", theirs, bound=1.5)
