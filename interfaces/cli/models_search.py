"""`sluice models search`: Optuna over windows, labels, rules and settings; judged on days it never saw."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table, progress


def search(
    candles: Annotated[Path, Option(help="Candles to search on, Parquet.", metavar="FILE")],
    trials: Annotated[int, Option(help="Trials in the study, those before a resume included.", min=1)] = 50,
    seed: Annotated[int, Option(help="The same seed on the same candles suggests the same.")] = 0,
    storage: Annotated[
        Path, Option(help="SQLite file of the study: after a kill the same call goes on.", metavar="FILE")
    ] = Path("sluice-models.db"),
    book: Annotated[
        Path, Option(help="Folder of trials and error budget: every trial counts there.", metavar="FOLDER")
    ] = Path("sluice-models-book"),
    html: Annotated[Path | None, Option(help="Write the final report as a page.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Search windows, labels, rules and model settings on the older days; test what was found on the newest.

    Nothing is promoted by this command. The test is deflated by every trial that the book holds.

    Example: sluice models search --candles candles.parquet --trials 100
    """
    from interfaces.reports.model_page import write_model_page
    from interfaces.reports.model_terminal import print_evaluation
    from trading.learning.protocol.book import EvaluationBook
    from trading.learning.protocol.market_sets import read_market
    from trading.learning.protocol.search import SearchRules, search_models

    with progress("trials", trials) as update:
        found = search_models(
            read_market(str(candles)),
            SearchRules(trials, seed, storage),
            EvaluationBook(book),
            at=datetime.now(UTC),
            update=update,
        )
    if html is not None:
        write_model_page(found.report, found.judgement, html, title=f"a search on {candles.name}")
    if as_json:
        judged = found.judgement
        print_json(
            {
                "values": dict(found.values),
                "objective": found.objective,
                "test_from": found.test_from,
                "tried": found.tried,
                "verdict": str(judged.verdict),
                "reason": judged.reason,
                "gate": judged.table.to_dicts(),
                "trials": found.trials.to_dicts(),
                "report": found.report.as_json(),
            }
        )
        return
    print_table(found.trials.head(10).to_dicts(), title=f"best of {len(found.trials)} trials, inner folds")
    print_table([dict(found.values)], title=f"the best, tested from {found.test_from:%Y-%m-%d}")
    print_evaluation(found.report, found.judgement)
