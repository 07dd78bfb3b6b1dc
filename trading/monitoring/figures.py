"""Live against the backtest's expectation: per user, and the fleet; paper and live apart, never added.

A thousand users on one signal are one decision: the fleet's returns and its test count decisions.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl

from trading.monitoring.causes import of_rule
from trading.monitoring.drift import drift

FLEET = "(fleet)"
MODES = ("paper", "live")
_UTC = pl.Datetime("ms", "UTC")

# One row per user and mode, and one per mode for the fleet. Rates and returns are fractions; null = none yet.
FIGURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "mode": pl.String,
    "offered": pl.Int64,  # signals (fleet: signal and user)
    "ordered": pl.Int64,
    "filled": pl.Int64,
    "fill_rate": pl.Float64,  # filled over ordered; the backtest fills whatever it enters: 1
    "rejected": pl.Int64,  # refused by the venue, or void
    "missed": pl.Int64,  # offered and nothing bought, whatever the reason
    "trades": pl.Int64,  # closed round trips
    "decisions": pl.Int64,  # signals among them
    "hit_rate": pl.Float64,
    "expected_hit_rate": pl.Float64,
    "mean_return": pl.Float64,
    "expected_return": pl.Float64,
    "mean_pnl_quote": pl.Float64,
    "mean_hold_s": pl.Float64,
    "expected_hold_s": pl.Float64,
    "entry_slippage": pl.Float64,  # price paid over the open of the bar after the signal's, less 1
    "expected_slippage": pl.Float64,
    "drift": pl.String,  # too few | as expected | drift
    "drift_days": pl.Int64,
    "drift_difference": pl.Float64,
    "drift_bound": pl.Float64,
    "drift_words": pl.String,
}
# One row per mode, way of missing and rule.
MISSED: dict[str, pl.DataType | type[pl.DataType]] = {
    "mode": pl.String,
    "way": pl.String,  # skipped | refused | not filled | in flight
    "rule": pl.String,
    "cause": pl.String,  # of `causes.CAUSES`
    "reason": pl.String,  # one of them, in words
    "signals": pl.Int64,
    "users": pl.Int64,
    "times": pl.Int64,
}
# One row per mode and place in the rotation.
PLACES: dict[str, pl.DataType | type[pl.DataType]] = {
    "mode": pl.String,
    "place": pl.Int64,  # 0 = served first
    "entries": pl.Int64,
    "behind_first": pl.Float64,  # price paid over that of the first who bought on the signal, less 1
    "slippage": pl.Float64,  # price paid over the bar's open, less 1
    "waited_s": pl.Float64,  # market seconds from the first to buy on the signal
}


def followed_with_marks(
    followed: pl.DataFrame, modes: pl.DataFrame, opens: pl.DataFrame, expected: pl.DataFrame
) -> pl.DataFrame:
    """Return `live_rows.followed` with each row's mode, the mark of its entry, and what was expected.

    Parameters
    ----------
    modes : DataFrame
        `user_id`, `mode` of every user now: for rows that led to no trade.
    opens : DataFrame
        `symbol`, `bar_ms`, `mark`: the open of the bar after each signal's.
    expected : DataFrame
        `expected.EXPECTED`.
    """
    now = modes.select("user_id", user_mode="mode")
    rows = followed.join(now, on="user_id", how="left").join(opens, on=["symbol", "bar_ms"], how="left")
    rows = rows.join(expected.drop("symbol"), on="approval_id", how="left")
    first = pl.col("open_price").sort_by("bought_ms", "place").first().over("signal_id", "mode")
    return rows.with_columns(
        mode=pl.coalesce("mode", "user_mode"),
        is_bought=pl.col("open_price").is_not_null(),
        profit=pl.col("pnl_quote") / pl.col("bought_cost"),
        hold_s=(pl.col("closed_ms") - pl.col("opened_ms")) / 1000,
        slippage=pl.col("open_price") / pl.col("mark") - 1,
        behind_first=pl.col("open_price") / first - 1,
        waited_s=(pl.col("bought_ms") - pl.col("bought_ms").min().over("signal_id", "mode")) / 1000,
        day=pl.from_epoch("bar_ms", time_unit="ms").dt.date(),
    )


def figures(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `FIGURES` of `followed_with_marks`: the fleet's rows first."""
    found = [_row(FLEET, mode, rows.filter(pl.col("mode") == mode)) for mode in MODES]
    users = rows.select("user_id", "mode").drop_nulls().unique().sort("user_id", "mode")
    parts = rows.partition_by("user_id", "mode", as_dict=True)
    found += [_row(user, mode, parts[user, mode]) for user, mode in users.iter_rows()]
    return _frame(found, FIGURES)


