"""`sluice models evaluate`: the whole protocol on the line's own decisions, or on a file of candles."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, progress

if TYPE_CHECKING:
    import polars as pl

    from trading.learning.dataset import TrainingSet
    from trading.learning.protocol.gate import Judgement
    from trading.learning.protocol.report import ProtocolReport

Candles = Annotated[
    Path | None,
    Option(
        help="Candles (Parquet) to decide and label on; without it the line's training set.", metavar="FILE"
    ),
]


def evaluate(  # noqa: PLR0917 - Typer's options are one parameter each
    candles: Candles = None,
    training: Annotated[
        Path | None, Option(help="A training set (Parquet with features f_*) instead.", metavar="FILE")
    ] = None,
    kinds: Annotated[str, Option(help="Models that compete, with commas.")] = "logistic,lightgbm",
    folds: Annotated[int, Option(help="Walk-forward folds.", min=2)] = 5,
    seeds: Annotated[int, Option(help="Fits of each kind that depends on its seed.", min=1)] = 5,
    book: Annotated[
        Path | None,
        Option(help="Folder of trials, error budget and holdouts; counted and spent.", metavar="FOLDER"),
    ] = None,
    holdout: Annotated[
        str, Option(help="Open this declared holdout for the best kind; needs --book, --by, --why.")
    ] = "",
    by: Annotated[str, Option(help="Who opens the holdout.")] = "",
    why: Annotated[str, Option(help="Why; it is logged.")] = "",
    html: Annotated[Path | None, Option(help="Write a self-contained page.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Test models on days they were not trained on, against simple things, costs paid; judge by the gate.

    Nothing is promoted by this command. Without --book nothing is counted: a look at one's own data that is
    not counted is no evidence.

    Example: sluice models evaluate --candles candles.parquet --html model.html
    """
    from dataclasses import replace

    from trading.learning.evaluation import EvaluationBook, EvaluationRules
    from trading.learning.protocol.answers import Recipe
    from trading.learning.protocol.book import look
    from trading.learning.protocol.gate import judge
    from trading.learning.protocol.run import Context, run_protocol
    from trading.market.errors import BadInput

    rules = EvaluationRules(kinds=tuple(kinds.split(",")), folds=folds, seeds=seeds)
    whole, bars, title = _given(candles, training)
    books, at = None if book is None else EvaluationBook(book), datetime.now(UTC)
    context, chosen = Context(candles=bars), whole
    if books is not None:
        chosen = books.for_research(whole)
        context = replace(context, level=books.level(rules, at), tried=books.tried(rules))
    with progress("kinds", len(rules.kinds)) as update:
        report = run_protocol(chosen, rules, context, update=update)
    judged = judge(report)
    if holdout:
        if books is None or judged.kind is None:
            raise BadInput("--holdout needs --book, and a model to look with")
        found = look(
            chosen, whole, Recipe(judged.kind), rules, books.holdouts, holdout, by=by, why=why, at=at
        )
        report = replace(report, holdout=found)
        judged = judge(report)
    if books is not None:
        books.record(report, judged, at)
    _give(report, judged, title=title, html=html, as_json=as_json)


def _given(candles: Path | None, training: Path | None) -> "tuple[TrainingSet, pl.DataFrame | None, str]":
    if candles is not None:
        from trading.learning.protocol.market_sets import market_set, read_market

        bars = read_market(str(candles))
        return market_set(bars), bars, f"models on {candles.name}"
    if training is not None:
        from trading.learning.protocol.market_sets import stored_set

        return stored_set(str(training)), None, f"models on {training.name}"
    from resources.learning import Learning
    from resources.store import Store

    store = Store()
    return Learning().training_set(store, store.as_of()), None, "models on the line's own decisions"


def _give(
    report: "ProtocolReport", judged: "Judgement", *, title: str, html: Path | None, as_json: bool
) -> None:
    if html is not None:
        from interfaces.reports.model_page import write_model_page

        typer.echo(f"wrote {write_model_page(report, judged, html, title=title)}", err=True)
    if as_json:
        gate = judged.table.to_dicts()
        told = {"verdict": str(judged.verdict), "reason": judged.reason, "kind": judged.kind, "gate": gate}
        print_json(told | {"report": report.as_json()})
        return
    from interfaces.reports.model_terminal import print_evaluation

    print_evaluation(report, judged)
