"""`sluice version`: this project's version and those of the packages it stands on."""

import platform
from importlib.metadata import version as installed

import typer

from interfaces.cli.output import AsJson, print_json, print_table

_SHOWN = (
    "dagster",
    "ccxt",
    "duckdb",
    "polars",
    "dbt-core",
    "dbt-duckdb",
    "scikit-learn",
    "lightgbm",
    "redis",
)

app = typer.Typer(help="Version of the project and of what it stands on.")


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print versions; bug reports want them."""
    versions = {"sluice": installed("sluice-trading"), "python": platform.python_version()}
    versions |= {name: installed(name) for name in _SHOWN}
    if as_json:
        print_json(versions)
    else:
        print_table([{"package": name, "version": number} for name, number in versions.items()])
