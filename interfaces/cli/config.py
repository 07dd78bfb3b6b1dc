"""`sluice config`: the settings in force and where they come from; secrets are masked."""

import typer

from interfaces.cli.output import AsJson, print_json, print_table

app = typer.Typer(help="Settings in force, secrets masked.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Settings in force, secrets masked."""


@app.command()
def show(as_json: AsJson = False) -> None:
    """Print every setting with its value."""
    from resources.settings import load_settings, masked

    values = masked(load_settings())
    if as_json:
        print_json(values)
    else:
        print_table([{"setting": name, "value": value} for name, value in values.items()])
