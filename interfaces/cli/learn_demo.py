"""`sluice learn-demo`: the learning loop by itself, two weeks of an embedded market in some minutes."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table, progress

if TYPE_CHECKING:
    from interfaces.learn.story import Day, Story

app = typer.Typer(help="The learning loop by itself: two weeks of an embedded market, told as a story.")
_SHOWN = (
    *("day", "decisions", "days_of_decisions", "verdict", "failed_rules", "reason", "sensor"),
    *("champion", "shadow", "entries", "vetoed", "approved", "trades", "paper"),
)


@app.command("learn-demo")
def learn_demo(
    days: Annotated[int, Option(min=1, max=60, help="Market days to live through.")] = 14,
    edge: Annotated[
        Literal["planted", "none"], Option(help="Whether volume says which dips come back.")
    ] = "planted",
    pairs: Annotated[int, Option(min=10, max=200, help="Pairs of the market.")] = 60,
    seed: Annotated[int, Option(min=0, help="Of the market: one seed is one market.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Live through market days: decisions, dataset, candidate, verdict, changed signals, with ids to follow.

    The whole line runs at night, a look every three hours; `retraining_sensor` decides whether a candidate
    is trained. With the edge planted one earns its place; without it none may. Three users trade on paper
    what the backtest approves, by the one engine. Their outcomes go before those that candles show. A seed
    is one market. The world stays: `sluice models list`, UI by `sluice dev`.
    Example: sluice learn-demo --days 14 --edge none --json
    """
    from interfaces.learn.story import live_through
    from interfaces.learn.world import demo_world

    with (
        demo_world(edge=edge, pairs=pairs, seed=seed) as (market, settings),
        progress("market days", days) as shown,
    ):
        story = live_through(
            market, settings, days=days, edge=edge, on_day=lambda done, of, _: shown(done, of)
        )
    if as_json:
        print_json(story.to_dict())
        return
    _print(story)


def _print(story: "Story") -> None:
    print(f"planted: {story.planted}")
    print_table([_row(day) for day in story.days], _SHOWN, title=f"Edge {story.edge}: day by day")
    columns = ["at", "event", "model_id", "by", "why"]
    print_table(story.rules, title="The newest candidate's rules")
    print_table(story.history, columns, title="What was done to models", empty="nothing: the rules alone")
    if story.trace:
        rows = [{"": name, "is": _words(value)} for name, value in story.trace.items()]
        print_table(rows, title="One signal, back to what taught it")
        print(f"follow it: sluice explain {story.trace['lineage_id']}")
        print(f"           sluice lineage {story.trace['lineage_id']}")
        for name in story.trace.get("newest_traded", [])[:1]:
            print(f"           sluice datasets show {story.trace['dataset_id']}")
            print(f"           sluice lineage {name}")
    print(f"outcome: {story.outcome}")


def _row(day: "Day") -> dict[str, Any]:
    return {name: getattr(day, name) for name in _SHOWN}


def _words(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
