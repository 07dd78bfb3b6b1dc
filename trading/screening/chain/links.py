"""Filters on what a symbol is to others and to the world: clusters, correlation, capacity, news, alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import CANDLES, empty
from trading.screening.chain.filter import (
    MOST_DAYS,
    MOST_HOURS,
    MOST_MINUTES,
    MOST_SECONDS,
    VERDICTS,
    Bound,
    Filter,
    judged,
    require,
)
from trading.screening.chain.inputs import Seen
from trading.screening.funnel import Rule

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOfCluster(Filter):
    """Keep the most traded of each cluster of symbols that move together.

    Parameters
    ----------
    per : int
        How many of each cluster, by 24 h volume; symbols in no cluster are kept.
    max_age_days : float
        Days for which a clustering stands; without one that young everything falls, or, with `optional`,
        is kept.
    """

    name: ClassVar[str] = "cluster"
    needs: ClassVar[tuple[str, ...]] = ("clusters",)
    per: int = 1
    max_age_days: float = 7.0

    def __post_init__(self) -> None:
        require("per", self.per, 1)
        require("max_age_days", self.max_age_days, 0, MOST_DAYS)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """By the newest clustering that was known."""
        young = seen.port("clusters").filter(pl.col("at") > seen.at - timedelta(days=self.max_age_days))
        if young.is_empty():
            words = f"nobody has made clusters for {self.max_age_days:g} days"
            return judged(frame, [Rule(self.called, pl.lit(None), None, pl.lit(self.optional), words)])
        newest = young.filter(pl.col("at") == pl.col("at").max()).unique("symbol", keep="last")
        joined = frame.join(
            newest.select("symbol", "cluster"), on="symbol", how="left", maintain_order="left"
        )
        joined = joined.with_columns(pl.col("cluster").fill_null(-1))
        place = pl.col("volume_quote_24h").fill_null(-1.0).rank("ordinal", descending=True).over("cluster")
        is_ok = (pl.col("cluster") < 0) | (place <= self.per)
        words = "{value} by volume in its cluster, the first {bound} are kept"
        return judged(joined, [Rule(self.called, place.cast(pl.Float64), self.per, is_ok, words)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation(Filter):
    """Drop symbols that move like a more traded one that is kept.

    Parameters
    ----------
    max : float
        Pearson correlation of log returns, over bars that both have.
    bars : int
        Over so many of the market's last bars.
    min_common : int
        Returns that two symbols must have in common; with fewer, nothing is said of them.
    """

    name: ClassVar[str] = "correlation"
    needs: ClassVar[tuple[str, ...]] = ("candles",)
    max: float = 0.95
    bars: int = 200
    min_common: int = 50

    def __post_init__(self) -> None:
        require("max", self.max, -1, 1)
        require("bars", self.bars, 3)
        require("min_common", self.min_common, 3)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """The most traded first: each is held against those that were kept before it."""
        symbols, returns, traded = _returns(frame["symbol"], seen, self.bars)
        rho = correlations(returns, self.min_common)
        order = sorted(range(len(symbols)), key=lambda i: (-traded[i], symbols[i]))
        like: dict[str, tuple[str, float]] = {}
        kept: list[int] = []
        for i in order:
            best = int(np.argmax(rho[i, kept])) if kept else 0
            if kept and rho[i, kept[best]] > self.max:
                like[symbols[i]] = (symbols[kept[best]], float(rho[i, kept[best]]))
            else:
                kept.append(i)
        rows = [
            (symbol, symbol not in like, like[symbol][1], self.max, self._words(*like[symbol]), None)
            if symbol in like
            else (symbol, True, None, self.max, None, None)
            for symbol in frame["symbol"]
        ]
        return pl.DataFrame(rows, schema=VERDICTS, orient="row")

    def _words(self, other: str, rho: float) -> str:
        return f"moves like {other}, which trades more: correlation {rho:.4g}, above {self.max:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity(Filter):
    """Keep pairs that can take an entry of everybody at once, by the book and by the minute.

    Not by the venue's 24 h figure, which wash trading inflates.

    Parameters
    ----------
    stake : bound
        Quote units of one user's entry.
    users : int
        How many enter at once: the bound is stake times users.
    depth_share : float or None
        Share of the thinner side of the book, within its known distance, that may be taken; None, or 0 where
        None cannot be written (TOML), leaves the book out.
    minute_share : float or None
        Share of one minute's trade that may be taken; None or 0 leaves it out.
    minutes : int
        The median of so many last minutes, minutes without trade included; for a pair without minute bars
        in that time, the median bar's mean minute over it.
    max_age_s : float
        Seconds for which a look at the book stands.
    """

    name: ClassVar[str] = "capacity"
    needs: ClassVar[tuple[str, ...]] = ("depth", "candles")
    stake: Bound = 100.0
    users: int = 1
    depth_share: float | None = 0.1
    minute_share: float | None = 0.1
    minutes: int = 240
    max_age_s: float = 3_600.0

    def __post_init__(self) -> None:
        require("stake", self.stake, 1e-12)
        require("users", self.users, 1)
        require("depth_share", self.depth_share, 0, 1)
        require("minute_share", self.minute_share, 0, 1)
        require("minutes", self.minutes, 1, MOST_MINUTES)
        require("max_age_s", self.max_age_s, 0, MOST_SECONDS)
        if not self.has_book and not self.has_minutes:
            raise BadInput("capacity needs depth_share or minute_share above 0; both are left out")

    @property
    def has_book(self) -> bool:
        """Whether the book counts."""
        return self.depth_share is not None and self.depth_share > 0

    @property
    def has_minutes(self) -> bool:
        """Whether the trade of a minute counts."""
        return self.minute_share is not None and self.minute_share > 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Books where they count, bars where minutes do."""
        return (*(["depth"] if self.has_book else []), *(["candles"] if self.has_minutes else []))

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """The smaller of both must hold everybody's entry; what is unknown holds nothing."""
        met = seen.met(self.stake)
        bound = met.value * self.users
        rules = []
        if self.has_book:
            frame = frame.join(self._depth(seen), on="symbol", how="left", maintain_order="left")
            value = pl.col("book_depth") * (self.depth_share or 0.0)
            words = "its book holds an entry of {value}, less than everybody's {bound}"
            rules.append(Rule(self.called, value, bound, value >= bound, words, met.why))
        if self.has_minutes:
            frame = frame.join(self._minutes(seen), on="symbol", how="left", maintain_order="left")
            value = pl.col("minute_volume") * (self.minute_share or 0.0)
            words = "a minute's trade holds an entry of {value}, less than everybody's {bound}"
            rules.append(Rule(self.called, value, bound, value >= bound, words, met.why))
        return judged(frame, rules)

    def _depth(self, seen: Seen) -> pl.DataFrame:
        young = seen.port("depth").filter(pl.col("at") > seen.at - timedelta(seconds=self.max_age_s))
        newest = young.sort("at").unique("symbol", keep="last")
        # The least of both, so that one missing side is unknown rather than the other one.
        thinner = (
            pl.when(pl.col("bid_depth") <= pl.col("ask_depth"))
            .then("bid_depth")
            .when(pl.col("ask_depth") < pl.col("bid_depth"))
            .then("ask_depth")
        )
        return newest.select("symbol", book_depth=thinner)

    def _minutes(self, seen: Seen) -> pl.DataFrame:
        since = seen.at - timedelta(minutes=self.minutes)
        nothing, opened = empty(CANDLES), pl.col("open_time")
        exact = nothing if seen.minutes is None else seen.minutes.filter(opened >= since)
        bars = nothing if seen.candles is None else seen.candles
        is_other = ~pl.col("symbol").is_in(exact["symbol"].unique().to_list())
        scale = seen.bar.ms / 60_000
        coarse = bars.filter(opened >= min(since, seen.at - seen.bar.delta), is_other)
        slots = max(int(self.minutes / scale), 1)
        return pl.concat([_median(exact, self.minutes), _median(coarse, slots, scale)])


