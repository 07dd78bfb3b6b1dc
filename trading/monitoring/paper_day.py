"""A day of live trading replayed through the backtest: the same entries, the same exits, and where not, why.

The signals of the order log meet the candles of the lake under the exits that their set carried, by the
backtest's own kernel, each signal alone: what the backtest would have made of it. Every user who was offered
it is then held against that; each difference gets a cause of `causes.CAUSES`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import polars as pl

from trading.backtest.engine import BacktestRules, run_backtest
from trading.market.orders import SignalSet
from trading.market.ticks import Grid
from trading.market.timeframes import from_ms, timeframe, to_ms
from trading.monitoring.causes import CAUSES
from trading.monitoring.day_judge import Alone, Bars, Followed, judge
from trading.risk.exits import ExitRules

_UTC = pl.Datetime("ms", "UTC")

# One row per signal and user who was offered it. Prices in quote units; `*_ticks` is live less backtest.
COMPARED: dict[str, pl.DataType | type[pl.DataType]] = {
    "signal_set_id": pl.String,
    "signal_id": pl.String,
    "symbol": pl.String,
    "bar_time": _UTC,
    "user_id": pl.String,
    "mode": pl.String,
    "place": pl.Int64,
    "entered": pl.String,  # both | live only | backtest only | neither
    "entry_cause": pl.String,
    "entry_detail": pl.String,
    "live_open": pl.Float64,
    "backtest_open": pl.Float64,
    "open_ticks": pl.Int64,
    "live_exit": pl.String,
    "backtest_exit": pl.String,
    "live_exit_bar": _UTC,
    "backtest_exit_bar": _UTC,
    "is_same_exit": pl.Boolean,  # reason and bar; null where not both entered
    "exit_cause": pl.String,
    "live_close": pl.Float64,
    "backtest_close": pl.Float64,
    "close_ticks": pl.Int64,
}


class Rule(NamedTuple):
    """One signal: its symbol, the open time of its bar, and the exits that its set carried."""

    symbol: str
    bar_ms: int
    exits: ExitRules


@dataclass(frozen=True, slots=True)
class Day:
    """What a day came to: `rows` (`COMPARED`), one row per signal, and counts of causes."""

    rows: pl.DataFrame

    @property
    def signals(self) -> pl.DataFrame:
        """One row per signal: users offered, entered, same exits, and the causes of the others."""
        told = pl.col("exit_cause").is_not_null() & (pl.col("exit_cause") != "same")
        return self.rows.group_by("bar_time", "symbol", "signal_id", maintain_order=True).agg(
            pl.len().alias("users"),
            (pl.col("entered") == "both").sum().alias("entered_both"),
            (pl.col("entered") == "live only").sum().alias("live_only"),
            (pl.col("entered") == "backtest only").sum().alias("backtest_only"),
            pl.col("is_same_exit").sum().alias("same_exit"),
            pl.col("backtest_exit").first(),
            pl.col("open_ticks").mean().alias("open_ticks"),
            pl.col("close_ticks").mean().alias("close_ticks"),
            _words(pl.col("entry_cause").filter(pl.col("entry_cause") != "same")).alias("entry_causes"),
            _words(pl.col("exit_cause").filter(told)).alias("exit_causes"),
        )

    def counts(self) -> dict[str, Any]:
        """Return figures of the day; `unknown` must be 0 or be looked into."""
        causes = Counter(self.rows["entry_cause"].to_list()) + Counter(
            self.rows["exit_cause"].drop_nulls().to_list()
        )
        both = self.rows.filter(pl.col("entered") == "both")
        alike = self.rows.filter(pl.col("entered").is_in(["both", "neither"])).height
        return {
            "signals": self.rows["signal_id"].n_unique(),
            "offers": self.rows.height,
            "same_entry": alike,
            "entered_both": both.height,
            "same_exit": int(both["is_same_exit"].sum()),
            "explained": self.rows.height - self.unexplained.height,
            "unknown": self.unexplained.height,
            "causes": {name: causes[name] for name in CAUSES if causes[name]},
        }

    @property
    def unexplained(self) -> pl.DataFrame:
        """Rows with a difference that nothing declared explains."""
        is_unknown = pl.col("exit_cause").fill_null("") == "unknown"
        return self.rows.filter((pl.col("entry_cause") == "unknown") | is_unknown)


def replay_day(
    sets: Iterable[SignalSet],
    followed: pl.DataFrame,
    candles: pl.DataFrame,
    markets: pl.DataFrame,
    *,
    tickers: pl.DataFrame | None = None,
    words: pl.DataFrame | None = None,
    doubts: Mapping[str, Iterable[int]] | None = None,
    watched_until_ms: int,
    entry_limit: float = 0.01,
) -> Day:
    """Return how each user's day compares with the backtest of the same signals.

    Parameters
    ----------
    sets : iterable of SignalSet
        Of the day, all of one timeframe.
    followed : DataFrame
        `live_rows.followed` of the same sets.
    candles : DataFrame
        Closed bars from before the first signal until after the last exit, columns of `frames.CANDLES`.
    markets, tickers : DataFrame
        As `run_backtest` takes them: ticks, fees, spreads.
    words : DataFrame, optional
        `symbol`, `open_time` of bars whose exit signal reached the engine.
    doubts : mapping, optional
        Symbol -> market times (ms) at which its price was held for a second look.
    watched_until_ms : int
        Market time until which an engine looked after positions.
    entry_limit : float
        Of the hand-over: how far above the signal's close an entry may be bought.
    """
    batches = list(sets)
    if not batches or followed.is_empty():
        return Day(pl.DataFrame(schema=COMPARED))
    frame = timeframe(batches[0].timeframe)
    rules = {
        signal.signal_id: Rule(
            signal.symbol, to_ms(batch.bar_time), ExitRules.of_signal(signal, frame.ms // 1000)
        )
        for batch in batches
        for signal in batch.signals
    }
    alone = alone_outcomes(
        rules, candles, markets, tickers=tickers, words=words, bar_ms=frame.ms, entry_limit=entry_limit
    )
    held, ticks, exits = _bars(candles), _ticks(markets), _exit_bars(words)
    bars = {
        symbol: Bars(
            held.get(symbol, {}),
            frame.ms,
            ticks.get(symbol),
            exits.get(symbol, frozenset()),
            tuple((doubts or {}).get(symbol, ())),
        )
        for symbol in followed["symbol"].unique()
    }
    rows = [
        judge(
            Followed.of(row),
            alone.get(row["signal_id"]),
            rules[row["signal_id"]].exits,
            bars[row["symbol"]],
            watched_until_ms=watched_until_ms,
            entry_limit=entry_limit,
        )
        for row in followed.iter_rows(named=True)
        if row["signal_id"] in rules
    ]
    return Day(_compared(rows))


def alone_outcomes(
    rules: Mapping[str, Rule],
    candles: pl.DataFrame,
    markets: pl.DataFrame,
    *,
    tickers: pl.DataFrame | None,
    words: pl.DataFrame | None,
    bar_ms: int,
    entry_limit: float,
) -> dict[str, Alone]:
    """Return what the backtest makes of each signal, were it the only one; no entry, no item.

    Signals of one symbol would stand in each other's way (one position a symbol), so the kernel runs once
    per rank: the first signals of all symbols together, then the second, ...
    """

    def run(chosen: Mapping[str, Rule]) -> Iterator[dict[str, Any]]:
        signals = _signals(chosen, words)
        result = run_backtest(
            candles.filter(pl.col("symbol").is_in(signals["symbol"].unique().to_list())),
            signals,
            markets,
            next(iter(chosen.values())).exits,
            tickers=tickers,
            rules=BacktestRules(entry_limit=entry_limit, random_draws=1),
            bar_ms=bar_ms,
        )
        return (trade for trade in result.trades.iter_rows(named=True) if trade["signal_id"] is not None)

    alike, layers = _layers(rules)
    taken = {trade["signal_id"] for chosen in alike for trade in run(chosen)}
    return {
        trade["signal_id"]: replace(Alone.of(trade), is_taken=trade["signal_id"] in taken)
        for chosen in layers
        for trade in run(chosen)
    }


def _layers(rules: Mapping[str, Rule]) -> tuple[list[dict[str, Rule]], list[dict[str, Rule]]]:
    """Return the signals by their exits, and those again by their rank within the symbol."""
    alike: dict[str, dict[str, Rule]] = {}
    layers: dict[tuple[str, int], dict[str, Rule]] = {}
    rank: Counter[tuple[str, str]] = Counter()
    for name, rule in sorted(rules.items(), key=lambda item: (item[1].bar_ms, item[0])):
        key = repr(rule.exits)
        alike.setdefault(key, {})[name] = rule
        layers.setdefault((key, rank[key, rule.symbol]), {})[name] = rule
        rank[key, rule.symbol] += 1
    return list(alike.values()), list(layers.values())


def _signals(layer: Mapping[str, Rule], words: pl.DataFrame | None) -> pl.DataFrame:
    entries = pl.DataFrame(
        {
            "symbol": [rule.symbol for rule in layer.values()],
            "open_time": [from_ms(rule.bar_ms) for rule in layer.values()],
            "signal_id": list(layer),
            "is_entry": True,
            "is_exit": False,
        },
        schema_overrides={"open_time": _UTC},
    )
    if words is None or words.is_empty():
        return entries
    said = words.join(entries.select("symbol").unique(), on="symbol", how="semi").select(
        "symbol",
        pl.col("open_time").cast(_UTC),
        signal_id=pl.lit(None, pl.String),
        is_entry=pl.lit(value=False),
        is_exit=pl.lit(value=True),
    )
    return pl.concat([entries, said])


def _bars(candles: pl.DataFrame) -> dict[str, dict[int, tuple[float, float, float, float, float]]]:
    found: dict[str, dict[int, tuple[float, float, float, float, float]]] = {}
    columns = ("open", "high", "low", "close", "volume")
    for symbol, open_ms, *values in candles.select(
        "symbol", pl.col("open_time").dt.epoch("ms"), *columns
    ).iter_rows():
        found.setdefault(symbol, {})[open_ms] = (values[0], values[1], values[2], values[3], values[4])
    return found


def _ticks(markets: pl.DataFrame) -> dict[str, Grid]:
    return {symbol: Grid.of(tick) for symbol, tick in markets.select("symbol", "tick").iter_rows() if tick}


def _exit_bars(words: pl.DataFrame | None) -> dict[str, frozenset[int]]:
    if words is None:
        return {}
    found: dict[str, set[int]] = {}
    for symbol, open_ms in words.select("symbol", pl.col("open_time").dt.epoch("ms")).iter_rows():
        found.setdefault(symbol, set()).add(open_ms)
    return {symbol: frozenset(bars) for symbol, bars in found.items()}


def _compared(rows: list[dict[str, Any]]) -> pl.DataFrame:
    data = {name: [row[name] for row in rows] for name in COMPARED}
    return pl.DataFrame(
        {
            name: pl.Series(name, data[name], dtype=pl.Int64 if dtype == _UTC else dtype).cast(dtype)
            for name, dtype in COMPARED.items()
        }
    )


def _words(values: pl.Expr) -> pl.Expr:
    return values.drop_nulls().unique().sort().str.join(", ")
