"""`sluice replay-day`: a market day of trading, replayed through the backtest; differences with causes."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from datetime import date

app = typer.Typer(help="A day of trading replayed through the backtest: same entries, same exits?")

_SIGNALS = ("bar_time", "symbol", "users", "entered_both", "live_only", "backtest_only", "same_exit",
            "backtest_exit", "open_ticks", "close_ticks", "entry_causes", "exit_causes")  # fmt: skip
_USERS = ("bar_time", "symbol", "user_id", "entered", "entry_cause", "open_ticks", "live_exit",
          "backtest_exit", "is_same_exit", "exit_cause", "close_ticks")  # fmt: skip
MOST = 200


@app.command()
def replay_day(
    day: Annotated[str, Argument(help="Market day, YYYY-MM-DD; default: the newest with signals.")] = "",
    by_user: Annotated[bool, Option("--by-user", help="One line per signal and user.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay the signals of a market day through the backtest and hold every user's trades against it.

    Ticks are live less backtest, costs included. Exit code 1 where a difference has no declared cause.
    """
    from interfaces.cli.world import order_log
    from resources.settings import load_settings
    from trading.market.errors import MissingData
    from trading.monitoring.causes import CAUSES
    from trading.monitoring.day import played
    from trading.store.candles import CandleStore
    from trading.store.lake import Lake

    settings = load_settings()
    with order_log(settings) as log:
        if log is None:
            raise MissingData("no order log yet: sluice run makes one")
        found = played(
            log, Lake(settings.lake_dir), CandleStore(settings.lake_dir), settings.world_dir, _date(day)
        )
    counts = found.counts()
    rows = found.rows if by_user else found.signals
    if as_json:
        print_json(counts | {"signals_list": found.signals.to_dicts(), "rows": found.rows.to_dicts()})
    else:
        print(
            f"{counts['signals']} signals, {counts['offers']} offers to users: the same entry in "
            f"{counts['same_entry']}; both entered {counts['entered_both']}, the same exit (reason and bar) "
            f"in {counts['same_exit']}; differences without a declared cause: {counts['unknown']}"
        )
        print_table(rows.head(MOST).to_dicts(), _USERS if by_user else _SIGNALS, title="Live and backtest")
        causes = [
            {"cause": name, "rows": count, "meaning": CAUSES[name]}
            for name, count in counts["causes"].items()
        ]
        print_table(causes, title="Causes", empty="none")
    if counts["unknown"]:
        raise SystemExit(1)


def _date(text: str) -> "date | None":
    from datetime import date

    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"must be YYYY-MM-DD, was {text!r}", param_hint="DAY") from None
