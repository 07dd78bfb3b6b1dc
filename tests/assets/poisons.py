"""One thing wrong for each asset check: what `test_checks` does to a table before it asks the check."""

from datetime import timedelta

import polars as pl

from assets import (
    backtest,
    groups,
    indicators,
    learning,
    markets,
    monitoring,
    ohlcv,
    policies,
    screening,
    signals,
    trade_pool,
    universe,
    xray,
)
from resources.store import Store
from tests.assets import tables
from tests.assets.tables import AT, BAR, NEWEST, publish, spoilt
from trading.market.frames import CANDLES, GAPS, QUARANTINE


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
    (trade_pool.decisions_were_made_in_time, "twice", twice("decision_snapshots")),
    (trade_pool.decisions_were_made_in_time, "too early", table("decision_snapshots", decided_at=NEWEST)),
    (
        trade_pool.decisions_were_made_in_time,
        "a bar late",
        table("decision_snapshots", decided_at=NEWEST + 2 * BAR),
    ),
    (
        trade_pool.decisions_were_made_in_time,
        "taken and explored",
        table("decision_snapshots", 1, is_taken=True),
    ),
    (trade_pool.decisions_were_made_in_time, "unlikely", table("decision_snapshots", 1, propensity=0.0)),
    (trade_pool.exploration_stayed_on_paper, "for money", table("decision_outcomes", 2, source="live")),
    (trade_pool.exploration_stayed_on_paper, "a future outcome", table("decision_outcomes", closed_at=LATER)),
    (
        trade_pool.exploration_stayed_on_paper,
        "ended before it began",
        table("decision_outcomes", closed_at=AT - 3 * BAR),
    ),
    (trade_pool.exploration_stayed_on_paper, "twice", twice("decision_outcomes")),
    (learning.outcomes_were_known, "future outcome", table("training_set", closed_at=LATER)),
    (learning.outcomes_were_known, "twice", twice("training_set")),
    (learning.promotion_was_earned, "its rule failed", table("model_evaluation", 1, is_passed=False)),
    (learning.promotion_was_earned, "a common rule failed", table("model_evaluation", is_passed=False)),
    (learning.there_is_one_candidate, "two", twice("model_candidate")),
    (learning.there_is_one_candidate, "no kind", table("model_candidate", model_id="mdl-nobody")),
    (learning.candidate_files_are_whole, "not there", table("model_candidate", model_id="mdl-nobody")),
    (policies.policy_is_accounted_for, "passed nothing", table("trading_policy", policy_id="pol-1")),
    (policies.policy_is_accounted_for, "not watched", table("trading_policy", shadow_id="pol-1")),
    (policies.policy_is_accounted_for, "nobody kept it", table("trading_policy", asked_id="pol-1")),
    (learning.champion_is_accounted_for, "nobody made it", table("champion", model_id="m", state="in_use")),
    (learning.champion_is_accounted_for, "none in use", table("champion", state="in_use")),
    (learning.predictions_are_probabilities, "above 1", table("predictions", probability=1.01)),
    (learning.predictions_are_probabilities, "NaN", table("predictions", probability=NAN)),
    (learning.predictions_are_probabilities, "no answer", table("predictions", probability=None)),
    (learning.predictions_are_probabilities, "said twice", twice("predictions")),
    (learning.outcomes_follow_predictions, "future", table("prediction_outcomes", closed_at=LATER)),
    (learning.outcomes_follow_predictions, "backwards", table("prediction_outcomes", closed_at=AT - 2 * BAR)),
    (learning.alarms_are_beyond_their_bounds, "false alarm", table("model_drift", value=0.25)),
    (learning.alarms_are_beyond_their_bounds, "silent", table("model_drift", is_alarm=False)),
    (learning.alarms_are_beyond_their_bounds, "NaN", table("model_drift", value=NAN)),
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
    (monitoring.paper_and_live_are_never_added, "added", table("live_against_backtest", 1, trades=3)),
    (monitoring.paper_and_live_are_never_added, "a trade lost", table("live_against_backtest", 2, trades=1)),
    (monitoring.paper_and_live_are_never_added, "above 1", table("live_against_backtest", 2, hit_rate=1.1)),
    (
        monitoring.paper_and_live_are_never_added,
        "no such mode",
        table("live_against_backtest", 3, mode="both"),
    ),
    (monitoring.live_is_as_expected, "drift", table("live_against_backtest", drift="drift")),
    (monitoring.every_miss_has_a_reason, "no words", table("missed_trades", reason="")),
    (monitoring.every_miss_has_a_reason, "nobody", table("missed_trades", users=0)),
    (monitoring.every_miss_has_a_reason, "an unknown rule", table("missed_trades", cause="unknown")),
    (monitoring.places_are_places, "twice", table("slippage_by_place", 1, place=0)),
    (monitoring.places_are_places, "negative", table("slippage_by_place", place=-1)),
    (monitoring.places_are_places, "NaN", table("slippage_by_place", behind_first=NAN)),
    (monitoring.places_are_places, "no price", table("slippage_by_place", behind_first=None)),
]
