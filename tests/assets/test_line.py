"""The whole line, twice, through Dagster's own execution, against a real embedded exchange.

The second pass comes one bar later and stands on the first: looks are appended, candles are not fetched
again, the model learns from what the first pass decided.
"""

from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from pipelines.definitions import defs
from resources.decisions import ledger
from resources.learning import Learning
from tests.assets.line_world import BAR, two_passes
from trading.market.errors import NoVersion
from trading.market.lineage import GROUNDS, PREFIXES
from trading.market.timeframes import to_ms
from trading.signals.features import FEATURE_VERSION
from trading.store.candle_checks import impossible_bars
from trading.store.lines import read_lines
from trading.trade_pool.snapshots import Snapshots

STAGES = {
    *("markets", "validated_markets", "tickers", "liquid_symbols", "screened_symbols", "indicators"),
    *(
        "instruments",
        "correlations",
        "correlation_alerts",
        "clusters",
        "cluster_quality",
        "market_regime",
        "news_events",
    ),
    *("decision_snapshots", "decision_outcomes"),
    *(
        "trade_pool",
        "training_set",
        "model_candidate",
        "model_evaluation",
        "champion",
        "predictions",
        *("prediction_outcomes", "trading_policy"),
        "model_drift",
        "signals",
        "backtest_results",
        "approved_symbols",
    ),
}
BESIDE = {"funnel_markets", "ohlcv_days", "candle_scans", "backtest_trades", "approval_rules"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two passes over a market of 80 pairs, one bar apart."""
    with two_passes(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest.mark.parametrize("which", [0, 1])
def test_every_stage_is_materialised(world, which):
    """All of `research`, `ohlcv` for each of its days."""
    found = world.events(which, dg.DagsterEventType.ASSET_MATERIALIZATION)
    names = {event.asset_key.to_user_string() for event in found}
    assert names == STAGES | {"ohlcv"}
    selected = defs.resolve_job_def("research").asset_layer.selected_asset_keys
    assert {key.to_user_string() for key in selected} == names
    days = {event.partition for event in found if event.asset_key == dg.AssetKey("ohlcv")}
    assert days == {f"2026-08-{day:02d}" for day in range(7, 18)}


@pytest.mark.parametrize("which", [0, 1])
def test_every_check_of_the_line_passes(world, which):
    """Each check that the job selects was evaluated, and none failed.

    Forty-odd survivors are few for groups: all noise is a warning here, never an error.
    """
    found = [
        event.asset_check_evaluation_data
        for event in world.events(which, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    ]
    failed = {check.check_name: check.severity for check in found if not check.passed}
    assert failed.items() <= {"market_has_groups": dg.AssetCheckSeverity.WARN}.items()
    ours = {dg.AssetKey(name) for name in STAGES | {"ohlcv"}}
    declared = {key for key in defs.resolve_asset_graph().asset_check_keys if key.asset_key in ours}
    assert {check.asset_check_key for check in found} == declared
    assert len(found) >= len(STAGES)


def test_every_table_of_the_lake_is_there(world):
    """Stages, and what they write beside themselves."""
    assert set(world.lake.assets()) >= STAGES | BESIDE


def test_every_stage_has_a_check(world):
    """An asset that nothing can find wrong is an asset that nobody looks at."""
    checked = {key.asset_key.to_user_string() for key in defs.resolve_asset_graph().asset_check_keys}
    assert checked >= STAGES | {"ohlcv", "warehouse"}


@pytest.mark.parametrize("asset", sorted(set(PREFIXES) & STAGES))
def test_row_ids_are_unique_and_name_their_version(world, asset):
    """Over all versions: an id names one row of one version for good."""
    rows = world.lake.history(asset)
    assert rows["lineage_id"].null_count() == 0
    assert rows["lineage_id"].n_unique() == rows.height
    assert rows["lineage_id"].str.starts_with(PREFIXES[asset] + "-").all()


def test_every_backtest_is_a_trial_and_both_passes_of_the_day_are_one_night(world):
    """One bar apart: two batches of trials, and passes of one night at one level of the error budget."""
    trials, nights = (read_lines(world.lake.root / f"{name}.jsonl") for name in ("trials", "approval_nights"))
    assert [row["data_id"] for row in trials] == [one.versions["backtest_results"] for one in world.passes]
    assert [row["symbols"] for row in trials] == [world.read(k, "backtest_results").height for k in (0, 1)]
    asked = [world.read(k, "approval_rules").filter(pl.col("rule") == "false_discovery") for k in (0, 1)]
    tested = [rules["value"].count() for rules in asked]
    assert [row["tested"] for row in nights] == [count for count in tested if count]
    assert {row["night"] for row in nights} <= {"2026-08-17"}
    assert {row["level"] for row in nights} <= {0.02}


@pytest.mark.parametrize("which", [0, 1])
def test_ids_lead_to_rows_that_exist(world, which):
    """Signal to screening, backtest trade to signal, approval to backtest: of this very pass."""
    screened, signals = world.read(which, "screened_symbols"), world.read(which, "signals")
    results, approved = world.read(which, "backtest_results"), world.read(which, "approved_symbols")
    trades = world.read(which, "backtest_trades")
    assert signals.height > 0
    assert set(signals["screening_id"]) - {None} <= set(screened["lineage_id"])
    assert set(trades["signal_id"]) <= set(signals["lineage_id"])
    assert set(approved["backtest_id"]) <= set(results["lineage_id"])
    pairs = approved.join(results, left_on="backtest_id", right_on="lineage_id", suffix="_tested")
    assert (pairs["symbol"] == pairs["symbol_tested"]).all()
    # What has fallen out is backtested as history; only what screening keeps now may be approved.
    assert set(signals["symbol"]) - set(screened.filter("is_kept")["symbol"])
    assert set(approved.filter("is_approved")["symbol"]) <= set(screened.filter("is_kept")["symbol"])


@pytest.mark.parametrize("which", [0, 1])
def test_versions_lead_back_to_the_listing(world, which):
    """From the approvals through recorded inputs to markets and to days of candles."""
    seen, ahead = set(), [world.passes[which].versions["approved_symbols"]]
    while ahead:
        version = world.lake.version(ahead.pop())
        seen.add(version.asset)
        ahead += version.inputs
    assert seen >= {"markets", "validated_markets", "tickers", "liquid_symbols", "screened_symbols"}
    assert seen >= {"indicators", "signals", "backtest_results", "market_regime", "clusters", "ohlcv"}


def test_data_version_in_dagster_is_the_lineage_id(world):
    """What the UI calls a data version is what `sluice lineage` takes."""
    found = world.events(1, dg.DagsterEventType.ASSET_MATERIALIZATION)
    said = {event.asset_key.to_user_string(): event.materialization.tags for event in found}
    for asset in STAGES:
        assert said[asset]["dagster/data_version"] == world.passes[1].versions[asset]


def test_the_funnel_only_narrows(world):
    """80 listed; each stage is made of what the one before kept, and history of all that held candles."""
    markets, valid = world.read(0, "markets"), set(world.read(0, "validated_markets")["symbol"])
    screened = world.read(0, "screened_symbols")
    indicators = set(world.read(0, "indicators")["symbol"])
    assert markets.height == 80
    assert valid < set(markets["symbol"])
    assert world.kept(0) < valid
    assert set(screened["symbol"]) <= world.kept(0)
    assert set(screened.filter("is_kept")["symbol"]) < indicators <= world.kept(0)
    assert set(world.read(0, "approved_symbols")["symbol"]) <= indicators


@pytest.mark.parametrize("which", [0, 1])
def test_each_dropped_symbol_keeps_its_reason(world, which):
    """Rule and sentence for everything that fell, in each of the three funnels."""
    for funnel in ("funnel_markets", "liquid_symbols", "screened_symbols"):
        dropped = world.read(which, funnel).filter(~pl.col("is_kept"))
        assert dropped["rule"].null_count() == 0
        assert "passed" not in set(dropped["rule"])
        assert dropped["reason"].str.len_chars().min() > 10


def test_candles_are_complete_and_closed(world):
    """Every survivor has the whole history up to the bar before the pass; nothing impossible is stored."""
    bars = world.candles.read("15m")
    assert set(impossible_bars(bars, "15m", world.passes[1].ended).values()) == {0}
    counts = bars.group_by("symbol").len()
    assert set(counts["symbol"]) >= world.kept(1)
    # Ten whole days, twelve hours of today and the bar of the second pass.
    full = 10 * 96 + 48 + 1
    assert counts["len"].max() == full
    assert counts.filter(pl.col("len") == full).height > 0.9 * counts.height


def test_second_pass_appends_its_look(world):
    """Tickers are kept for good; the listing did not change, so it is the same version."""
    looks = world.lake.versions("tickers")
    assert len(looks) == 2
    assert looks[0].created_at < looks[1].created_at
    assert world.passes[0].versions["markets"] == world.passes[1].versions["markets"]


def test_second_pass_fetches_new_bars_only(world):
    """One page of one bar for each symbol that was there before; the whole history for newcomers alone."""
    first, second = world.read(0, "candle_scans").row(0, named=True), world.read(1, "candle_scans")
    second = second.row(0, named=True)
    newcomers = len(world.kept(1) - world.kept(0))
    assert first["requests"] >= 3 * 0.9 * len(world.kept(0))
    assert second["requests"] <= len(world.kept(1)) + 2 * newcomers
    assert second["bars"] <= len(world.kept(1)) + 1008 * newcomers
    assert second["bars"] > 0
    assert first["failed"] == second["failed"] == 0
    assert first["http_429"] == second["http_429"] == 0


def test_second_pass_decides_one_bar_later(world):
    """Indicators end at the newest closed bar of their own pass."""
    ends = [world.read(which, "indicators")["open_time"].max() for which in (0, 1)]
    assert ends[1] - ends[0] == BAR.delta
    for which in (0, 1):
        assert to_ms(ends[which]) == BAR.floor_ms(to_ms(world.passes[which].ended)) - BAR.ms


def test_nothing_was_rewritten_by_the_second_pass(world):
    """Versions are immutable: what the first pass published still hashes to its record."""
    from trading.market.lineage import content_hash

    for asset, name in world.passes[0].versions.items():
        if asset == "ohlcv":  # a record without rows of its own
            continue
        frame = world.lake.read(asset, name)
        content = frame.drop("lineage_id") if asset in PREFIXES else frame
        assert content_hash(content) == world.lake.version(name).content_hash, asset


def test_first_pass_has_nothing_to_learn_from_and_second_has(world):
    """The pool is empty without live trading; decisions of the first pass are labelled on candles."""
    assert world.read(0, "trade_pool").height == 0
    assert world.read(0, "training_set").height == 0
    assert set(world.read(0, "model_evaluation")["verdict"]) == {"no_data"}
    learnt = world.read(1, "training_set")
    assert set(learnt["source"]) == {"candles"}
    assert set(learnt["signal_id"]) <= set(world.read(0, "signals")["lineage_id"])
    assert set(world.read(1, "model_evaluation")["verdict"]) != {"no_data"}


def test_decisions_of_the_newest_bar_are_in_the_ledger_and_no_others(world):
    """Each pass wrote what was wanted at its own newest bar, none of its history; sets are on the shelf."""
    decisions, told = Snapshots(ledger("")).read(), []
    for which in (0, 1):
        newest = world.read(which, "indicators")["open_time"].max()
        wanted = world.read(which, "signals").filter(pl.col("is_candidate") & (pl.col("open_time") == newest))
        mine = decisions.filter(pl.col("bar_time") == newest)
        assert sorted(mine["symbol"]) == sorted(wanted["symbol"])
        assert world.read(which, "decision_snapshots").sort("symbol").equals(mine.sort("symbol"))
        told.append(mine)
    assert len(decisions) == sum(map(len, told))
    assert set(world.read(1, "decision_outcomes")["decision_id"]) <= set(told[0]["decision_id"])
    shelf = Learning().shelf
    assert len([shelf.load(name, FEATURE_VERSION) for name in shelf.ids()]) == 2


def test_regime_and_news_reach_the_signals(world):
    """Every signal names the regime of its bar, and it is the one the regime table gives."""
    signals = world.read(1, "signals").select("open_time", "regime")
    table = world.read(1, "market_regime").select("open_time", pl.col("regime").alias("said"))
    both = signals.join(table, on="open_time", how="inner")
    assert both.height > 0
    assert (both["regime"] == both["said"]).all()
    assert world.read(1, "news_events").height > 0


def test_a_pass_decided_again_by_the_same_code_is_the_same(world):
    """Replay of both passes, point in time: no verdict, value or signal differs, and nothing is published.

    A change of one bound is a change of verdicts, with the rule, its value and both bounds.
    """
    from resources.learning import Learning
    from resources.order_log import OrderLogResource
    from resources.replays import replay_period
    from resources.store import Store

    before = {asset: world.lake.latest(asset).version_id for asset in world.lake.assets()}
    spent = (world.lake.root / "approval_nights.jsonl").read_text()
    begin = world.passes[0].ended - timedelta(hours=1)
    asked = {"first": begin, "last": world.passes[1].ended, "step": timedelta(minutes=15)}
    found = replay_period(Store(), Learning(), OrderLogResource(), changed={}, **asked)
    known = [each for each in found.moments if each.before is not None]
    assert len(known) == 2
    for each in known:
        assert each.changes.is_empty(), each.changes
        assert each.values.is_empty(), each.values
        assert set(each.signals["change"]) == {"same"}
        assert each.judged == world.read(known.index(each), "approved_symbols").height
    other = replay_period(
        Store(), Learning(), OrderLogResource(), changed={"approval.min_trades": "2"}, **asked
    )
    moved = [each.values.filter(rule="min_trades") for each in other.moments if each.before is not None]
    assert [frame["values"].to_list() for frame in moved] == [[0], [0]]
    assert all(frame["verdicts"].item() > 0 for frame in moved)
    assert {asset: world.lake.latest(asset).version_id for asset in world.lake.assets()} == before
    assert (world.lake.root / "approval_nights.jsonl").read_text() == spent


@pytest.mark.parametrize("which", [0, 1])
def test_approvals_name_data_code_parameters_and_universe(world, which):
    """One set of ids a night, each one that the lake knows; code is what the table itself was made with."""
    made = world.lake.version(world.passes[which].versions["approved_symbols"])
    ids = world.read(which, "approved_symbols").select(GROUNDS).unique().row(0, named=True)
    assert world.read(which, "approved_symbols").select(GROUNDS).unique().height == 1
    assert world.lake.version(ids["data_id"]).asset == "ohlcv_days"
    assert world.lake.version(ids["universe_id"]).asset == "backtest_universe"
    assert ids["code_id"] == made.code_version
    assert ids["parameters_id"].startswith("par-")


def test_a_pass_has_a_page_and_two_passes_are_explained(world, tmp_path):
    """The page is whole by itself and tells who was refused by what; the difference of two passes adds up."""
    from interfaces.reports import comparison
    from interfaces.reports.line_pass import line_pass, write_pass
    from interfaces.reports.report import make_report

    newest, before = line_pass(world.lake), line_pass(world.lake, "previous")
    assert [one.version.version_id for one in (before, newest)] == [
        each.versions["approved_symbols"] for each in world.passes
    ]
    pages = write_pass(newest, tmp_path / "pass.html")
    assert len(pages) == 1 + len(newest.approved)
    text = pages[0].read_text()
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    for rule in newest.verdicts["failed_rule"].drop_nulls().unique():
        assert rule in text
    a, b = (make_report(one.trades) for one in (before, newest))
    found = comparison.comparison(a, b)
    assert found["difference"].sum() == pytest.approx(b.closed["profit"].sum() - a.closed["profit"].sum())
    with pytest.raises(NoVersion):
        line_pass(world.lake, "v-approved_symbols-0000000000000000")


def test_a_day_is_decided_again_in_the_ui(world):
    """Job `decisions_again` of the passes' day: its last pass, nothing changed, figures in the metadata."""
    result = defs.resolve_job_def("decisions_again").execute_in_process(
        partition_key="2026-08-17", instance=world.instance
    )
    told = result.all_node_events
    handled = [event for event in told if event.event_type == dg.DagsterEventType.STEP_OUTPUT]
    metadata = handled[0].event_specific_data.metadata
    assert result.success
    assert metadata["changed verdicts"].records == []
    assert metadata["approved before"].value == metadata["approved now"].value
