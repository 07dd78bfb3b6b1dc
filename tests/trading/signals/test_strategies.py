"""A strategy on the line: its conditions, the line's own columns, ranks of a bar's universe, its words."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from trading.indicators import catalogue
from trading.indicators.expressions.expression import condition, expression
from trading.indicators.table import indicator_table
from trading.signals.conditions import Conditions, shipped_conditions
from trading.signals.features import FEATURES
from trading.signals.generate import signal_rows
from trading.signals.line_columns import LINE_COLUMNS
from trading.signals.strategy import SignalRules

START = datetime(2025, 3, 1, tzinfo=UTC)
BAR = timedelta(minutes=15)


def strategy(entry: str, leave: str | None = None, rank: str | None = None, startup: int = 0) -> Conditions:
    def known(name: str) -> bool:
        return name in LINE_COLUMNS or catalogue.known(name)

    return Conditions(
        "mine",
        condition(entry, known=known, across=True),
        None if leave is None else condition(leave, known=known, across=True),
        None if rank is None else expression(rank, known=known, across=True),
        startup,
    )


def walks(symbols: int = 3, bars: int = 300) -> pl.DataFrame:
    """Random walks with wicks; closes differ, volumes are 100."""
    rng = np.random.default_rng(3)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.01, (symbols, bars)), axis=1))
    frames = [
        pl.DataFrame(
            {
                "symbol": f"{chr(65 + place)}/USDT",
                "open_time": [START + BAR * k for k in range(bars)],
                "open": path,
                "high": path * 1.01,
                "low": path * 0.99,
                "close": path,
                "volume": 100.0,
                "quote_volume": path * 100.0,
            }
        )
        for place, path in enumerate(close)
    ]
    return pl.concat(frames).with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC")))


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return indicator_table(walks())


def test_entries_and_exits_are_those_of_the_expressions(table: pl.DataFrame) -> None:
    """Columns the line's table lacks (a channel) are computed; a bar that says both takes no entry."""
    mine = strategy("close > donchian_upper_20[1]", "close > donchian_upper_50[1]", startup=100)
    rows = signal_rows(table, strategy=mine)
    whole = catalogue.with_columns(table, ["donchian_upper_20", "donchian_upper_50"])
    above = [
        (pl.col("close") > pl.col(name).shift(1).over("symbol")).fill_null(value=False)
        for name in ("donchian_upper_20", "donchian_upper_50")
    ]
    number = pl.int_range(pl.len()).over("symbol")
    wanted = whole.with_columns(a=above[0] & ~above[1] & (number >= 100), b=above[1]).filter(
        pl.col("a") | pl.col("b")
    )
    assert 0 < rows["is_candidate"].sum() == wanted["a"].sum()
    assert_frame_equal(rows.select("symbol", "open_time"), wanted.select("symbol", "open_time"))
    assert rows["is_exit"].to_list() == wanted["b"].to_list()
    assert rows["strategy"].unique().to_list() == ["mine"]
    entry = rows.filter("is_entry").row(0, named=True)
    assert entry["reason"] == "entry: mine: close > donchian_upper_20[1], normal market"
    assert rows.filter("is_exit")["reason"][0] == "exit: mine: close > donchian_upper_50[1]"


def test_the_default_is_the_file_that_ships_and_its_rows_say_so(table: pl.DataFrame) -> None:
    """No strategy named is rsi_regime by name; other numbers of the launchpad go into its columns."""
    rows = signal_rows(table)
    assert_frame_equal(rows, signal_rows(table, strategy=shipped_conditions("rsi_regime")))
    assert rows["strategy"].unique().to_list() == ["rsi_regime"]
    loose = signal_rows(table, SignalRules(rsi_entry=38.0, use_lower_band=False))
    assert loose["is_candidate"].sum() > rows["is_candidate"].sum()
    assert loose.filter("is_candidate")["threshold"].unique().to_list() == [38.0]


