"""`sluice`: names every command, words every error, decides exit codes (0 done, 1 failed, 2 wrong use).

Nothing heavy is imported here: a command's module is loaded when it is called, and imports what it needs
inside its functions.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.lazy import Mount, lazy_group

# Headings of the help, in their order.
_RUN = "Run it"
_RESEARCH = "Research"
_MARKET = "Look into the market"
_USERS = "Users and safety"
_MACHINE = "Order log and machine"
COMMANDS = {
    "run": Mount("interfaces.cli.run", "The whole line once: market to paper trades. Ends by itself.", _RUN),
    "dev": Mount(
        "interfaces.cli.dev", "Exchange, Valkey, engine and the Dagster UI on 127.0.0.1:3000.", _RUN
    ),
    "trade": Mount("interfaces.cli.trade", "The trading engine: orders, exits, reconciliation.", _RUN),
    "status": Mount(
        "interfaces.cli.status", "Is it trading, and if not, why: ages, counts, open positions.", _RUN
    ),
    "ui": Mount("interfaces.cli.ui", "The dashboard: is it trading, and if not, why; stop it there.", _RUN),
    "pages": Mount(
        "interfaces.cli.pages", "Users' own pages, apart from the dashboard: key, risk, settings.", _RUN
    ),
    "backtest": Mount(
        "interfaces.cli.backtest", "A strategy file over a candle file, by two sets of fill rules.", _RESEARCH
    ),
    "replay-day": Mount(
        "interfaces.cli.replay_day",
        "A day of trading through the backtest: the same, and if not, why.",
        _RESEARCH,
    ),
    "strategies": Mount(
        "interfaces.cli.strategies", "Strategies that come with Sluice: list, show, measure.", _RESEARCH
    ),
    "search": Mount(
        "interfaces.cli.search", "Search parameters: grid, Optuna, walk-forward; is it luck?", _RESEARCH
    ),
    "holdout": Mount(
        "interfaces.cli.holdout", "Stretches of time kept from every search, looked at once.", _RESEARCH
    ),
    "trials": Mount(
        "interfaces.cli.trials", "What was ever tried, and what luck would show for it.", _RESEARCH
    ),
    "research": Mount(
        "interfaces.cli.research", "Decide a past period again after a change; the diff.", _RESEARCH
    ),
    "explain": Mount(
        "interfaces.cli.explain", "Why a signal said what it said: features, bound, regime, model.", _RESEARCH
    ),
    "models": Mount(
        "interfaces.cli.models", "Models: who is champion and why; promote, roll back, drift.", _RESEARCH
    ),
    "learn-demo": Mount(
        "interfaces.cli.learn_demo", "The learning loop by itself: two weeks of market in minutes.", _RESEARCH
    ),
    "report": Mount(
        "interfaces.cli.report", "What a backtest's trades came to; why two runs differ.", _RESEARCH
    ),
    "funnel": Mount(
        "interfaces.cli.funnel", "Where the symbols went: stage, in, out, main reasons.", _MARKET
    ),
    "xray": Mount(
        "interfaces.cli.xray", "One symbol from every side, now or as known at a moment; a page.", _MARKET
    ),
    "indicators": Mount(
        "interfaces.cli.indicators", "Indicators by name: formula, seed, unit, warm-up.", _MARKET
    ),
    "screen": Mount(
        "interfaces.cli.screen", "Try a chain of filters (TOML) on the market, now or then.", _MARKET
    ),
    "universe": Mount(
        "interfaces.cli.universe", "What each name means, and which symbols are suspended.", _MARKET
    ),
    "news": Mount(
        "interfaces.cli.news", "What the news says of which symbol; score a file of headlines.", _MARKET
    ),
    "scan": Mount("interfaces.cli.scan", "Look at the whole market once; what each stage cost.", _MARKET),
    "data": Mount(
        "interfaces.cli.data", "What candles are stored; mend holes in them; fetch history.", _MARKET
    ),
    "lineage": Mount(
        "interfaces.cli.lineage", "What a row rests on and what came of it, from candles to fills.", _MARKET
    ),
    "exchange": Mount(
        "interfaces.cli.exchange", "The embedded exchange that speaks MEXC's wire protocol.", _MARKET
    ),
    "users": Mount("interfaces.cli.users", "Add, list and configure the people who trade.", _USERS),
    "bot": Mount(
        "interfaces.cli.bot", "Telegram: what people are told and may ask; codes that link.", _USERS
    ),
    "stop-entries": Mount("interfaces.cli.stop_entries", "Let nobody buy, until a person lifts it.", _USERS),
    "freeze": Mount(
        "interfaces.cli.freeze", "Log or data in doubt: no entry until all is read again.", _USERS
    ),
    "flatten": Mount(
        "interfaces.cli.flatten", "Sell every position now; needs order log and exchange alone.", _USERS
    ),
    "lift": Mount("interfaces.cli.lift", "End a halt, with name and reason.", _USERS),
    "halts": Mount("interfaces.cli.halts", "What people have stopped: by whom, why, since when.", _USERS),
    "datasets": Mount("interfaces.cli.datasets", "What models learnt from: list, show, verify.", _RESEARCH),
    "canary": Mount(
        "interfaces.cli.canary", "New strategies trade few users first: list, promote, stop.", _USERS
    ),
    "backup": Mount(
        "interfaces.cli.backup", "Order log and sealed keys into a folder, while all runs.", _MACHINE
    ),
    "restore": Mount(
        "interfaces.cli.restore", "A backup in the log's place: frozen, venue replayed first.", _MACHINE
    ),
    "verify": Mount(
        "interfaces.cli.verify_log", "Is the log, or a backup, whole; does the venue agree?", _MACHINE
    ),
    "reconcile": Mount(
        "interfaces.cli.reconcile", "Do exchange and log agree, account by account; what is frozen.", _MACHINE
    ),
    "log": Mount("interfaces.cli.log", "The order log: revision, upgrade.", _MACHINE),
    "rehearse": Mount(
        "interfaces.cli.rehearse",
        "What the rate limit allows a fleet: mass stop, restart, in simulated time.",
        _MACHINE,
    ),
    "drill": Mount(
        "interfaces.cli.drill", "Kill, starve, flood it on real processes; what the invariants say.", _MACHINE
    ),
    "config": Mount("interfaces.cli.config", "Settings in force, secrets masked.", _MACHINE),
    "doctor": Mount(
        "interfaces.cli.doctor", "Check this machine and this project; say what to fix.", _MACHINE
    ),
    "completion": Mount(
        "interfaces.cli.completion", "The script that completes `sluice` in bash, zsh or fish.", _MACHINE
    ),
    "docs": Mount("interfaces.cli.docs", "The reference from code; all pages as a site, offline.", _MACHINE),
    "version": Mount("interfaces.cli.version", "Version of the project and of what it stands on.", _MACHINE),
}
PROJECT_ROOT = Path(__file__).resolve().parents[2]

app = typer.Typer(
    name="sluice",
    cls=lazy_group(COMMANDS),
    help="Sluice: the whole market in, only gold out. First time? `sluice run`, then `sluice dev`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def common(
    log_level: Annotated[
        str, typer.Option(help="debug, info, warning or error; default from the settings.", metavar="LEVEL")
    ] = "",
) -> None:
    """Prepare the environment that every command stands in."""
    # Dagster and dbt read these; an unset home would make a temporary one with telemetry on.
    os.environ.setdefault("DAGSTER_HOME", str(PROJECT_ROOT / "dagster_home"))
    os.environ.setdefault("DO_NOT_TRACK", "1")
    if log_level:
        os.environ["SLUICE_LOG_LEVEL"] = log_level
    from interfaces.logging import LEVELS, setup_logging

    # Unconfigured, structlog would print to stdout, into the JSON. A level that is none is refused by the
    # settings, which every command reads.
    level = os.environ.get("SLUICE_LOG_LEVEL", "")
    setup_logging(level if level in LEVELS else "info")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run `arguments` and return the exit code; errors of ours become one sentence on stderr."""
    from trading.market.errors import BadInput, InTheWay, SluiceError

    try:
        app(arguments, prog_name="sluice")
    except SluiceError as error:
        print(f"sluice: {_with_next(str(error), arguments)}", file=sys.stderr)
        is_wrong_use = isinstance(error, BadInput) and not isinstance(error, InTheWay)
        return 2 if is_wrong_use else 1
    except KeyboardInterrupt:
        print("sluice: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone; that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _with_next(sentence: str, arguments: list[str]) -> str:
    """Return an error with the next command to try, unless it names one itself."""
    if "`" in sentence or "sluice " in sentence or "make " in sentence or "Next:" in sentence:
        return sentence
    asked = [word for word in arguments if word in COMMANDS][:1]
    return f"{sentence.rstrip('.')}. Next: sluice {' '.join([*asked, '--help'])}"
