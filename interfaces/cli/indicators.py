"""`sluice indicators`: what can be asked for by name, and what each means. Computes nothing."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from trading.indicators.declared import Asked, Indicator

app = typer.Typer(
    help="Indicators by name: formula, seed, unit, warm-up. A name is an output and its numbers: rsi_14, "
    "supertrend_10_3, bb_upper_20_2p5 (p for the point). Numbers may be left out from the right.",
    no_args_is_help=True,
)


@app.callback()
def indicators() -> None:
    """Indicators by name."""


@app.command("list")
def list_all(
    word: Annotated[str, typer.Argument(help="Show only names that contain this, e.g. rsi.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print every column at its default lengths: unit, bar of its first value, whether in the table."""
    from trading.indicators.catalogue import DEFAULT_COLUMNS, columns, understood

    rows = [
        {
            "column": name,
            "unit": understood(name).indicator.unit,
            "first_value_at_bar": understood(name).warm_up,
            "in_the_table": "yes" if name in DEFAULT_COLUMNS else "",
            "formula": understood(name).indicator.formula,
        }
        for name, _ in columns()
        if word.lower() in name
    ]
    shown = ["column", "first_value_at_bar", "in_the_table", "unit"]
    empty = f"no column contains {word[:40]!r}; without a word all are listed"
    print_table(rows, shown, title="Indicators", as_json=as_json, empty=empty)
    if not as_json and rows:
        print(f"One of them: sluice indicators show {rows[0]['column']}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A column, e.g. adx_14 or macd_hist_12_26_9.")],
    as_json: AsJson = False,
) -> None:
    """Explain one column: formula, seed, source, unit, its numbers with bounds, and when it is null."""
    from trading.indicators.catalogue import understood

    asked = understood(name)
    card = _card(asked)
    if as_json:
        print_json(card)
        return
    width = max(map(len, card))
    for key, value in card.items():
        if key != "parameters":
            print(f"{key.replace('_', ' '):<{width}}  {value}")
    numbers = [{"number": each["name"], **each} for each in card["parameters"]]
    if numbers:
        print_table(numbers, ["number", "here", "default", "from", "to"], title="Numbers, in order")


def _card(asked: "Asked") -> dict[str, Any]:
    """Everything that is declared about one column, ready to print."""
    indicator = asked.indicator
    return {
        "column": asked.column,
        "indicator": indicator.name,
        "outputs": ", ".join(indicator.outputs),
        "formula": indicator.formula,
        "unit": indicator.unit,
        "seed": indicator.seed,
        "source": indicator.source,
        "first_value_at_bar": asked.warm_up,
        "null": _nulls(asked),
        "parameters": _numbers(indicator, asked.values),
    }


def _nulls(asked: "Asked") -> str:
    first = f"before bar {asked.warm_up}, where its error would be above 0.1 %"
    if asked.indicator.seed.startswith("none"):
        first = f"before bar {asked.warm_up}, where its window is not full"
    where = asked.indicator.null_where
    return f"{first}; and where {where}" if where else first


def _numbers(indicator: "Indicator", values: tuple[float, ...]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "here": value, "default": each.default, "from": each.low, "to": each.high}
        for each, value in zip(indicator.parameters, values, strict=True)
    ]