def test_what_the_line_knows_can_be_read(table: pl.DataFrame) -> None:
    """Regime, breadth and peg of each bar, news, and the launchpad's numbers, as columns of the entry."""
    half = START + BAR * 150
    regime = table.filter(pl.col("symbol") == "A/USDT").select(
        "open_time",
        regime=pl.when(pl.col("open_time") < half).then(pl.lit("calm")).otherwise(pl.lit("turbulent")),
        breadth=pl.lit(0.7),
    )
    calm = signal_rows(
        table, strategy=strategy("is_calm == 1 AND breadth > 0.6 AND close > 0"), regime=regime
    )
    assert calm["open_time"].max() < half
    assert len(calm) == 3 * 150
    moved = signal_rows(table, strategy=strategy("threshold < rsi_entry AND close > 0"), regime=regime)
    assert moved["open_time"].min() == half  # turbulent: 0.8 of it
    item = pl.DataFrame(
        {"first_seen": [half], "symbols": [["B/USDT"]], "event": ["other"], "sentiment": [1.0]}
    ).with_columns(pl.col("first_seen").cast(pl.Datetime("ms", "UTC")))
    told = signal_rows(table, strategy=strategy("news_score > 0.5 AND close > 0"), news=item)
    assert told["symbol"].unique().to_list() == ["B/USDT"]
    assert told["open_time"].min() == half - BAR  # known at the bar's close


class Half:
    """A model that says 0.5, and 0.9 where f_rsi is above one half."""

    model_id, threshold, known_at, blend = "m-1", 0.4, None, None

    policy = None

    def novelty(self, features: pl.DataFrame) -> None:
        return None

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select("f_rsi")

    def predict(self, features: pl.DataFrame) -> np.ndarray:
        assert features.columns == list(FEATURES)
        return np.where(features["f_rsi"].fill_null(0.0).to_numpy() > 0.5, 0.9, 0.5)


def test_a_model_drives_entries_and_without_one_nothing_is_bought(table: pl.DataFrame) -> None:
    """Entries exactly where it says 0.9, with its id; no model, no row."""
    mine = strategy("probability > 0.6")
    rows = signal_rows(table, strategy=mine, model=Half())
    above = table.filter(pl.col("rsi_14") > 50)
    assert len(rows) == len(above) > 50
    assert rows["is_entry"].all()
    assert (rows["probability"].unique().to_list(), rows["model_id"].unique().to_list()) == ([0.9], ["m-1"])
    assert signal_rows(table, strategy=mine).is_empty()
    assert signal_rows(table, strategy=shipped_conditions("model_driven")).is_empty()


def test_ranks_are_among_the_members_of_each_bar(table: pl.DataFrame) -> None:
    """The best of three; where it is no member, the best of the others; where nobody is one, nothing."""
    mine = strategy("cs_rank(close) == 1")
    best = table.filter(pl.col("close") == pl.col("close").max().over("open_time"))
    rows = signal_rows(table, strategy=mine)
    assert (
        rows.select("open_time", "symbol")
        .sort("open_time")
        .equals(best.select("open_time", "symbol").sort("open_time"))
    )
    members = table.select("symbol", "open_time", is_member=pl.col("symbol") != "A/USDT")
    rows = signal_rows(table, strategy=mine, members=members)
    assert "A/USDT" not in rows["symbol"].to_list()
    assert len(rows) == 300
    nobody = members.with_columns(is_member=pl.lit(value=False))
    assert signal_rows(table, strategy=mine, members=nobody).is_empty()


def test_a_score_is_the_place_by_rank_among_entries_of_the_bar(table: pl.DataFrame) -> None:
    """Three entries a bar: 1/3, 2/3, 3/3 by close; without a rank all have one half."""
    ranked = signal_rows(table, strategy=strategy("close > 0", rank="close")).sort("open_time", "close")
    assert ranked["score"].to_list() == pytest.approx([1 / 3, 2 / 3, 1.0] * 300)
    assert signal_rows(table, strategy=strategy("close > 0"))["score"].unique().to_list() == [0.5]


def test_a_strategy_of_the_line_does_not_know_later_bars() -> None:
    """The table made anew from candles cut after bar 240 gives the same rows up to there."""
    mine = shipped_conditions("donchian_turtle")
    candles = walks(4, 400)
    until = START + BAR * 320
    whole = signal_rows(indicator_table(candles), strategy=mine)
    part = signal_rows(indicator_table(candles.filter(pl.col("open_time") <= until)), strategy=mine)
    assert len(part) > 5
    assert_frame_equal(part, whole.filter(pl.col("open_time") <= until))
