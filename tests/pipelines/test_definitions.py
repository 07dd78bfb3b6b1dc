"""The code location: assets with a page each, checks, jobs, schedules and sensors that run by default."""

import ast
import re
from pathlib import Path

import dagster as dg
import pytest

from pipelines.definitions import STAGES, build_defs, defs
from resources.store import Store

# An asset reads, makes one domain call, publishes, and returns figures: more belongs into trading/.
# Statements, because a formatter spreads one call over ten lines.
MAX_STATEMENTS, MAX_LINES = 12, 35
# Several tables at once, or the file of all tables: they say what they hold in their own words.
HOLD_MANY_TABLES = {"raw_tables", "warehouse"}
# They inform decisions and stand alone: a strange headline must not stop the candles.
ONLY_WARN = {
    *("market_regime", "news_events", "clusters", "cluster_quality", "correlations", "correlation_alerts"),
}
RUNNING = dg.DefaultScheduleStatus.RUNNING


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def written_by_hand(graph):
    """Assets of assets/*.py; dbt's models are described and tested in dbt/."""
    return [node for key in graph.get_all_asset_keys() if "dbt" not in (node := graph.get(key)).kinds]


def asset_functions() -> list[tuple[str, ast.FunctionDef]]:
    """Every function under an @dg.asset, by module."""
    found = []
    for module in STAGES:
        for node in ast.parse(Path(module.__file__).read_text()).body:
            if isinstance(node, ast.FunctionDef):
                named = [ast.unparse(d.func) for d in node.decorator_list if isinstance(d, ast.Call)]
                if "dg.asset" in named:
                    found.append((module.__name__, node))
    return found


def test_every_stop_of_the_line_is_an_asset(graph):
    """The roadmap's stops, by the names that people use for them."""
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert names >= {
        "markets",
        "validated_markets",
        "tickers",
        "liquid_symbols",
        "ohlcv",
        "screened_symbols",
        "indicators",
        "correlations",
        "correlation_alerts",
        "clusters",
        "cluster_quality",
        "market_regime",
        "news_events",
        "trade_pool",
        "training_set",
        "model_candidate",
        "model_evaluation",
        "champion",
        "predictions",
        "prediction_outcomes",
        "model_drift",
        "trading_policy",
        "signals",
        "backtest_results",
        "approved_symbols",
        "warehouse",
        "marts/mart_user_performance",
    }


def test_the_page_on_the_dagster_ui_lists_every_asset_in_its_group(graph):
    """docs/dagster-ui.md is a newcomer's map: group and assets as they are, dbt's models aside."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "dagster-ui.md").read_text()
    told = {
        (group, name)
        for group, names in re.findall(r"^\| ([a-z_]+) \| (`.*) \|$", text, re.MULTILINE)
        for name in re.findall(r"`([a-z_]+)`", names)
    }
    keys = {key: key.to_user_string() for key in graph.get_all_asset_keys()}
    assert told == {(graph.get(key).group_name, name) for key, name in keys.items() if "/" not in name}


def test_an_asset_page_tells_what_one_row_is(written_by_hand):
    """Who opens an asset reads what it is, what one row of it is, whose it is and what made it."""
    assert len(written_by_hand) >= 18
    for node in written_by_hand:
        name, text = node.key.to_user_string(), node.description or ""
        if name not in HOLD_MANY_TABLES:
            assert "**One row" in text, f"{name} does not say what one row is"
        assert len(text.split()) > 10, f"{name} has no page"
        assert node.group_name not in (None, "default"), name
        assert node.owners == ["team:trading"], name
        assert node.kinds, name


def test_every_asset_has_a_check_that_can_stop_the_line(graph, written_by_hand):
    """A bad table stops what stands on it. Checks after the fact would let orders out first."""
    checks = {spec.key: spec for check in defs.asset_checks or [] for spec in check.check_specs}
    for node in written_by_hand:
        own = [checks[key] for key in node.check_keys if key in checks]
        name = node.key.to_user_string()
        if name in HOLD_MANY_TABLES:
            continue
        assert own, f"{name} has no check"
        if name not in ONLY_WARN:
            assert any(spec.blocking for spec in own), f"no check of {name} is blocking"
        assert all(spec.description for spec in own), name


def test_dbt_models_are_in_the_graph_with_their_tests(graph):
    """dbt's own tests show as checks, and each mart waits for the raw copies."""
    marts = [graph.get(key) for key in graph.get_all_asset_keys() if key.path[0] == "marts"]
    assert len(marts) >= 6
    assert all(node.check_keys for node in marts)
    raw = dg.AssetKey("raw_tables")
    for mart in marts:
        assert raw in dg.AssetSelection.assets(mart.key).upstream().resolve(graph), mart.key


