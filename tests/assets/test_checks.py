"""Every asset check can fail, for what its description says, and passes on sound tables."""

import inspect
import shutil

import dagster as dg
import polars as pl
import pytest

from assets import (
    groups,
    learning,
    marts,
    ohlcv,
    trade_pool,
)
from pipelines.definitions import defs
from resources.exchange import Exchange
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.store import Store
from tests.assets import tables
from tests.assets.embedded import settings_of
from tests.assets.poisons import POISONS, ohlcv_bar, only_noise
from tests.assets.tables import AT, publish, publish_sound


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
    known["learning"] = Learning()
    wanted = inspect.signature(check.op.compute_fn.decorated_fn).parameters
    return check(**{name: known[name] for name in wanted})


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

    What is missing or was set aside is not in the tables: it is for a person to look at. A candidate's file
    with another byte is used by nobody.
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
        "live_is_as_expected",
        "candidate_files_are_whole",
    }


def judge_blocking(check: dg.AssetChecksDefinition) -> bool:
    return next(iter(check.check_specs)).blocking


def test_noise_is_a_warning(store):
    """A market without groups is a finding, not a fault."""
    only_noise(store)
    assert judge(groups.market_has_groups, store).severity == dg.AssetCheckSeverity.WARN


def test_a_promotion_may_lean_on_another_model_s_failure(store):
    """Rules of the model that lost say nothing about the one that won; a refusal may fail rules."""
    refused = tables.model_evaluation("refused").with_columns(is_passed=pl.lit(value=False))
    publish(store, "model_evaluation", refused)
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
