"""`sluice models`: which models there are, who is champion and why, and what people may override."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli import halting
from interfaces.cli.models_evaluate import evaluate
from interfaces.cli.models_power import power
from interfaces.cli.models_search import search
from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from trading.learning.registry import ModelRegistry

app = typer.Typer(
    help="Models that earned their place: list, show, compare, promote, roll back, override, drift.",
    no_args_is_help=True,
)
_Model = Annotated[str, Argument(help="Which model, or the beginning of its id.", metavar="MODEL")]
_SHOWN = ("model_id", "kind", "created_at", "stands", "verdict", "weight", "reason")


app.command()(evaluate)
app.command()(power)
app.command()(search)


@app.command(name="list")
def list_models(as_json: AsJson = False) -> None:
    """List every model that was saved, newest first; first who is champion, and what else stands.

    Example: sluice models list
    """
    from interfaces.cli.model_views import listed, standing

    registry, at = _registry(), _now()
    now, rows = standing(registry, at), listed(registry)
    if as_json:
        print_json({"standing": now, "models": rows})
        return
    print(now["said"])
    print_table(rows, _SHOWN, title="Models, newest first", empty="nothing was trained yet")


@app.command()
def show(model: _Model, as_json: AsJson = False) -> None:
    """Show one model: what it learnt from, every rule of its evaluation, its blend, its history, its drift.

    Example: sluice models show mdl-3f2a
    """
    from interfaces.cli.model_views import policies_listed, shown
    from resources.learning import Learning

    policy = policies_listed(Learning(), _now())
    found = shown(_registry(), _named(model), _table("model_drift"), _novel(), policy)
    if as_json:
        print_json(found)
        return
    about = found["about"]
    print_table([{"": name, "is": _words(value)} for name, value in about.items()], title=about["model_id"])
    print_table(found["rules"], title="Rules", empty="it was saved without an evaluation")
    print_table(found["thresholds"], title="Probability asked for", empty="none: the rules alone")
    print_table(found["history"], title="History", empty="nothing was done to it")
    print_table(found["drift"], title="Drift", empty="no figures: it is not champion, or has no outcomes yet")


@app.command()
def compare(one: _Model, other: _Model, as_json: AsJson = False) -> None:
    """Compare the figures of two evaluations, rule by rule.

    Example: sluice models compare mdl-3f2a mdl-9c01
    """
    from interfaces.cli.model_views import compared

    print_table(
        compared(_registry(), _named(one), _named(other)),
        title=f"{_named(one)} against {_named(other)}",
        as_json=as_json,
        empty="neither was evaluated",
    )


@app.command()
def promote(
    model: _Model,
    why: halting.Why = "",
    by: halting.By = "",
    yes: halting.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make a model champion although its evaluation or its shadow period has not (an override, recorded).

    Canary users trade it first all the same. Example: sluice models promote mdl-3f2a --why "drill of 3 May"
    """
    from trading.learning.journal import Deed

    registry, name = _registry(), _named(model)
    halting.require_why(why)
    told = registry.manifest(name)
    said = f"{name} was {told.get('verdict', 'never evaluated')}: {told.get('reason', '')}"
    halting.confirm("promote", f"{said}. It will veto and rank entries.", yes=yes)
    registry.promote(name, _now(), by=halting.who(by), why=why, event=Deed.FORCED_PROMOTION)
    _told(registry, as_json=as_json)


@app.command()
def rollback(why: halting.Why = "", by: halting.By = "", as_json: AsJson = False) -> None:
    """Go back to the champion before this one, or to the rules alone if there was none: one row.

    Example: sluice models rollback --why "loses since Tuesday"
    """
    halting.require_why(why)
    registry = _registry()
    registry.rollback(_now(), by=halting.who(by), why=why)
    _told(registry, as_json=as_json)


@app.command("rules-only")
def rules_only(why: halting.Why = "", by: halting.By = "", as_json: AsJson = False) -> None:
    """Let the rules trade without any model until one is promoted; `rollback` brings the champion back.

    Example: sluice models rules-only --why "feed of the model is in doubt"
    """
    halting.require_why(why)
    registry = _registry()
    registry.rules_only(_now(), by=halting.who(by), why=why)
    _told(registry, as_json=as_json)


