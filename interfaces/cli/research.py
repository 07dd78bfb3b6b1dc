"""`sluice research`: past decisions made again with the code of now, and how they differ."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table, progress

if TYPE_CHECKING:
    from resources.replays import ReplayOutcome

app = typer.Typer(
    help="Decide a past period again after a change: screening, signals, backtests, approvals; and the diff.",
    no_args_is_help=True,
)
_MOST_ROWS = 30


@app.callback()
def research() -> None:
    """Look at past research again; nothing is published and no night's error budget is spent."""


@app.command()
def replay(
    first: Annotated[str, Option("--from", help="Market day or time, UTC: 2025-03-01.", metavar="TIME")],
    last: Annotated[str, Option("--to", help="Market day (its end) or time.", metavar="TIME")] = "now",
    step: Annotated[str, Option(help="One decision each: 1d, 6h, 30m.", metavar="SPAN")] = "1d",
    change: Annotated[
        list[str] | None,
        Option(
            "--set",
            help="STAGE.NAME=VALUE over what each pass was made with; STAGE is screening, signals, exits or "
            "approval.",
            metavar="RULE",
        ),
    ] = None,
    strategy: Annotated[
        str, Option(help="Another strategy with its exits: a name of `sluice strategies list`, or a file.")
    ] = "",
    defaults: Annotated[
        bool, Option("--defaults", help="Begin with the code's defaults, not the recorded parameters.")
    ] = False,
    html: Annotated[Path | None, Option(help="Write a self-contained page.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Run screening, signals, backtests and approvals as of each step of a period, and say what changed.

    Each moment knows only what was known then: candles up to it, the listing, tickers, news and groups of
    then. Where a pass is on record in a step it is decided again at its very moment and compared: who was
    approved and is not, by which rule, its value before and now; signals added, removed, changed. Tables
    go to the world's folder `replays` under an id; the published ones are not touched.

    Examples: sluice research replay --from 2025-03-01 --to 2025-03-07
    | sluice research replay --from 2025-03-03 --strategy donchian_turtle
    | sluice research replay --from 2025-03-03 --set approval.min_trades=12 --set exits.stop_loss=0.03 --json
    """
    from resources.learning import Learning
    from resources.order_log import OrderLogResource
    from resources.replays import replay_period
    from resources.store import Store

    begin, end = _moments(first, last)
    with progress("moments decided again") as update:
        found = replay_period(
            Store(),
            Learning(),
            OrderLogResource(),
            first=begin,
            last=end,
            step=_span(step),
            changed=_changed(change or [], strategy),
            use_defaults=defaults,
            on_progress=update,
        )
    if html is not None:
        from interfaces.reports.decisions import write_page

        typer.echo(f"wrote {write_page(found.to_dict(), html)}", err=True)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)


def _moments(first: str, last: str) -> tuple[Any, Any]:
    from interfaces.cli.moments import moment, moment_of

    end = moment_of(last)
    if len(last) == len("2025-03-01"):
        end += timedelta(days=1) - timedelta(milliseconds=1)
    return moment(first), end


def _span(text: str) -> timedelta:
    from trading.market.errors import BadInput

    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdigit() or int(number) == 0:
        raise BadInput(f"--step is a whole number and m, h, d or w (1d, 6h), was {text!r}")
    return timedelta(**{units[unit]: int(number)})


def _changed(rules: list[str], strategy: str) -> dict[str, str]:
    named = {"signals.strategy": strategy} if strategy else {}
    return named | dict(_pair(text) for text in rules)


def _pair(text: str) -> tuple[str, str]:
    from trading.market.errors import BadInput

    name, is_given, value = text.partition("=")
    if not is_given or not name:
        raise BadInput(f"--set takes STAGE.NAME=VALUE (approval.min_trades=12), was {text!r}")
    return name, value


def _print(found: "ReplayOutcome") -> None:
    rows = []
    for each in found.moments:
        told = each.to_dict()
        before = each.before
        rows.append(
            {
                "at": f"{each.at:%Y-%m-%d %H:%M}",
                "approved before": "not on record" if before is None else len(before),
                "now": len(each.now),
                "judged": each.judged,
                "verdicts changed": each.changes["symbol"].n_unique() if before is not None else None,
                "signals added": told["signals"]["added"] if before is not None else None,
                "removed": told["signals"]["removed"],
                "changed": told["signals"]["changed"],
            }
        )
    print_table(rows, title=f"{found.replay_id}: decided again with {found.code}")
    for each in found.moments:
        title = f"{each.at:%Y-%m-%d %H:%M}"
        if each.before is None:
            print_table(each.refused_by.to_dicts(), title=f"{title}: refused by", empty="nobody was")
            continue
        changed = each.changes.drop("at").to_dicts()
        rest = len(changed) - _MOST_ROWS
        print_table(
            changed[:_MOST_ROWS],
            title=f"{title}: changed verdicts" + (f", {rest:,} more with --json" if rest > 0 else ""),
            empty="every verdict is the same",
        )
        print_table(each.values.to_dicts(), title=f"{title}: rules whose values moved", empty="none")
    print(f"tables in {found.folder}")
