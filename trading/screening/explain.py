"""Every rule of a stage judged on one symbol, also those after the one that dropped it. Decides nothing."""

from collections.abc import Sequence

import polars as pl

from trading.screening.funnel import Rule

# One row per rule, in order; `words` is the rule's own sentence where it failed, empty where it passed.
EXPLAINED: dict[str, pl.DataType | type[pl.DataType]] = {
    "stage": pl.String,
    "rule": pl.String,
    "value": pl.Float64,
    "bound": pl.Float64,
    "is_ok": pl.Boolean,
    "words": pl.String,
}


def explain(frame: pl.DataFrame, rules: Sequence[Rule], stage: str) -> pl.DataFrame:
    """Return how each rule came out on the one row of `frame`, **one row per rule**.

    A funnel names the first rule that failed; who asks about one symbol wants all of them.

    Parameters
    ----------
    frame : DataFrame of shape (1, any)
        Must have whatever the rules read. No row gives no row.
    """
    if frame.is_empty():
        return pl.DataFrame(schema=EXPLAINED)
    rows = []
    for rule in rules:
        value, is_ok = frame.select(
            rule.value.cast(pl.Float64).alias("value"), rule.is_ok.fill_null(False).alias("is_ok")
        ).row(0)
        shown = "unknown" if value is None else f"{value:,.6g}"
        bound = "none" if rule.bound is None else f"{rule.bound:,.6g}"
        words = "" if is_ok else rule.sentence.format(value=shown, bound=bound)
        rows.append((stage, rule.name, value, rule.bound, is_ok, words))
    return pl.DataFrame(rows, schema=EXPLAINED, orient="row")
