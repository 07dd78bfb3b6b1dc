"""A pass as a whole: few symbols with an edge are found out of sample, many without are not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.backtest.validation.pooled import pooled_sharpe
from trading.market.errors import BadInput

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def market(
    seed: int, edge: float, *, symbols: int = 100, days: int = 10, with_edge: int = 10
) -> pl.DataFrame:
    """Return a trade a day of two hours per symbol, deviation 2 %; the first few earn `edge` more."""
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 21, (symbols, days))
    value = rng.standard_t(5, (symbols, days)) * 0.02 - 0.002
    value[:with_edge] += edge
    opened = [BEGIN + timedelta(days=d, hours=int(hours[s, d])) for s in range(symbols) for d in range(days)]
    return pl.DataFrame(
        {
            "symbol": np.repeat([f"S{k:03d}" for k in range(symbols)], days),
            "open_time": opened,
            "close_time": [at + timedelta(hours=2) for at in opened],
            "profit_ratio": value.ravel(),
            "is_open": False,
        }
    )


def test_luck_among_many_symbols_is_no_evidence() -> None:
    """100 symbols without an edge, 60 markets: at most 5 % pass 0.95, though the best five all made money."""
    found = [pooled_sharpe(market(seed, 0.0), 1.0) for seed in range(60)]
    assert sum((one.probability or 0.0) >= 0.95 for one in found) <= 3
    best = market(0, 0.0).group_by("symbol").agg(pl.col("profit_ratio").mean()).sort("profit_ratio").tail(5)
    assert best["profit_ratio"].min() > 0.009  # type: ignore[operator]  # a number


def test_an_edge_on_a_tenth_of_the_symbols_is_found_where_one_symbol_s_days_say_nothing() -> None:
    """10 of 100 symbols earn 2.5 % more a trade: found in nine of ten markets, pooled over all of them."""
    found = [pooled_sharpe(market(100 + seed, 0.025), 10.0) for seed in range(20)]
    assert sum((one.probability or 0.0) >= 0.95 for one in found) >= 18


def test_more_trials_ask_for_more() -> None:
    """The same trades are worth less after a thousand tries; alone, they are worth what PSR says."""
    trades = market(3, 0.01)
    once, often = pooled_sharpe(trades, 1.0), pooled_sharpe(trades, 1000.0)
    assert once.probability == pytest.approx(once.undeflated)
    assert often.probability is not None
    assert once.probability is not None
    assert often.probability < once.probability
    assert often.undeflated == once.undeflated


def test_a_symbol_is_held_only_by_what_it_did_on_other_days() -> None:
    """A symbol that wins in one block and does nothing elsewhere is not held in that block: none counts."""
    at = [BEGIN + timedelta(hours=h) for h in (1, 2, 3, 4, 30, 50, 70, 94)]
    trades = pl.DataFrame(
        {
            "symbol": ["A"] * 4 + ["B"] * 4,
            "open_time": at,
            "close_time": [each + timedelta(minutes=30) for each in at],
            "profit_ratio": [0.5, 0.5, 0.5, 0.5, -0.1, -0.1, -0.1, -0.1],
            "is_open": False,
        }
    )
    found = pooled_sharpe(trades, 1.0)
    assert (found.trades, found.probability) == (0, None)


def test_too_little_says_nothing_and_bad_bounds_are_refused() -> None:
    """Three trades, or only open ones, have no verdict; fewer than one trial does not exist."""
    assert pooled_sharpe(market(0, 0.0).head(3), 1.0).probability is None
    assert pooled_sharpe(market(0, 0.0).with_columns(is_open=True), 1.0).probability is None
    with pytest.raises(BadInput, match="trials at least 1"):
        pooled_sharpe(market(0, 0.0), 0.5)
    with pytest.raises(BadInput, match="trades need is_open"):
        pooled_sharpe(market(0, 0.0).drop("is_open"), 1.0)
