"""Old decisions beside new ones: which approvals changed and by which rule, which signals came and went.

Frames in, frames out; where they come from, and how a past moment is decided again, is in
`resources.redecide`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS

# One row per moment and symbol whose verdict changed, and per rule that made the change.
CHANGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "symbol": pl.String,
    "change": pl.String,  # approved | refused | judged (only now) | dropped (judged only then)
    "before": pl.String,  # approved, or the first rule that refused; null = not judged
    "now": pl.String,
    "rule": pl.String,  # whose verdict differs, null where none of them does
    "value_before": pl.Float64,
    "bound_before": pl.Float64,
    "value_now": pl.Float64,
    "bound_now": pl.Float64,
}
# One row per moment: how many of each.
COUNTS = ("added", "removed", "changed", "same")
_DECIDING = ("is_entry", "is_exit", "is_candidate")
MOST_MOMENTS = 1_000


def moments(
    recorded: Sequence[datetime], first: datetime, last: datetime, step: timedelta
) -> list[tuple[datetime, bool]]:
    """Return the moments to decide again, oldest first, each with whether a decision of then is on record.

    One a step: the last recorded pass in it, else the end of the step.

    Raises
    ------
    BadInput
        If the period is empty, or has more than a thousand steps.
    """
    if step <= timedelta(0):
        raise BadInput(f"a step must be longer than 0, was {step}")
    if last < first:
        raise BadInput(f"the period must not end before it begins, was {first} to {last}")
    count = (last - first) // step + 1
    if count > MOST_MOMENTS:
        raise BadInput(
            f"a replay has at most {MOST_MOMENTS:,} steps, {first} to {last} has {count:,} of {step}"
        )
    found: list[tuple[datetime, bool]] = []
    for k in range(count):
        begin = first + k * step
        end = min(begin + step, last)
        inside = [at for at in recorded if begin <= at < begin + step and at <= last]
        found.append((max(inside), True) if inside else (end, False))
    return list(dict.fromkeys(found))


def approval_changes(
    before: tuple[pl.DataFrame, pl.DataFrame], now: tuple[pl.DataFrame, pl.DataFrame], at: datetime
) -> pl.DataFrame:
    """Return what changed between two tables of verdicts, each with its rules, as CHANGES.

    `before` and `now` are pairs of `approval.APPROVALS` and `approval.APPROVAL_RULES`.
    """
    told = pl.when("is_approved").then(pl.lit("approved")).otherwise("failed_rule")
    old = before[0].select("symbol", told.alias("before"), was=pl.col("is_approved"))
    new = now[0].select("symbol", told.alias("now"), is_=pl.col("is_approved"))
    both = old.join(new, on="symbol", how="full", coalesce=True)
    change = (
        pl.when(pl.col("was").is_null()).then(pl.lit("judged"))
        .when(pl.col("is_").is_null()).then(pl.lit("dropped"))
        .when(pl.col("is_") & ~pl.col("was")).then(pl.lit("approved"))
        .when(pl.col("was") & ~pl.col("is_")).then(pl.lit("refused"))
    )  # fmt: skip
    changed = both.with_columns(change=change).filter(pl.col("change").is_not_null())
    rules = _rules(before[1], "before").join(
        _rules(now[1], "now"), on=["symbol", "rule"], how="full", coalesce=True
    )
    # A rule that was not asked refused nobody.
    turned = rules.filter(pl.col("passed_before").fill_null(True) != pl.col("passed_now").fill_null(True))
    verdicts = changed.join(turned, on="symbol", how="left").with_columns(at=pl.lit(at).cast(UTC_MS))
    # Of a symbol that one side did not judge, the rule that decided is enough.
    deciding = pl.coalesce("now", "before")
    verdicts = verdicts.filter(
        pl.col("change").is_in(["approved", "refused"])
        | pl.col("rule").is_null()
        | (pl.col("rule") == deciding)
    )
    rows = verdicts.sort("change", "symbol", pl.col("position_now").fill_null(pl.col("position_before")))
    return rows.select(pl.col(name).cast(kind) for name, kind in CHANGES.items())


def _rules(table: pl.DataFrame, side: str) -> pl.DataFrame:
    return table.select(
        "symbol",
        "rule",
        pl.col("value").alias(f"value_{side}"),
        pl.col("bound").alias(f"bound_{side}"),
        pl.col("is_passed").alias(f"passed_{side}"),
        pl.col("position").alias(f"position_{side}"),
    )


def value_changes(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Return per rule how many values differ, and how many verdicts: `rule`, `values`, `verdicts`."""
    both = _rules(before, "before").join(_rules(now, "now"), on=["symbol", "rule"], how="inner")
    apart = pl.col("value_before").ne_missing(pl.col("value_now"))
    return (
        both.group_by("rule", maintain_order=True)
        .agg(
            apart.sum().cast(pl.Int64).alias("values"),
            (pl.col("passed_before") != pl.col("passed_now")).sum().cast(pl.Int64).alias("verdicts"),
        )
        .filter((pl.col("values") > 0) | (pl.col("verdicts") > 0))
    )


def signal_changes(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Return each signal that was added, removed or changed: `symbol`, `open_time`, `change`, both reasons.

    Changed is a signal that says another thing (entry, exit, wanted in) of the same bar; a score is none.
    """
    columns = ["symbol", "open_time", *_DECIDING, "reason"]
    old = before.select(columns).with_columns(was=pl.lit(value=True))
    new = now.select(columns).with_columns(is_=pl.lit(value=True))
    both = old.join(new, on=["symbol", "open_time"], how="full", coalesce=True, suffix="_now")
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_now") for name in _DECIDING)
    change = (
        pl.when(pl.col("was").is_null()).then(pl.lit("added"))
        .when(pl.col("is_").is_null()).then(pl.lit("removed"))
        .when(differs).then(pl.lit("changed"))
        .otherwise(pl.lit("same"))
    )  # fmt: skip
    return (
        both.with_columns(change=change)
        .select("symbol", "open_time", "change", reason_before="reason", reason_now="reason_now")
        .sort("symbol", "open_time")
    )
