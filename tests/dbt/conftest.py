"""Builds the dbt project in-process on a small DuckDB made by hand."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "storage_compatibility_version": "v1.5.0",
}


class Marts:
    """One warehouse file: fill it, build it, look at it."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.path = folder / "warehouse.duckdb"
        self.target = target

    def write(self, *statements: str) -> None:
        """Run SQL on the raw tables."""
        with duckdb.connect(str(self.path), config=OFFLINE) as connection:
            for statement in statements:
                connection.execute(statement)

    def read(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query as dicts."""
        with duckdb.connect(str(self.path), config=OFFLINE) as connection:
            connection.execute("set TimeZone = 'UTC'")
            relation = connection.sql(query)
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    def build(self, *arguments: str) -> dict[str, str]:
        """Run `dbt build`; return status by node name."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        result = dbtRunner().invoke(
            [
                "--quiet",
                "build",
                *arguments,
                "--project-dir",
                str(ROOT / "dbt"),
                "--profiles-dir",
                str(ROOT / "dbt"),
                "--target-path",
                str(self.target),
                "--log-path",
                str(self.target / "logs"),
            ]
        )
        # dbt keeps the file open in its process; the line runs dbt in one of its own.
        DuckDBConnectionManager.close_all_connections()
        if result.exception is not None:
            raise result.exception
        return {node.node.name: str(node.status) for node in result.result.results}


@pytest.fixture(scope="session")
def parsed(tmp_path_factory) -> Path:
    """A target folder shared by all builds, so that the project is parsed once."""
    return tmp_path_factory.mktemp("dbt_target")


@pytest.fixture
def marts(tmp_path, parsed, monkeypatch) -> Marts:
    """An empty warehouse that dbt's profile points to."""
    warehouse = Marts(tmp_path, parsed)
    monkeypatch.setenv("SLUICE_DBT_DATABASE", str(warehouse.path))
    warehouse.write("create schema raw")
    return warehouse
