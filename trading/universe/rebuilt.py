"""Markets and tickers as candles remember them: what existed at a past moment, its price and its volume.

Candles know no spread, no flag for API orders and no fees. Where a rule asks for one, and no listing of the
time tells, the pair passes it and the answer says that it was not knowable. Rules are in `trading.screening`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from trading.market.frames import MARKETS, TICKERS, UTC_MS
from trading.market.instruments import symbol_of
from trading.screening.rules import ScreeningRules

# What candles say of a pair at the close of one of its bars.
TRACE: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "at": UTC_MS,  # close of the bar
    "last": pl.Float64,
    "volume_quote_24h": pl.Float64,  # quote units over the last `quiet_s`; over less where bars began later
    "covers_day": pl.Boolean,  # a bar that old is held: the volume is a whole day's
}
# What may be held of a pair to say so much of it: bars of the day before the day before the moment.
LOOKBACK_DAYS = 3
# The rule's name for pairs that could not be judged: listed without candles, or held for less than a day.
UNSEEN = "unseen"


def trace(candles: pl.DataFrame, *, bar_ms: int, quiet_s: float) -> pl.DataFrame:
    """Return price and 24 h volume of every pair at the close of each of its bars.

    Parameters
    ----------
    candles : DataFrame of CANDLES
        One timeframe, any order. Volume of bars before the first one held counts as none.

    Returns
    -------
    DataFrame of TRACE
        Sorted by symbol and time.
    """
    window = timedelta(seconds=quiet_s)
    # How far back bars are held, looked for no further than two days: the same whoever asks, for any moments.
    oldest = pl.col("at").rolling_min_by("at", window_size=2 * window).over("symbol")
    held = pl.col("at") - oldest + pl.duration(milliseconds=bar_ms)
    return (
        candles.lazy()
        .sort("symbol", "open_time")
        .select(
            "symbol",
            (pl.col("open_time") + pl.duration(milliseconds=bar_ms)).cast(UTC_MS).alias("at"),
            pl.col("close").alias("last"),
            "quote_volume",
        )
        .with_columns(
            volume_quote_24h=pl.col("quote_volume").rolling_sum_by("at", window_size=window).over("symbol"),
            covers_day=held >= window,
        )
        .select(list(TRACE))
        .collect()
    )


def trace_at(traced: pl.DataFrame, times: Sequence[datetime], *, quiet_s: float) -> pl.DataFrame:
    """Return TRACE as of each of `times`: the newest bar of each pair that closed by then.

    Pairs without a bar in the `quiet_s` before a moment did not exist at it. `at` is the moment, `seen_at`
    the close of the bar.
    """
    moments = pl.DataFrame({"at": sorted(set(times))}, schema={"at": UTC_MS})
    exact = traced.join(moments, on="at", how="semi").with_columns(seen_at=pl.col("at"))
    asked = traced.select(pl.col("symbol").unique(maintain_order=True)).join(moments, how="cross")
    quiet = asked.join(exact, on=["symbol", "at"], how="anti")
    if quiet.is_empty():
        return exact
    older = (
        quiet.sort("at")
        .join_asof(
            traced.with_columns(seen_at=pl.col("at")).sort("at"),
            on="at",
            by="symbol",
            tolerance=timedelta(seconds=quiet_s),
            check_sortedness=False,
        )
        .filter(
            pl.col("seen_at").is_not_null(), pl.col("at") - pl.col("seen_at") < timedelta(seconds=quiet_s)
        )
    )
    return pl.concat([exact, older.select(exact.columns)])


def with_listing(seen: pl.DataFrame, stood: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Return `trace_at` rows with what the listing that stood at their moment says of them.

    Parameters
    ----------
    seen : DataFrame
        As `trace_at` returns it.
    stood, facts : DataFrame
        As `looks.listings_at` and `looks.listed_facts` return them.

    Returns
    -------
    DataFrame
        Without the pairs that a young listing, seen after their last bar, does not name any more. With
        `is_api_tradable` (null where no listing tells) and `is_scannable` (true where no young one tells).
    """
    named = seen.join(stood, on="at", how="left", maintain_order="left").join(
        facts.with_columns(is_listed=pl.lit(value=True)),
        on=["listing", "symbol"],
        how="left",
        maintain_order="left",
    )
    is_young, is_listed = (pl.col(name).fill_null(value=False) for name in ("is_young", "is_listed"))
    is_gone = is_young & ~is_listed & (pl.col("seen_at") <= pl.col("listed_at")).fill_null(value=False)
    scannable = pl.when(is_young & is_listed).then("is_scannable").otherwise(pl.lit(value=True))
    kept = [*seen.columns, "is_api_tradable", scannable.alias("is_scannable")]
    return named.filter(~is_gone).select(kept)


def as_look(listed: pl.DataFrame) -> pl.DataFrame:
    """Return `with_listing` rows with all columns of MARKETS and TICKERS, as the pre-filter reads them.

    Bid and ask are the last price and `is_api_tradable` is true where no listing tells: use it with
    `knowable` rules only. `is_api_known` says which.
    """
    parts = symbol_of().str.splitn("/", 2).struct
    given = {
        "exchange_id": pl.col("symbol"),
        "base": parts.field("field_0"),
        "quote": parts.field("field_1"),
        "status": pl.lit("1"),
        "bid": pl.col("last"),
        "ask": pl.col("last"),
        "is_api_known": pl.col("is_api_tradable").is_not_null(),
        "is_api_tradable": pl.col("is_api_tradable").fill_null(value=True),
    }
    frame = listed.with_columns(**given)
    missing = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in (MARKETS | TICKERS).items()
        if name not in frame.columns
    ]
    return frame.with_columns(missing)


def short_of_a_day(rule: pl.Expr) -> pl.Expr:
    """Whether a pair fell for a volume that is not a whole day's: nobody knows what a day's was."""
    return (rule == "volume") & ~pl.col("covers_day").fill_null(value=False)


def knowable(rules: ScreeningRules) -> ScreeningRules:
    """Return `rules` without what candles cannot tell: spread and the age of a quote."""
    return replace(rules, max_spread=None, max_ticker_age_s=None)


def not_knowable(rules: ScreeningRules) -> pl.Expr:
    """Return, per row of `as_look`, the rules that could not be judged, as one text; empty = all were."""
    always = [name for name, bound in (("spread", rules.max_spread),) if bound is not None]
    api = pl.when(~pl.col("is_api_known") & pl.lit(rules.require_api_tradable)).then(pl.lit("api"))
    return pl.concat_str(
        [pl.lit(", ".join(always) or None, pl.String), api], separator=", ", ignore_nulls=True
    )