def _row(user: str, mode: str, rows: pl.DataFrame) -> dict[str, Any]:
    ordered = rows.filter(pl.col("status").is_not_null())
    closed = rows.filter(pl.col("is_bought") & (pl.col("is_closed") == True))  # noqa: E712 - null is not closed
    each = decisions(closed)
    test = drift(each["day"], each["difference"])
    filled, sent = int(ordered["is_bought"].sum()), ordered.height
    return {
        "user_id": user,
        "mode": mode,
        "offered": rows.height,
        "ordered": sent,
        "filled": filled,
        "fill_rate": filled / sent if sent else None,
        "rejected": ordered.filter(pl.col("status").is_in(["REJECTED", "VOID"])).height,
        "missed": rows.height - int(rows["is_bought"].sum()),
        "trades": closed.height,
        "decisions": each.height,
        "hit_rate": (each["profit"] > 0).mean(),
        "expected_hit_rate": each["expected_win_rate"].mean(),
        "mean_return": each["profit"].mean(),
        "expected_return": each["expected_return"].mean(),
        "mean_pnl_quote": closed["pnl_quote"].mean(),
        "mean_hold_s": each["hold_s"].mean(),
        "expected_hold_s": each["expected_hold_s"].mean(),
        "entry_slippage": rows["slippage"].mean(),
        "expected_slippage": rows.filter(pl.col("is_bought"))["expected_slippage"].mean(),
        "drift": test.state,
        "drift_days": test.days,
        "drift_difference": test.difference,
        "drift_bound": test.bound,
        "drift_words": test.in_words,
    }


def decisions(closed: pl.DataFrame) -> pl.DataFrame:
    """Return one row per signal of closed round trips: what all users together made of it, less expected."""
    return (
        closed.group_by("signal_id", maintain_order=True)
        .agg(
            pl.col("day").first(),
            (pl.col("pnl_quote").sum() / pl.col("bought_cost").sum()).alias("profit"),
            pl.col("hold_s").mean(),
            pl.col("expected_return", "expected_win_rate", "expected_hold_s").first(),
        )
        .with_columns(difference=pl.col("profit") - pl.col("expected_return"))
    )


def missed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `MISSED`: signals that were offered and not bought, by the rule or answer that said no."""
    ways = {"REJECTED": "refused", "VOID": "refused", "DONE": "not filled"}
    status = pl.col("status").replace_strict(ways, default="in flight", return_dtype=pl.String)
    lost = rows.filter(~pl.col("is_bought")).with_columns(
        way=pl.when(pl.col("rule").is_not_null()).then(pl.lit("skipped")).otherwise(status)
    )
    rule = pl.coalesce("rule", pl.col("way").str.replace_all(" ", "_"))
    found = (
        lost.with_columns(rule=rule, reason=pl.coalesce("skip_reason", "refusal", "way"))
        .group_by("mode", "way", "rule")
        .agg(
            pl.col("reason").sort().first(),
            pl.col("signal_id").n_unique().alias("signals"),
            pl.col("user_id").n_unique().alias("users"),
            pl.len().alias("times"),
        )
        .sort("times", "mode", "rule", descending=[True, False, False])
    )
    causes = {"refused": "refused", "not_filled": "not_filled", "in_flight": "in_flight"}
    named = found.with_columns(
        cause=pl.col("rule").map_elements(lambda word: causes.get(word) or of_rule(word), pl.String)
    )
    return named.select(pl.col(name).cast(dtype) for name, dtype in MISSED.items())


def places(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `PLACES`: what being served later costs."""
    bought = rows.filter(pl.col("is_bought"))
    found = bought.group_by("mode", "place").agg(
        pl.len().alias("entries"), pl.col("behind_first", "slippage", "waited_s").mean()
    )
    return found.sort("mode", "place").select(pl.col(name).cast(dtype) for name, dtype in PLACES.items())


def _frame(rows: Iterable[dict[str, Any]], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema, orient="row")
