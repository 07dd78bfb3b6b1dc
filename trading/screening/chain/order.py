"""Filters on the list as a whole: how many, from where, in what order, and how our own trades in it went."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import ClassVar, Literal

import polars as pl

from trading.screening.chain.filter import MOST_DAYS, VERDICTS, Filter, all_kept, judged, kept_first, require
from trading.screening.chain.inputs import Seen
from trading.screening.funnel import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(Filter):
    """Keep the first so many of the list as it stands; it begins sorted by 24 h volume.

    Parameters
    ----------
    count : int
        How many; references of the chain come first and count.
    """

    name: ClassVar[str] = "limit"
    count: int = 300

    def __post_init__(self) -> None:
        require("count", self.count, 1)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """By place."""
        del seen
        return kept_first(
            frame, self.count, "rank {} by 24 h volume, beyond the {} that candles are fetched for"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset(Filter):
    """Skip the first of the list, keep so many after them.

    Parameters
    ----------
    skip : int
        How many fall from the front.
    count : int or None
        How many are kept; None = all that follow.
    """

    name: ClassVar[str] = "offset"
    skip: int = 0
    count: int | None = None

    def __post_init__(self) -> None:
        require("skip", self.skip, 0)
        require("count", self.count, 1)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """By place, counted from 1."""
        del seen
        place = pl.int_range(1, pl.len() + 1).cast(pl.Float64)
        rules = [
            Rule(self.called, place, self.skip, place > self.skip, "place {value}, the first {bound} fall")
        ]
        if self.count is not None:
            last = self.skip + self.count
            rules.append(
                Rule(self.called, place, last, place <= last, "place {value}, nothing is kept beyond {bound}")
            )
        return judged(frame, rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle(Filter):
    """Put the list into an order that only the seed, the names and the time decide. Drops nothing.

    Parameters
    ----------
    seed : int
        Another seed, another order.
    every : "never", "day" or "bar"
        When the order changes.
    """

    name: ClassVar[str] = "shuffle"
    seed: int = 0
    every: Literal["never", "day", "bar"] = "never"

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """By a hash of each name: who else is on the list does not matter."""
        ms = {"never": 0, "day": 86_400_000, "bar": seen.bar.ms}[self.every]
        epoch = 0 if ms == 0 else int(seen.at.timestamp() * 1000) // ms
        keys = [
            blake2b(f"{self.seed}|{epoch}|{symbol}".encode(), digest_size=8).hexdigest()
            for symbol in frame["symbol"]
        ]
        ordered = frame.with_columns(pl.Series("shuffle_key", keys, dtype=pl.String)).sort("shuffle_key")
        return all_kept(ordered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance(Filter):
    """Sort by what our own closed trades earned, best first; drop what lost.

    Parameters
    ----------
    days : float
        Trades that closed within so many days.
    min_return : float or None
        Mean net return, as a fraction, below which a pair with enough trades falls.
    min_trades : int
        Trades from which on a pair may fall; fewer only sort. No trade counts as a return of 0.
    """

    name: ClassVar[str] = "performance"
    needs: ClassVar[tuple[str, ...]] = ("trades",)
    days: float = 30.0
    min_return: float | None = None
    min_trades: int = 1

    def __post_init__(self) -> None:
        require("days", self.days, 1e-3, MOST_DAYS)
        require("min_return", self.min_return, -1)
        require("min_trades", self.min_trades, 1)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """A trade's result is known from its close on."""
        closed = seen.port("trades").filter(pl.col("close_at") > seen.at - timedelta(days=self.days))
        own = closed.group_by("symbol").agg(
            own_return=pl.col("net_return").mean(), own_trades=pl.len().cast(pl.Int64)
        )
        joined = frame.join(own, on="symbol", how="left", maintain_order="left").with_columns(
            pl.col("own_return").fill_null(0.0), pl.col("own_trades").fill_null(0)
        )
        joined = joined.sort("own_return", descending=True, maintain_order=True)
        if self.min_return is None:
            return all_kept(joined).with_columns(value=joined["own_return"])
        value = pl.col("own_return")
        is_ok = (value >= self.min_return) | (pl.col("own_trades") < self.min_trades)
        words = "our own trades in it returned {value} on average, below {bound}"
        return judged(joined, [Rule(self.called, value, self.min_return, is_ok, words)])


@dataclass(frozen=True, slots=True, kw_only=True)
class FullTrades(Filter):
    """Once so many trades are open, keep only the pairs that they are in.

    Parameters
    ----------
    max_open : int
        Open trades at which nothing new is wanted.
    """

    name: ClassVar[str] = "full_trades"
    needs: ClassVar[tuple[str, ...]] = ("trades",)
    max_open: int = 10

    def __post_init__(self) -> None:
        require("max_open", self.max_open, 1)

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """A trade is open from its opening until its close, as known at the moment."""
        held = seen.port("trades").filter(pl.col("close_at").is_null())["symbol"].to_list()
        if len(held) < self.max_open:
            return (
                all_kept(frame)
                .with_columns(value=float(len(held)), bound=float(self.max_open))
                .select(list(VERDICTS))
            )
        value = pl.lit(float(len(held)))
        words = "{value} trades are open, at {bound} nothing new is wanted"
        return judged(frame, [Rule(self.called, value, self.max_open, pl.col("symbol").is_in(held), words)])
