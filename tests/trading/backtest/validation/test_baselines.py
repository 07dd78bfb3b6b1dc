"""Random entries and holding: by hand on straight lines, and their rates on walks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.backtest.figures.trades import closed_trades
from trading.backtest.validation.baselines import buy_and_hold, random_entries
from trading.backtest.validation.stress import break_even_cost, cost_stress
from trading.market.errors import BadInput, InvalidBars

START = datetime(2026, 1, 1, tzinfo=UTC)
BAR = timedelta(minutes=15)


def candles(symbol: str, closes: np.ndarray) -> pl.DataFrame:
    """Bars that open at the close before."""
    opens = np.concatenate([closes[:1], closes[:-1]])
    times = [START + BAR * k for k in range(len(closes))]
    return pl.DataFrame({"symbol": [symbol] * len(closes), "ts": times, "open": opens, "close": closes})


def trades_at(bars: pl.DataFrame, entries: list[int], hold: int) -> pl.DataFrame:
    """Trades without costs: in at the open of a bar, out at the close `hold` - 1 bars later."""
    opens, closes, times = bars["open"].to_list(), bars["close"].to_list(), bars["ts"].to_list()
    rows = [
        {
            "symbol": bars["symbol"][0],
            "open_ts": times[k],
            "close_ts": times[k] + BAR * hold,
            "open_rate": opens[k],
            "close_rate": closes[k + hold - 1],
            "profit_ratio": closes[k + hold - 1] / opens[k] - 1,
            "exit_reason": "max_hold",
        }
        for k in entries
    ]
    return closed_trades(pl.DataFrame(rows))


def walk(seed: int, bars: int = 1000, drift: float = 0.0) -> pl.DataFrame:
    steps = np.random.default_rng(seed).normal(drift, 0.004, bars)
    return candles(f"S{seed}/USDT", 10 * np.exp(np.cumsum(steps)))


def test_on_a_straight_line_every_entry_is_the_same() -> None:
    """1 % a bar, held 4 bars: 1.01^4 - 1 whenever; the percentile is the middle and the p-value 1."""
    line = candles("A/USDT", 100 * 1.01 ** np.arange(50))
    row = random_entries(trades_at(line, [3, 9, 20], 4), line, cost=0.0, min_trades=3).row(0, named=True)
    assert row["mean_return"] == pytest.approx(1.01**4 - 1)
    assert row["random_mean"] == pytest.approx(1.01**4 - 1, rel=0.05)
    assert row["p_value"] > 0.5


def test_hindsight_is_found_and_too_few_trades_are_not_asked() -> None:
    """The ten best entries of a walk beat every random set; of a symbol with 7 trades nothing is said."""
    bars = walk(1)
    gain = bars["close"].to_numpy()[7:] / bars["open"].to_numpy()[:-7]
    best = np.argsort(gain)[-10:].tolist()
    found = random_entries(trades_at(bars, best, 8), bars, cost=0.0, draws=500)
    assert found["percentile"].to_list() == [1.0]
    assert found["p_value"].to_list() == [pytest.approx(1 / 501)]
    assert random_entries(trades_at(bars, best[:7], 8), bars, cost=0.0).is_empty()


def test_p_values_of_random_strategies_are_at_most_their_level() -> None:
    """300 strategies that enter a walk at random: about 5 % at 5 %, at most 9 %; drift helps none of them."""
    rng = np.random.default_rng(2)
    for drift in (0.0, 0.0005):
        p = []
        for seed in range(150):
            bars = walk(seed, 400, drift)
            own = trades_at(bars, sorted(rng.integers(0, 390, 12).tolist()), 8)
            p += random_entries(own, bars, cost=0.0, draws=200)["p_value"].to_list()
        assert np.mean(np.array(p) <= 0.05) <= 0.09


def test_a_symbol_s_figure_does_not_depend_on_the_others() -> None:
    """Seeded by name."""
    one, two = walk(1), walk(2)
    both = pl.concat([one, two])
    own = trades_at(one, list(range(0, 200, 20)), 5)
    with_other = pl.concat([own, trades_at(two, list(range(0, 200, 20)), 5)])
    alone = random_entries(own, one, cost=0.001)
    assert random_entries(with_other, both, cost=0.001).head(1).equals(alone)


def test_holding_pays_the_cost_on_both_sides() -> None:
    """100 to 150 at 1 % a side: 150 × 0.99 / (100 × 1.01) - 1; from 150 to 120 is a fall of a fifth."""
    bars = candles("A/USDT", np.array([100.0, 150.0, 120.0, 150.0]))
    row = buy_and_hold(bars, cost=0.01).row(0, named=True)
    assert row["total_return"] == pytest.approx(150 * 0.99 / 101 - 1)
    assert row["max_drawdown"] == pytest.approx(0.2)


def test_cost_stress_by_hand_and_its_break_even() -> None:
    """One trade of +2 %: at 0.5 % a side 1.02 × 0.995 / 1.005 - 1; it breaks even at 0.02 / 2.02."""
    line = candles("A/USDT", np.array([100.0, 102.0]))
    own = trades_at(line, [1], 1)
    table = cost_stress(own, cost=0.005, multiples=(0, 1, 2, 3))
    assert table["mean_return"].to_list() == pytest.approx(
        [0.02, 1.02 * 0.995 / 1.005 - 1, 1.02 * 0.99 / 1.01 - 1, 1.02 * 0.985 / 1.015 - 1]
    )
    assert table["win_rate"].to_list() == [1.0, 1.0, 0.0, 0.0]
    even = break_even_cost(own)
    assert even == pytest.approx(0.02 / 2.02)
    assert cost_stress(own, cost=even, multiples=(1.0,))["mean_return"][0] == pytest.approx(0.0, abs=1e-12)


def test_no_trades_have_no_stress_and_no_break_even() -> None:
    """A table with nulls, never a division by zero."""
    own = trades_at(walk(3), [1], 1).head(0)
    assert cost_stress(own, cost=0.001)["mean_return"].null_count() == 6
    assert break_even_cost(own) is None
    assert random_entries(own, walk(3), cost=0.0).is_empty()


def test_bad_bounds_are_refused() -> None:
    """One error each."""
    bars = walk(4)
    own = trades_at(bars, [1], 1)
    with pytest.raises(BadInput, match=r"cost must lie in \[0, 1\), was 1"):
        buy_and_hold(bars, cost=1.0)
    with pytest.raises(BadInput, match="multiple × cost"):
        cost_stress(own, cost=0.4)
    with pytest.raises(BadInput, match="draws and min_trades"):
        random_entries(own, bars, cost=0.0, draws=0)
    with pytest.raises(InvalidBars, match="open and close must be above 0"):
        buy_and_hold(bars.with_columns(close=pl.lit(0.0)), cost=0.0)
