"""Checks that compute again: sound tables made by the line's own stages pass, planted knowledge blocks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assets import backtest, signals, xray
from resources import recomputed
from resources.learning import Learning
from resources.settings import load_settings
from resources.signals import signal_table
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from trading.backtest.engine import run_backtest
from trading.backtest.shipped import names
from trading.indicators.settings import IndicatorSettings
from trading.indicators.table import indicator_table
from trading.market.frames import UTC_MS
from trading.market.instruments import INSTRUMENTS
from trading.news.items import NEWS
from trading.risk.exits import ExitRules
from trading.signals.strategy import SignalRules
from trading.xray.regime import market_regime as regimes

BAR, BARS = timedelta(minutes=15), 900
NAMES = [f"{name}/USDT" for name in ("AAA", "BBB", "CCC", "DDD")]
T0 = datetime(2026, 8, 1, tzinfo=UTC)
AT = T0 + BAR * BARS
# Strategies that want nothing in this little world: a model, more pairs and a longer rise are not there.
RARE = {"model_driven", "cross_sectional_momentum", "rsi_mean_reversion"}


@pytest.fixture
def store(tmp_path):
    with settings_of(tmp_path):
        yield _world(Store())


def _world(store: Store) -> Store:
    """Publish what signals and backtests read, and what they make of it."""
    bars = _candles()
    publish(store, "indicators", indicator_table(bars), params=store.params(IndicatorSettings()))
    times = bars["open_time"].unique().sort()
    publish(store, "market_regime", pl.DataFrame({"open_time": times}).with_columns(regime=pl.lit("normal")))
    publish(store, "clusters", pl.DataFrame({"symbol": NAMES, "cluster": [0, 0, 1, -1], "strength": 0.7}))
    publish(store, "news_events", pl.DataFrame(schema=NEWS))
    publish(store, "validated_markets", pl.DataFrame({"symbol": NAMES, "taker_fee": 0.0005}))
    publish(store, "tickers", tables.tickers())
    publish(store, "screened_symbols", tables.funnel("screening"))
    members = bars.select("symbol", "open_time", is_member=pl.lit(value=True), rule=pl.lit("passed"))
    publish(store, "backtest_universe", members.with_columns(source=pl.lit("rebuilt")))
    rows = signal_table(store, Learning(), store.lake.read("indicators"), SignalRules())
    publish_signals(store, rows)
    publish_trades(store, _trades(store))
    return store


def _candles() -> pl.DataFrame:
    rng = np.random.default_rng(11)
    price = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, (4, BARS)), axis=1))
    opened = np.concatenate([price[:, :1], price[:, :-1]], axis=1)
    times = pl.datetime_range(T0, T0 + BAR * (BARS - 1), BAR, eager=True).cast(UTC_MS)
    return pl.DataFrame(
        {
            "symbol": np.repeat(NAMES, BARS),
            "open_time": pl.concat([times] * 4),
            "open": opened.ravel(),
            "high": (np.maximum(opened, price) * 1.001).ravel(),
            "low": (np.minimum(opened, price) * 0.999).ravel(),
            "close": price.ravel(),
            "volume": rng.lognormal(5, 1, 4 * BARS),
        }
    ).with_columns(quote_volume=pl.col("volume") * pl.col("close"))


def _trades(store: Store) -> pl.DataFrame:
    lake = store.lake
    return run_backtest(
        lake.read("indicators"),
        lake.read("signals"),
        lake.read("validated_markets"),
        ExitRules(),
        tickers=lake.read("tickers"),
        bar_ms=900_000,
        members=lake.read("backtest_universe"),
    ).trades


def publish(store: Store, asset: str, frame: pl.DataFrame, **about) -> None:
    numbered = frame if asset in ("signals", "screened_symbols") else frame.with_row_index("place")
    key = ["symbol", "open_time"] if asset == "signals" else ["symbol"] if numbered is frame else ["place"]
    store.publish(asset, numbered, key=key, at=AT, **about)


def publish_signals(store: Store, rows: pl.DataFrame) -> None:
    publish(store, "signals", rows, inputs=["indicators"], params=store.params(SignalRules()))


def publish_trades(store: Store, trades: pl.DataFrame) -> None:
    publish(store, "backtest_trades", trades)
    made_from = ["signals", "indicators"]
    publish(
        store,
        "backtest_results",
        pl.DataFrame({"symbol": NAMES}),
        inputs=made_from,
        params=store.params(ExitRules()),
    )


def test_what_the_line_itself_makes_passes_all_three(store):
    """Signals and trades by the stages' own functions; the sample is all four pairs."""
    found = [
        signals.signals_see_no_future(store=store, learning=Learning()),
        signals.indicators_have_warmed_up(store=store),
        backtest.trades_see_no_future(store=store),
    ]
    assert [check.passed for check in found] == [True] * 3
    assert {check.metadata["pairs"].value for check in found} == {4}
    assert store.lake.read("signals").height > 100
    assert store.lake.read("backtest_trades").height > 20


