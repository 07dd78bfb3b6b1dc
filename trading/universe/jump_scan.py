"""Two looks at all tickers, compared: whose price jumped between them. The same bounds as for single prints.

One symbol's prints in time: `jump_guard`. Who records a suspension: the callers.
"""

import math
from collections.abc import Sequence

import polars as pl

from trading.universe.jump_guard import Jump, JumpRules, JumpState

# When so many pairs jump at once, the look is wrong and not the market.
MOST_AT_ONCE = 0.05


def jumps_between(before: pl.DataFrame, after: pl.DataFrame, rules: JumpRules | None = None) -> list[Jump]:
    """Return the symbols whose last price lies beyond the upper bound between two looks at all tickers.

    Parameters
    ----------
    before, after : DataFrame of TICKERS
        Two looks; symbols that only one of them prices are left out.

    Returns
    -------
    list of Jump
        Sorted by symbol; unconfirmed, since each look is one print.
    """
    rules = rules or JumpRules()
    price = pl.col("last") > 0
    pairs = (
        after.filter(price)
        .select("symbol", "last", pl.col("at").dt.epoch("ms"))
        .join(
            before.filter(price).select(
                "symbol", pl.col("last").alias("was"), pl.col("at").dt.epoch("ms").alias("was_ms")
            ),
            on="symbol",
        )
        .sort("symbol")
    )
    passed = (pl.col("at") - pl.col("was_ms")) / 1000
    bound = (math.log(rules.suspend) * (passed / rules.per_s).clip(1.0).sqrt()).clip(
        None, math.log(rules.most)
    )
    found = pairs.filter(
        ((pl.col("last") / pl.col("was")).log().abs() > bound) & passed.is_between(0, rules.forget_s)
    )
    return [
        Jump(row["symbol"], row["was"], row["last"], row["was_ms"], row["at"], JumpState.UNCONFIRMED)
        for row in found.to_dicts()
    ]


def is_plausible(jumped: int, looked: int) -> bool:
    """Whether `jumped` of `looked` pairs may have jumped at once: one always may, a twentieth at most."""
    return jumped <= max(1.0, MOST_AT_ONCE * looked)


def is_believed(jumps: Sequence[Jump], after: pl.DataFrame) -> bool:
    """Whether so few of the pairs of a look jumped that they may have."""
    return is_plausible(len(jumps), after.height)


def believed_jumps(
    before: pl.DataFrame | None, after: pl.DataFrame, rules: JumpRules | None = None
) -> list[Jump]:
    """Return the jumps since the look before; none without one, and none if too many are to be true."""
    if before is None:
        return []
    found = jumps_between(before, after, rules)
    return found if is_believed(found, after) else []
