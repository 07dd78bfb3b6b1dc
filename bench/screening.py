"""A chain of 12 filters over 2,600 symbols x 500 bars, from raw frames to every verdict with its reason.

Its peer is the same chain as a loop over symbols, each measured by itself with Polars, as pair-list handlers
go about it; the loop is measured on a sample and scaled.
"""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from bench.calibration import slowness
from bench.harness import Measured, against_bound, against_peer, measure
from bench.indicators import walks
from trading.market.frames import MARKETS, TICKERS
from trading.market.timeframes import timeframe
from trading.screening.chain.declared import Chain, chain_of
from trading.screening.chain.inputs import Inputs
from trading.screening.chain.run import sift

SYMBOLS, BARS, SUBSET = 2_600, 500, 60
AT = datetime(2024, 1, 1, tzinfo=UTC) + BARS * timeframe("15m").delta
MOST_CPU_S = 0.5
LEAST_OF_LOOP = 5.0
# Nearly everything passes each filter, so that the last one still sees most of the market.
CHAIN = [
    {"name": "status"},
    {"name": "blacklist", "patterns": [".+[2345][LS]"]},
    {"name": "ticker"},
    {"name": "spread", "max": 0.01},
    {"name": "price", "max_tick": 0.5},
    {"name": "bars", "min": 200},
    {"name": "stale"},
    {"name": "volume", "min": 1.0},
    {"name": "percent_change", "min": -0.9},
    {"name": "volatility", "min": 0.0001, "max": 0.5},
    {"name": "range_stability", "min": 0.001},
    {"name": "expression", "keep": "rsi_14 < 80 AND adx_14 > 5 AND close > lowest(low, 96)"},
]


def run() -> list[dict[str, Any]]:
    """Measure and return one line against the bound and one against the loop."""
    inputs, chain = market(), chain_of(CHAIN, bars=BARS)
    before = slowness()
    ours = measure(lambda: sift(chain, inputs, AT))
    slow = max(before, slowness())
    work = f"{len(CHAIN)} filters, {SYMBOLS:,} symbols x {BARS} bars, {len(ours.value.kept):,} kept"
    subset = inputs.markets.head(SUBSET)["symbol"].to_list()
    alone = apart(inputs, subset)
    theirs = measure(lambda: one_by_one(chain, alone), repeat=1)
    scale = SYMBOLS / SUBSET
    scaled = Measured(theirs.cpu_s * scale, theirs.wall_s * scale, theirs.peak_rss_mb)
    return [
        against_bound("screening", work, ours, bound_cpu_s=MOST_CPU_S, slowness=slow),
        against_peer(
            "screening",
            work,
            ours,
            "the chain symbol by symbol",
            scaled,
            bound=LEAST_OF_LOOP,
            scaled=f"peer measured on {SUBSET} symbols, scaled",
        ),
    ]


def market() -> Inputs:
    """Return a sound market of seeded walks."""
    candles = walks(SYMBOLS, BARS, seed=20240607)
    names = candles["symbol"].unique(maintain_order=True)
    base = names.str.split("/").list.first()
    last = candles.group_by("symbol", maintain_order=True).agg(pl.col("close").last())["close"]
    facts = {"symbol": names, "exchange_id": base, "base": base, "last": last}
    frame = pl.DataFrame(facts).with_columns(
        quote=pl.lit("USDT"),
        status=pl.lit("1"),
        is_scannable=pl.lit(value=True),
        is_api_tradable=pl.lit(value=True),
        tick=pl.col("last") / 1e4,
        step=pl.lit(0.001),
        full_name=pl.col("base"),
        at=pl.lit(AT),
        bid=pl.col("last") * 0.999,
        ask=pl.col("last") * 1.001,
        volume_quote_24h=pl.lit(1e6),
        **{name: pl.lit(0.0) for name in ("min_amount", "min_cost", "max_cost", "maker_fee", "taker_fee")},
        **{
            name: pl.lit(0.0) for name in ("open_24h", "high_24h", "low_24h", "volume_base_24h", "change_24h")
        },
    )
    return Inputs(
        bar=timeframe("15m"),
        markets=frame.select(list(MARKETS)).cast(MARKETS),
        tickers=frame.select(list(TICKERS)).cast(TICKERS),
        candles=candles,
    )


def apart(inputs: Inputs, symbols: list[str]) -> list[Inputs]:
    """Return what is known of each of `symbols` by itself: cutting it out is not the loop's work."""
    found = []
    for symbol in symbols:
        own = pl.col("symbol") == symbol
        tickers, candles = inputs.tickers, inputs.candles
        assert tickers is not None
        assert candles is not None
        found.append(
            Inputs(
                bar=inputs.bar,
                markets=inputs.markets.filter(own),
                tickers=tickers.filter(own),
                candles=candles.filter(own),
            )
        )
    return found


def one_by_one(chain: Chain, each: list[Inputs]) -> int:
    """Judge one symbol after another; return how many are kept."""
    return sum(len(sift(chain, own, AT).kept) for own in each)
