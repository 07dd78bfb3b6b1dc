"""What an asset hands back to Dagster: the version it published and figures a person would look at."""

from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from resources.settings import load_settings
from trading.market.lineage import Version

# Inline tables are for a glance; the lake holds the rest.
MAX_TABLE_ROWS = 25
# Page of the dashboard that shows what a table holds; every other table is on System, with its age.
_PAGES = {
    "market": (
        "markets",
        "validated_markets",
        "tickers",
        "liquid_symbols",
        "screened_symbols",
        "instruments",
    ),
    "xray": ("correlations", "correlation_alerts", "clusters", "cluster_quality", "market_regime"),
    "research": ("signals", "backtest_results", "approved_symbols"),
    "models": ("training_set", "model_candidate", "model_evaluation", "champion", "model_drift"),
    "news": ("news_events",),
    "live": ("trade_pool", "missed_trades", "slippage_by_place", "live_against_backtest"),
}


def table(
    frame: pl.DataFrame, columns: Sequence[str] | None = None, rows: int = MAX_TABLE_ROWS
) -> dg.TableMetadataValue:
    """Return the first `rows` rows as a table drawn inline on the asset page."""
    shown = frame.select(columns or frame.columns).head(rows)
    records = [
        dg.TableRecord({name: _plain(value) for name, value in row.items()}) for row in shown.to_dicts()
    ]
    schema = dg.TableSchema(
        columns=[dg.TableColumn(name, _column_type(shown[name])) for name in shown.columns]
    )
    return dg.MetadataValue.table(records=records, schema=schema)


def materialized(
    version: Version, metadata: Mapping[str, object] | None = None
) -> dg.MaterializeResult[None]:
    """Return the materialisation of `version`; its id is the data version, its figures plot over time."""
    figures: dict[str, object] = {
        "rows": version.rows,
        "market time": version.created_at.isoformat(),
        "lineage id": version.version_id,
        "content hash": version.content_hash,
        "dashboard": dg.MetadataValue.url(dashboard_page(version)),
    }
    return dg.MaterializeResult(
        metadata={**figures, **(metadata or {})}, data_version=dg.DataVersion(version.version_id)
    )


def dashboard_page(version: Version) -> str:
    """Return the address of the dashboard's page for this version's table."""
    page = next((page for page, tables in _PAGES.items() if version.asset in tables), "system")
    return f"{load_settings().dashboard_url.rstrip('/')}/{page}?version={version.version_id}"


def verdict(
    passed: bool, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, **metadata: object
) -> dg.AssetCheckResult:
    """Return a check's result with the figures it was judged by."""
    return dg.AssetCheckResult(passed=passed, severity=severity, metadata=metadata)


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, float):
        return round(value, 8)
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


def _column_type(series: pl.Series) -> str:
    if series.dtype == pl.Boolean:
        return "bool"
    if series.dtype.is_integer():
        return "int"
    return "float" if series.dtype.is_numeric() else "string"
