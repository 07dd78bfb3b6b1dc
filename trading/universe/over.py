"""Who was in the universe at each of many past moments, for all pairs at once: what backtests stand on.

The same chain of rules as the funnel's pre-filter, applied to whole columns. One moment with every reason
in words: `trading.universe.past`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from trading.market.frames import MARKETS, TICKERS, UTC_MS
from trading.market.listing import from_frame
from trading.market.timeframes import timeframe as find_timeframe
from trading.screening.filters import PASSED, prefilter_rules, validate_markets
from trading.screening.funnel import Rule
from trading.screening.rules import ScreeningRules
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.looks import Look, PastRules, listed_facts, listings_at, recorded_looks
from trading.universe.rebuilt import (
    LOOKBACK_DAYS,
    UNSEEN,
    as_look,
    knowable,
    short_of_a_day,
    trace,
    trace_at,
    with_listing,
)

# One row per pair and moment at which the pair existed.
MEMBERSHIP: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "at": UTC_MS,
    "is_member": pl.Boolean,
    "rule": pl.String,  # the rule of the pre-filter that dropped it, or "passed"
    "source": pl.String,  # recorded | rebuilt
}
_KEYS = ["symbol", "at"]
# Looks judged together: 2,600 pairs each, so some 100 MB at a time.
_AT_ONCE = 100


def universe_over(
    lake: Lake,
    candles: CandleStore,
    times: Sequence[datetime],
    rules: ScreeningRules | None = None,
    *,
    timeframe: str = "15m",
    listed: Mapping[str, datetime] | None = None,
    symbols: Sequence[str] | None = None,
    past: PastRules | None = None,
) -> pl.DataFrame:
    """Return who was in the universe at each of `times`: **one row per pair and moment** at which it existed.

    A moment is answered from the newest recorded look that is young enough, else it is rebuilt from candles.
    Nothing that was seen after a moment is used for it. Pairs of which only a listing is known (`past` names
    them as unseen) were no members and have no row.

    Parameters
    ----------
    lake, candles
        Tables and candles of one world.
    times : sequence of datetime
        Aware, any order; a backtest asks for the closes of its bars.
    rules : ScreeningRules, optional
        Thresholds of the pre-filter; the defaults where not given.
    timeframe : str
        Of the candles that moments are rebuilt from.
    listed : mapping, optional
        Symbol -> its first bar, where that is known; who is not in it is not judged by age.
    symbols : sequence of str, optional
        Whose rows are wanted. The cap by volume is over all pairs all the same.
    past : PastRules, optional

    Returns
    -------
    DataFrame of MEMBERSHIP
        Sorted by symbol and time.
    """
    rules, past = rules or ScreeningRules(), past or PastRules()
    moments = pl.DataFrame({"at": sorted(set(times))}, schema={"at": UTC_MS})
    if moments.is_empty():
        return pl.DataFrame(schema=MEMBERSHIP)
    told = _by_looks(lake, moments, past)
    births = _births(listed or {})
    recorded = [
        told.join(judged, on="look_at").select(list(MEMBERSHIP))
        for judged in _recorded(lake, told, rules, births, symbols, past)
    ]
    left = moments.join(told, on="at", how="anti")["at"].to_list()
    rebuilt = _rebuilt(lake, candles, left, rules, births, timeframe, past)
    if symbols is not None:
        rebuilt = rebuilt.filter(pl.col("symbol").is_in(list(symbols)))
    return pl.concat([*recorded, rebuilt]).sort(_KEYS)


def _births(listed: Mapping[str, datetime]) -> pl.DataFrame:
    return pl.DataFrame(
        {"symbol": list(listed), "born": list(listed.values())}, schema={"symbol": pl.String, "born": UTC_MS}
    )


def _by_looks(lake: Lake, moments: pl.DataFrame, past: PastRules) -> pl.DataFrame:
    """Pair each moment with the newest look at or before it that is young enough; others are left out."""
    age = timedelta(seconds=past.max_look_age_s)
    first, last = moments["at"][0], moments["at"][-1]
    looks = [look.at for look in recorded_looks(lake, first - age, last, past)]
    frame = pl.DataFrame({"look_at": looks}, schema={"look_at": UTC_MS}).sort("look_at")
    paired = moments.join_asof(
        frame.with_columns(at=pl.col("look_at")), on="at", tolerance=age, check_sortedness=False
    )
    return paired.filter(pl.col("look_at").is_not_null())


def _recorded(
    lake: Lake,
    told: pl.DataFrame,
    rules: ScreeningRules,
    births: pl.DataFrame,
    symbols: Sequence[str] | None,
    past: PastRules,
) -> Iterator[pl.DataFrame]:
    if told.is_empty():
        return
    wanted = set(told["look_at"].to_list())
    looks = recorded_looks(lake, min(wanted), max(wanted), past)
    looks = [look for look in looks if look.at in wanted]
    listings: dict[str, pl.DataFrame] = {}
    for begin in range(0, len(looks), _AT_ONCE):
        frames = [_look_frame(lake, look, listings) for look in looks[begin : begin + _AT_ONCE]]
        judged = _judged(pl.concat(frames), rules, births, pl.col("look_at"), by="look_at")
        rows = judged.with_columns(source=pl.lit("recorded"))
        yield rows if symbols is None else rows.filter(pl.col("symbol").is_in(list(symbols)))


def _look_frame(lake: Lake, look: Look, listings: dict[str, pl.DataFrame]) -> pl.DataFrame:
    if look.listing not in listings:
        listings[look.listing] = validate_markets(from_frame(lake.read("markets", look.listing)))[0]
    tickers = lake.read("tickers", look.tickers).select(list(TICKERS)).unique("symbol", keep="last")
    frame = listings[look.listing].join(tickers, on="symbol", how="left", maintain_order="left")
    return frame.with_columns(look_at=pl.lit(look.at, UTC_MS))


def _rebuilt(
    lake: Lake,
    candles: CandleStore,
    times: list[datetime],
    rules: ScreeningRules,
    births: pl.DataFrame,
    timeframe: str,
    past: PastRules,
) -> pl.DataFrame:
    if not times:
        return pl.DataFrame(schema=MEMBERSHIP)
    bar = find_timeframe(timeframe)
    window = timedelta(seconds=LOOKBACK_DAYS * past.quiet_s)
    bars = candles.read(
        timeframe, start=min(times) - window, end=max(times) - bar.delta + timedelta(milliseconds=1)
    )
    seen = trace_at(trace(bars, bar_ms=bar.ms, quiet_s=past.quiet_s), times, quiet_s=past.quiet_s)
    stood = listings_at(lake, times, past)
    facts = listed_facts(lake, stood["listing"].to_list())
    frame = as_look(with_listing(seen, stood, facts)).with_columns(look_at=pl.col("at"))
    judged = _judged(frame, knowable(rules), births, None, by="look_at")
    covered = frame.select("symbol", "look_at", "covers_day")
    told = judged.join(covered, on=["symbol", "look_at"], how="left", maintain_order="left")
    rule = pl.when(short_of_a_day(pl.col("rule"))).then(pl.lit(UNSEEN)).otherwise("rule")
    return told.select("symbol", at="look_at", is_member="is_member", rule=rule, source=pl.lit("rebuilt"))


def _judged(
    frame: pl.DataFrame, rules: ScreeningRules, births: pl.DataFrame, at: pl.Expr | None, *, by: str
) -> pl.DataFrame:
    """Apply the pre-filter's chain and its cap to every look at once: `symbol`, `by`, `is_member`, `rule`."""
    aged = frame.join(births, on="symbol", how="left", maintain_order="left").with_columns(
        listed_days=(pl.col(by) - pl.col("born")).dt.total_milliseconds() / 86_400_000
    )
    is_reference = pl.col("symbol").is_in(list(rules.references))
    judged = aged.select(
        "symbol",
        by,
        "volume_quote_24h",
        is_reference.alias("is_reference"),
        pl.when(is_reference)
        .then(pl.lit(PASSED))
        .otherwise(_first(prefilter_rules(rules, at)))
        .alias("rule"),
    ).sort(by, "volume_quote_24h", descending=[False, True], nulls_last=True, maintain_order=True)
    ranked = (pl.col("rule") == PASSED) & ~pl.col("is_reference")
    room = (rules.max_survivors - pl.col("is_reference").sum().over(by)).clip(0)
    beyond = ranked & (ranked.cum_sum().over(by) > room)
    rule = pl.when(beyond).then(pl.lit("rank")).otherwise("rule")
    return judged.select("symbol", by, (rule == PASSED).alias("is_member"), rule.alias("rule"))


def _first(chain: Sequence[Rule]) -> pl.Expr:
    """The name of the first rule that a row fails, or "passed"."""
    fails = [pl.when(~rule.is_ok.fill_null(value=False)).then(pl.lit(rule.name)) for rule in chain]
    return pl.coalesce(*fails, pl.lit(PASSED))


__all__ = ["MARKETS", "MEMBERSHIP", "universe_over"]
