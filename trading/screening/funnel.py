"""The machinery of every filter stage: rules in order, the first that fails names the reason.

Which rules there are and what they are held against is decided by the callers.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import structlog

from trading.market.frames import FUNNEL, conform, empty

PASSED = "passed"
Schema = dict[str, pl.DataType | type[pl.DataType]]
_log = structlog.get_logger(__name__)
# structlog itself always formats; this switch makes a decision that nobody reads cost nothing.
_switch = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """One test on one measured value.

    `is_ok` false or null drops the symbol. `sentence` is formatted with `value` and `bound` and says
    what is wrong in words a person understands. `why` says how the bound came about where it was moved.
    """

    name: str
    value: pl.Expr
    bound: float | None
    is_ok: pl.Expr
    sentence: str
    why: str = ""


def apply_rules(frame: pl.DataFrame, rules: Sequence[Rule], stage: str) -> pl.DataFrame:
    """Return one FUNNEL row per row of `frame`: kept, or dropped by the first rule that fails.

    Parameters
    ----------
    frame : DataFrame of shape (n_symbols, any)
        Must have `symbol` and whatever the rules read.

    Returns
    -------
    DataFrame of FUNNEL, shape (n_symbols, 7)
        Row order of `frame`. `value` is null where nothing could be measured.
    """
    if frame.is_empty() or not rules:
        return _kept(frame, stage)
    tested = frame.select(
        pl.col("symbol"),
        *(rule.is_ok.fill_null(False).alias(f"ok{i}") for i, rule in enumerate(rules)),
        *(rule.value.cast(pl.Float64).alias(f"value{i}") for i, rule in enumerate(rules)),
    )
    _log_decisions(tested, rules, stage)
    fails = [pl.when(~pl.col(f"ok{i}")).then(i) for i in range(len(rules))]
    first = tested.select(first=pl.coalesce(*fails, pl.lit(-1)))["first"].to_list()
    values = [tested[f"value{i}"].to_list() for i in range(len(rules))]
    rows = []
    for row, (symbol, failed) in enumerate(zip(tested["symbol"].to_list(), first, strict=True)):
        if failed < 0:
            rows.append((symbol, stage, PASSED, True, None, None, "passed every rule"))
            continue
        rule, value = rules[failed], values[failed][row]
        rows.append((symbol, stage, rule.name, False, value, rule.bound, sentence(rule, value)))
    return pl.DataFrame(rows, schema=FUNNEL, orient="row")


def _kept(frame: pl.DataFrame, stage: str) -> pl.DataFrame:
    if frame.is_empty():
        return empty(FUNNEL)
    rows = [(symbol, stage, PASSED, True, None, None, "passed every rule") for symbol in frame["symbol"]]
    return pl.DataFrame(rows, schema=FUNNEL, orient="row")


def sentence(rule: Rule, value: float | None) -> str:
    """Return the words of a rule that failed, with what was measured (null: "unknown") and its bound."""
    shown = "unknown" if value is None else _shown(value)
    return rule.sentence.format(value=shown, bound="none" if rule.bound is None else _shown(rule.bound))


def _shown(value: float) -> str:
    """Six digits; a large amount as people write it, not as 1.5e+06."""
    return f"{value:,.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:,.6g}"


def _log_decisions(tested: pl.DataFrame, rules: Sequence[Rule], stage: str) -> None:
    if not _switch.isEnabledFor(logging.DEBUG):
        return
    for row in tested.iter_rows(named=True):
        for i, rule in enumerate(rules):
            kept, value = row[f"ok{i}"], row[f"value{i}"]
            _log.debug(
                "filter decision",
                stage=stage,
                symbol=row["symbol"],
                rule=rule.name,
                value=value,
                bound=rule.bound,
                is_kept=kept,
            )
            if not kept:
                break


def funnel_summary(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return **one row per stage**, in the order of first appearance.

    Parameters
    ----------
    frames : sequence of DataFrame of FUNNEL

    Returns
    -------
    DataFrame of (stage, in, out, main_reason, reasons)
        `main_reason` is the rule that dropped most, as "rule: count", null when nothing was dropped;
        `reasons` lists all as structs (rule, count), largest first.
    """
    rows: list[dict[str, object]] = []
    given = [conform(frame, FUNNEL) for frame in frames if not frame.is_empty()]
    if given:
        funnel = pl.concat(given)
        for stage in funnel["stage"].unique(maintain_order=True):
            own = funnel.filter(pl.col("stage") == stage)
            dropped = Counter(own.filter(~pl.col("is_kept"))["rule"].to_list())
            reasons = [{"rule": rule, "count": count} for rule, count in dropped.most_common()]
            main = f"{reasons[0]['rule']}: {reasons[0]['count']:,}" if reasons else None
            rows.append(
                {
                    "stage": stage,
                    "in": len(own),
                    "out": int(own["is_kept"].sum()),
                    "main_reason": main,
                    "reasons": reasons,
                }
            )
    reason_type = pl.List(pl.Struct({"rule": pl.String, "count": pl.Int64}))
    schema: Schema = {
        "stage": pl.String,
        "in": pl.Int64,
        "out": pl.Int64,
        "main_reason": pl.String,
        "reasons": reason_type,
    }
    return pl.DataFrame(rows, schema=schema)


def rule_steps(frames: Sequence[pl.DataFrame], order: Sequence[str] = ()) -> pl.DataFrame:
    """Return **one row per stage and rule** of funnels: how many met it, how many passed.

    Parameters
    ----------
    frames : sequence of DataFrame of FUNNEL
    order : sequence of str
        Names of rules in the order in which they are applied. A rule that is not among them comes after
        them, one that dropped more before one that dropped less; one that dropped nobody is not shown.

    Returns
    -------
    DataFrame of (stage, rule, in, out, example)
        `example` is one symbol that fell, with its reason.
    """
    rows: list[tuple[str, str, int, int, str]] = []
    for frame in frames:
        given = conform(frame, FUNNEL)
        for stage in given["stage"].unique(maintain_order=True):
            own = given.filter(pl.col("stage") == stage)
            fallen = own.filter(~pl.col("is_kept"))
            counts = Counter(fallen["rule"].to_list())
            later = [rule for rule, _ in counts.most_common() if rule not in order]
            left = own.height
            for rule in [*(name for name in dict.fromkeys(order) if name in counts), *later]:
                first = fallen.filter(pl.col("rule") == rule).row(0, named=True)
                example = f"{first['symbol']}: {first['reason']}"
                rows.append((stage, rule, left, left - counts[rule], example))
                left -= counts[rule]
    schema: Schema = {
        "stage": pl.String,
        "rule": pl.String,
        "in": pl.Int64,
        "out": pl.Int64,
        "example": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def rule_bars(steps: pl.DataFrame) -> pl.DataFrame:
    """Return `rule_steps` as a chart takes a summary, one bar per rule: (stage, in, out, main_reason).

    A rule that several stages have is named with its stage, since bars of one name would lie on each other.
    """
    named = pl.format("{} ({})", "rule", "stage")
    stage = pl.when(pl.col("rule").is_duplicated()).then(named).otherwise("rule")
    return steps.select(stage.alias("stage"), "in", "out", main_reason=pl.lit(None, pl.String))
