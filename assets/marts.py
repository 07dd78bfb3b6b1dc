"""What people query: raw copies, dbt's marts, the published DuckDB file. No trading decision reads it."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

from assets.results import verdict
from resources.dbt import PROJECT, Warehouse

GROUP = "marts"
POOL = "duckdb"  # one writer between processes


@dg.asset(
    group_name=GROUP,
    deps=["approved_symbols", "trade_pool", "live_against_backtest", "missed_trades", "slippage_by_place"],
    kinds={"duckdb"},
    pool=POOL,
    owners=["team:trading"],
)
def raw_tables(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Copies of the newest lake tables and of the order log in a fresh DuckDB file. **One table per stage.**

    Built beside the published file, so that nobody who reads it waits or sees half of it.

    - Source: the newest lake tables and the order log.
    - Units: as in the tables copied.
    - Fresh: hourly.
    - If it fails: people see old marts; no trading decision waits. A program holds the file: `sluice doctor`.
    """
    rows = warehouse.fill()
    return dg.MaterializeResult(
        metadata={"tables": len(rows), **{f"rows of {name}": n for name, n in rows.items()}}
    )


# Several raw tables come from one stage (its kept rows, its funnel rows).
_SETTINGS = DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True)


class _Translator(DagsterDbtTranslator):
    """dbt's models belong to the marts and wait for the raw copies, whatever their source stands for."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:  # noqa: ARG002  # dagster-dbt's name
        return GROUP

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        is_staging = manifest["nodes"].get(unique_id, {}).get("name", "").startswith("stg_")
        return spec.merge_attributes(deps=["raw_tables"]) if is_staging else spec


@dbt_assets(
    manifest=PROJECT.manifest_path,
    project=PROJECT,
    dagster_dbt_translator=_Translator(_SETTINGS),
    pool=POOL,
    name="dbt_marts",
)
def dbt_marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Every dbt model and its tests, on the working file."""
    yield from dbt.cli(["build"], context=context).stream()


@dg.asset(
    group_name=GROUP,
    kinds={"duckdb"},
    pool=POOL,
    owners=["team:trading"],
    deps=[
        *("dim_symbols", "fct_funnel", "fct_signals", "fct_backtests", "fct_trades", "mart_user_performance"),
        *("mart_live_against_backtest", "mart_missed_trades", "mart_slippage_by_place"),
    ],
)
def warehouse(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """The published DuckDB file: open it read-only with any client. **Replaced as a whole.**

    - Source: `raw_tables` and dbt's marts.
    - Units: as in the marts.
    - Fresh: hourly.
    - If it fails: the file published before stays; see the failed dbt test above it.
    """
    size = warehouse.publish()
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(str(warehouse.published)), "MB": size / 1e6}
    )


@dg.asset_check(asset=warehouse, description="The published file opens and holds the marts.")
def warehouse_opens(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Fail when the published file cannot be read or a mart is missing."""
    from trading.store.warehouse import query

    found = query(
        warehouse.published,
        "select table_name from information_schema.tables where table_schema like '%marts'",
    )
    names = sorted(found["table_name"].to_list())
    return verdict("mart_user_performance" in names, marts=", ".join(names))
