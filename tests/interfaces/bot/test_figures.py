"""Sums of trades, worked out by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from interfaces.bot import figures as say
from trading.store.order_log.records import Trade

D = Decimal
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def trade(name: str, pnl: str, closed: datetime, **changes) -> Trade:
    ms = int(closed.timestamp() * 1000)
    made = Trade(
        trade_id=name, user_id="u", signal_id="s", approval_id="a", signal_set_id="t", symbol="BTC/USDT",
        mode="paper", is_closed=True, version=1, bought=D(1), bought_cost=D(100), sold=D(1),
        sold_cost=D(100) + D(pnl), base_fees=D(0), fees_quote=D(0), fees_unpriced=0, dust=D(0),
        pnl_quote=D(pnl), stop_loss=D("0.1"), take_profit=None, stop_price=D(90), target_price=None,
        deadline_ms=0, opened_ms=ms - 3_600_000, closed_ms=ms, exit_reason="take_profit", held_up=None,
    )  # fmt: skip
    return replace(made, **changes)


TRADES = [
    trade("a", "10", datetime(2026, 3, 1, 10, tzinfo=UTC)),
    trade("b", "-20", datetime(2026, 3, 2, 10, tzinfo=UTC), exit_reason="stop_loss", symbol="ETH/USDT"),
    trade("c", "30", datetime(2026, 3, 2, 11, tzinfo=UTC)),
]


def test_profit_is_what_the_trades_say():
    """+20 on 1,000; factor 40/20; two of three won; drawdown 20 of 1,010."""
    found = say.profit(TRADES, D(1_000))
    assert (found["total"], found["on_capital"], found["factor"]) == (D(20), D("0.02"), D(2))
    assert (found["won"], found["lost"], found["best"], found["best_profit"]) == (2, 1, "BTC/USDT", D(40))
    assert found["mean_ratio"] == pytest.approx(0.2 / 3)
    assert found["drawdown"] == pytest.approx(20 / 1_010)
    assert found["volume"] == D(620)
    assert found["lasted_ms"] == 3_600_000


def test_a_week_begins_on_monday():
    """1 March 2026 is a Sunday: its trade belongs to the week before."""
    assert say.periods(TRADES, MONDAY, 2, "week") == [
        (date(2026, 3, 2), D(10), 2),
        (date(2026, 2, 23), D(10), 1),
    ]
    assert say.periods(TRADES, MONDAY, 2, "day") == [
        (date(2026, 3, 2), D(10), 2),
        (date(2026, 3, 1), D(10), 1),
    ]
    assert say.periods(TRADES, MONDAY, 1, "month") == [(date(2026, 3, 1), D(20), 3)]


def test_paper_and_live_are_never_added():
    """Nor two quote assets."""
    mixed = [*TRADES, replace(TRADES[0], mode="live"), replace(TRADES[0], symbol="BTC/EUR")]
    assert [name for name, _ in say.apart(mixed)] == ["live, USDT", "paper, EUR", "paper, USDT"]


def test_by_reason_counts_trades_and_wins_best_first():
    """Targets won 40 in two, stops lost 20."""
    assert say.by(TRADES, "exit_reason") == [("take_profit", 2, 2, D(40)), ("stop_loss", 1, 0, D(-20))]


def test_long_lists_say_what_is_left_out():
    """41 lines and more would not be read."""
    assert say.bounded([str(i) for i in range(50)], "none").endswith("… and 10 more")
    assert say.bounded([], "none") == "none"
