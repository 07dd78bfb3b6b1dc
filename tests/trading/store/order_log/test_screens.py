"""What screens list: sums by mode, positions with their exits; worked out by hand from one round trip."""

from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.trading.store.lineage_world import build
from trading.store.order_log import schema, screens


@pytest.fixture
def chain(tmp_path):
    made = build(tmp_path)
    yield made
    made.log.close()


def add(chain, **changes):
    with chain.log.database.write() as connection:
        row = dict(connection.execute(sa.select(schema.trades)).mappings().first())
        connection.execute(schema.trades.insert(), row | changes)


def test_money_has_one_row_per_mode_and_never_a_sum_of_two(chain):
    """Paper: 5 × (11.3 - 10.25) - 0.1 = 5.15, one winner. Live: -2, none."""
    add(chain, trade_id="t2", mode="live", pnl_quote=Decimal(-2))
    live, paper = screens.money(chain.log.database)
    assert (paper["mode"], paper["closed"], paper["winners"], paper["users"]) == ("paper", 1, 1, 2)
    assert paper["pnl_quote"] == pytest.approx(5.15)
    assert (live["mode"], live["pnl_quote"], live["winners"], live["users"]) == ("live", -2.0, 0, 0)


def test_a_position_shows_what_is_held_and_what_it_cost(chain):
    """5 bought for 51.25, 2 sold: 3 are held, at 10.25; they cost 30.75."""
    add(chain, trade_id="t2", is_closed=False, sold=Decimal(2), sold_cost=Decimal(22))
    [row] = screens.positions(chain.log.database)
    assert (row["held"], row["open_price"]) == (3.0, 10.25)
    [stake] = screens.exposure(chain.log.database)
    assert (stake["users"], stake["positions"], stake["cost_quote"]) == (1, 1, pytest.approx(30.75))


def test_lists_are_bounded_newest_first(chain):
    """The sale came after the purchase."""
    [newest] = screens.orders(chain.log.database, limit=1)
    assert newest["coid"] in {row["coid"] for row in screens.orders(chain.log.database)}
    assert [row["side"] for row in screens.fills(chain.log.database, "AAA/USDT")] == ["sell", "buy"]
    assert screens.fills(chain.log.database, "BBB/USDT") == []
    [closed] = screens.closed(chain.log.database, user_id="u1", symbol="AAA/USDT")
    assert closed["profit_ratio"] == pytest.approx(5.15 / 51.25)
    assert screens.closed(chain.log.database, user_id="u2") == []


def test_counts_are_by_mode(chain):
    """One closed on paper, one open live; nothing is under way."""
    add(chain, trade_id="t2", is_closed=False, mode="live")
    found = screens.counts(chain.log.database)
    assert (found["open"], found["closed"], found["in_flight"]) == ({"live": 1}, {"paper": 1}, 0)
    assert found["event"] > 0


def test_totals_count_what_the_lists_hold(chain):
    """Open and closed trips, orders that were sent, and those of them whose end is not known."""
    add(chain, trade_id="t2", is_closed=False, mode="live")
    trades, intents = chain.log.ledger.all_trades(), chain.log.orders.find()
    found = screens.totals(chain.log.database)
    assert found["open"] == sum(not trade.is_closed for trade in trades) == 1
    assert found["closed"] == sum(trade.is_closed for trade in trades) == 1
    assert found["sent"] == sum(intent.sent_wall_ms is not None for intent in intents) > 0
    assert found["unclear"] == sum(
        intent.sent_wall_ms is not None and not intent.status.is_terminal for intent in intents
    )
