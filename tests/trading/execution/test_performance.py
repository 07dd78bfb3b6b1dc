"""Figures per user, worked out by hand."""

import polars as pl
import pytest

from trading.execution.performance import PERFORMANCE, user_performance
from trading.store.order_log.columns import CLOSED_TRADES, INTENTS


def frame(columns: dict, rows: list[dict]) -> pl.DataFrame:
    full = [{name: row.get(name) for name in columns} for row in rows]
    return pl.DataFrame(full, schema=columns)


def test_figures_of_one_user_by_hand():
    """Gains 30 and 10 against a loss of 20: 2 of 3 won, factor 2; one entry full, one half filled."""
    trades = frame(
        CLOSED_TRADES,
        [
            {"user_id": "u1", "pnl_quote": pnl, "fees_quote": 1.0, "profit_ratio": pnl / 100}
            for pnl in (30.0, 10.0, -20.0)
        ],
    )
    entry = {"user_id": "u1", "leg": "open", "status": "DONE", "amount": 2.0, "price": 100.0}
    intents = frame(
        INTENTS,
        [
            entry | {"filled": 2.0, "filled_cost": 198.0},
            entry | {"filled": 1.0, "filled_cost": 100.0},
            entry | {"filled": 0.0, "filled_cost": 0.0, "status": "VOID"},
            entry | {"filled": 9.0, "filled_cost": 9.0, "leg": "close"},
        ],
    )
    row = user_performance(trades, intents).row(0, named=True)
    assert row["hit_rate"] == pytest.approx(2 / 3)
    assert row["profit_factor"] == pytest.approx(2.0)
    assert row["mean_profit_ratio"] == pytest.approx(0.2 / 3)
    assert row["entry_fill_rate"] == pytest.approx(0.75)
    assert row["entry_price_vs_limit"] == pytest.approx(-0.005)


def test_figure_without_a_basis_is_null():
    """A user who sent one entry that found nothing has no hit rate and no slippage."""
    entry = {"user_id": "u1", "leg": "open", "status": "DONE", "amount": 2.0, "price": 100.0}
    intents = frame(INTENTS, [entry | {"filled": 0.0, "filled_cost": 0.0}])
    row = user_performance(frame(CLOSED_TRADES, []), intents).row(0, named=True)
    assert (row["trades"], row["hit_rate"], row["entry_price_vs_limit"]) == (0, None, None)
    assert row["entry_fill_rate"] == 0


def test_nothing_gives_an_empty_frame_with_its_columns():
    """Before the first trade the columns are there."""
    empty = user_performance(frame(CLOSED_TRADES, []), frame(INTENTS, []))
    assert dict(empty.schema) == PERFORMANCE
    assert empty.is_empty()
