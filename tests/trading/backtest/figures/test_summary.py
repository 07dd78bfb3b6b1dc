"""All figures of a handful of trades, worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from trading.backtest.figures.curve import daily, deepest, equity_curve, monthly, underwater
from trading.backtest.figures.summary import Figures, figures
from trading.backtest.figures.tables import GROUPS, KEYS, group_table
from trading.backtest.figures.trades import CLOSED, closed_trades
from trading.backtest.figures.words import WORDS
from trading.market.errors import BadInput

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def at(days: float) -> datetime:
    return DAY + timedelta(days=days)


# Stake 100 each, balance 1,000: 1,010, 1,005, 985 (deepest: 25 of 1,010), 1,015.
FOUR = pl.DataFrame(
    {
        "symbol": ["A/USDT", "B/USDT", "A/USDT", "B/USDT"],
        "open_ts": [at(0), at(0.5), at(2), at(30)],
        "close_ts": [at(1), at(1.5), at(3), at(32)],
        "open_rate": [100.0, 50.0, 100.0, 50.0],
        "close_rate": [110.0, 47.5, 80.0, 65.0],
        "amount": [1.0, 2.0, 1.0, 2.0],
        "profit_ratio": [0.1, -0.05, -0.2, 0.3],
        "exit_reason": ["roi", "stop_loss", "stop_loss", "roi"],
    }
)


def test_figures_of_four_trades_are_those_worked_by_hand() -> None:
    """Two wins of 10 and 30, two losses of 5 and 20, over 32 days."""
    found = figures(FOUR, start_balance=1000.0)
    assert (found.trades, found.wins, found.draws, found.losses, found.days) == (4, 2, 0, 2, 32)
    assert (found.profit, found.final_balance) == pytest.approx((15.0, 1015.0))
    assert found.cagr == pytest.approx(1.015 ** (365 / 32) - 1)
    assert found.profit_factor == pytest.approx(40 / 25)
    assert (found.expectancy, found.expectancy_ratio) == pytest.approx((3.75, (1 + 20 / 12.5) * 0.5 - 1))
    assert (found.win_streak, found.loss_streak) == (1, 2)
    assert (found.best_trade, found.worst_trade, found.median_profit_ratio) == pytest.approx(
        (0.3, -0.2, 0.025)
    )
    assert found.volume == pytest.approx(400 + 110 + 95 + 80 + 130)
    assert (found.mean_duration_s, found.mean_duration_wins_s) == pytest.approx((1.25 * 86400, 1.5 * 86400))


def test_the_drawdown_has_its_dates_and_its_way_back() -> None:
    """Peak 1,010 on day 1, trough 985 on day 3, back at 1,015 on day 32."""
    found = figures(FOUR, start_balance=1000.0)
    assert found.max_drawdown == pytest.approx(25 / 1010)
    assert found.max_drawdown_amount == pytest.approx(25.0)
    assert (found.max_drawdown_from, found.max_drawdown_to) == (at(1), at(3))
    assert (found.max_drawdown_recovered, found.max_drawdown_duration_s) == (at(32), 31 * 86400)


def test_time_in_the_market_counts_overlapping_positions_once() -> None:
    """Days 0 to 1.5, 2 to 3 and 30 to 32 of 32: 4.5; two at once on the first day."""
    found = figures(FOUR, start_balance=1000.0)
    assert (found.exposure, found.most_open) == pytest.approx((4.5 / 32, 2))


def test_days_are_all_days_and_not_those_with_trades() -> None:
    """33 calendar days from 1 January to 2 February, of which two won, two lost, the others stood."""
    found = figures(FOUR, start_balance=1000.0)
    # Both first closes fall on 2 January: +10 - 5.
    assert (found.days_won, found.days_drawn, found.days_lost) == (2, 30, 1)
    assert (found.best_day, found.best_day_on) == (30.0, date(2026, 2, 2))
    assert (found.worst_day, found.worst_day_on) == (-20.0, date(2026, 1, 4))


def test_months_compound_to_the_whole() -> None:
    """January 985 / 1,000, February 1,015 / 985."""
    months = monthly(_curve())
    assert months.select("year", "month").rows() == [(2026, 1), (2026, 2)]
    assert months["return"].to_list() == pytest.approx([-0.015, 1015 / 985 - 1])
    assert (1 + months["return"]).product() == pytest.approx(1.015)


def _curve() -> pl.DataFrame:
    rows = [(at(0), 1000.0), (at(1), 1010.0), (at(1.5), 1005.0), (at(3), 985.0), (at(32), 1015.0)]
    return pl.DataFrame(rows, schema={"time": pl.Datetime("ms", "UTC"), "equity": pl.Float64}, orient="row")


def test_a_curve_that_never_recovers_says_so() -> None:
    """The last peak stays open; the duration runs to the end."""
    found = deepest(_curve().head(4))
    assert found is not None
    assert (found.recovered_at, found.duration) == (None, timedelta(days=2))
    assert deepest(_curve().head(0)) is None
    assert underwater(_curve())["drawdown"].to_list() == pytest.approx([0, 0, 5 / 1010, 25 / 1010, 0])


def test_the_deepest_fall_by_money_may_be_another_than_by_share() -> None:
    """100 to 50 is half; 1,000 to 900 is more money."""
    curve = pl.DataFrame(
        {"time": [at(k) for k in range(4)], "equity": [100.0, 50.0, 1000.0, 900.0]},
        schema={"time": pl.Datetime("ms", "UTC"), "equity": pl.Float64},
    )
    by_share, by_money = deepest(curve), deepest(curve, by="amount")
    assert by_share is not None
    assert by_money is not None
    assert (by_share.ratio, by_money.amount) == (0.5, 100.0)


def test_groups_add_up_to_the_whole_in_every_table() -> None:
    """Whatever trades are grouped by, none is lost and none counted twice."""
    closed = closed_trades(FOUR)
    for key in KEYS:
        table = group_table(closed, key, 1000.0)
        assert dict(table.schema) == GROUPS
        assert (table["trades"].sum(), table["profit"].sum()) == (4, pytest.approx(15.0))
    stops = group_table(closed, "exit_reason", 1000.0).row(1, named=True)
    assert (stops["group"], stops["losses"], stops["profit_of_balance"]) == ("stop_loss", 2, -0.025)
    assert group_table(closed, "month", 1000.0)["group"].to_list() == ["2026-01", "2026-02"]
    assert group_table(closed.head(0), "weekday", 1000.0).is_empty()


def test_the_market_s_change_is_the_mean_over_symbols() -> None:
    """+100 % and -50 % are +25 %; the span of the candles is the span of the test."""
    candles = pl.DataFrame(
        {"symbol": ["A", "A", "B", "B"], "ts": [at(0), at(40)] * 2, "close": [1.0, 2.0, 10.0, 5.0]}
    )
    found = figures(FOUR, start_balance=1000.0, candles=candles)
    assert (found.market_change, found.days, found.end) == (0.25, 40, at(40))


def test_fees_at_entry_are_part_of_the_stake() -> None:
    """100 bought at a fee of 1 % cost 101; 10 % of it are 10.1."""
    assert closed_trades(FOUR, fee=0.01)["profit"][0] == pytest.approx(10.1)


def test_the_engine_s_own_table_is_read_with_stakes_of_one() -> None:
    """`open_price` for `open_rate`, no amount, open trades left out, times in whole ms too."""
    engine = FOUR.rename({"open_ts": "open_time", "close_ts": "close_time", "open_rate": "open_price"}).drop(
        "amount"
    )
    engine = engine.rename({"close_rate": "close_price"}).with_columns(
        is_open=pl.Series([False] * 3 + [True])
    )
    found = closed_trades(engine)
    assert dict(found.schema) == CLOSED
    assert found["stake"].to_list() == pytest.approx([1.0] * 3)
    in_ms = FOUR.with_columns(pl.col("open_ts", "close_ts").dt.epoch("ms"))
    assert closed_trades(in_ms).equals(closed_trades(FOUR))


def test_no_trades_are_figures_too() -> None:
    """Nothing is invented: what has no meaning is None."""
    found = figures(FOUR.head(0), start_balance=500.0)
    assert (found.trades, found.final_balance, found.profit, found.exposure) == (0, 500.0, 0.0, None)
    assert (found.sharpe, found.expectancy, found.max_drawdown) == (None, None, None)


def test_every_figure_has_its_words() -> None:
    """A row of the table without a meaning would be a bare number."""
    rows = figures(FOUR).rows()
    assert [row["figure"] for row in rows] == list(WORDS)
    assert isinstance(figures(FOUR), Figures)


def test_equity_of_many_symbols_is_their_sum_and_a_missing_bar_keeps_the_last() -> None:
    """A: 1, 2, 2; B begins later with 1 and stands at 3 at the end."""
    equity = pl.DataFrame(
        {
            "symbol": ["A", "A", "B", "B"],
            "open_time": [at(0), at(1), at(1), at(2)],
            "equity": [1.0, 2.0, 1.0, 3.0],
        }
    )
    assert equity_curve(equity)["equity"].to_list() == [2.0, 3.0, 5.0]
    assert daily(equity_curve(equity))["return"].to_list() == pytest.approx([0.0, 0.5, 2 / 3])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"open_rate": 0.0}, "rates, amount and stake above 0"),
        ({"profit_ratio": float("nan")}, "rates, amount and stake above 0"),
        ({"close_ts": at(-1)}, "close no earlier than it opens"),
    ],
)
def test_a_trade_that_cannot_be_is_refused(change: dict, said: str) -> None:
    """One error that shows the trade."""
    with pytest.raises(BadInput, match=said):
        closed_trades(FOUR.with_columns(**{name: pl.lit(value) for name, value in change.items()}))


def test_a_missing_column_is_named() -> None:
    """Together with what there was."""
    with pytest.raises(BadInput, match="must have the columns exit_reason, had symbol"):
        closed_trades(FOUR.drop("exit_reason"))
    with pytest.raises(BadInput, match=r"fee must lie in \[0, 1\), was 1"):
        closed_trades(FOUR, fee=1.0)
    with pytest.raises(BadInput, match="start_balance must be positive, was 0"):
        figures(FOUR, start_balance=0.0)
