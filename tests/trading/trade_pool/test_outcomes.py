"""What became of a decision: known when it is over, written once, corrected in the open."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trading.market.errors import BadInput
from trading.trade_pool.ledger import Ledger
from trading.trade_pool.outcomes import Outcomes, executed, taught
from trading.trade_pool.pool import DECISIONS_IN, TRADES_IN, build_pool
from trading.trade_pool.snapshots import DECISIONS, Snapshots

BAR = datetime(2026, 1, 1, 12, tzinfo=UTC)
DECIDED = BAR + timedelta(minutes=15)
UTC_MS = pl.Datetime("ms", "UTC")


def decision(symbol: str = "A/USDT", minutes: int = 0, **change: object) -> dict[str, object]:
    plain: dict[str, object] = dict.fromkeys(DECISIONS)
    plain |= {"symbol": symbol, "strategy": "rsi_regime", "timeframe": "15m", "stage": "handed_over"}
    plain |= {
        "bar_time": BAR + timedelta(minutes=minutes),
        "decided_at": DECIDED + timedelta(minutes=minutes),
    }
    plain |= {
        "is_taken": True,
        "is_explored": False,
        "propensity": 1.0,
        "exits": "{}",
        "feature_version": "f9",
    }
    plain |= {"signal_id": f"sig-{symbol}-{minutes}", "f_a": 0.5}
    return plain | change


def written(book: Ledger, *rows: dict[str, object]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={**DECISIONS, "f_a": pl.Float64}).drop("decision_id")
    Snapshots(book).write(frame, ["f_a"])
    return Snapshots(book).read()


def found(
    decisions: pl.DataFrame, source: str = "candles", hours: float = 3, **change: object
) -> pl.DataFrame:
    plain: dict[str, object] = {"source": source, "closed_at": DECIDED + timedelta(hours=hours)}
    plain |= {"net_return": 0.01, "fee_ratio": 0.002} | change
    return decisions.select("decision_id").with_columns(
        **{name: pl.lit(value) for name, value in plain.items()}
    ).with_columns(pl.col("closed_at").cast(UTC_MS))  # fmt: skip


@pytest.fixture
def book(tmp_path) -> Ledger:
    return Ledger(tmp_path / "decisions.sqlite")


def test_an_outcome_of_tomorrow_is_refused_and_nothing_is_written(book) -> None:
    """One millisecond before it closed nobody knows it; a NaN and an unknown source are refused by name."""
    decisions = written(book, decision())
    over = DECIDED + timedelta(hours=3)
    for row, at, said in (
        (found(decisions), over - timedelta(milliseconds=1), "closed at"),
        (found(decisions, net_return=float("nan")), over, "net_return of dec-"),
        (found(decisions, source="rumour"), over, "must be one of live, paper, candles, was rumour"),
        (found(decisions).drop("fee_ratio"), over, "missing: fee_ratio"),
    ):
        with pytest.raises(BadInput, match=said):
            Outcomes(book).write(row, at)
    assert Outcomes(book).read().is_empty()
    assert Outcomes(book).write(found(decisions), over) == {"first": 1, "corrected": 0, "same": 0}


def test_a_correction_is_a_new_version_and_the_past_keeps_what_it_knew(book) -> None:
    """A trade that closed late changes tomorrow's row; asked as of yesterday the row is yesterday's."""
    decisions = written(book, decision())
    outcomes, first, later = Outcomes(book), DECIDED + timedelta(hours=3), DECIDED + timedelta(hours=5)
    told = {"users": 2, "trades": 2, "cost_quote": 100.0, "pnl_quote": 1.0}
    outcomes.write(found(decisions, "paper", **told), first)
    assert outcomes.write(found(decisions, "paper", **told), later)["same"] == 1
    late = found(decisions, "paper", 4, net_return=0.02, **told | {"users": 3, "trades": 3})
    assert outcomes.write(late, later)["corrected"] == 1
    assert outcomes.read()["net_return"].to_list() == [0.02]
    assert outcomes.read(first)["net_return"].to_list() == [0.01]
    versions = outcomes.read(all_versions=True).select("version", "why").rows()
    assert versions == [(1, "first"), (2, "3 trades closed, not 2")]
    booked = found(decisions, "paper", 4, net_return=0.03, **told | {"trades": 3, "pnl_quote": 3.0})
    assert outcomes.write(booked, later)["corrected"] == 1
    assert outcomes.read(all_versions=True)["why"][-1] == "booked anew: pnl_quote"


def test_candles_are_corrected_where_it_ended_elsewhere_not_where_a_spread_moved(book) -> None:
    """Costs are those of the first look: a quote of tomorrow is no news about a trade of yesterday."""
    decisions, outcomes = written(book, decision()), Outcomes(book)
    outcomes.write(found(decisions), DECIDED + timedelta(hours=3))
    at = DECIDED + timedelta(days=1)
    assert outcomes.write(found(decisions, net_return=0.0099), at)["same"] == 1
    assert outcomes.write(found(decisions, hours=2, net_return=-0.04), at)["corrected"] == 1
    assert "candles were corrected" in outcomes.read()["why"][0]


def test_sources_stay_apart_and_come_with_the_features_as_decided(book) -> None:
    """Paper and candles of one decision are two rows; a drawn one says how likely it was, on candles 1."""
    decisions = written(book, decision(propensity=0.05, is_taken=False, is_explored=True, stage="model"))
    outcomes, at = Outcomes(book), DECIDED + timedelta(hours=3)
    outcomes.write(found(decisions), at)
    outcomes.write(found(decisions, "paper", trades=1, users=1), at)
    rows = taught(decisions, outcomes.read())
    assert rows.select("source", "propensity", "f_a", "is_decided").rows() == [
        ("candles", 1.0, 0.5, True),
        ("paper", 0.05, 0.5, True),
    ]


def test_a_decision_that_somebody_still_holds_has_no_outcome() -> None:
    """Two of three users are out: the third may still make it a loss."""
    decisions = pl.DataFrame([_in_log("sig-1")], schema_overrides=DECISIONS_IN)
    trades = pl.DataFrame([_trade(f"u{k}", 10.0, 1.0) for k in range(2)], schema_overrides=TRADES_IN)
    held = pl.DataFrame({"signal_id": ["sig-1"]})
    assert build_pool(trades, decisions, held).is_empty()
    assert build_pool(trades, decisions, held.clear())["trades"].to_list() == [2]


def _in_log(signal: str) -> dict[str, object]:
    told = {"signal_id": signal, "symbol": "A/USDT", "bar_time": BAR, "created_at": DECIDED, "score": 0.5}
    return told | {"features": json.dumps({"f_a": 0.5})}


def _trade(user: str, cost: float, pnl: float) -> dict[str, object]:
    plain: dict[str, object] = {"trade_id": user, "user_id": user, "signal_id": "sig-1", "approval_id": "app"}
    plain |= {
        "symbol": "A/USDT",
        "open_at": DECIDED,
        "close_at": DECIDED + timedelta(hours=1),
        "mode": "paper",
    }
    return plain | {
        "amount": cost,
        "open_price": 1.0,
        "fees_quote": 0.0,
        "pnl_quote": pnl,
        "exit_reason": "x",
    }


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4_000), st.integers(-400, 400)), min_size=1, max_size=60
    ).map(lambda pairs: [(cost / 4, pnl / 4) for cost, pnl in pairs])
)  # fmt: skip
def test_fills_of_any_number_of_users_are_one_row_with_exact_totals(trades) -> None:
    """Quarters of a quote unit add up exactly: cost, money and their ratio, whoever paid what."""
    rows = [_trade(f"u{k}", cost, pnl) for k, (cost, pnl) in enumerate(trades)]
    decisions = pl.DataFrame([_in_log("sig-1")], schema_overrides=DECISIONS_IN)
    pool = build_pool(pl.DataFrame(rows, schema_overrides=TRADES_IN), decisions)
    cost, pnl = (sum(Fraction(each[k]) for each in trades) for k in (0, 1))
    assert pool.select("users", "trades", "cost_quote", "pnl_quote").rows() == [
        (len(trades), len(trades), float(cost), float(pnl))
    ]
    assert pool["net_return"][0] == float(pnl) / float(cost)
    known = pl.DataFrame(
        {"decision_id": ["dec-1"], "symbol": ["A/USDT"], "bar_time": [BAR], "decided_at": [DECIDED]},
        schema_overrides={"bar_time": UTC_MS},
    )
    assert executed(pool, known)["trades"].to_list() == [len(trades)]


def test_a_later_week_changes_no_earlier_row(tmp_path) -> None:
    """Two ledgers, one stopped after a week: asked as of then, both say the same of every decision."""
    week = timedelta(days=7)
    books = [Ledger(tmp_path / f"{name}.sqlite") for name in ("stopped", "went_on")]
    told = []
    for book, weeks in zip(books, (1, 2), strict=True):
        for n in range(weeks * 24):
            minutes = n * 15 * 28
            rows = written(book, decision(f"S{n % 3}/USDT", minutes))
            mine = rows.filter(pl.col("decided_at") == DECIDED + timedelta(minutes=minutes))
            done = DECIDED + timedelta(minutes=minutes, hours=2)
            Outcomes(book).write(found(mine).with_columns(closed_at=pl.lit(done).cast(UTC_MS)), done)
        decisions = Snapshots(book).read(until=BAR + week)
        told.append(taught(decisions, Outcomes(book).read(BAR + week)))
    assert len(told[0]) == 24
    assert_frame_equal(told[0], told[1], check_exact=True)