def test_an_asset_body_is_one_domain_call():
    """No stage hides logic in its asset: no loop, no branch, a dozen statements below its page."""
    functions = asset_functions()
    assert len(functions) >= 18
    for module, function in functions:
        name, body = f"{module}.{function.name}", function.body[1:]
        inner = [node for statement in body for node in ast.walk(statement) if isinstance(node, ast.stmt)]
        lines = (function.end_lineno or 0) - body[0].lineno + 1
        assert len(inner) <= MAX_STATEMENTS, f"{name} has {len(inner)} statements"
        assert lines <= MAX_LINES, f"{name} has {lines} lines"
        looping = [node for node in inner if isinstance(node, ast.For | ast.While | ast.If | ast.Try)]
        assert not looping, f"{name} decides or loops in line {[node.lineno for node in looping]}"


def test_candles_of_many_days_are_fetched_by_one_run(graph):
    """Days are partitions in UTC; a thousand of them would be a thousand runs without this policy."""
    node = graph.get(dg.AssetKey("ohlcv"))
    assert node.backfill_policy == dg.BackfillPolicy.single_run()
    assert node.partitions_def.timezone == "UTC"
    others = [graph.get(key) for key in graph.get_all_asset_keys() if key != node.key]
    assert all(other.partitions_def is None for other in others)


def test_jobs_run_the_line_whole_and_in_parts(graph):
    """Research is everything but the marts; the scan stops at signals: approvals change at night only."""
    jobs = {job.name for job in defs.get_repository_def().get_all_jobs()}
    assert jobs >= {"research", "market_scan", "signal_tick", "retraining", "marts", "live_trading_job"}

    def assets_of(job: str) -> set[str]:
        layer = defs.resolve_job_def(job).asset_layer
        return {key.to_user_string() for key in layer.executable_asset_keys}

    research = assets_of("research")
    assert {"markets", "ohlcv", "approved_symbols", "model_candidate", "champion"} <= research
    assert not {name for name in research if "/" in name or name == "warehouse"}
    assert "signals" in assets_of("market_scan")
    assert "approved_symbols" not in assets_of("market_scan")
    taught = {"trade_pool", "training_set", "model_candidate", "model_evaluation", "champion"}
    assert assets_of("retraining") == taught | {
        "decision_outcomes",
        "predictions",
        "prediction_outcomes",
        "model_drift",
        "trading_policy",
    }
    assert assets_of("policy_teaching") == {"trading_policy"}
    assert "decision_snapshots" not in assets_of("retraining")
    assert all("decision_snapshots" in assets_of(name) for name in ("research", "market_scan", "signal_tick"))
    assert "warehouse" in assets_of("marts")
    assert "candles_tidied" not in research
    assert assets_of("tidying") == {"candles_tidied"}


def test_schedules_run_by_default_and_in_utc():
    """`make dev` is alive without a click; a schedule in local time would miss the market's midnight."""
    schedules = defs.get_repository_def().schedule_defs
    jobs = {schedule.job_name for schedule in schedules}
    assert jobs == {"market_scan", "research", "retraining", "policy_teaching", "marts", "tidying"}
    for schedule in schedules:
        assert schedule.default_status == RUNNING, schedule.name
        assert schedule.execution_timezone == "UTC", schedule.name
        assert schedule.description, schedule.name
    scan = next(schedule for schedule in schedules if schedule.job_name == "market_scan")
    assert scan.cron_schedule == "*/15 * * * *"


def test_sensors_run_by_default_and_look_at_every_loop_of_the_daemon():
    """The daemon loops every five seconds; an interval of exactly five can miss every other loop."""
    sensors = {sensor.name: sensor for sensor in defs.get_repository_def().sensor_defs}
    assert set(sensors) == {"approved_symbols_sensor", "retraining_sensor", "run_failure_alert_sensor"}
    for sensor in sensors.values():
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
        assert sensor.description, sensor.name
    approved = sensors["approved_symbols_sensor"]
    assert approved.minimum_interval_seconds in range(1, 5)
    assert [job.name for job in approved.jobs] == ["live_trading_job"]


def test_resources_can_be_swapped():
    """Tests and other deployments hand in their own; everything else stays."""
    swapped = build_defs({"store": Store(world="elsewhere")})
    assert swapped.resources["store"].world == "elsewhere"
    assert set(swapped.resources) == set(defs.resources)
