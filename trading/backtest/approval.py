"""Which symbols may be traded with money: a declared gate, each rule with value, bound and verdict.

The figures come from `metrics`; what is done with an approval (a signal set) is the pipeline's matter.
"None approved" is a normal outcome, and the table says why.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from trading.backtest.rules import ApprovalRules
from trading.backtest.statistics import benjamini_hochberg
from trading.backtest.validation.shrinkage import pool_strength
from trading.backtest.walk import Bools
from trading.market.errors import BadInput
from trading.market.lineage import GROUNDS

# One row per symbol with a backtest.
APPROVALS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "is_approved": pl.Boolean,
    "failed_rule": pl.String,  # the first that failed; null when approved
    "reason": pl.String,
    "score": pl.Float64,  # mean net return per trade, shrunk toward the mean of all tested trades
    "trades": pl.Int64,
    "mean_return": pl.Float64,
    "total_return": pl.Float64,
    "p_value": pl.Float64,
    "backtest_id": pl.String,  # lineage id of the metrics row, where it has one
    "universe_source": pl.String,  # what told who was in the universe: recorded | rebuilt | mixed
    "capacity_quote": pl.Float64,  # largest total stake at which its trades still earn; null = not measured
    "fleet_stake_quote": pl.Float64,  # what all eligible users together would stake on it
}
# The same for all rows of one night, null before `grounded`.
APPROVALS |= dict.fromkeys(GROUNDS, pl.String)
# One row per symbol and rule, in the order in which rules are asked.
APPROVAL_RULES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "position": pl.Int64,
    "rule": pl.String,
    "value": pl.Float64,  # null = undefined, which fails unless the rule says otherwise
    "comparison": pl.String,
    "bound": pl.Float64,
    "is_passed": pl.Boolean,
    "reason": pl.String,
}
# Column here -> column of the metrics it is taken from, where that is there.
_CARRIED = {
    "backtest_id": "lineage_id",
    "universe_source": "universe_source",
    "capacity_quote": "capacity_quote",
    "fleet_stake_quote": "fleet_stake_quote",
}
_NOT_TESTED = "not tested: too few trades or days"
_NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Approval:
    """Verdicts (`APPROVALS`, best score first among the approved) and their rules (`APPROVAL_RULES`)."""

    symbols: pl.DataFrame
    rules: pl.DataFrame
    tested: int = 0  # symbols over which false discovery was controlled
    level: float = 0.0  # the rate at which that was done

    @property
    def approved(self) -> list[str]:
        """Approved symbols, best score first."""
        return self.symbols.filter("is_approved")["symbol"].to_list()

    def summary(self) -> pl.DataFrame:
        """Return how many symbols each rule was the first to drop: `rule`, `dropped`, most first."""
        return (
            self.symbols.filter(~pl.col("is_approved"))
            .group_by(pl.col("failed_rule").alias("rule"))
            .agg(pl.len().cast(pl.Int64).alias("dropped"))
            .sort("dropped", "rule", descending=[True, False])
        )


def approve(
    metrics: pl.DataFrame,
    trades: pl.DataFrame,
    rules: ApprovalRules | None = None,
    *,
    level: Callable[[int], float] | None = None,
) -> Approval:
    """Hold each symbol's backtest against every rule.

    Parameters
    ----------
    metrics : DataFrame
        Columns of `metrics.METRICS`; `lineage_id`, where present, becomes `backtest_id`. Asked about too
        where present: `fragility` (difference of total return between the fill models), and
        `capacity_quote` with `fleet_stake_quote` (what the symbol bears, and what the users would stake:
        `capacity`); nobody who would stake anything, 0, passes.
    trades : DataFrame
        Columns of `engine.TRADES`; closed trades of tested symbols make the pool that scores are
        shrunk toward.
    rules : ApprovalRules, optional
        Bounds; the defaults where not given.
    level : callable, optional
        Takes the number of tested symbols and gives the level that tonight's share of the error budget
        allows (`validation.budget.NightBook.level`). The lower of it and `false_discovery_rate` counts.

    Returns
    -------
    Approval
        One verdict per row of `metrics`. Empty metrics give empty frames.
    """
    rules = rules or ApprovalRules()
    is_tested = tested_symbols(metrics, rules)
    tested = int(is_tested.sum())
    rate = rules.false_discovery_rate
    if level is not None and tested:
        rate = min(rate, level(tested))
    p_bound = _p_bounds(metrics, is_tested, rate)
    checked = [
        _verdicts(metrics["symbol"], position, *row)
        for position, row in enumerate(_checks(metrics.with_columns(p_bound), is_tested, rules))
    ]
    table = pl.concat(checked).select(pl.col(name).cast(dtype) for name, dtype in APPROVAL_RULES.items())
    table = table.sort("symbol", "position")
    verdicts = _verdict_rows(metrics, trades, table, is_tested, rules.shrink_trades)
    return Approval(verdicts, table, tested, rate)


def tested_symbols(metrics: pl.DataFrame, rules: ApprovalRules) -> Bools:
    """Return per row whether the symbol has trades and days enough to be tested at all."""
    enough = (metrics["trades"] >= rules.min_trades) & (metrics["distinct_days"] >= rules.min_days)
    return enough.to_numpy().astype(np.bool_)


def without(verdicts: Approval, refused: Mapping[str, str], *, rule: str = "suspended") -> Approval:
    """Return `verdicts` with the approved ones among `refused` (symbol -> why) refused, under `rule`."""
    hit = pl.col("symbol").is_in(list(refused)) & pl.col("is_approved")
    words = pl.col("symbol").replace_strict(dict(refused), default="", return_dtype=pl.String)
    symbols = verdicts.symbols.with_columns(
        failed_rule=pl.when(hit).then(pl.lit(rule)).otherwise("failed_rule"),
        reason=pl.when(hit).then(words).otherwise("reason"),
        is_approved=pl.col("is_approved") & ~hit,
    )
    return replace(verdicts, symbols=symbols.select(verdicts.symbols.columns))


def grounded(verdicts: Approval, grounds: Mapping[str, str | None]) -> Approval:
    """Return `verdicts` with the ids of data, code, parameters and universe (`GROUNDS`) on every row.

    Raises
    ------
    BadInput
        If an id is missing: an approval that nobody can trace is none.
    """
    missing = [name for name in GROUNDS if not grounds.get(name)]
    if missing:
        raise BadInput(f"an approval must name what it rests on; missing: {', '.join(missing)}")
    ids = {name: pl.lit(grounds[name], pl.String) for name in GROUNDS}
    return replace(verdicts, symbols=verdicts.symbols.with_columns(**ids))


def _p_bounds(metrics: pl.DataFrame, is_tested: Bools, rate: float) -> pl.Series:
    bounds = np.full(len(metrics), np.nan)
    bounds[is_tested] = benjamini_hochberg(metrics["p_value"].to_numpy()[is_tested], rate)[1]
    return pl.Series("p_bound", bounds).fill_nan(None)


type _Check = tuple[str, pl.Series, str, pl.Series | float, str]


def _checks(metrics: pl.DataFrame, is_tested: Bools, rules: ApprovalRules) -> list[_Check]:
    """Return (rule, values, comparison, bound, what is said when the value is null); cheapest first."""
    tested_p = metrics["p_value"].zip_with(
        pl.Series(is_tested), pl.Series([None] * len(metrics), dtype=pl.Float64)
    )
    hold_excess = metrics["total_return"] - metrics["buy_and_hold"]
    return [
        ("min_trades", metrics["trades"], ">=", rules.min_trades, ""),
        ("min_days", metrics["distinct_days"], ">=", rules.min_days, ""),
        ("total_return", metrics["total_return"], ">", rules.min_total_return, ""),
        ("total_return_2x_costs", metrics["total_return_2x_costs"], ">", rules.min_total_return_2x_costs, ""),
        ("profit_factor", _without_loss(metrics), ">=", rules.min_profit_factor, ""),
        ("max_drawdown", metrics["max_drawdown"], "<=", rules.max_drawdown, ""),
        ("market_excess", metrics["market_excess"], ">", rules.min_market_excess, ""),
        ("hold_excess", hold_excess, ">", rules.min_hold_excess, ""),
        ("random_percentile", metrics["random_percentile"], ">=", rules.min_random_percentile, ""),
        *_engine_checks(metrics, rules),
        ("false_discovery", tested_p, "<=", metrics["p_bound"], _NOT_TESTED),
    ]


def _engine_checks(metrics: pl.DataFrame, rules: ApprovalRules) -> list[_Check]:
    """The rules about what only some engines measure; where a column is there, a null in it refuses."""
    checks: list[_Check] = []
    if "fragility" in metrics.columns:
        checks.append(("fragility", metrics["fragility"].abs(), "<=", rules.max_fragility, _NOT_MEASURED))
    if {"capacity_quote", "fleet_stake_quote"} <= set(metrics.columns):
        stake = metrics["fleet_stake_quote"]
        checks.append(("fleet_stake", metrics["capacity_quote"], ">=", stake, _NOT_MEASURED))
    return checks


def _without_loss(metrics: pl.DataFrame) -> pl.Series:
    """The profit factor, infinite where trades were closed and none lost."""
    has_no_loss = (metrics["trades"] > 0) & metrics["profit_factor"].is_null()
    infinite = pl.Series([float("inf")] * len(metrics), dtype=pl.Float64)
    return infinite.zip_with(has_no_loss, metrics["profit_factor"])


def _verdicts(
    symbols: pl.Series,
    position: int,
    rule: str,
    values: pl.Series,
    comparison: str,
    bound: pl.Series | float,
    unknown: str,
) -> pl.DataFrame:
    frame = pl.DataFrame({"symbol": symbols, "value": values.cast(pl.Float64)}).with_columns(
        position=pl.lit(position, pl.Int64),
        rule=pl.lit(rule),
        comparison=pl.lit(comparison),
        bound=bound.cast(pl.Float64) if isinstance(bound, pl.Series) else pl.lit(float(bound)),
    )
    value, limit = pl.col("value"), pl.col("bound")
    passed = {">=": value >= limit, ">": value > limit, "<=": value <= limit}[comparison]
    shown = pl.format("{} {}, must be {} {}", "rule", _short(value), "comparison", _short(limit))
    return frame.with_columns(
        passed.fill_null(False).alias("is_passed"),
        pl.when(value.is_null())
        .then(pl.lit(f"{rule}: {unknown or 'no closed trades'}"))
        .otherwise(shown)
        .alias("reason"),
    )


def _short(value: pl.Expr) -> pl.Expr:
    return value.round_sig_figs(3).cast(pl.String).fill_null("unknown")


def _verdict_rows(
    metrics: pl.DataFrame, trades: pl.DataFrame, table: pl.DataFrame, is_tested: Bools, shrink: float
) -> pl.DataFrame:
    failed = (
        table.filter(~pl.col("is_passed"))
        .unique("symbol", keep="first", maintain_order=True)
        .select("symbol", pl.col("rule").alias("failed_rule"), "reason")
    )
    tested = metrics["symbol"].filter(pl.Series(is_tested))
    closed = trades.filter(~pl.col("is_open") & pl.col("symbol").is_in(tested.to_list()))
    pooled = closed["profit_ratio"].to_numpy()
    toward = float(pooled.mean()) if len(pooled) else 0.0
    strength = _pool_trades(metrics.filter(pl.Series(is_tested)), closed, shrink)
    n = pl.col("trades")
    score = (n * pl.col("mean_return").fill_null(0.0) + strength * toward) / (n + strength)
    given = {
        name: pl.col(origin) if origin in metrics.columns else pl.lit(None, APPROVALS[name])
        for name, origin in _CARRIED.items()
    } | {name: pl.lit(None, pl.String) for name in GROUNDS}
    frame = metrics.join(failed, on="symbol", how="left", maintain_order="left").with_columns(
        pl.col("failed_rule").is_null().alias("is_approved"),
        pl.col("reason").fill_null("every rule passed"),
        score.fill_nan(0.0).alias("score"),
        **given,
    )
    rows = frame.select(pl.col(name).cast(dtype) for name, dtype in APPROVALS.items())
    return rows.sort("is_approved", "score", "symbol", descending=[True, True, False])


def _pool_trades(tested: pl.DataFrame, closed: pl.DataFrame, least: float) -> float:
    """As how many trades the pool counts: what the trades of one symbol scatter, over what symbols differ."""
    off = closed.select(pl.col("profit_ratio") - pl.col("profit_ratio").mean().over("symbol")).to_series()
    degrees = len(off) - closed["symbol"].n_unique()
    if degrees < 1 or tested["mean_return"].null_count():
        return least
    within = float(np.sqrt(np.sum(off.to_numpy() ** 2) / degrees))
    counts = tested["trades"].to_numpy().astype(np.float64)
    return pool_strength(tested["mean_return"].to_numpy(), counts, within, least=least)
