"""`sluice docs`: pages of the reference made from code, and all pages as a site."""

from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="Write the reference from code; build all pages as a site.", no_args_is_help=True)


@app.callback()
def docs() -> None:
    """Write the reference from code; build all pages as a site."""


@app.command()
def reference(
    is_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a page is stale.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write docs/reference/generated: settings, commands, assets, tables, as the code has them now."""
    from interfaces.docs.reference import stale, write

    names = stale() if is_check else write()
    if as_json:
        print_json({"stale" if is_check else "written": names})
    elif is_check and names:
        print(f"{', '.join(names)} differ from the code. Next: sluice docs reference")
    else:
        print(f"written: {', '.join(names)}" if names else "every page says what the code does")
    if is_check and names:
        raise typer.Exit(1)


@app.command()
def site(
    out: Annotated[Path, typer.Option(help="Folder of the site; replaced.", metavar="FOLDER")] = Path("site"),
    as_json: AsJson = False,
) -> None:
    """Build all pages as a site that asks nothing outside; exit 1 if a link or an anchor leads nowhere.

    Needs the extra `docs`, which `make docs` brings.
    """
    from interfaces.docs.site import build

    warnings = build(out)
    if as_json:
        print_json({"site": out, "warnings": warnings})
    else:
        print(*warnings, f"{out / 'index.html'}: {len(warnings)} links that lead nowhere", sep="\n")
    if warnings:
        raise typer.Exit(1)
