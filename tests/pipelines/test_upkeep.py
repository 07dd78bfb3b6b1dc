"""Every asset's page explains itself, has an owner, an age it may reach, and tags it is found by."""

import re

import pytest

from assets.results import dashboard_page
from pipelines import upkeep
from pipelines.definitions import defs
from pipelines.jobs import market_scan

SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
OURS = sorted(name for name, spec in SPECS.items() if "dbt" not in spec.kinds)


@pytest.mark.parametrize("name", OURS)
def test_a_page_says_row_source_units_freshness_and_what_to_do(name):
    """The docstring of the asset, as the UI shows it."""
    text = SPECS[name].description
    assert re.search(r"\*\*(One (row|table)|Replaced as a whole)", text), "what one row is"
    for word in ("Source", "Units", "Fresh", "If it fails"):
        assert re.search(rf"^(- {word}: |\| {word} \|).{{4,}}", text, re.MULTILINE), word


def test_a_dbt_page_says_what_one_row_is():
    """Descriptions of models are written in their .yml."""
    models = [name for name in SPECS if name not in OURS]
    assert len(models) > 15
    text = {name: SPECS[name].description.split("#### Raw SQL")[0].lower() for name in models}
    counted = [name for name in models if not re.search(r"\bone row per\b|, by ", text[name])]
    assert [name for name in counted if "one row" not in text[name]] == []


@pytest.mark.parametrize("name", sorted(SPECS))
def test_an_asset_has_group_kind_owner_tags_and_a_freshness_policy(name):
    """So that the catalogue can be filtered, and a stale table is red without anybody looking."""
    spec = SPECS[name]
    assert spec.group_name
    assert spec.kinds
    assert spec.owners
    assert spec.tags["sluice/stage"] == spec.group_name
    assert spec.freshness_policy is not None


def test_what_the_scan_makes_may_be_minutes_old_and_no_more():
    """The policy's list is the job's own selection."""
    graph = defs.resolve_asset_graph()
    scanned = {key.path[-1] for key in market_scan.selection.resolve(graph)}
    assert scanned == {spec.key.path[-1] for spec in SPECS.values() if upkeep.turn(spec) == upkeep.SCAN}


def test_jobs_schedules_and_sensors_say_what_they_are_for():
    """Their names alone do not."""
    for each in (*defs.jobs, *defs.schedules, *defs.sensors):
        assert len(each.description or "") > 20, each.name


def test_every_threshold_in_the_launchpad_has_its_help():
    """A field without words could only be guessed at."""
    bare = []
    for asset in defs.assets:
        schema = getattr(getattr(asset, "op", None), "config_schema", None)
        fields = getattr(getattr(schema, "config_type", None), "fields", {})
        bare += [f"{asset.key.path[-1]}.{name}" for name, field in fields.items() if not field.description]
    assert bare == []


def test_a_materialisation_links_to_the_dashboard(monkeypatch):
    """The base is a setting; the page goes by the table."""
    from types import SimpleNamespace

    monkeypatch.setenv("SLUICE_DASHBOARD_URL", "https://ops.example.net/sluice/")
    clusters = SimpleNamespace(asset="clusters", version_id="v-1")
    assert dashboard_page(clusters) == "https://ops.example.net/sluice/xray?version=v-1"
    assert dashboard_page(SimpleNamespace(asset="ohlcv_days", version_id="v-2")).endswith(
        "/system?version=v-2"
    )
