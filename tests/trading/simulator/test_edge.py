"""The planted edge earns, and nothing else does: an independent little mean-reversion trader."""

import numpy as np
import pytest

from trading.simulator.synthetic import DEFAULT_START_MS, SyntheticMarket, synthetic

QUARTER = 15 * 60_000
COST = 0.0015  # of a round trip: twice 5 bps and some spread


def wilder_rsi(close: np.ndarray, period: int = 14) -> np.ndarray:
    """Return Wilder's RSI, NaN for the first `period` values; a plain loop on purpose."""
    moves = np.diff(close)
    rsi = np.full(len(close), np.nan)
    up = np.maximum(moves[:period], 0).mean()
    down = np.maximum(-moves[:period], 0).mean()
    for k in range(period, len(close)):
        rsi[k] = 100.0 if down == 0 else 100 - 100 / (1 + up / down)
        if k < len(moves):
            up = (up * (period - 1) + max(moves[k], 0)) / period
            down = (down * (period - 1) + max(-moves[k], 0)) / period
    return rsi


def net_returns(close: np.ndarray) -> list[float]:
    """Buy at the close with RSI < 30; sell at the close with RSI > 55 or after 24 bars; minus `COST`."""
    rsi, trades, k = wilder_rsi(close), [], 14
    while k < len(close) - 1:
        if rsi[k] < 30:
            out = k + 1
            while out < len(close) - 1 and rsi[out] <= 55 and out - k < 24:
                out += 1
            trades.append(close[out] / close[k] - 1 - COST)
            k = out
        k += 1
    return trades


def totals(market: SyntheticMarket, symbols: list[str], weeks_back: int) -> np.ndarray:
    """Sum of net returns over 1,000 bars for each symbol that traded."""
    end = DEFAULT_START_MS - weeks_back * 7 * 86_400_000
    sums = []
    for symbol in symbols:
        bars = market.bars(symbol, "15m", end - 1000 * QUARTER, end, end)
        trades = net_returns(bars.close.astype(float))
        if trades:
            sums.append(sum(trades))
    return np.array(sums)


@pytest.fixture(scope="module")
def planted() -> SyntheticMarket:
    return synthetic(seed=7, symbols=1200)


def test_rsi_by_hand() -> None:
    """Two up moves of 1 and one down of 1 in a period of 3: RS = 2, RSI = 66.67."""
    assert wilder_rsi(np.array([10.0, 11, 12, 11]), 3)[3] == pytest.approx(100 - 100 / 3)


def test_mean_reversion_earns_in_most_edge_pairs(planted: SyntheticMarket) -> None:
    """At three dates, at least 8 in 10 edge pairs end in profit after costs."""
    symbols = list(planted.edge_symbols)
    assert len(symbols) >= 12
    for weeks in (0, 9, 30):
        assert float((totals(planted, symbols, weeks) > 0).mean()) >= 0.8


def test_mean_reversion_earns_nothing_elsewhere(planted: SyntheticMarket) -> None:
    """Over eight dates the mean of ordinary liquid pairs is at or below about minus the costs."""
    shot = planted.snapshot(DEFAULT_START_MS)
    ordinary = [
        symbol
        for k, (symbol, pair) in enumerate(planted.pairs.items())
        if not pair.has_edge and pair.status == "1" and pair.quote == "USDT" and shot.last[k] > 5000
        and shot.quote_volume_24h[k] > 2e11 and pair.listed_ms < DEFAULT_START_MS - 900 * 86_400_000
    ][:40]  # fmt: skip
    assert len(ordinary) == 40
    sums = np.array([totals(planted, ordinary, weeks).mean() for weeks in range(0, 80, 10)])
    assert float(sums.mean()) < 0.01


def test_the_same_pairs_earn_nothing_without_the_edge(planted: SyntheticMarket) -> None:
    """`edge=False` takes the pattern away and leaves the pairs."""
    plain = synthetic(seed=7, symbols=1200, edge=False)
    assert plain.edge_symbols == ()
    symbols = list(planted.edge_symbols)
    sums = np.array([totals(plain, symbols, weeks).mean() for weeks in range(0, 80, 10)])
    assert float(sums.mean()) < 0.01
