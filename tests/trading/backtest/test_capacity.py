"""What a symbol bears and what the users would stake: by hand, and at the gate."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from tests.trading.backtest.test_approval import NO_TRADES, metrics_of
from trading.backtest.approval import approve
from trading.backtest.capacity import (
    CapacityRules,
    Staked,
    fleet_stakes,
    symbol_capacity,
    with_capacity,
)
from trading.backtest.costs import CostModel
from trading.backtest.rules import ApprovalRules
from trading.market.errors import BadInput
from trading.users.user import User

T0 = datetime(2026, 8, 1, tzinfo=UTC)
BAR = timedelta(minutes=15)
ONCE = CapacityRules(volume_share=1.0, thin_share=0.0, cost_multiple=1.0)
IMPACT = CostModel(taker_fee=0.0, half_spread=0.0, base_slippage=0.0, impact=0.01)


def staked(user_id: str, equity: int, **values: object) -> Staked:
    user = User(user_id, user_id, "demo:1", capital=Decimal(equity), **values)
    return Staked(user, Decimal(equity))


def round_trips(gains: list[float], traded: list[float], symbol: str = "A/USDT"):
    """Trades that enter at 100, one a bar, and bars that trade so much of the quote currency."""
    times = [T0 + n * BAR for n in range(len(gains))]
    trades = pl.DataFrame(
        {
            "symbol": symbol,
            "open_time": pl.Series(times).cast(pl.Datetime("ms", "UTC")),
            "open_mark": 100.0,
            "close_mark": [100 * (1 + gain) for gain in gains],
            "is_open": False,
        }
    )
    bars = pl.DataFrame({"symbol": symbol, "open_time": trades["open_time"], "close": 100.0}).with_columns(
        volume=pl.Series([value / 100 for value in traded])
    )
    return trades, bars, pl.DataFrame({"symbol": [symbol], "taker_fee": [0.0], "half_spread": [0.0]})


def capacity(*args: object, **kwargs: object) -> float:
    return symbol_capacity(*args, **kwargs)["capacity_quote"].item()  # type: ignore[arg-type]


def test_capacity_is_where_impact_eats_the_mean_trade() -> None:
    """Every trade gains 1.005 / 0.995 - 1; a side that costs 0.5 % eats exactly that.

    0.01 x sqrt(stake / 1,000) = 0.005 at a stake of 250. Where a side may cost 2 %, impact would bear 4,000:
    more than the bars traded, so their 1,000 is what counts.
    """
    small = round_trips([1.005 / 0.995 - 1] * 3, [1000.0] * 3)
    assert capacity(*small, IMPACT, ONCE) == pytest.approx(250.0, rel=1e-6)
    large = round_trips([1.02 / 0.98 - 1] * 3, [1000.0] * 3)
    assert capacity(*large, IMPACT, ONCE) == pytest.approx(1000.0)


def test_at_twice_the_costs_a_quarter_of_the_stake_is_left() -> None:
    """The square-root law: half the impact a side may cost is a quarter of the stake."""
    trades = round_trips([1.005 / 0.995 - 1] * 3, [1000.0] * 3)
    twice = CapacityRules(volume_share=1.0, thin_share=0.0, cost_multiple=2.0)
    assert capacity(*trades, IMPACT, twice) == pytest.approx(62.5, rel=1e-6)


def test_a_mean_that_lost_before_impact_bears_nothing() -> None:
    """+1 % and -3 %: no stake is small enough."""
    assert capacity(*round_trips([0.01, -0.03], [1e9, 1e9]), IMPACT, ONCE) == 0.0


def test_volume_share_counts_for_all_but_the_thin_entries() -> None:
    """Bars of 100, 200, 400 and 1,000: the thinnest tells with thin_share 0, the median's lower with 0.5."""
    trades = round_trips([0.5] * 4, [400.0, 100.0, 1000.0, 200.0])
    for thin, bar in ((0.0, 100.0), (0.25, 200.0), (0.5, 400.0)):
        rules = CapacityRules(volume_share=0.1, thin_share=thin, cost_multiple=1.0)
        assert capacity(*trades, IMPACT, rules) == pytest.approx(0.1 * bar), thin


