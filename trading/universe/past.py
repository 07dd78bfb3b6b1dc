"""The universe at one past moment, with every reason in words: who existed, was tradable, passed which rule.

Recorded looks answer where there are any, candles elsewhere, and each row says which. Many moments at once,
without words: `trading.universe.over`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import MARKETS, TICKERS, UTC_MS
from trading.market.listing import from_frame
from trading.market.timeframes import timeframe as find_timeframe
from trading.screening.filters import PASSED, prefilter, validate_markets
from trading.screening.rules import ScreeningRules
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.looks import PastRules, listed_facts, listings_at, nothing_known, recorded_looks
from trading.universe.rebuilt import (
    LOOKBACK_DAYS,
    UNSEEN,
    as_look,
    knowable,
    not_knowable,
    short_of_a_day,
    trace,
    trace_at,
    with_listing,
)

# One row per pair that existed at the moment.
PAST: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "instrument_id": pl.String,  # which instrument the name meant then; null where nobody noted it
    "is_tradable": pl.Boolean,  # online and open to orders by API; null = not knowable
    "is_member": pl.Boolean,  # would have passed the pre-filter
    "rule": pl.String,  # the rule that would have dropped it, or "passed"
    "value": pl.Float64,
    "bound": pl.Float64,
    "reason": pl.String,
    "not_knowable": pl.String,  # rules that could not be judged and are taken as passed; empty = all were
    "source": pl.String,  # recorded | rebuilt
    "seen_at": UTC_MS,  # the look's own time, or the close of the newest bar
}
RECORDED, REBUILT = "recorded", "rebuilt"


def universe_at(
    lake: Lake,
    candles: CandleStore,
    at: datetime,
    rules: ScreeningRules | None = None,
    *,
    timeframe: str = "15m",
    listed: Mapping[str, datetime] | None = None,
    past: PastRules | None = None,
) -> pl.DataFrame:
    """Return the universe as of `at`: **one row per pair that existed then**, members first.

    Parameters
    ----------
    lake, candles
        Tables and candles of one world.
    at : datetime
        Aware. Nothing seen after it is used.
    rules : ScreeningRules, optional
        Thresholds of the pre-filter; the defaults where not given.
    timeframe : str
        Of the candles that the moment is rebuilt from where no look is young enough.
    listed : mapping, optional
        Symbol -> its first bar, where that is known.
    past : PastRules, optional

    Returns
    -------
    DataFrame of PAST

    Raises
    ------
    BadInput
        If `at` is naive.
    MissingData
        If neither a look nor a bar covers the moment; one sentence names what is known.
    """
    if at.tzinfo is None:
        raise BadInput(f"a past moment must be aware (UTC), was {at.isoformat()}")
    rules, past = rules or ScreeningRules(), past or PastRules()
    looks = recorded_looks(lake, at - timedelta(seconds=past.max_look_age_s), at, past)
    if looks:
        look = looks[-1]
        found = _recorded(lake, look.listing, look.tickers, look.at, rules, listed)
    else:
        found = _rebuilt(lake, candles, at, rules, listed, timeframe, past)
    if found.is_empty():
        raise nothing_known(lake, candles, timeframe, at)
    named = _with_instruments(found, lake, at)
    ordered = named.sort("is_member", "symbol", descending=[True, False])
    return ordered.select(pl.col(name).cast(dtype) for name, dtype in PAST.items())


def _recorded(
    lake: Lake,
    listing: str,
    tickers: str,
    seen_at: datetime,
    rules: ScreeningRules,
    listed: Mapping[str, datetime] | None,
) -> pl.DataFrame:
    everything = lake.read("markets", listing)
    sound, unsound = validate_markets(from_frame(everything))
    judged = prefilter(sound, lake.read("tickers", tickers), rules, at=seen_at, listed=listed)
    funnel = pl.concat([judged, unsound.filter(~pl.col("is_kept"))]).unique("symbol", keep="first")
    tradable = everything.select("symbol", is_tradable=pl.col("is_scannable") & pl.col("is_api_tradable"))
    return funnel.join(tradable.unique("symbol", keep="first"), on="symbol", how="left").with_columns(
        is_member=pl.col("is_kept"),
        not_knowable=pl.lit(""),
        source=pl.lit(RECORDED),
        seen_at=pl.lit(seen_at, UTC_MS),
    )


def _rebuilt(
    lake: Lake,
    candles: CandleStore,
    at: datetime,
    rules: ScreeningRules,
    listed: Mapping[str, datetime] | None,
    timeframe: str,
    past: PastRules,
) -> pl.DataFrame:
    bar = find_timeframe(timeframe)
    window = timedelta(seconds=LOOKBACK_DAYS * past.quiet_s)
    bars = candles.read(timeframe, start=at - window, end=at - bar.delta + timedelta(milliseconds=1))
    traced = trace_at(trace(bars, bar_ms=bar.ms, quiet_s=past.quiet_s), [at], quiet_s=past.quiet_s)
    stood = listings_at(lake, [at], past)
    facts = listed_facts(lake, stood["listing"].to_list())
    seen = with_listing(traced, stood, facts)
    frame = as_look(pl.concat([seen, _unseen(seen, stood, facts)], how="diagonal"))
    judged = prefilter(
        frame.select(list(MARKETS)), frame.select(list(TICKERS)), knowable(rules), at=at, listed=listed
    )
    tradable = pl.when("is_api_known").then(pl.col("is_api_tradable") & pl.col("is_scannable"))
    about = frame.select(
        "symbol",
        tradable.alias("is_tradable"),
        not_knowable(rules).alias("not_knowable"),
        "seen_at",
        pl.col("last").is_null().alias("is_unseen"),
        "covers_day",
    )
    told = judged.join(about, on="symbol", how="left").with_columns(
        is_member=pl.col("is_kept"), source=pl.lit(REBUILT)
    )
    return _without_numbers(told)


def _unseen(seen: pl.DataFrame, stood: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that a young listing names and of which no candle is held, without any number."""
    named = stood.filter("is_young").join(facts, on="listing").join(seen, on="symbol", how="anti")
    kept = ["symbol", "at", "is_api_tradable", "is_scannable"]
    return named.select(*kept, seen_at=pl.col("listed_at"), last=pl.lit(None, pl.Float64))


