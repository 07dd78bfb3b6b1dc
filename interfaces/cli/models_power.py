"""`sluice models power`: how often the gate is fooled, and how large an edge it takes to be seen."""

from pathlib import Path
from typing import Annotated

from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table, progress


def power(
    seeds: Annotated[int, Option(help="Made-up markets per size of edge.", min=1)] = 40,
    shuffled: Annotated[int, Option(help="Markets without an edge, whole days shuffled.", min=1)] = 200,
    days: Annotated[int, Option(help="Days of each market.", min=31)] = 120,
    a_day: Annotated[int, Option(help="Decisions a day.", min=2)] = 30,
    mean: Annotated[
        float,
        Option(help="Mean net return of a decision where there is no edge: above 0 is the harder test."),
    ] = 0.001,
    svg: Annotated[Path | None, Option(help="Write the curve as a drawing.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Promote in made-up markets: without an edge (false promotions), and with edges of several sizes.

    Each market is evaluated by the whole gate at a first challenger's share of the error budget.

    Example: sluice models power --shuffled 200 --seeds 40 --svg power.svg
    """
    import polars as pl

    from trading.backtest.validation.budget import ErrorBudget
    from trading.learning.evaluation import EvaluationRules
    from trading.learning.protocol import power as measured

    rules = EvaluationRules()
    budget = ErrorBudget(rules.error_rate, rules.budget_exponent, rules.budget_days)
    level = rules.error_rate * budget.share(1) / len(rules.kinds)
    made = {"rules": rules, "level": level}
    with progress("markets without an edge", shuffled) as update:
        null = measured.power(
            (0.0,), shuffled, world=measured.World(days, a_day, mean), update=update, **made
        )
    edges = measured.EDGES[1:]
    with progress("markets with one", len(edges) * seeds) as update:
        curve = measured.power(edges, seeds, world=measured.World(days, a_day), update=update, **made)
    table = pl.concat([null, curve])
    if svg is not None:
        from interfaces.reports.model_drawings import power_curve
        from interfaces.shell import write_whole

        write_whole(power_curve(table.to_dicts()), svg)
    if as_json:
        print_json({"days": days, "a_day": a_day, "mean": mean, "level": level, "power": table.to_dicts()})
        return
    print_table(table.to_dicts(), title=f"promotions, {days} days of {a_day} decisions")
    first = null.row(0, named=True)
    print(
        f"false promotions: {first['promoted']} of {first['seeds']} (at most {first['high']:.1%} with 95 %)"
    )