def test_an_entry_whose_bar_is_unknown_bears_nothing() -> None:
    """Null policy: no bar, no volume, no room."""
    trades, bars, costs = round_trips([0.5], [1000.0])
    assert capacity(trades, bars.clear(), costs, IMPACT, ONCE) == 0.0


def test_open_trades_and_other_symbols_change_nothing() -> None:
    """One symbol's capacity is its own; an open trade has not earned yet."""
    trades, bars, costs = round_trips([0.05], [1000.0])
    more, more_bars, more_costs = round_trips([-0.5, 0.9], [10.0, 10.0], "B/USDT")
    opened = trades.with_columns(close_mark=pl.lit(1.0), is_open=pl.lit(value=True))
    together = symbol_capacity(
        pl.concat([more, opened, trades]),
        pl.concat([bars, more_bars]),
        pl.concat([costs, more_costs]),
        IMPACT,
    )
    alone = symbol_capacity(trades, bars, costs, IMPACT)
    assert together.filter(pl.col("symbol") == "A/USDT").equals(alone)


def test_the_fleet_stakes_what_its_eligible_users_would() -> None:
    """By hand, stop 5 %: a risk of 1 % is 20 % of the capital, cut to 10 %; a risk of 0.2 % is 4 %.

    10,000 -> 1,000; 5,000 at 0.2 % -> 200; a third user only trades A -> 2,000; a fourth blocks A -> 3,000.
    Paused users and those without equity stake nothing.
    """
    fleet = [
        staked("a", 10_000),
        staked("b", 5_000, risk_per_trade=Decimal("0.002")),
        staked("only-a", 20_000, allowed=frozenset({"A/USDT"})),
        staked("not-a", 30_000, blocked=frozenset({"A/USDT"})),
        staked("paused", 90_000, is_paused=True),
        Staked(staked("lost", 10_000).user, Decimal(-5)),
        staked("both", 70_000, allowed=frozenset({"A/USDT"}), blocked=frozenset({"A/USDT"})),
    ]
    symbols = pl.Series(["A/USDT", "B/USDT", "A/USDT#20260101T0000"])
    assert fleet_stakes(fleet, symbols, 0.05).to_list() == [3200.0, 4200.0, 3200.0]
    assert fleet_stakes([], symbols, 0.05).to_list() == [0.0, 0.0, 0.0]


def test_the_gate_refuses_a_stake_above_the_capacity_and_says_both() -> None:
    """Everything else is good: 1,000 users want 5,000 where 4,000 are borne."""
    frame = with_capacity(
        metrics_of({}, {"symbol": "OTHER/USDT"}),
        pl.DataFrame({"symbol": ["GOOD/USDT", "OTHER/USDT"], "capacity_quote": [4000.0, 5000.0]}),
        pl.Series([5000.0, 5000.0]),
    )
    found = approve(frame, NO_TRADES)
    row = found.symbols.filter(symbol="GOOD/USDT").row(0, named=True)
    assert (row["failed_rule"], row["reason"]) == ("fleet_stake", "fleet_stake 4000.0, must be >= 5000.0")
    assert (row["capacity_quote"], row["fleet_stake_quote"]) == (4000.0, 5000.0)
    assert found.approved == ["OTHER/USDT"]


def test_without_users_the_stake_is_nothing_and_passes() -> None:
    """Null policy of the gate: nobody stakes 0, which 0 of capacity covers too."""
    none = pl.DataFrame(schema={"symbol": pl.String, "capacity_quote": pl.Float64})
    frame = with_capacity(metrics_of({}), none, fleet_stakes([], pl.Series(["GOOD/USDT"]), 0.05))
    found = approve(frame, NO_TRADES)
    assert found.approved == ["GOOD/USDT"]
    assert found.symbols["capacity_quote"].to_list() == [0.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: CapacityRules(volume_share=0.0),
        lambda: CapacityRules(volume_share=1.1),
        lambda: CapacityRules(thin_share=1.0),
        lambda: CapacityRules(cost_multiple=0.9),
        lambda: ApprovalRules(max_volume_share=2.0),
        lambda: fleet_stakes([], pl.Series(["A/USDT"]), 0.0),
    ],
)
def test_bounds_without_meaning_are_refused(make) -> None:
    """Each names the value."""
    with pytest.raises(BadInput, match="was"):
        make()
