"""The filter stages before a backtest: what is listed, what is liquid, what moves.

Each is a pure function of frames and rules; the answer is a FUNNEL frame with one row per symbol.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from trading.market.frames import FUNNEL, MARKETS, TICKERS, conform, empty
from trading.market.symbols import Market
from trading.screening.funnel import PASSED, Rule, apply_rules, funnel_summary
from trading.screening.rules import ScreeningRules
from trading.screening.screen import screen


def validate_markets(markets: Sequence[Market]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usable markets and the funnel of all of them, **one row per listed pair**.

    A pair is usable when its candles can be scanned and its numbers make sense. Whether orders by API
    are allowed is a second question: such pairs stay, with `is_api_tradable` false.

    Returns
    -------
    markets : DataFrame of MARKETS
        The usable pairs.
    funnel : DataFrame of FUNNEL, stage "markets"
        One row per entry of `markets`, each rejected one with its reason.
    """
    if not markets:
        return empty(MARKETS), empty(FUNNEL)
    frame = pl.DataFrame([_market_row(market) for market in markets], schema=MARKETS, orient="row")
    repeated = pl.col("symbol").is_first_distinct()
    bounds_fit = (pl.col("max_cost") <= 0) | (pl.col("max_cost") >= pl.col("min_cost"))
    status = pl.col("status").cast(pl.Float64, strict=False)
    rules = [
        Rule("status", status, 1.0, pl.col("is_scannable"), "not online: status {value}, must be {bound}"),
        Rule("duplicate", pl.lit(None), None, repeated, "listed twice under one name"),
        Rule("assets", pl.lit(None), None, pl.col("base") != pl.col("quote"), "base and quote are the same"),
        Rule("tick", pl.col("tick"), 0.0, pl.col("tick") > 0, "price tick is {value}, must be above {bound}"),
        Rule(
            "step", pl.col("step"), 0.0, pl.col("step") > 0, "amount step is {value}, must be above {bound}"
        ),
        Rule("cost", pl.col("max_cost"), None, bounds_fit, "largest order {value} is below the smallest one"),
        Rule(
            "fee",
            pl.col("taker_fee"),
            0.1,
            pl.col("taker_fee") < 0.1,
            "taker fee {value} is not below {bound}",
        ),
    ]
    funnel = apply_rules(frame, rules, "markets")
    only_scannable = funnel["is_kept"] & ~frame["is_api_tradable"]
    note = pl.when(only_scannable).then(pl.lit("usable for scanning; orders by API are not open"))
    funnel = funnel.with_columns(reason=note.otherwise("reason"))
    return frame.filter(funnel["is_kept"]), funnel


def _market_row(market: Market) -> tuple[object, ...]:
    return tuple(
        float(value) if MARKETS[name] == pl.Float64 else value
        for name in MARKETS
        for value in (getattr(market, name),)
    )


def prefilter(
    markets: pl.DataFrame,
    tickers: pl.DataFrame,
    rules: ScreeningRules,
    *,
    at: datetime | None = None,
    listed: Mapping[str, datetime] | None = None,
) -> pl.DataFrame:
    """Return which markets are worth fetching candles for, **one row per market**.

    Needs one tickers call and no candle. The survivors are capped at `rules.max_survivors` by 24 h
    volume; `rules.references` that are listed survive whatever their numbers.

    Parameters
    ----------
    markets : DataFrame of MARKETS
    tickers : DataFrame of TICKERS
        One look; a market without a ticker is dropped as not quoted.
    at : datetime, optional
        Market time of use; the rules on the age of quotes and listings are off without it.
    listed : mapping, optional
        Symbol -> its first bar or listing, where that is known; who is not in it is not judged by age.

    Returns
    -------
    DataFrame of FUNNEL, stage "prefilter"
        Sorted by 24 h volume, largest first; survivors have `is_kept`, the rest a reason.
    """
    looks = conform(tickers, TICKERS).sort("at").unique("symbol", keep="last", maintain_order=True)
    frame = conform(markets, MARKETS).join(looks, on="symbol", how="left", maintain_order="left")
    frame = frame.sort("volume_quote_24h", descending=True, nulls_last=True, maintain_order=True)
    frame = frame.with_columns(listed_days=_listed_days(frame["symbol"], listed or {}, at))
    is_reference = frame["symbol"].is_in(list(rules.references))
    funnel = apply_rules(frame.filter(~is_reference), prefilter_rules(rules, at), "prefilter")
    references = apply_rules(frame.filter(is_reference), [], "prefilter").with_columns(
        reason=pl.lit("kept as a reference of the market regime")
    )
    room = max(rules.max_survivors - len(references), 0)
    return pl.concat([references, _cap(funnel, room, rules.max_survivors)])


