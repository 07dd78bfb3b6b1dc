"""Planted knowledge of the future, and values shown too early, are found and named; honest ones pass."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.backtest.engine import run_backtest
from trading.backtest.validation.lookahead import (
    FINDINGS,
    ROW,
    cut_times,
    looks_ahead,
    needs_older_bars,
    sample,
    settled,
)
from trading.indicators.table import indicator_table
from trading.signals.features import with_cluster
from trading.signals.generate import signal_rows

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BAR = timedelta(minutes=15)
OWN = {"partition_by": "symbol", "order_by": "open_time"}


@pytest.fixture(scope="module")
def candles() -> pl.DataFrame:
    """Four walks of 900 bars."""
    rng, bars = np.random.default_rng(3), 900
    price = 10 * np.exp(np.cumsum(rng.normal(0, 0.004, (4, bars)), axis=1))
    opened = np.concatenate([price[:, :1], price[:, :-1]], axis=1)
    times = pl.datetime_range(T0, T0 + BAR * (bars - 1), BAR, eager=True).cast(pl.Datetime("ms", "UTC"))
    return pl.DataFrame(
        {
            "symbol": np.repeat([f"{name}/USDT" for name in "ABCD"], bars),
            "open_time": pl.concat([times] * 4),
            "open": opened.ravel(),
            "high": (np.maximum(opened, price) * 1.001).ravel(),
            "low": (np.minimum(opened, price) * 0.999).ravel(),
            "close": price.ravel(),
            "volume": rng.lognormal(5, 1, 4 * bars),
        }
    ).with_columns(quote_volume=pl.col("volume") * pl.col("close"))


@pytest.fixture(scope="module")
def cuts(candles: pl.DataFrame) -> list[datetime]:
    return cut_times(candles["open_time"], 3, seed=1)


def by(expression: pl.Expr):
    """A stage that adds one column to the candles."""
    return lambda left, _: left.with_columns(planted=expression.over(**OWN))


CLOSE = pl.col("close")
PLANTED = {
    "the next close": CLOSE.shift(-1),
    "a centred mean": CLOSE.rolling_mean(11, center=True),
    "a distance to the mean of the whole history": CLOSE - CLOSE.mean(),
    "a rank among all closes": CLOSE.rank(),
    "whether this is above the median of all": CLOSE.median() < CLOSE,
    "filled from the future": pl.when(CLOSE.shift(1) < CLOSE).then(CLOSE).backward_fill(),
}
HONEST = {
    "the close before": CLOSE.shift(1),
    "a mean of what was": CLOSE.rolling_mean(11),
    "a running maximum": CLOSE.cum_max(),
    "an exponential mean": CLOSE.ewm_mean(span=20, adjust=False),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_column_that_knows_the_future_is_found_by_name(name: str, candles, cuts) -> None:
    """The column is named; the first row that differs lies at or before the cut."""
    make = by(PLANTED[name])
    found = looks_ahead(make(candles, cuts[-1]), candles, make, cuts)
    assert set(found["column"]) == {"planted"}
    assert set(found["cut"]) <= set(cuts)
    assert (found["at"] <= found["cut"]).all()
    assert dict(found.schema) == FINDINGS


@pytest.mark.parametrize("name", HONEST)
def test_a_column_that_looks_back_only_passes(name: str, candles, cuts) -> None:
    """Recursive ones too, whose sums run through all bars before."""
    make = by(HONEST[name])
    assert looks_ahead(make(candles, cuts[-1]), candles, make, cuts).is_empty()


def test_a_row_that_only_the_future_makes_is_found(candles, cuts) -> None:
    """Bars kept because the next one rises: at the cut nobody knows."""
    make = lambda left, _: left.filter((CLOSE.shift(-1) > CLOSE).over(**OWN))  # noqa: E731 - a stage
    found = looks_ahead(make(candles, cuts[-1]), candles, make, cuts)
    assert set(found["column"]) <= {ROW}
    # The bar at the cut of about half of four symbols, at three cuts.
    assert 0 < found.height <= 12
    assert (found["at"] == found["cut"]).all()


def test_today_s_groups_joined_to_history_are_found_and_looks_of_their_time_are_not(candles, cuts) -> None:
    """The known weakness of `f_cluster`: one look at the end for all bars, against looks with their times."""
    looks = pl.DataFrame(
        {
            "symbol": ["A/USDT", "A/USDT"],
            "cluster": [0, 0],
            "strength": [0.4, 0.9],
            "known_at": pl.Series([T0 + 400 * BAR, T0 + 899 * BAR]).cast(pl.Datetime("ms", "UTC")),
        }
    )

    def stage(is_dated: bool):
        def make(left: pl.DataFrame, cut: datetime) -> pl.DataFrame:
            known = looks.filter(pl.col("known_at") <= cut + BAR)
            rows = left.with_columns(decided_ms=pl.col("open_time").dt.epoch("ms") + 900_000)
            return with_cluster(rows, known if is_dated else known.drop("known_at"))

        return make

    for is_dated in (True, False):
        whole = stage(is_dated)(candles, candles["open_time"].max())
        found = looks_ahead(whole, candles, stage(is_dated), cuts)
        assert set(found["column"]) == (set() if is_dated else {"f_cluster"})
    dated = stage(True)(candles, candles["open_time"].max()).filter(symbol="A/USDT")["f_cluster"]
    # Known from the close on: bar 399 closes when the first look was made, bar 898 at the second.
    assert [dated[k] for k in (398, 399, 897, 898)] == [0.0, 0.4, 0.4, 0.9]


def test_indicators_signals_and_backtest_of_the_line_see_no_future(candles, cuts) -> None:
    """The three stages as they are, cut at three bars."""
    markets = pl.DataFrame({"symbol": ["A/USDT"], "taker_fee": [0.0005]})
    make = lambda left, _: indicator_table(left)  # noqa: E731 - a stage
    assert looks_ahead(make(candles, T0), candles, make, cuts).is_empty()
    told = lambda left, _: signal_rows(indicator_table(left))  # noqa: E731 - a stage
    whole = told(candles, T0)
    assert whole.height > 100
    assert looks_ahead(whole, candles, told, cuts).is_empty()
    trades = run_backtest(candles, whole, markets, bar_ms=900_000).trades
    assert trades.height > 20
    for cut in cuts:
        again = lambda left, cut: settled(  # noqa: E731 - a stage
            run_backtest(left, whole.filter(pl.col("open_time") <= cut), markets, bar_ms=900_000).trades, cut
        )
        found = looks_ahead(settled(trades, cut), candles, again, [cut])
        assert found.is_empty(), found


def test_trades_kept_because_they_won_are_found(candles, cuts) -> None:
    """A backtest that drops what will lose: at the cut those trades still stand open."""
    markets = pl.DataFrame({"symbol": ["A/USDT"], "taker_fee": [0.0005]})
    signals = signal_rows(indicator_table(candles))

    def winners(left: pl.DataFrame, cut: datetime) -> pl.DataFrame:
        told = signals.filter(pl.col("open_time") <= cut)
        trades = run_backtest(left, told, markets, bar_ms=900_000).trades
        return settled(trades.filter((pl.col("profit_ratio") > 0) | pl.col("is_open")), cut)

    every = run_backtest(candles, signals, markets, bar_ms=900_000).trades
    lost = every.filter((pl.col("profit_ratio") < 0) & (pl.col("bars_held") >= 3)).row(-1, named=True)
    cut = lost["open_time"] + BAR
    published = settled(every.filter(pl.col("profit_ratio") > 0), cut)
    found = looks_ahead(published, candles, winners, [cut]).filter(symbol=lost["symbol"], column=ROW)
    assert found["at"].to_list() == [lost["open_time"]]


def test_a_value_shown_before_it_has_warmed_up_is_named(candles) -> None:
    """An exponential mean of 200 bars shown from its first bar; the catalogue's is shown after 753."""
    firsts = cut_times(candles["open_time"], 2, seed=1, after=0.05)
    early = by(CLOSE.ewm_mean(span=200, adjust=False))
    found = needs_older_bars(early(candles, T0), candles, early, [T0 + 100 * BAR])
    assert set(found["column"]) == {"planted"}
    warm = lambda left, _: indicator_table(left)  # noqa: E731 - a stage
    assert needs_older_bars(warm(candles, T0), candles, warm, [T0 + 100 * BAR, *firsts]).is_empty()


def test_a_running_total_is_left_out_by_name_only(candles) -> None:
    """OBV counts from the first bar on purpose; a column of another name that does so is found."""
    total = (pl.col("volume").cum_sum()).over(**OWN)
    make = lambda left, _: left.with_columns(obv=total)  # noqa: E731 - a stage
    assert needs_older_bars(make(candles, T0), candles, make, [T0 + 100 * BAR]).is_empty()
    named = by(pl.col("volume").cum_sum())
    found = needs_older_bars(named(candles, T0), candles, named, [T0 + 100 * BAR])
    assert set(found["column"]) == {"planted"}


def test_samples_are_the_same_for_the_same_seed(candles) -> None:
    """Sorted, at most as many as asked for, other ones for another seed; the newest bar is never a cut."""
    names = [f"{k:03d}" for k in range(50)]
    assert sample(names, 5, 1) == sample(reversed(names), 5, 1) != sample(names, 5, 2)
    assert sample(names[:3], 5, 1) == names[:3]
    newest = candles["open_time"].max()
    times = cut_times(candles["open_time"], 500, seed=1)
    assert times == sorted(times)
    assert times[0] >= T0 + 450 * BAR
    assert newest not in times
    assert cut_times(candles["open_time"].head(1), 3, seed=1) == []
