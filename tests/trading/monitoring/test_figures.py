"""Live beside expected: counted by decision, paper and live apart, and each miss with its rule."""

from datetime import timedelta

import polars as pl
import pytest

from tests.trading.monitoring import day_world as w
from tests.trading.store.lineage_world import SYMBOL, build
from trading.monitoring.expected import EXPECTED, crowd, expectations
from trading.monitoring.figures import FLEET, figures, followed_with_marks, missed, places
from trading.monitoring.live import live_rows

TRADED = {
    "approval_id": "app-1",
    "pnl_quote": None,
    "bought_cost": None,
    "opened_ms": None,
    "closed_ms": None,
}
NUMBERS = dict.fromkeys(("pnl_quote", "bought_cost"), pl.Float64) | dict.fromkeys(
    ("opened_ms", "closed_ms"), pl.Int64
)


def rows(*made, expected_return=0.01, mark=100.0):
    """What users made of signals, with what was expected of app-1."""
    offered = pl.DataFrame(
        [TRADED | row for row in made], schema_overrides=w.followed(w.user()).schema | NUMBERS
    )
    modes = pl.DataFrame({"user_id": ["u1", "u2", "u3"], "mode": ["paper", "paper", "live"]})
    opens = pl.DataFrame({"symbol": [w.SYMBOL], "bar_ms": [w.at(0)], "mark": [mark]})
    told = ["app-1", w.SYMBOL, 10, expected_return, 0.02, 0.6, 3600.0, 0.0007]
    return followed_with_marks(offered, modes, opens, pl.DataFrame([told], schema=EXPECTED, orient="row"))


def closed(user_id, pnl, cost=100.0, **values):
    """A round trip that took an hour."""
    times = {"opened_ms": w.at(1), "closed_ms": w.at(5)}
    money = {"pnl_quote": pnl, "bought_cost": cost}
    return w.entered(**w.sold("max_hold", 5, 101.0)) | times | money | {"user_id": user_id} | values


def test_a_thousand_users_on_one_signal_are_one_decision():
    """+3 of 100 and -1 of 300 on one signal: 2 of 400 = 0.5 %; expected 1 %: the difference is -0.5 %."""
    made = rows(closed("u1", 3.0), closed("u2", -1.0, 300.0, place=1))
    fleet = figures(made).row(0, named=True)
    assert (fleet["user_id"], fleet["mode"], fleet["trades"], fleet["decisions"]) == (FLEET, "paper", 2, 1)
    assert fleet["mean_return"] == pytest.approx(0.005)
    assert fleet["drift_difference"] == pytest.approx(-0.005)
    assert (fleet["hit_rate"], fleet["mean_pnl_quote"], fleet["mean_hold_s"]) == (1.0, 1.0, 3600.0)
    assert fleet["drift"] == "too few"


def test_paper_and_live_are_two_rows_and_never_a_sum():
    """u3 trades live; the fleet on paper does not know of it."""
    found = figures(rows(closed("u1", 3.0), closed("u3", -50.0, mode="live")))
    told = {(row["user_id"], row["mode"]): row["trades"] for row in found.to_dicts()}
    assert told == {(FLEET, "paper"): 1, (FLEET, "live"): 1, ("u1", "paper"): 1, ("u3", "live"): 1}
    assert found.filter(user_id=FLEET, mode="paper")["mean_pnl_quote"].to_list() == [3.0]


def test_fill_rate_counts_orders_and_misses_count_offers():
    """Four offered: bought, refused, met no offer, skipped."""
    made = rows(
        closed("u1", 1.0),
        w.user(user_id="u1", signal_id="s2", status="REJECTED", refusal="30005"),
        w.user(user_id="u1", signal_id="s3", status="DONE"),
        w.user(user_id="u1", signal_id="s4", rule="max_positions", skip_reason="5 of 5"),
    )
    fleet = figures(made).row(0, named=True)
    assert (fleet["offered"], fleet["ordered"], fleet["filled"], fleet["rejected"], fleet["missed"]) == (
        4,
        3,
        1,
        1,
        3,
    )
    assert fleet["fill_rate"] == pytest.approx(1 / 3)
    told = {(row["way"], row["rule"], row["cause"], row["reason"]) for row in missed(made).to_dicts()}
    assert told == {
        ("refused", "refused", "refused", "30005"),
        ("not filled", "not_filled", "not_filled", "not filled"),
        ("skipped", "max_positions", "own_limit", "5 of 5"),
    }


def test_slippage_is_over_the_open_and_by_place_over_the_first():
    """Mark 100: the first pays 100.07, the second 100.17: 7 and 17 basis points, 9.993 behind the first."""
    made = rows(closed("u1", 1.0), closed("u2", 1.0, place=1, open_price=100.17, bought_ms=w.at(1, 9)))
    fleet = figures(made).row(0, named=True)
    assert fleet["entry_slippage"] == pytest.approx(0.0012)
    first, second = places(made).to_dicts()
    assert (first["place"], first["behind_first"], first["waited_s"]) == (0, 0.0, 0.0)
    assert second["behind_first"] == pytest.approx(100.17 / 100.07 - 1)
    assert (second["slippage"], second["waited_s"]) == (pytest.approx(0.0017), 2.0)


def test_the_mean_expected_of_the_best_pair_is_shrunk_toward_all():
    """Three pairs of ten trades that differ by luck alone: the best falls to the crowd."""
    start, hour = w.T0, timedelta(hours=1)
    trades = pl.DataFrame(
        [
            (symbol, start, start + hour, 100.0, 100.05, mean + (0.02 if n % 2 else -0.02), False)
            for symbol, mean in (("A", 0.004), ("B", 0.0), ("C", -0.004))
            for n in range(10)
        ],
        schema=["symbol", "open_time", "close_time", "open_mark", "open_price", "profit_ratio", "is_open"],
        orient="row",
    )
    best = crowd(trades).filter(symbol="A").row(0, named=True)
    assert best["raw_return"] == pytest.approx(0.004)
    assert best["expected_return"] == pytest.approx(0.0, abs=1e-9)
    assert (best["expected_win_rate"], best["expected_hold_s"]) == (0.5, 3600.0)
    assert best["expected_slippage"] == pytest.approx(0.0005)


def test_the_rows_come_from_a_real_log_and_lake(tmp_path):
    """u1 bought at 10.25 on the bar that opened at 10 and sold at 11.3; u2 was full."""
    chain = build(tmp_path)
    found = live_rows(chain.log, chain.lake, chain.candles)
    bought, skipped = found.sort("place").to_dicts()
    assert (bought["symbol"], bought["user_id"], bought["exit_reason"]) == (SYMBOL, "u1", "take_profit")
    assert bought["profit"] == pytest.approx((5 * (11.3 - 10.25) - 0.1) / 51.25)
    assert (skipped["user_id"], skipped["mode"], skipped["rule"]) == ("u2", "paper", "max_positions")
    assert expectations(chain.lake, [chain.approval]).is_empty()  # this lake holds no backtest trades
    chain.log.close()


def test_before_the_first_trade_there_are_figures_and_nothing_in_them(tmp_path):
    """Two rows of the fleet with zeros, no misses, no places."""
    from trading.store.candles import CandleStore
    from trading.store.lake import Lake
    from trading.store.order_log import OrderLog

    log = OrderLog(f"sqlite:///{tmp_path}/orders.db")
    found = live_rows(log, Lake(tmp_path), CandleStore(tmp_path))
    assert figures(found)["trades"].to_list() == [0, 0]
    assert missed(found).is_empty()
    assert places(found).is_empty()
    log.close()
