"""A period decided again, moment by moment, beside what was decided then; kept under an id of its own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.redecide import Parameters, PastStore, decide_again, parameters_at
from resources.settings import load_settings
from resources.store import Store
from trading.backtest.redecided import approval_changes, moments, signal_changes, value_changes
from trading.market.errors import BadInput, MissingData
from trading.market.lineage import Version, code_version, digest
from trading.store.files import write_text
from trading.store.lake import Lake

PREFIX = "rpl"


@dataclass(frozen=True, slots=True)
class Redecided:
    """One moment: verdicts then (None = none on record) and now, and what changed."""

    at: datetime
    before: list[str] | None
    now: list[str]
    judged: int
    code_before: str | None
    changes: pl.DataFrame = field(repr=False)
    values: pl.DataFrame = field(repr=False)
    signals: pl.DataFrame = field(repr=False)
    refused_by: pl.DataFrame = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain nested values."""
        counts = dict(self.signals["change"].value_counts().iter_rows())
        return {
            "at": self.at,
            "approved_before": self.before,
            "approved_now": self.now,
            "judged": self.judged,
            "code_before": self.code_before,
            "changes": self.changes.to_dicts(),
            "rules_that_moved": self.values.to_dicts(),
            "signals": {name: counts.get(name, 0) for name in ("added", "removed", "changed", "same")},
            "signals_that_differ": self.signals.filter(pl.col("change") != "same").head(200).to_dicts(),
            "refused_by": self.refused_by.to_dicts(),
        }


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """A period decided again; `folder` holds its tables, one lake a moment."""

    replay_id: str
    code: str
    folder: Path
    moments: list[Redecided]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as one document."""
        told = [each.to_dict() for each in self.moments]
        return {"replay_id": self.replay_id, "code_now": self.code, "moments": told}


def replay_period(
    store: Store,
    learning: Learning,
    order_log: OrderLogResource,
    *,
    first: datetime,
    last: datetime,
    step: timedelta,
    changed: Mapping[str, str],
    use_defaults: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> ReplayOutcome:
    """Decide each step of a period again and hold it against what is on record.

    Parameters
    ----------
    first, last : datetime
        Market time, aware, both inside.
    step : timedelta
        One decision each: at the last recorded pass inside, else at the end of the step.
    changed : mapping
        `stage.name` -> value as JSON, on top of what each pass was made with.
    use_defaults : bool
        Begin with the code's defaults and not with the recorded parameters.

    Raises
    ------
    BadInput
        If the period is empty or a parameter is none.
    MissingData
        If the world knew no listing by then: there is nothing to decide on.
    """
    main, settings = store.lake, load_settings(store.world)
    looks = main.looks("approved_symbols")["at"].to_list()
    asked = moments(looks, first, min(last, store.as_of()), step)
    code = code_version()
    about = (str(first), str(last), str(step), json.dumps(dict(changed)), str(use_defaults))
    name = f"{PREFIX}-{digest(code, *about)}"
    folder = settings.world_dir / "replays" / name
    # Before its first look at the market a world has nothing to decide on.
    asked = [(at, known) for at, known in asked if main.version_at("liquid_symbols", at) is not None]
    if not asked:
        raise MissingData(f"the world had looked at no market by {last:%Y-%m-%d %H:%M}: nothing to decide")
    found = []
    for done, (at, is_recorded) in enumerate(asked):
        base = parameters_at(main, None if use_defaults else at)
        if "signals.strategy" in changed:
            base = base.with_values({"signals.strategy": changed["signals.strategy"]}).with_exits_of(store)
        past = PastStore(world=store.world).stand(main, folder / f"{at:%Y%m%dT%H%M%S}", at)
        found.append(_moment(past, main, learning, order_log, base.with_values(changed), name, is_recorded))
        if on_progress is not None:
            on_progress(done + 1, len(asked))
    outcome = ReplayOutcome(name, code, folder, found)
    write_text(folder / "outcome.json", json.dumps(outcome.to_dict(), default=str, indent=1))
    return outcome


def _moment(
    past: PastStore,
    main: Lake,
    learning: Learning,
    order_log: OrderLogResource,
    asked: Parameters,
    replay_id: str,
    is_recorded: bool,
) -> Redecided:
    at = past.as_of()
    now = decide_again(past, learning, order_log, asked, replay_id)
    old = main.version_at("approved_symbols", at) if is_recorded else None
    verdicts = now.symbols.clear() if old is None else main.read("approved_symbols", old.version_id)
    rules, told = now.rules.clear(), past.lake.read("signals")
    before = told.clear()
    if old is not None:
        rules = main.read("approval_rules", _beside(main, "approval_rules", old))
        results = main.version(_input(old, "backtest_results"))
        before = main.read("signals", _input(results, "signals"))
    return Redecided(
        at,
        None if old is None else verdicts.filter("is_approved")["symbol"].to_list(),
        now.approved,
        now.symbols.height,
        None if old is None else old.code_version,
        approval_changes((verdicts, rules), (now.symbols, now.rules), at),
        value_changes(rules, now.rules),
        signal_changes(before, told),
        now.summary(),
    )


def _beside(lake: Lake, asset: str, of: Version) -> str:
    """Return the version of `asset` that the same run published."""
    for version in reversed(lake.versions(asset)):
        if version.created_at == of.created_at and version.params == of.params:
            return version.version_id
    raise BadInput(f"no {asset} beside {of.version_id}")


def _input(version: Version, asset: str) -> str:
    return next(name for name in version.inputs if name.startswith(f"v-{asset}-"))