def prefilter_rules(rules: ScreeningRules, at: datetime | pl.Expr | None) -> list[Rule]:
    """Return the chain of the pre-filter, for frames with the columns of MARKETS, TICKERS and `listed_days`.

    The rules on the age of quotes are left out where `at`, the time of use, is None; an expression gives
    each row its own time of use.
    """
    bid, ask, volume = pl.col("bid"), pl.col("ask"), pl.col("volume_quote_24h")
    spread = (ask - bid) / ((ask + bid) / 2)
    is_quoted = (pl.col("last") > 0) & (bid > 0) & (ask >= bid)
    none = pl.lit(None)
    quotes = " or ".join(rules.quotes)
    chain = [Rule("quote", none, None, pl.col("quote").is_in(list(rules.quotes)), f"not quoted in {quotes}")]
    chain.append(Rule("status", none, None, pl.col("is_scannable"), "no candles: not online"))
    if rules.require_api_tradable:
        chain.append(Rule("api", none, None, pl.col("is_api_tradable"), "orders by API are not open"))
    if rules.excluded_bases:
        pattern = "^(?:" + "|".join(f"(?:{each})" for each in rules.excluded_bases) + ")$"
        excluded = pl.col("base").str.contains(pattern)
        chain.append(Rule("excluded", none, None, ~excluded, "its base is on the list of exclusions"))
    chain.append(Rule("ticker", pl.col("last"), 0.0, is_quoted, "no two-sided quote: last price {value}"))
    if at is not None and rules.max_ticker_age_s is not None:
        now = pl.lit(at) if isinstance(at, datetime) else at
        age = (now - pl.col("at")).dt.total_milliseconds() / 1000
        bound = rules.max_ticker_age_s
        chain.append(Rule("age", age, bound, age <= bound, "quote is {value} s old, more than {bound}"))
    if rules.min_listed_days is not None:
        days, least = pl.col("listed_days"), rules.min_listed_days
        words = "listed {value} days ago, {bound} needed"
        chain.append(Rule("young", days, least, (days >= least).fill_null(True), words))
    if rules.min_quote_volume_24h is not None:
        least = rules.min_quote_volume_24h
        words = "24 h volume is {value}, below {bound}"
        chain.append(Rule("volume", volume, least, volume >= least, words))
    if rules.max_spread is not None:
        words = "spread is {value} of the price, above {bound}"
        chain.append(Rule("spread", spread, rules.max_spread, spread <= rules.max_spread, words))
    return chain


def _listed_days(symbols: pl.Series, listed: Mapping[str, datetime], at: datetime | None) -> pl.Series:
    """Days since each symbol's first bar; null where that, or the time of use, is not known."""
    days = [
        None if at is None or symbol not in listed else (at - listed[symbol]).total_seconds() / 86_400
        for symbol in symbols
    ]
    return pl.Series(days, dtype=pl.Float64)


def _cap(funnel: pl.DataFrame, room: int, bound: int) -> pl.DataFrame:
    """Drop the kept rows beyond the first `room`, naming their rank among all survivors."""
    rank = pl.col("is_kept").cum_sum()
    beyond = pl.col("is_kept") & (rank > room)
    rank_of_all = (rank + (bound - room)).cast(pl.Float64)
    words = pl.format(
        "rank {} by 24 h volume, beyond the {} that candles are fetched for",
        rank_of_all.cast(pl.Int64),
        pl.lit(bound),
    )
    return funnel.with_columns(
        rule=pl.when(beyond).then(pl.lit("rank")).otherwise("rule"),
        is_kept=pl.col("is_kept") & ~beyond,
        value=pl.when(beyond).then(rank_of_all).otherwise("value"),
        bound=pl.when(beyond).then(pl.lit(float(bound))).otherwise("bound"),
        reason=pl.when(beyond).then(words).otherwise("reason"),
    )


def survivors(funnel: pl.DataFrame) -> list[str]:
    """Return the kept symbols in row order."""
    return funnel.filter(pl.col("is_kept"))["symbol"].to_list()


__all__ = [
    "PASSED",
    "funnel_summary",
    "prefilter",
    "prefilter_rules",
    "screen",
    "survivors",
    "validate_markets",
]
