"""Every asset check can fail, for what its description says, and passes on sound tables."""

import inspect
import shutil
from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from assets import (
    backtest,
    groups,
    indicators,
    learning,
    markets,
    marts,
    ohlcv,
    screening,
    signals,
    trade_pool,
    universe,
    xray,
)
from pipelines.definitions import defs
from resources.exchange import Exchange
from resources.order_log import OrderLogResource
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from tests.assets.tables import AT, BAR, NEWEST, publish, publish_sound, spoilt
from trading.market.frames import CANDLES, GAPS, QUARANTINE


class StillExchange(Exchange):
    """A venue whose time stands still."""

    def market_time(self):
        return AT


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The home of a lake in which nothing is wrong; written once, copied for each test."""
    home = tmp_path_factory.mktemp("sound")
    with settings_of(home):
        publish_sound(Store())
        yield home / "data"


@pytest.fixture
def store(sound, monkeypatch, tmp_path):
    """A lake of its own in which nothing is wrong."""
    shutil.copytree(sound, tmp_path / "data")
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "data"))
    return Store()


def judge(check, store: Store) -> dg.AssetCheckResult:
    """Call the check with the resources it asks for."""
    known = {"store": store, "exchange": StillExchange(), "order_log": OrderLogResource()}
    wanted = inspect.signature(check.op.compute_fn.decorated_fn).parameters
    return check(**{name: known[name] for name in wanted})


def ohlcv_bar(**values: object):
    """A poison that stores one more candle of AAA/USDT."""

    def spoil(store: Store) -> None:
        store.candles.append("15m", spoilt(tables.candles(1).head(1), **values), tag="poison")

    return spoil


def table(asset: str, row: int = 0, **values: object):
    """A poison that republishes a table with one row changed."""

    def spoil(store: Store) -> None:
        publish(store, asset, spoilt(tables.SOUND[asset](), row, **values))

    return spoil


def twice(asset: str):
    """A poison that publishes the first row once more."""

    def spoil(store: Store) -> None:
        frame = tables.SOUND[asset]()
        publish(store, asset, pl.concat([frame, frame.head(1)]))

    return spoil


def emptied(asset: str):
    """A poison that publishes no rows."""

    def spoil(store: Store) -> None:
        publish(store, asset, tables.SOUND[asset]().clear())

    return spoil


def backwards(asset: str):
    """A poison that publishes the rows in reverse."""

    def spoil(store: Store) -> None:
        publish(store, asset, tables.SOUND[asset]().reverse())

    return spoil


def dropped(asset: str):
    """A poison in which nothing is kept."""

    def spoil(store: Store) -> None:
        publish(store, asset, tables.SOUND[asset]().with_columns(is_kept=pl.lit(value=False)))

    return spoil


def unpriced(store: Store) -> None:
    """Three of four pairs without a price."""
    publish(store, "tickers", tables.tickers().with_columns(last=pl.Series([None, 0.0, None, 1.0])))


def one_of_four_valid(store: Store) -> None:
    publish(store, "validated_markets", tables.listing().head(1))


def only_noise(store: Store) -> None:
    publish(store, "clusters", tables.clusters().with_columns(cluster=pl.lit(-1)))


def with_open_hole(store: Store) -> None:
    """One bar in forty is missing, and nobody has asked for it again."""
    hole = ("AAA/USDT", "15m", NEWEST - 9 * BAR, NEWEST - 8 * BAR, 1, "open", AT, None)
    store.shelf.gaps.record(pl.DataFrame([hole], schema=GAPS, orient="row"))


def with_doubtful_bar(store: Store) -> None:
    """One bar in forty was set aside."""
    row = ("AAA/USDT", "15m", NEWEST, "high_below_low", "[]", AT)
    store.shelf.quarantine.add(pl.DataFrame([row], schema=QUARANTINE, orient="row"))


def with_other_minutes(store: Store) -> None:
    """Minutes that add up to the venue's bar in all but the close."""
    minutes = [
        ("AAA/USDT", NEWEST + timedelta(minutes=n), 100.0, 102.0, 99.0, 101.5, 5.0 / 15, 500.0 / 15)
        for n in range(15)
    ]
    store.candles.append("1m", pl.DataFrame(minutes, schema=CANDLES, orient="row"), tag="poison")


