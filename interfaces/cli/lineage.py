"""`sluice lineage`: one id told as a tree, back to the candles and forward to the fills."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from trading.store.lineage.node import Node

app = typer.Typer(help="What a row rests on and what came of it, from candles to fills.")
# A branch with more children than this shows its first and last ones; --json has all.
MAX_CHILDREN = 12


@app.command()
def lineage(
    lineage_id: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Any id: v-, mkt-, tic-, scr-, sig-, bt-, app-, set-, int-, trd-; or its beginning.",
        ),
    ],
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare days of candles too, bar by bar, with their records.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what ID rests on, down to candles, code and parameters, and what came of it, up to fills."""
    from interfaces.cli.world import order_log
    from resources.settings import load_settings
    from trading.store.candles import CandleStore
    from trading.store.lake import Lake
    from trading.store.lineage.resolve import Lineage

    settings = load_settings()
    with order_log(settings) as log:
        found = Lineage(Lake(settings.lake_dir), CandleStore(settings.lake_dir), log).trace(
            lineage_id, verify=verify
        )
    if as_json:
        print_json(found.to_dict())
    else:
        console().print(tree(found))


def tree(found: "Node") -> "Tree":
    """Return the answer as a tree for the terminal: first what it rests on, then what came of it."""
    from rich.tree import Tree

    top = Tree(_line(found), guide_style="dim")
    _facts(top, found)
    if found.made_from:
        _branches(top.add("made from", style="bold"), found.made_from)
    after = top.add("what came of it", style="bold")
    if found.led_to:
        _branches(after, found.led_to)
    else:
        after.add("nothing yet", style="dim not bold")
    return top


def _branches(branch: "Tree", children: tuple["Node", ...]) -> None:
    from rich.text import Text

    hidden = len(children) - MAX_CHILDREN
    head = children[: MAX_CHILDREN - 3] if hidden > 0 else children
    for child in head:
        _branch(branch, child)
    if hidden > 0:
        kinds = ", ".join(sorted({child.kind for child in children}))
        branch.add(Text(f"… {hidden} more ({kinds}); --json has all", style="dim not bold"))
        for child in children[-3:]:
            _branch(branch, child)


def _branch(branch: "Tree", child: "Node") -> None:
    grown = branch.add(_line(child))
    # A version's own code and parameters are told once, where the version is told in full.
    if child.kind == "version" and not child.is_repeat:
        _facts(grown, child)
    _branches(grown, (*child.made_from, *child.led_to))


def _line(node: "Node") -> "Text":
    from rich.text import Text

    line = Text(style="not bold")
    line.append(f"{node.kind}  ", style="cyan")
    line.append(_plain(node.what))
    if node.at is not None:
        line.append(f"  {node.at:%Y-%m-%d %H:%M}", style="dim")
    if node.kind != "rows":
        line.append(f"  {_plain(node.id)}", style="dim cyan")
    if node.kind == "candles" and node.facts:
        line.append(f"  content {node.facts['content_hash']}", style="dim")
    if node.check is not None:
        line.append(f"  {node.check}", style="green" if node.check.startswith("verified") else "bold red")
    if node.is_repeat and node.kind != "skips":
        line.append("  (told above)", style="dim")
    if node.is_cut:
        line.append("  (another pass; ask for it by its id)", style="dim")
    return line


def _facts(branch: "Tree", node: "Node") -> None:
    """Say what made a version, what it holds, and (of the thing asked for) everything stored of it."""
    from rich.text import Text

    facts = dict(node.facts)
    if node.kind in ("version", "candles"):
        made = f"content {facts['content_hash']}  {facts['code_version']}"
        if facts["run_id"]:
            made += f"  run {facts['run_id']}"
        branch.add(Text(made, style="dim not bold"))
        params: Any = facts["params"]
        if params:
            branch.add(Text(f"parameters {_params(params)}", style="dim not bold"))
        return
    told = [
        f"{_plain(name).replace('_', ' ')} {_plain(value)}"
        for name, value in facts.items()
        if value is not None
    ]
    if told:
        branch.add(Text("; ".join(told), style="dim not bold"))


def _params(params: dict[str, Any]) -> str:
    told = []
    for name, value in params.items():
        inner = ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else value
        told.append(f"{name}({inner})" if isinstance(value, dict) else f"{name}={inner}")
    return _plain(" ".join(told), 2000)


def _plain(value: object, limit: int = 300) -> str:
    # Text of the outside world: control characters would move the cursor.
    text = "".join(char if char.isprintable() else "?" for char in str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"