@pytest.mark.parametrize("name", sorted(set(names()) - RARE))
def test_every_shipped_strategy_passes_when_few_of_its_pairs_are_sampled(store, monkeypatch, name: str):
    """Two of four pairs: the score is a place among all that want in at a bar, another one among two."""
    monkeypatch.setattr(recomputed, "PAIRS", 2)
    rules = SignalRules(strategy=name)
    rows = signal_table(store, Learning(), store.lake.read("indicators"), rules)
    assert rows["is_candidate"].any()
    publish(store, "signals", rows, inputs=["indicators"], params=store.params(rules))
    found = signals.signals_see_no_future(store=store, learning=Learning())
    assert found.passed, found.metadata["first"].records
    assert found.metadata["pairs"].value == 2


def test_signals_from_the_next_bar_are_found(store):
    """RSI of the bar after: the table says what nobody knew, and the check names the first difference."""
    ahead = store.lake.read("indicators").with_columns(pl.col("rsi_14").shift(-1).over("symbol"))
    publish_signals(store, signal_table(store, Learning(), ahead, SignalRules()))
    found = signals.signals_see_no_future(store=store, learning=Learning())
    assert found.passed is False
    assert found.metadata["differences"].value > 0


def test_today_s_clusters_on_all_of_history_are_found(store):
    """What `f_cluster` was: the strength of the newest look stood on every bar of the past."""
    rows = store.lake.read("signals").drop("lineage_id").with_columns(f_cluster=pl.lit(0.7))
    publish_signals(store, rows)
    found = signals.signals_see_no_future(store=store, learning=Learning())
    records = found.metadata["first"].records
    assert found.passed is False
    assert {record.data["column"] for record in records} == {"f_cluster"}


def test_an_indicator_that_needs_other_bars_is_named(store):
    """EMA 200 is 5 % above what the same candles give however many came before: the column is named."""
    table = store.lake.read("indicators").drop("place").with_columns(pl.col("ema_200") * 1.05)
    publish(store, "indicators", table, params=store.params(IndicatorSettings()))
    publish_signals(store, store.lake.read("signals").drop("lineage_id"))
    found = signals.indicators_have_warmed_up(store=store)
    assert (found.passed, found.metadata["columns"].value) == (False, "ema_200")


def test_trades_that_were_dropped_because_they_lost_are_found(store):
    """Published are the winners only: cut at any bar, the losers are there again."""
    publish_trades(store, _trades(store).filter(pl.col("profit_ratio") > 0))
    assert backtest.trades_see_no_future(store=store).passed is False


def test_a_price_that_was_not_traded_yet_is_found(store):
    """Entries one percent below the open."""
    trades = _trades(store).with_columns(pl.col("open_mark") * 0.99)
    publish_trades(store, trades)
    assert backtest.trades_see_no_future(store=store).passed is False


def _with_regime(store: Store, planted: pl.Expr | None = None) -> None:
    """The regime of the four pairs' candles, as the asset makes it; `planted` changes one column."""
    store.candles.append("15m", _candles(), tag="t")
    publish(store, "liquid_symbols", pl.DataFrame({"symbol": NAMES, "is_kept": True}))
    publish(store, "instruments", pl.DataFrame(schema=INSTRUMENTS))
    frame = regimes(store.bars("15m", load_settings().history_bars, symbols=NAMES))
    publish(store, "market_regime", frame if planted is None else frame.with_columns(planted))


def test_the_market_s_regime_of_cut_candles_is_the_published_one(store):
    """As the stage makes it: nothing differs; one bar's breadth told a bar early: found and named."""
    _with_regime(store)
    found = xray.regime_sees_no_future(store=store)
    assert (found.passed, found.metadata["pairs"].value) == (True, 4)
    _with_regime(store, pl.col("breadth").shift(-1))
    found = xray.regime_sees_no_future(store=store)
    assert found.passed is False
    assert {record.data["column"] for record in found.metadata["first"].records} == {"breadth"}