NAN = float("nan")
LATER = AT + timedelta(milliseconds=1)


def jumped(store: Store) -> None:
    """A minute later every price is ten times what it was."""
    later = tables.tickers().with_columns(pl.col("last") * 10, pl.col("at") + timedelta(minutes=1))
    publish(store, "tickers", later, AT + timedelta(minutes=1))


def outside_the_universe(store: Store) -> None:
    """The pair was too thin on the bar that signalled."""
    publish(
        store, "backtest_universe", tables.backtest_universe().with_columns(is_member=pl.lit(value=False))
    )


POISONS = [
    (markets.markets_are_listed_once, "nothing listed", emptied("markets")),
    (markets.markets_are_listed_once, "an id twice", table("markets", 1, exchange_id="AAAUSDT")),
    (markets.most_markets_are_valid, "most are gone", one_of_four_valid),
    (markets.most_markets_are_valid, "nothing listed", emptied("markets")),
    (markets.quotes_are_not_crossed, "bid above ask", table("tickers", bid=100.2)),
    (markets.quotes_are_not_crossed, "few prices", unpriced),
    (markets.quotes_are_not_crossed, "no quotes", emptied("tickers")),
    (markets.few_prices_jumped, "all ten times as high", jumped),
    (screening.something_is_liquid, "nothing kept", dropped("liquid_symbols")),
    (screening.something_is_liquid, "a symbol twice", twice("liquid_symbols")),
    (screening.every_candidate_is_judged, "nothing judged", emptied("screened_symbols")),
    (screening.every_candidate_is_judged, "no words", table("screened_symbols", 2, reason="")),
    (screening.every_candidate_is_judged, "no reason", table("screened_symbols", 2, reason=None)),
    (ohlcv.candles_are_possible, "unfinished bar", ohlcv_bar(open_time=NEWEST + BAR)),
    (ohlcv.candles_are_possible, "a bar of tomorrow", ohlcv_bar(open_time=NEWEST + 96 * BAR)),
    (ohlcv.candles_are_possible, "upside down", ohlcv_bar(high=99.0, low=102.0)),
    (ohlcv.candles_are_possible, "no price", ohlcv_bar(low=0.0)),
    (ohlcv.candles_are_possible, "negative volume", ohlcv_bar(volume=-1.0)),
    (ohlcv.holes_are_few, "a hole", with_open_hole),
    (ohlcv.quarantine_is_small, "a doubtful bar", with_doubtful_bar),
    (ohlcv.aggregates_agree, "another close", with_other_minutes),
    (ohlcv.tidying_changed_nothing, "a bar lost", table("candles_tidied", bars_after=39)),
    (ohlcv.tidying_changed_nothing, "a bar changed", table("candles_tidied", hash_after="b")),
    (
        universe.names_mean_one_thing,
        "no names",
        lambda store: publish(store, "instruments", tables.instruments().clear()),
    ),
    (universe.names_mean_one_thing, "a name twice alive", twice("instruments")),
    (indicators.indicators_are_in_range, "RSI of 120", table("indicators", rsi_14=120.0)),
    (indicators.indicators_are_in_range, "RSI below 0", table("indicators", rsi_14=-0.1)),
    (indicators.indicators_are_in_range, "ADX of 101", table("indicators", adx_14=101.0)),
    (indicators.indicators_are_in_range, "stochastic RSI below 0", table("indicators", stochrsi_k=-1.0)),
    (indicators.indicators_are_in_range, "bands crossed", table("indicators", bb_lower=104.5)),
    (indicators.indicators_are_in_range, "NaN for null", table("indicators", ema_200=NAN)),
    (indicators.indicators_are_in_range, "a bar twice", twice("indicators")),
    (groups.correlations_are_correlations, "above 1", table("correlations", rho=1.1)),
    (groups.correlations_are_correlations, "below -1", table("correlations", rho=-1.1)),
    (groups.correlations_are_correlations, "NaN", table("correlations", rho=NAN)),
    (groups.correlations_are_correlations, "few bars", table("correlations", bars=29)),
    (groups.correlations_are_correlations, "more bars than the window", table("correlations", bars=961)),
    (groups.correlations_are_correlations, "no value", table("correlations", rho=None)),
    (groups.correlations_are_correlations, "shrunk outwards", table("correlations", rho_shrunk=0.95)),
    (groups.correlations_are_correlations, "its own peer", table("correlations", peer="AAA/USDT")),
    (groups.alerts_are_earned, "rose", table("correlation_alerts", rho_now=0.91)),
    (groups.alerts_are_earned, "unknown now", table("correlation_alerts", rho_now=None)),
    (groups.alerts_are_earned, "by chance", table("correlation_alerts", q_value=0.051)),
    (groups.alerts_are_earned, "NaN", table("correlation_alerts", q_value=NAN)),
    (groups.alerts_are_earned, "a pair twice", twice("correlation_alerts")),
    (groups.market_has_groups, "all noise", only_noise),
    (groups.groups_are_what_they_say, "a pair twice", twice("clusters")),
    (groups.groups_are_what_they_say, "a wrong size", table("clusters", size=3)),
    (groups.groups_are_what_they_say, "a name of nobody", table("clusters", 2, cluster_name="AAA/USDT")),
    (groups.groups_are_what_they_say, "no name", table("clusters", 2, cluster_name=None)),
    (groups.groups_are_what_they_say, "a named noise", table("clusters", 3, cluster_name="AAA/USDT")),
    (groups.groups_stand_on_their_own, "dissolved", table("cluster_quality", 1, stability=0.49)),
    (groups.groups_stand_on_their_own, "unknown", table("cluster_quality", stability=None)),
    (groups.groups_stand_on_their_own, "beyond 1", table("cluster_quality", persistence=1.1)),
    (groups.groups_stand_on_their_own, "no cosine", table("cluster_quality", cohesion=NAN)),
    (xray.regime_is_known, "unknown", table("market_regime", regime="wild")),
    (xray.regime_is_known, "backwards", backwards("market_regime")),
    (xray.regime_is_known, "a bar twice", table("market_regime", 1, open_time=NEWEST)),
    (xray.news_is_deduplicated, "an item twice", twice("news_events")),
    (xray.news_is_deduplicated, "wild mood", table("news_events", score=-1.01)),
    (trade_pool.pool_holds_each_decision_once, "twice", twice("trade_pool")),
    (trade_pool.pool_holds_each_decision_once, "closed first", table("trade_pool", opened_at=AT)),
    (learning.outcomes_were_known, "future outcome", table("training_set", closed_at=LATER)),
    (learning.outcomes_were_known, "twice", twice("training_set")),
    (learning.promotion_was_earned, "its rule failed", table("model_evaluation", 1, is_passed=False)),
    (learning.promotion_was_earned, "a common rule failed", table("model_evaluation", is_passed=False)),
    (signals.signals_come_from_closed_bars, "unfinished", table("signals", open_time=NEWEST + BAR)),
    (signals.signals_come_from_closed_bars, "score above 1", table("signals", score=1.01)),
    (signals.signals_come_from_closed_bars, "NaN", table("signals", score=NAN)),
    (signals.signals_come_from_closed_bars, "unasked entry", table("signals", is_candidate=False)),
    (backtest.trades_follow_their_signals, "own bar", table("backtest_trades", open_time=NEWEST - 5 * BAR)),
    (
        backtest.trades_follow_their_signals,
        "closed first",
        table("backtest_trades", close_time=NEWEST - 9 * BAR),
    ),
    (backtest.trades_stay_in_their_universe, "was not in it", outside_the_universe),
    (backtest.trades_stay_in_their_universe, "unknown then", emptied("backtest_universe")),
    (backtest.every_verdict_has_a_reason, "no backtest", table("approved_symbols", backtest_id=None)),
    (backtest.every_verdict_has_a_reason, "no words", table("approved_symbols", 1, reason="")),
    (backtest.every_verdict_has_a_reason, "no reason", table("approved_symbols", 1, reason=None)),
]
# They compute again from candles: sound and poisoned tables of theirs are in test_recomputed.py.
RECOMPUTED = {
    *("signals_see_no_future", "indicators_have_warmed_up", "trades_see_no_future"),
    "regime_sees_no_future",
}
# Its poison is in the parameters of a table, not in its rows: test_handed_over.py.
HANDED_OVER = {"approvals_can_be_handed_over"}
CHECKS = {check.check_key.name: check for check, _, _ in POISONS}


