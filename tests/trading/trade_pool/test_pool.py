"""One row per market decision, whoever followed it."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.trade_pool.pool import DECISIONS_IN, POOL, TRADES_IN, build_pool, orphans

START = datetime(2026, 1, 1, tzinfo=UTC)


def decision(
    signal: str = "sig-1", minute: int = 15, features: object = None, symbol: str = "A/USDT"
) -> dict:
    chosen = {"f_rsi": 0.2} if features is None else features
    return {
        "signal_id": signal,
        "symbol": symbol,
        "bar_time": START,
        "created_at": START + timedelta(minutes=minute),
        "score": 0.4,
        "features": json.dumps(chosen),
    }


def trade(user: str = "u1", signal: str = "sig-1", **change: object) -> dict:
    row = {
        "trade_id": f"{user}-{signal}",
        "user_id": user,
        "signal_id": signal,
        "approval_id": "app-1",
        "symbol": "A/USDT",
        "open_at": START + timedelta(minutes=16),
        "close_at": START + timedelta(minutes=60),
        "amount": 10.0,
        "open_price": 10.0,
        "fees_quote": 0.1,
        "pnl_quote": 2.0,
        "exit_reason": "take_profit",
        "mode": "paper",
    }
    return row | change


def pool_of(trades: list[dict], decisions: list[dict]) -> pl.DataFrame:
    return build_pool(
        pl.DataFrame(trades, schema_overrides=TRADES_IN),
        pl.DataFrame(decisions, schema_overrides=DECISIONS_IN),
    )


def test_fills_of_many_users_are_one_row_weighted_by_what_they_paid() -> None:
    """100 paid for +2 and 303 for -3.03: -1.03 over 403; prices 10 and 10.1 of 10 and 30 units."""
    rows = pool_of(
        [
            trade("u1"),
            trade(
                "u2", amount=30.0, open_price=10.1, pnl_quote=-3.03, fees_quote=0.3, exit_reason="stop_loss"
            ),
            trade("u3", amount=0.0, pnl_quote=0.0),
        ],
        [decision()],
    )
    row = rows.row(0, named=True)
    assert len(rows) == 1
    assert (row["users"], row["trades"], row["source"]) == (2, 2, "paper")
    assert row["cost_quote"] == pytest.approx(403.0)
    assert row["net_return"] == pytest.approx(-1.03 / 403)
    assert row["fee_ratio"] == pytest.approx(0.4 / 403)
    assert row["open_price"] == pytest.approx(403 / 40)
    assert row["entry_slippage"] == pytest.approx(10.075 / 10 - 1)
    assert row["f_rsi"] == 0.2


def test_the_outcome_is_known_when_the_last_user_is_out() -> None:
    """First entry, last exit, most frequent reason."""
    late = START + timedelta(hours=3)
    row = pool_of(
        [trade("u1", exit_reason="max_hold"), trade("u2", close_at=late), trade("u3")], [decision()]
    ).row(0, named=True)
    assert (row["closed_at"], row["exit_reason"]) == (late, "take_profit")
    assert row["decided_at"] == START + timedelta(minutes=15)


def test_two_ids_of_one_symbol_and_bar_are_one_decision() -> None:
    """Research that ran twice decided once; the first written id and its features count."""
    rows = pool_of(
        [trade("u1", "sig-1"), trade("u2", "sig-2")],
        [decision("sig-2", 20, {"f_rsi": 0.9}), decision("sig-1", 15)],
    )
    assert rows.select("signal_id", "users", "f_rsi").rows() == [("sig-1", 2, 0.2)]


def test_paper_and_live_stay_apart() -> None:
    """What was only simulated must not be averaged with what was paid."""
    rows = pool_of([trade("u1"), trade("u2", mode="live")], [decision()])
    assert rows["source"].to_list() == ["live", "paper"]


def test_trades_without_a_decision_are_left_out_and_listed() -> None:
    """They teach nothing; that they exist is reported."""
    trades = [trade("u1"), trade("u2", "sig-unknown")]
    assert pool_of(trades, [decision()])["trades"].to_list() == [1]
    lost = orphans(pl.DataFrame(trades, schema_overrides=TRADES_IN), pl.DataFrame([decision()]))
    assert lost["trade_id"].to_list() == ["u2-sig-unknown"]


def test_an_empty_log_gives_an_empty_pool_with_its_columns() -> None:
    """The first pass has nothing to learn from."""
    decisions = {**DECISIONS_IN, "features": pl.String}
    rows = build_pool(pl.DataFrame(schema=TRADES_IN), pl.DataFrame(schema=decisions))
    assert rows.is_empty()
    assert dict(rows.schema) == POOL


def test_features_may_come_as_columns_and_missing_ones_are_null() -> None:
    """Old decisions lack new features."""
    rows = pool_of(
        [trade("u1", "sig-1"), trade("u1", "sig-2", symbol="B/USDT")],
        [
            decision("sig-1", features={"f_rsi": 0.2, "f_new": None}),
            decision("sig-2", 16, {"f_rsi": 1}, "B/USDT"),
        ],
    )
    assert rows.select("f_new", "f_rsi").rows() == [(None, 0.2), (None, 1.0)]
    plain = (
        pl.DataFrame([decision()], schema_overrides=DECISIONS_IN)
        .drop("features")
        .with_columns(f_rsi=pl.lit(0.3))
    )
    assert build_pool(pl.DataFrame([trade()], schema_overrides=TRADES_IN), plain)["f_rsi"].to_list() == [0.3]


def test_a_feature_that_is_no_number_is_refused_by_name() -> None:
    """Text in a feature means that something else was written there."""
    with pytest.raises(BadInput, match="f_rsi must be a number or null, was 'high'"):
        pool_of([trade()], [decision(features={"f_rsi": "high"})])


def test_a_missing_column_is_named() -> None:
    """The order log and the pool agree on columns, or stop."""
    with pytest.raises(BadInput, match="missing: pnl_quote"):
        build_pool(
            pl.DataFrame([trade()], schema_overrides=TRADES_IN).drop("pnl_quote"),
            pl.DataFrame([decision()], schema_overrides=DECISIONS_IN),
        )
