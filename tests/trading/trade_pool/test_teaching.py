"""From a training set to the trades that taught it."""

from datetime import UTC, datetime

import polars as pl

from trading.market.frames import UTC_MS
from trading.trade_pool.teaching import TEACHING, teaching_trades

AT = datetime(2026, 3, 3, 4, tzinfo=UTC)


def learnt(*rows: tuple[str, str, int]) -> pl.DataFrame:
    """Rows of a training set: signal, source, hour."""
    return pl.DataFrame(
        {
            "signal_id": [row[0] for row in rows],
            "symbol": ["A/USDT"] * len(rows),
            "decided_at": pl.Series([AT.replace(hour=row[2]) for row in rows]).cast(UTC_MS),
            "source": [row[1] for row in rows],
            "net_return": [0.03] * len(rows),
            "weight": [0.7] * len(rows),
        }
    )


def closed(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    """Closed trades: id, user, signal, exit."""
    return pl.DataFrame(rows, schema=["trade_id", "user_id", "signal_id", "exit_reason"], orient="row")


def test_a_traded_decision_names_the_trade_of_each_user_and_a_candle_label_none():
    """Two users followed one signal, one of them to its stop; that of the candles is left out."""
    trades = closed(
        ("trd-2", "u2", "sig-a", "take_profit"), ("trd-1", "u1", "sig-a", "stop_loss"),
        ("trd-9", "u1", "sig-z", "max_hold"),
    )  # fmt: skip
    found = teaching_trades(learnt(("sig-a", "paper", 4), ("sig-b", "candles", 5)), trades)
    assert found.height == 1
    row = found.row(0, named=True)
    assert row["trades"] == ["trd-1", "trd-2"]
    assert (row["users"], row["exits"], row["source"]) == (2, "stop_loss, take_profit", "paper")


def test_the_newest_decision_comes_first_and_one_without_its_trades_is_not_hidden():
    """A restored log may have lost them: 0 users, no trades, the decision stays."""
    found = teaching_trades(
        learnt(("sig-a", "paper", 4), ("sig-c", "live", 6)), closed(("t", "u", "sig-a", "x"))
    )
    assert found["signal_id"].to_list() == ["sig-c", "sig-a"]
    assert found["users"].to_list() == [0, 1]
    assert found["trades"].to_list() == [[], ["t"]]
    assert dict(found.schema) == TEACHING
