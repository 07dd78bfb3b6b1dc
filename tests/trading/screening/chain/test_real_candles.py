"""Figures of the filters on three months of recorded perpetuals, against plain numpy, at many moments."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.market.frames import CANDLES, MARKETS, TICKERS
from trading.market.timeframes import timeframe
from trading.screening.chain.declared import chain_of
from trading.screening.chain.inputs import Inputs
from trading.screening.chain.run import funnel_over, sift

RECORDED = Path(__file__).resolve().parents[4] / "../shared/data/ohlcv_15m_perp.parquet"
pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="recorded candles are not on this machine")
BAR = timeframe("15m")
START = datetime(2025, 6, 1, tzinfo=UTC)
MOMENTS = [START + timedelta(hours=number * 31) for number in range(12)]


@pytest.fixture(scope="module")
def recorded() -> Inputs:
    """The recorded bars with a listing that holds them all; nothing is known of quotes."""
    frame = pl.read_parquet(RECORDED).with_columns(
        open_time=pl.col("ts").cast(pl.Datetime("ms", "UTC")), quote_volume=pl.col("volume") * pl.col("close")
    )
    names = frame["symbol"].unique().sort()
    facts = {
        "symbol": names,
        "base": names,
        "quote": ["USDT"] * len(names),
        "is_scannable": [True] * len(names),
    }
    markets = pl.DataFrame(facts, schema_overrides={"base": pl.String})
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in MARKETS.items() if name not in facts]
    return Inputs(
        bar=BAR,
        markets=markets.with_columns(missing),
        tickers=pl.DataFrame(schema=TICKERS),
        candles=frame.select(list(CANDLES)),
    )


def window(recorded: Inputs, symbol: str, at: datetime, bars: int) -> dict[str, np.ndarray]:
    own = recorded.candles.filter(pl.col("symbol") == symbol, pl.col("open_time") < at).sort("open_time")
    return {name: own[name].tail(bars).to_numpy() for name in ("high", "low", "close", "quote_volume")}


@pytest.mark.parametrize(
    ("table", "formula"),
    [
        ({"name": "volume", "hours": 6, "min": 0}, lambda w: w["quote_volume"][-24:].sum()),
        ({"name": "percent_change", "hours": 6, "min": -1}, lambda w: w["close"][-1] / w["close"][-25] - 1),
        (
            {"name": "volatility", "bars": 48, "min": 0},
            lambda w: np.std(np.diff(np.log(w["close"][-49:])), ddof=1),
        ),
        (
            {"name": "range_stability", "bars": 48, "min": 0},
            lambda w: w["high"][-48:].max() / w["low"][-48:].min() - 1,
        ),
        (
            {"name": "expression", "keep": "close / mean(close, 20) - 1 > -9"},
            lambda w: w["close"][-1] / w["close"][-20:].mean() - 1,
        ),
        (
            {"name": "expression", "keep": "highest(high, 20) / close[3] > -9"},
            lambda w: w["high"][-20:].max() / w["close"][-4],
        ),
    ],
)
def test_what_a_filter_measures_is_the_plain_formula(recorded, table, formula):
    """Each of 32 symbols at 12 moments, to 1e-9 relative."""
    chain = chain_of([table], bars=100)
    for at in MOMENTS:
        found = sift(chain, recorded, at).decisions
        assert found.height == 32
        for symbol, value in found.select("symbol", "value").iter_rows():
            assert value == pytest.approx(formula(window(recorded, symbol, at, 100)), rel=1e-9, abs=1e-15)


def test_who_is_like_a_more_traded_one_really_is(recorded):
    """Each dropped symbol's named peer trades more, is kept, and numpy finds the same correlation."""
    chain = chain_of([{"name": "correlation", "max": 0.85, "bars": 192}], bars=200)
    dropped = 0
    for at in MOMENTS:
        found = sift(chain, recorded, at)
        own = {s: window(recorded, s, at, 193) for s in recorded.markets["symbol"]}
        returns = {s: np.diff(np.log(w["close"])) for s, w in own.items()}
        traded = {s: w["quote_volume"].sum() for s, w in own.items()}
        for row in found.funnel.filter(~pl.col("is_kept")).iter_rows(named=True):
            peer = row["reason"].removeprefix("moves like ").split(",")[0]
            rho = np.corrcoef(returns[row["symbol"]], returns[peer])[0, 1]
            assert row["value"] == pytest.approx(rho, abs=1e-9)
            assert traded[peer] > traded[row["symbol"]]
            assert peer in found.kept
            dropped += 1
        kept = np.corrcoef([returns[symbol] for symbol in found.kept])
        assert np.abs(kept[~np.eye(len(kept), dtype=bool)]).max() <= 0.85 + 1e-9 or len(kept) < 2
    assert dropped > 50


def test_a_strategy_in_words_is_replayed_without_a_look_ahead(recorded):
    """The same funnel at 12 moments from bars that end there as from all three months."""
    keep = "rsi_14 < 45 AND adx_14 > 15 AND NOT crosses_below(ema_20, ema_50)"
    chain = chain_of([{"name": "bars", "min": 300}, {"name": "expression", "keep": keep}], bars=400)
    over = funnel_over(chain, recorded, MOMENTS)
    assert 0 < over["is_kept"].sum() < over.height
    for at in MOMENTS:
        ends = recorded.candles.filter(pl.col("open_time") < at)
        alone = sift(
            chain, Inputs(bar=BAR, markets=recorded.markets, tickers=recorded.tickers, candles=ends), at
        )
        assert over.filter(pl.col("at") == at).drop("at").to_dicts() == alone.funnel.to_dicts()
