"""Market betas, against numbers worked out by hand."""

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.risk.betas import market_betas

START = datetime(2026, 1, 1, tzinfo=UTC)


def bars(**returns: list[float]) -> pl.DataFrame:
    rows = []
    for symbol, moves in returns.items():
        level = 0.0
        for place, move in enumerate([0.0, *moves]):
            level += move
            rows.append((symbol, START + timedelta(minutes=place), math.exp(level)))
    return pl.DataFrame(rows, schema=["symbol", "open_time", "close"], orient="row")


def test_a_symbol_that_moves_half_again_as_much_has_three_halves_of_the_mean():
    """Moves m, 2m, 0 have the mean m: betas 1, 2 and 0."""
    moves = [0.01, -0.02, 0.03, -0.01]
    found = market_betas(bars(A=moves, B=[2 * m for m in moves], C=[0.0] * 4), least=3)
    assert found == pytest.approx({"A": 1.0, "B": 2.0, "C": 0.0}, abs=1e-9)


def test_too_few_returns_or_a_market_that_stands_give_no_beta():
    """Nothing to divide by is no beta of 0."""
    assert market_betas(bars(A=[0.01, 0.02]), least=3) == {}
    assert market_betas(bars(A=[0.0] * 5, B=[0.0] * 5), least=3) == {}


def test_only_the_newest_bars_count():
    """Two bars of before moved the other way."""
    old, new = [0.05, -0.05], [0.01, -0.02, 0.03, -0.01]
    found = market_betas(bars(A=old + new, B=[-m for m in old] + [3 * m for m in new]), most=5, least=3)
    assert found == pytest.approx({"A": 0.5, "B": 1.5}, abs=1e-9)