@dataclass(frozen=True, slots=True, kw_only=True)
class News(Filter):
    """Drop pairs that fresh news warn of; what counts is when we first saw it.

    Parameters
    ----------
    events : tuple of str
        Event classes of the news.
    hours : float
        For so long after it was first seen.
    """

    name: ClassVar[str] = "news"
    needs: ClassVar[tuple[str, ...]] = ("news",)
    events: tuple[str, ...] = ("hack", "delisting", "halt")
    hours: float = 72.0

    def __post_init__(self) -> None:
        require("hours", self.hours, 0, MOST_HOURS)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """By the newest story on each symbol."""
        stories = seen.port("news").filter(pl.col("event").is_in(list(self.events)))
        rows = stories.explode("symbols").select(symbol="symbols", kind="event", at="first_seen")
        return _quiet(frame, rows, seen, self.called, self.hours, "news of a {kind}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts(Filter):
    """Drop pairs on which an alert of a later stop is fresh: a decoupling, a jump, a suspension.

    Parameters
    ----------
    kinds : tuple of str
        Which alerts; empty = all.
    hours : float
        For so long after the alert.
    """

    name: ClassVar[str] = "alerts"
    needs: ClassVar[tuple[str, ...]] = ("alerts",)
    kinds: tuple[str, ...] = ()
    hours: float = 24.0

    def __post_init__(self) -> None:
        require("hours", self.hours, 0, MOST_HOURS)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """By the newest alert on each symbol."""
        rows = seen.port("alerts")
        if self.kinds:
            rows = rows.filter(pl.col("kind").is_in(list(self.kinds)))
        return _quiet(frame, rows, seen, self.called, self.hours, "an alert: {kind}")


def _median(bars: pl.DataFrame, slots: int, minutes: float = 1.0) -> pl.DataFrame:
    """The lower median of all slots, per minute: those without a bar had no trade."""
    volume = pl.col("quote_volume").sort(descending=True)
    median = volume.get(slots // 2, null_on_oob=True).fill_null(0.0) / minutes
    return bars.group_by("symbol").agg(minute_volume=median)


def _quiet(
    frame: pl.DataFrame, rows: pl.DataFrame, seen: Seen, name: str, hours: float, words: str
) -> pl.DataFrame:
    """Keep symbols without a row (symbol, kind, at) in the last `hours`; value = hours since the newest."""
    age = (pl.lit(seen.at) - pl.col("at")).dt.total_milliseconds() / 3_600_000
    newest = rows.sort("at").unique("symbol", keep="last").select("symbol", "kind", event_age=age)
    joined = frame.join(newest, on="symbol", how="left", maintain_order="left")
    value = pl.col("event_age")
    rules: list[Rule] = []
    kinds: Sequence[str] = sorted(newest["kind"].drop_nulls().unique().to_list())
    for kind in kinds:
        is_ok = (value >= hours).fill_null(value=True) | (pl.col("kind") != kind).fill_null(value=True)
        said = words.format(kind=kind.replace("{", "(").replace("}", ")"))
        rules.append(Rule(name, value, hours, is_ok, said + " {value} h ago, {bound} h are waited"))
    return judged(joined, rules)


def _returns(symbols: pl.Series, seen: Seen, bars: int) -> tuple[list[str], Floats, list[float]]:
    """Log returns on the market's last bars (NaN where missing), and what each symbol traded in them."""
    candles = empty(CANDLES) if seen.candles is None else seen.candles
    own = candles.filter(pl.col("symbol").is_in(symbols.to_list()))
    times = candles["open_time"].unique().sort().tail(bars + 1)
    own = own.filter(pl.col("open_time").is_in(times.implode()))
    traded = dict(own.group_by("symbol").agg(pl.col("quote_volume").sum()).iter_rows())
    names = sorted(traded)
    close = np.full((len(names), len(times)), np.nan)
    rows = own["symbol"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64)
    places = times.search_sorted(own["open_time"])
    close[rows.to_numpy(), places.to_numpy()] = own["close"].to_numpy()
    return names, np.diff(np.log(close), axis=1), [traded[name] for name in names]


def correlations(returns: Floats, min_common: int) -> Floats:
    """Return the Pearson correlation of each pair of rows over the columns that both have.

    Returns
    -------
    array of shape (n, n)
        -1 where two rows have fewer than `min_common` in common or one of them does not move.
    """
    present = ~np.isnan(returns)
    filled = np.where(present, returns, 0.0)
    # Centred by its own mean first, so that a far mean leaves no rounding in the products.
    mean = filled.sum(axis=1, keepdims=True) / np.maximum(present.sum(axis=1, keepdims=True), 1)
    x = np.where(present, returns - mean, 0.0)
    m = present.astype(np.float64)
    products = x @ x.T
    if present.all():
        count = np.full_like(products, returns.shape[1])
        square, total = np.broadcast_to((x * x).sum(axis=1)[:, None], products.shape), np.zeros_like(products)
    else:
        count, square, total = m @ m.T, (x * x) @ m.T, x @ m.T
    some = np.maximum(count, 1)
    covariance = products - total * total.T / some
    variance = square - total * total / some
    scale = np.sqrt(np.maximum(variance, 0) * np.maximum(variance.T, 0))
    is_known = (count >= min_common) & (scale > 1e-12 * np.sqrt(square * square.T)) & (scale > 0)
    return np.asarray(np.where(is_known, covariance / np.where(is_known, scale, 1.0), -1.0))