@pytest.mark.parametrize(
    ("check", "spoil"),
    [(check, spoil) for check, _, spoil in POISONS],
    ids=[f"{check.check_key.name}-{name}" for check, name, _ in POISONS],
)
def test_a_poisoned_table_is_found(store, check, spoil):
    """One thing wrong, and the check that stands for it fails."""
    spoil(store)
    assert judge(check, store).passed is False


@pytest.mark.parametrize("name", CHECKS)
def test_sound_tables_pass(store, name):
    """Nothing wrong, nothing found; bounds themselves are allowed (RSI null, rho -1, score 0 and 1)."""
    assert judge(CHECKS[name], store).passed is True


def test_every_check_of_ours_has_its_poison():
    """A check that no test has seen fail may be one that cannot."""
    dbt_models = {key for key in defs.resolve_asset_graph().get_all_asset_keys() if is_dbt(key)}
    declared = {
        key.name
        for key in defs.resolve_asset_graph().asset_check_keys
        if key.asset_key not in dbt_models
    }  # fmt: skip
    assert declared - {marts.warehouse_opens.check_key.name} - RECOMPUTED - HANDED_OVER == set(CHECKS)


def is_dbt(key: dg.AssetKey) -> bool:
    return "dbt" in defs.resolve_asset_graph().get(key).kinds


