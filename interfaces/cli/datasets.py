"""`sluice datasets`: what models learnt from: the training sets of a world, checked byte by byte."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from trading.learning.shelf import DatasetShelf

app = typer.Typer(help="What models learnt from: list, show, verify.", no_args_is_help=True)
Name = Annotated[str, Argument(help="Which set; `sluice datasets list` names them.", metavar="DATASET")]
_NEWEST = 20
_LISTED = ("dataset_id", "rows", "days", "symbols", "gains", "losses", "cutoff", "feature_version")


@app.command(name="list")
def list_datasets(as_json: AsJson = False) -> None:
    """List every training set of this world: how many decisions, days and pairs, and known until when.

    Example: sluice datasets list --json
    """
    shelf = _shelf()
    rows = [_row(shelf.manifest(name)) for name in shelf.ids()]
    rows.sort(key=lambda row: (row["cutoff"], row["dataset_id"]))
    print_table(rows, _LISTED, title="Training sets", as_json=as_json, empty="none yet: run `sluice run`")


@app.command()
def show(dataset: Name, as_json: AsJson = False) -> None:
    """Show what is in one set: sources with their weights, balance, whether it can teach, and users' trades.

    The newest twenty decisions that users traded are named with their trades; --json has all of them.

    Example: sluice datasets show ds-1f2e3d4c5b6a7988
    """
    from resources.order_log import OrderLogResource
    from resources.teaching import in_words, taught
    from trading.learning.shelf import why_untrainable

    chosen = _shelf().load(dataset)
    why = why_untrainable(chosen)
    traded = taught(OrderLogResource(), chosen.frame)
    told = {**chosen.manifest, "can_teach": why is None, "why_not": why, "traded": traded.height}
    if as_json:
        print_json(told | {"trades_that_teach": traded.to_dicts()})
        return
    figures = {name: value for name, value in told.items() if not isinstance(value, dict | list)}
    print_table([{"what": name, "value": value} for name, value in figures.items()], title=dataset)
    by_source = chosen.frame.group_by("source", "is_decided").len("decisions").sort("source", "is_decided")
    weights = dict(chosen.frame.group_by("source").agg(weight=_total()).iter_rows())
    rows = [row | {"weight_of_source": weights[row["source"]]} for row in by_source.to_dicts()]
    print_table(rows, title="by source", empty="no rows")
    shown = in_words(traded.head(_NEWEST)).to_dicts()
    print_table(shown, title=f"Decisions that users traded: {traded.height}", empty="none: candles alone")


@app.command()
def verify(
    dataset: Annotated[str, Argument(help="One set; default: all.")] = "", as_json: AsJson = False
) -> None:
    """Read every set and compare its bytes with what was written; exit code 1 if one differs.

    Example: sluice datasets verify
    """
    from trading.market.errors import StoreError

    shelf, rows = _shelf(), []
    for name in [dataset] if dataset else shelf.ids():
        try:
            rows.append(
                {"dataset_id": name, "is_sound": True, "rows": len(shelf.load(name).frame), "why": ""}
            )
        except StoreError as error:
            rows.append({"dataset_id": name, "is_sound": False, "rows": None, "why": str(error)})
    print_table(rows, title="Training sets", as_json=as_json, empty="none yet: run `sluice run`")
    if not all(row["is_sound"] for row in rows):
        raise typer.Exit(1)


def _shelf() -> "DatasetShelf":
    from resources.learning import Learning

    return Learning().shelf


def _row(manifest: dict[str, Any]) -> dict[str, Any]:
    return {**manifest, "feature_version": manifest["config"]["feature_version"]}


def _total() -> Any:
    import polars as pl

    return pl.col("weight").sum()
