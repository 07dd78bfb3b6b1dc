"""Filters on what a pair is: quote, status, names, lists, age, size of its coin. Not on prices or bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal

import polars as pl

from trading.market.errors import BadInput
from trading.screening.chain.filter import (
    MOST_DAYS,
    MOST_HOURS,
    Bound,
    Filter,
    RowFilter,
    at_least,
    at_most,
    judged,
    require,
)
from trading.screening.chain.inputs import Seen
from trading.screening.funnel import Rule

_NONE = pl.lit(None, pl.Float64)
MOST_PATTERNS, LONGEST_PATTERN = 200, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(RowFilter):
    """Keep pairs that are quoted in one of these currencies.

    Parameters
    ----------
    quotes : tuple of str
        Quote currencies, at least one.
    """

    name: ClassVar[str] = "quote"
    quotes: tuple[str, ...] = ("USDT",)

    def __post_init__(self) -> None:
        if not self.quotes:
            raise BadInput("quotes must name at least one quote currency, was empty")

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """The quote is one of them."""
        del seen
        words = f"not quoted in {' or '.join(self.quotes)}"
        return [Rule(self.called, _NONE, None, pl.col("quote").is_in(list(self.quotes)), words)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(RowFilter):
    """Keep pairs that are online, and whose candles can be asked for."""

    name: ClassVar[str] = "status"

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """The listing of the moment says so."""
        del seen
        return [Rule(self.called, _NONE, None, pl.col("is_scannable"), "no candles: not online")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api(RowFilter):
    """Keep pairs on which orders by API are accepted."""

    name: ClassVar[str] = "api"
    senses: ClassVar[tuple[str, ...]] = ("api",)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """The listing of the moment says so."""
        del seen
        return [Rule(self.called, _NONE, None, pl.col("is_api_tradable"), "orders by API are not open")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blacklist(RowFilter):
    """Drop pairs whose name one of these patterns matches in full.

    Parameters
    ----------
    patterns : tuple of str
        Regular expressions without back-references, at most 200 of 200 characters; the engine (Rust's) runs
        in linear time whatever the pattern.
    of : "base" or "symbol"
        What is matched: BTC3L, or BTC3L/USDT.
    """

    name: ClassVar[str] = "blacklist"
    patterns: tuple[str, ...] = ()
    of: Literal["base", "symbol"] = "base"

    def __post_init__(self) -> None:
        pattern_of(self.patterns)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """No pattern matches."""
        del seen
        if not self.patterns:
            return []
        words = f"its {self.of} is on the list of exclusions"
        is_listed = pl.col(self.of).str.contains(pattern_of(self.patterns))
        return [Rule(self.called, _NONE, None, ~is_listed, words)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Static(RowFilter):
    """Keep only these pairs.

    Parameters
    ----------
    symbols : tuple of str
        BTC/USDT, or a regular expression that the symbol must match in full.
    """

    name: ClassVar[str] = "static"
    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.symbols:
            raise BadInput("symbols must name at least one pair, was empty")
        pattern_of(self.symbols)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """The symbol is one of them."""
        del seen
        is_named = pl.col("symbol").str.contains(pattern_of(self.symbols))
        return [Rule(self.called, _NONE, None, is_named, "not one of the pairs of this list")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Age(RowFilter):
    """Keep pairs that have been listed for so long.

    Parameters
    ----------
    min_days, max_days : float or None
        Days since the first bar.
    unknown : "keep" or "drop"
        What becomes of pairs whose first bar nobody knows: usually they are older than the record.
    """

    name: ClassVar[str] = "age"
    min_days: float | None = 2.0
    max_days: float | None = None
    unknown: Literal["keep", "drop"] = "keep"

    def __post_init__(self) -> None:
        require("min_days", self.min_days, 0, MOST_DAYS)
        require("max_days", self.max_days, 0, MOST_DAYS)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Days since its first bar, as far as it was known then."""
        days = pl.col("listed_days")
        found = at_least(seen, self.called, days, self.min_days, "listed {value} days ago, {bound} needed")
        found += at_most(
            seen, self.called, days, self.max_days, "listed {value} days ago, at most {bound} wanted"
        )
        if self.unknown == "drop":
            return found
        return [Rule(r.name, r.value, r.bound, r.is_ok.fill_null(value=True), r.sentence) for r in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delist(Filter):
    """Drop pairs whose delisting has been announced.

    Parameters
    ----------
    within_days : float or None
        Only if it happens within so many days; None = whenever.
    """

    name: ClassVar[str] = "delist"
    needs: ClassVar[tuple[str, ...]] = ("delistings",)
    within_days: float | None = None
    # A listing that still shows the pair shortly after its end is merely old.
    _AFTER: ClassVar[timedelta] = timedelta(days=7)

    def __post_init__(self) -> None:
        require("within_days", self.within_days, 0, MOST_DAYS)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Judge by the newest announcement on each pair that was known."""
        newest = seen.port("delistings").sort("known_at").unique("symbol", keep="last")
        left = (pl.col("at") - pl.lit(seen.at)).dt.total_milliseconds() / 86_400_000
        due = newest.select("symbol", days_left=left).filter(pl.col("days_left") > -self._AFTER.days)
        joined = frame.join(due, on="symbol", how="left", maintain_order="left")
        days, within = pl.col("days_left"), self.within_days
        is_far = pl.lit(value=False) if within is None else days > within
        words = "its delisting is announced, {value} days from now"
        return judged(joined, [Rule(self.called, days, within, days.is_null() | is_far, words)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Filter):
    """Keep (or drop) what stands on a named list that somebody else keeps.

    Parameters
    ----------
    list : str
        Name of the list in the port `lists`.
    mode : "keep" or "drop"
        Keep only what is on it, or drop what is.
    max_age_h : float
        Hours for which a look at the list stands. Without a look that young everything falls, since nobody
        knows what is on it; with `optional` everything is kept.
    """

    name: ClassVar[str] = "remote"
    needs: ClassVar[tuple[str, ...]] = ("lists",)
    by: ClassVar[Literal["symbol", "base"]] = "symbol"
    list: str = ""
    mode: Literal["keep", "drop"] = "keep"
    max_age_h: float = 24.0

    def __post_init__(self) -> None:
        if not self.list:
            raise BadInput("list must name a list, was empty")
        require("max_age_h", self.max_age_h, 0, MOST_HOURS)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Judge by the newest look at the list."""
        own = seen.port("lists").filter(
            pl.col("list") == self.list, pl.col("at") > seen.at - timedelta(hours=self.max_age_h)
        )
        if own.is_empty():
            is_ok, words = (
                pl.lit(self.optional),
                f"nobody has looked at the list {self.list!r} for {self.max_age_h:g} h",
            )
            return judged(frame, [Rule(self.called, _NONE, None, is_ok, words)])
        members = own.filter(pl.col("at") == pl.col("at").max())["symbol"].drop_nulls()
        if self.by == "base":
            members = members.str.split("/").list.first()
        is_on = pl.col(self.by).is_in(members.to_list())
        words = f"not on the list {self.list!r}" if self.mode == "keep" else f"on the list {self.list!r}"
        return judged(
            frame, [Rule(self.called, _NONE, None, is_on if self.mode == "keep" else ~is_on, words)]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer(Listed):
    """Keep what another system of ours, a producer, has put on its list; keys as of `remote`."""

    name: ClassVar[str] = "producer"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossMarket(Listed):
    """Keep (or drop) coins that another market lists too, whatever their quote there; keys as of `remote`."""

    name: ClassVar[str] = "cross_market"
    by: ClassVar[Literal["symbol", "base"]] = "base"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCap(RowFilter):
    """Keep coins of a size.

    Parameters
    ----------
    max_rank : int or None
        1 = the largest coin.
    min_cap : bound or None
        USD.
    max_age_days : float
        Days for which a figure stands; coins without one fall.
    """

    name: ClassVar[str] = "market_cap"
    needs: ClassVar[tuple[str, ...]] = ("caps",)
    max_rank: int | None = None
    min_cap: Bound | None = None
    max_age_days: float = 30.0

    def __post_init__(self) -> None:
        require("max_rank", self.max_rank, 1)
        require("min_cap", self.min_cap, 0)
        require("max_age_days", self.max_age_days, 0, MOST_DAYS)
        if self.max_rank is None and self.min_cap is None:
            raise BadInput("market_cap needs max_rank or min_cap; both are missing")

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Judge by the newest figure of each coin."""
        young = seen.port("caps").filter(pl.col("at") > seen.at - timedelta(days=self.max_age_days))
        newest = young.sort("at").unique("base", keep="last").select("base", "market_cap", cap_rank="rank")
        return judged(frame.join(newest, on="base", how="left", maintain_order="left"), self.rules(seen))

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Rank first, then size."""
        words = "rank {value} by market capitalisation, beyond {bound}"
        found = at_most(seen, self.called, pl.col("cap_rank").cast(pl.Float64), self.max_rank, words)
        words = "market capitalisation is {value}, below {bound}"
        return found + at_least(seen, self.called, pl.col("market_cap"), self.min_cap, words)


def pattern_of(patterns: Sequence[str]) -> str:
    """Return one pattern that matches in full what one of `patterns` does.

    Raises
    ------
    BadInput
        If there are too many, one is too long, cannot be compiled or would grow too large when compiled.
    """
    if len(patterns) > MOST_PATTERNS:
        raise BadInput(f"at most {MOST_PATTERNS} patterns are allowed, were {len(patterns)}")
    for pattern in patterns:
        if not 0 < len(pattern) <= LONGEST_PATTERN:
            raise BadInput(f"a pattern must have 1 to {LONGEST_PATTERN} characters, had {len(pattern)}")
        # Alone first: brackets that only close around the joint would change what the others mean.
        _compiled(pattern, pattern)
    joint = "^(?:" + "|".join(f"(?:{each})" for each in patterns) + ")$"
    if patterns:
        _compiled(joint, f"{len(patterns)} patterns together")
    return joint


def _compiled(pattern: str, shown: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError as error:
        said = str(error).split("This error occurred")[0].strip().splitlines()
        cause = said[-1].removeprefix("regex error: ").removeprefix("error: ")
        raise BadInput(f"pattern {shown!r} cannot be used: {cause}") from None
