"""What assets hand back to Dagster: tables for a glance, figures, the data version."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl

from assets.results import MAX_TABLE_ROWS, materialized, table, verdict
from trading.market.lineage import Version

AT = datetime(2026, 8, 17, 12, tzinfo=UTC)
VERSION = Version(
    version_id="v-signals-0123456789abcdef",
    asset="signals",
    partition=None,
    content_hash="ff" * 16,
    code_version="code-0",
    params="{}",
    inputs=(),
    rows=42,
    created_at=AT,
)
FRAME = pl.DataFrame(
    {
        "symbol": ["A/USDT", "B/USDT"],
        "kept": [True, False],
        "bars": [3, None],
        "rho": [0.1234567891, float("nan")],
        "at": [AT, None],
        "tags": [["x"], []],
    },
    schema_overrides={"at": pl.Datetime("ms", "UTC")},
)


def records(value: dg.TableMetadataValue) -> list[dict]:
    return [dict(record.data) for record in value.records]


def test_table_keeps_columns_and_types():
    """Types are those a person reads: int, float, bool, else text."""
    types = {column.name: column.type for column in table(FRAME).schema.columns}
    assert types == {
        "symbol": "string",
        "kept": "bool",
        "bars": "int",
        "rho": "float",
        "at": "string",
        "tags": "string",
    }


def test_values_are_plain_and_nulls_stay_nulls():
    """Floats are cut to eight places; a null is no zero and no word."""
    first, second = records(table(FRAME))
    assert first["rho"] == 0.12345679
    assert first["kept"] is True
    assert first["at"].startswith("2026-08-17 12:00:00")
    assert second["bars"] is None
    assert second["at"] is None


def test_table_is_cut_to_a_glance():
    """The lake holds the rest."""
    long = pl.DataFrame({"n": range(1000)})
    assert len(table(long).records) == MAX_TABLE_ROWS
    assert len(table(long, rows=3).records) == 3


def test_columns_are_chosen_and_ordered():
    """As asked for."""
    shown = table(FRAME, ["kept", "symbol"])
    assert [column.name for column in shown.schema.columns] == ["kept", "symbol"]
    assert records(shown)[0] == {"kept": True, "symbol": "A/USDT"}


def test_an_empty_frame_is_an_empty_table_with_columns():
    """Nothing dropped is a finding, not a failure."""
    shown = table(FRAME.clear())
    assert records(shown) == []
    assert len(shown.schema.columns) == len(FRAME.columns)


def test_materialisation_carries_version_and_figures():
    """Dagster's data version is the lineage id, so the UI and `sluice lineage` speak of the same thing."""
    result = materialized(VERSION, {"kept": 7, "sample": table(FRAME)})
    assert result.data_version == dg.DataVersion(VERSION.version_id)
    assert result.metadata["rows"] == 42
    assert result.metadata["lineage id"] == VERSION.version_id
    assert result.metadata["content hash"] == VERSION.content_hash
    assert result.metadata["market time"] == "2026-08-17T12:00:00+00:00"
    assert result.metadata["kept"] == 7


def test_verdict_carries_the_figures_it_was_judged_by():
    """Passed or not, the numbers stand beside it; a warning blocks nobody."""
    failed = verdict(False, crossed=3)
    assert not failed.passed
    assert failed.severity == dg.AssetCheckSeverity.ERROR
    assert failed.metadata["crossed"].value == 3
    assert verdict(True, dg.AssetCheckSeverity.WARN, groups=0).severity == dg.AssetCheckSeverity.WARN


def test_figures_fit_into_dagster_s_event_log():
    """What an asset hands back is stored: a materialisation with a table goes through an instance."""

    @dg.asset
    def stage() -> dg.MaterializeResult:
        return materialized(VERSION, {"table": table(FRAME), "empty": table(FRAME.clear())})

    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([stage], instance=instance).success
        stored = instance.get_latest_materialization_event(dg.AssetKey("stage")).asset_materialization
    assert stored.metadata["rows"].value == 42
    assert len(stored.metadata["table"].records) == 2