def test_only_findings_about_the_market_let_the_line_go_on():
    """What is wrong with data blocks; noise in clusters and two shapes of text and peers do not.

    What is missing or was set aside is not in the tables: it is for a person to look at.
    """
    blocking = {name: judge_blocking(check) for name, check in CHECKS.items()}
    assert {name for name, blocks in blocking.items() if not blocks} == {
        "market_has_groups",
        "groups_are_what_they_say",
        "groups_stand_on_their_own",
        "correlations_are_correlations",
        "alerts_are_earned",
        "regime_is_known",
        "news_is_deduplicated",
        "holes_are_few",
        "quarantine_is_small",
        "aggregates_agree",
    }


def judge_blocking(check: dg.AssetChecksDefinition) -> bool:
    return next(iter(check.check_specs)).blocking


def test_noise_is_a_warning(store):
    """A market without groups is a finding, not a fault."""
    only_noise(store)
    assert judge(groups.market_has_groups, store).severity == dg.AssetCheckSeverity.WARN


def test_a_promotion_may_lean_on_another_model_s_failure(store):
    """Rules of the model that lost say nothing about the one that won; a refusal may fail rules."""
    publish(store, "signal_model", tables.signal_model("refused"))
    publish(store, "model_evaluation", tables.model_evaluation().with_columns(is_passed=pl.lit(value=False)))
    assert judge(learning.promotion_was_earned, store).passed is True


def test_candles_are_judged_in_the_bar_length_that_the_line_uses(store):
    """Somebody once fetched hourly bars: the quarter hours are looked at all the same."""
    publish(store, "ohlcv_days", pl.concat([tables.ohlcv_days(), tables.ohlcv_days("1h")]))
    store.candles.append("1h", tables.candles(1), tag="hourly")
    ohlcv_bar(high=99.0, low=102.0)(store)
    assert judge(ohlcv.candles_are_possible, store).passed is False


def test_a_closed_trade_without_a_decision_is_found(store):
    """Trades that nobody decided on teach nothing and should not exist."""
    from tests.trading.store import lineage_world

    chain = lineage_world.build(store.lake.root.parent)
    chain.log.close()
    assert judge(trade_pool.pool_holds_each_decision_once, store).passed is True
    with OrderLogResource().open() as log, log.database.write() as connection:
        from trading.store.order_log import schema

        connection.execute(schema.decisions.delete())
    assert judge(trade_pool.pool_holds_each_decision_once, store).passed is False


def test_a_warehouse_without_marts_is_found(store, tmp_path):
    """The file must open and hold the marts by name."""
    import duckdb

    from resources.dbt import Warehouse

    path = Warehouse().published
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path), config={"storage_compatibility_version": "v1.5.0"}) as connection:
        connection.execute("create schema main_marts")
    assert marts.warehouse_opens(warehouse=Warehouse()).passed is False
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table main_marts.mart_user_performance (user_id varchar)")
    assert marts.warehouse_opens(warehouse=Warehouse()).passed is True