@app.command("force-entry")
def force_entry(
    symbol: Annotated[str, Argument(help="Which pair, e.g. ABC/USDT.")],
    hours: Annotated[float, Option("--hours", help="For how long, in market time.")] = 4.0,
    why: halting.Why = "",
    by: halting.By = "",
    as_json: AsJson = False,
) -> None:
    """Let no model veto entries of one pair for some hours; rules, news and halts hold as ever.

    Example: sluice models force-entry ABC/USDT --hours 8 --why "model does not know the new listing"
    """
    from datetime import timedelta

    halting.require_why(why)
    registry, at = _registry(), _now()
    until = at + timedelta(hours=hours)
    registry.journal.force_entry(symbol, at=at, until=until, by=halting.who(by), why=why)
    if as_json:
        print_json({"symbol": symbol, "since": at, "until": until, "by": halting.who(by), "why": why})
    else:
        print(f"no model vetoes entries of {symbol} until {until:%Y-%m-%d %H:%M}")


@app.command()
def policies(as_json: AsJson = False) -> None:
    """List the policies that passed their gate, which one is asked, with which weight; and what was done.

    Example: sluice models policies
    """
    from interfaces.cli.model_views import policies_listed
    from resources.learning import Learning

    found = policies_listed(Learning(), _now())
    if as_json:
        print_json(found)
        return
    print(found["said"])
    print_table(found["history"], title="Policies, newest first", empty="no policy was ever registered")


@app.command("teach-policy")
def teach_policy(
    seeds: Annotated[int, Option(min=1, help="Policies that are taught.")] = 10,
    steps: Annotated[int, Option(min=10_000, help="Bars that each one plays while it learns.")] = 200_000,
    as_json: AsJson = False,
) -> None:
    """Teach a policy on this world's decisions and print what its gate says; nothing is kept.

    Job `policy_teaching` does the same and begins the shadow period of what passed. Needs the extra `ai`.
    Example: sluice models teach-policy --seeds 3
    """
    from resources.learning import Learning
    from resources.policies import taught
    from resources.store import Store

    found, count = taught(Store(), Learning(), _now(), {"seeds": seeds, "steps": steps})
    rows, told = found.table.drop("model").to_dicts(), {"verdict": str(found.verdict), "reason": found.reason}
    if as_json:
        print_json(told | {"decisions": count, "seeds": found.seeds, "rules": rows})
        return
    print(f"{found.verdict}: {found.reason} ({count:,} decisions)")
    print_table(rows, title="The gate of policies")


@app.command("retire-policy")
def retire_policy(why: halting.Why = "", by: halting.By = "", as_json: AsJson = False) -> None:
    """Ask no policy any more until another one is registered; rules and model go on.

    Example: sluice models retire-policy --why "expects what does not come"
    """
    from interfaces.cli.model_views import policies_listed
    from resources.learning import Learning

    halting.require_why(why)
    learning = Learning()
    learning.policies.retire(_now(), by=halting.who(by), why=why)
    found = policies_listed(learning, _now())
    print_json(found) if as_json else print(found["said"])


@app.command()
def overrides(as_json: AsJson = False) -> None:
    """List what people overrode: forced promotions, rollbacks, rules alone, forced entries; by whom, why."""
    rows = _registry().journal.history(overrides_only=True).reverse().to_dicts()
    print_table(rows, title="Overrides, newest first", as_json=as_json, empty="nobody overrode anything")


@app.command()
def drift(as_json: AsJson = False) -> None:
    """Show how far the champion's world has moved from what it learnt on; is a retraining due, and why."""
    from interfaces.cli.model_views import due_in_words

    rows = _table("model_drift")
    said = due_in_words(_now())
    if as_json:
        print_json({"retraining": said, "figures": rows})
        return
    print(f"retraining: {said}")
    print_table(rows, title="Drift of the champion", empty="no figures: no champion, or no outcomes yet")


def _registry() -> "ModelRegistry":
    from resources.learning import Learning

    return Learning().registry


def _now() -> datetime:
    """Return market time as the newest look at the venue tells it; the machine's before the first."""
    from datetime import UTC

    from resources.store import Store
    from trading.market.errors import MissingData

    try:
        return Store().as_of()
    except MissingData:
        return datetime.now(UTC)


def _named(text: str) -> str:
    from interfaces.cli.model_views import named

    return named(_registry(), text)


def _table(asset: str) -> list[dict[str, Any]]:
    from resources.store import Store

    lake = Store().lake
    return [] if lake.latest(asset) is None else lake.read(asset).to_dicts()


def _novel() -> list[dict[str, Any]]:
    from resources.store import Store
    from trading.learning.predictions import novel_rows

    lake = Store().lake
    return [] if lake.latest("signals") is None else novel_rows(lake.read("signals")).to_dicts()


def _told(registry: "ModelRegistry", *, as_json: bool) -> None:
    from interfaces.cli.model_views import standing

    now = standing(registry, _now())
    if as_json:
        print_json(now)
    else:
        print(now["said"])


def _words(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