def _without_numbers(told: pl.DataFrame) -> pl.DataFrame:
    """Say of pairs without candles that they could not be judged, unless the listing alone drops them."""
    blank = pl.col("is_unseen") & (pl.col("rule").is_in([PASSED, "ticker"]))
    short = ~pl.col("is_unseen") & short_of_a_day(pl.col("rule"))
    words = "listed then, but neither candles nor a look at the tickers of that time are held"
    less = "candles of less than a day are held before that time: what it traded in 24 h is not known"
    return told.with_columns(
        rule=pl.when(blank | short).then(pl.lit(UNSEEN)).otherwise("rule"),
        reason=pl.when(blank).then(pl.lit(words)).when(short).then(pl.lit(less)).otherwise("reason"),
        value=pl.when(~blank).then("value"),
        bound=pl.when(~blank).then("bound"),
        is_member=pl.col("is_member") & ~blank,
        not_knowable=pl.when(blank | short).then(pl.lit("volume, spread")).otherwise("not_knowable"),
    )


def _with_instruments(found: pl.DataFrame, lake: Lake, at: datetime) -> pl.DataFrame:
    """Name the instrument that each symbol meant at `at`; bars before the first epoch are its backfill."""
    if lake.latest("instruments") is None:
        return found.with_columns(instrument_id=pl.lit(None, pl.String))
    known = lake.read("instruments").sort("symbol", "start")
    then = known.filter((pl.col("start") <= at) | (pl.int_range(pl.len()).over("symbol") == 0)).unique(
        "symbol", keep="last", maintain_order=True
    )
    return found.join(then.select("symbol", "instrument_id"), on="symbol", how="left")


def summary(found: pl.DataFrame) -> pl.DataFrame:
    """Return how many pairs each rule would have dropped, members first."""
    counted = found.group_by("rule", "source").agg(
        pl.len().cast(pl.Int64).alias("pairs"), pl.col("symbol").min().alias("example")
    )
    is_rest = pl.col("rule") != PASSED
    return counted.sort(is_rest, -pl.col("pairs"), "rule").select("rule", "pairs", "source", "example")
