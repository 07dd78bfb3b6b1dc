"""From a verdict to a champion: shadow periods begin and end, what passed takes over, damage does not.

One state machine over the registry's journal; whoever asks twice with the same tables changes nothing twice.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from trading.learning.evaluation import Verdict
from trading.learning.journal import Standing
from trading.learning.registry import ModelRegistry
from trading.learning.shadow import Shadow, seen, verdict
from trading.market.errors import SluiceError

# One row: who is champion. `state` in_use, none, expired or refused (altered, other features, no extra).
CHAMPION: dict[str, pl.DataType | type[pl.DataType]] = {
    "state": pl.String,
    "reason": pl.String,
    "model_id": pl.String,
    "kind": pl.String,
    "since": pl.Datetime("ms", "UTC"),
    "dataset_id": pl.String,
    "weight": pl.Float64,
    "verdict": pl.String,
    "verdict_reason": pl.String,
    "candidate_id": pl.String,
    "evaluation_id": pl.String,
    "shadow_id": pl.String,
    "shadow_seen": pl.Int64,
    "shadow_decisions": pl.Int64,
}
_TOLD = ("verdict", "verdict_reason", "candidate_id", "evaluation_id")


def succeed(
    registry: ModelRegistry,
    told: Mapping[str, Any],
    outcomes: pl.DataFrame | None,
    at: datetime,
    feature_version: str,
) -> pl.DataFrame:
    """Let the shadow period end, or begin, promote what passed; return the row of `CHAMPION`.

    Parameters
    ----------
    told : mapping
        First row of `model_evaluation`: the newest verdict and whose it is.
    outcomes : DataFrame or None
        `prediction_outcomes` of the pass before; None on the first pass.
    """
    _end_shadow(registry, outcomes, at)
    if told["verdict"] == Verdict.PROMOTED and _is_new(registry, told["candidate_id"]):
        _enter(registry, told["candidate_id"], at)
    now = registry.journal.standing()
    row = state(registry, at, feature_version) | _shadow_row(now, outcomes, at)
    return pl.DataFrame([row | {name: told[name] for name in _TOLD}], schema=CHAMPION)


def state(registry: ModelRegistry, at: datetime, feature_version: str) -> dict[str, Any]:
    """Return whether the champion can be used, and if not, why; the rules trade on without it."""
    now = registry.journal.standing()
    nothing = {"kind": None, "dataset_id": None, "weight": None}
    if now.model_id is None:
        told = {"state": "none", "reason": "no champion: rules alone", "model_id": None, "since": None}
        return told | nothing
    about = {"model_id": now.model_id, "since": now.since} | nothing
    if registry.is_expired(at):
        said = f"champion {now.model_id} of {now.since:%Y-%m-%d} is too old: rules alone"
        return about | {"state": "expired", "reason": said}
    try:
        model = registry.champion(at, feature_version)
        core = registry.manifest(now.model_id)["core"]
    except (SluiceError, ImportError) as error:
        return about | {"state": "refused", "reason": f"{error}: rules alone"}
    weight = None if model is None or model.blend is None else model.blend.weight
    known = {"kind": core["kind"], "dataset_id": core["dataset_id"], "weight": weight}
    return about | known | {"state": "in_use", "reason": f"champion since {now.since:%Y-%m-%d %H:%M}"}


def shadow_trouble(registry: ModelRegistry) -> str:
    """Return why the model in its shadow period cannot be asked; empty if it can, or there is none."""
    shadow = registry.journal.standing().shadow
    if shadow is None:
        return ""
    try:
        registry.load(shadow.model_id)
    except (SluiceError, ImportError) as error:
        return str(error)
    return ""


def _is_new(registry: ModelRegistry, model_id: str) -> bool:
    """Whether the journal says nothing of this model yet: a verdict read twice is acted on once."""
    return all(entry.model_id != model_id for entry in registry.journal.entries())


def _enter(registry: ModelRegistry, model_id: str, at: datetime) -> None:
    """Begin the shadow period of what passed, or promote where it has none; wait while another is watched.

    What cannot be loaded stays out: whose files were altered since it passed is nobody's model.
    """
    try:
        model = registry.load(model_id)
    except (SluiceError, ImportError):
        return
    if model.terms is None or model.terms.limits.decisions == 0:
        registry.promote(model_id, at)
    elif registry.journal.standing().shadow is None:
        allowed = model.terms.limits
        limits = (allowed.decisions, allowed.brier, allowed.net_return, allowed.max_wait_days)
        registry.start_shadow(Shadow(model_id, at, *limits))


def _end_shadow(registry: ModelRegistry, outcomes: pl.DataFrame | None, at: datetime) -> None:
    shadow = registry.journal.standing().shadow
    if shadow is None:
        return
    trouble = shadow_trouble(registry)
    if trouble:  # it cannot be asked: watching it any longer would only keep others out
        registry.end_shadow(at, is_passed=False, why=f"refused: {trouble}")
        return
    found = None if outcomes is None else verdict(shadow, outcomes, at)
    if found is None:
        return
    registry.end_shadow(at, is_passed=found.is_passed, why=found.reason)
    if found.is_passed:
        registry.promote(shadow.model_id, at, why=f"shadow period: {found.reason}")


def _shadow_row(now: Standing, outcomes: pl.DataFrame | None, at: datetime) -> dict[str, Any]:
    if now.shadow is None:
        return {"shadow_id": None, "shadow_seen": None, "shadow_decisions": None}
    count = 0 if outcomes is None else seen(now.shadow, outcomes, at)
    about = {"shadow_id": now.shadow.model_id, "shadow_seen": count}
    return about | {"shadow_decisions": now.shadow.decisions}
