"""dbt and the warehouse file as Dagster resources: one writer on a working copy, published by swap."""

import os
import sys
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject

from resources.settings import PROJECT_ROOT, load_settings

PROJECT = DbtProject(project_dir=PROJECT_ROOT / "dbt", profiles_dir=PROJECT_ROOT / "dbt")


def dbt_cli() -> DbtCliResource:
    """Return the dbt command line of this project; the one in this environment, wherever it was installed."""
    executable = Path(sys.executable).with_name("dbt")
    return DbtCliResource(
        project_dir=PROJECT, profiles_dir=str(PROJECT_ROOT / "dbt"), dbt_executable=str(executable)
    )


class Warehouse(dg.ConfigurableResource[None]):
    """The DuckDB file that people read, written beside itself and swapped in: nobody sees half of it."""

    world: str = ""

    @property
    def published(self) -> Path:
        """The file that people open."""
        return load_settings(self.world).warehouse_path

    @property
    def working(self) -> Path:
        """The file that this pass builds."""
        return self.published.with_suffix(".building.duckdb")

    def fill(self) -> dict[str, int]:
        """Copy the newest tables and the order log into the working file; return rows by table."""
        from trading.store.warehouse import build_warehouse

        settings = load_settings(self.world)
        self.working.unlink(missing_ok=True)
        rows = build_warehouse(settings.lake_dir, settings.database_url, self.working)
        os.environ["SLUICE_DBT_DATABASE"] = str(self.working)
        return rows

    def publish(self) -> int:
        """Swap the working file in; return its size in bytes."""
        size = self.working.stat().st_size
        self.working.replace(self.published)
        return size
