"""Is the champion what the tables say: whole files, a row of the journal that made it one; alerts if not."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.store import Store
from trading.learning.candidacy import failure, shortage
from trading.learning.journal import Deed
from trading.learning.registry import ModelRegistry
from trading.learning.succession import shadow_trouble
from trading.market.errors import SluiceError
from trading.market.lineage import digest
from trading.market.timeframes import to_ms

_MADE_CHAMPION = frozenset({Deed.PROMOTED, Deed.FORCED_PROMOTION})
_ALERTED = frozenset({"expired", "refused"})


def damage(learning: Learning, model_id: str | None) -> str:
    """Return why a saved model cannot be loaded; empty if it can, or there is none."""
    return "" if model_id is None else damage_of(learning.registry, model_id)


def damage_of(registry: ModelRegistry, model_id: str) -> str:
    """Return why a saved model cannot be loaded; empty if it can."""
    try:
        registry.load(model_id)
    except (SluiceError, ImportError) as error:
        return str(error)
    return ""


def taught_by(store: Store, dataset_id: str | None) -> list[str]:
    """Return the id of the version of `training_set` that a model learnt from; empty where it is gone.

    The champion's, not the newest one: lineage leads from a signal to what taught its model.
    """
    if dataset_id is None or store.lake.latest("training_set") is None:
        return []
    made = (v for v in store.lake.versions("training_set") if f'"{dataset_id}"' in v.params)
    return [version.version_id for version in made][:1]


def unaccounted(learning: Learning, row: Mapping[str, object]) -> str:
    """Return what is wrong with the row of `champion`; empty if nothing is."""
    if (row["model_id"] is None) != (row["state"] == "none"):
        return f"state {row['state']} with champion {row['model_id']}"
    if row["model_id"] is None:
        return ""
    made = {entry.model_id for entry in learning.registry.journal.entries() if entry.event in _MADE_CHAMPION}
    if row["model_id"] not in made:
        return f"no row of the journal made {row['model_id']} champion"
    return damage(learning, str(row["model_id"])) if row["state"] == "in_use" else ""


def alert_of_champion(order_log: OrderLogResource, found: pl.DataFrame, at: datetime) -> None:
    """Tell the operator once that the champion cannot be used and the rules trade alone."""
    row = found.row(0, named=True)
    if row["state"] in _ALERTED:
        key = f"model-{row['state']}-{row['model_id']}-{to_ms(row['since'])}"
        order_log.tell(key, "model", str(row["reason"]), at)


def alert_of_policy(order_log: OrderLogResource, learning: Learning, at: datetime) -> None:
    """Tell the operator once that the registered policy cannot be asked: rules and model go on without it."""
    said, now = learning.policy_trouble(at), learning.policies.standing()
    if said and now is not None:
        key = f"policy-refused-{now[0]}-{to_ms(now[1])}"
        order_log.tell(key, "model", f"{said}: rules and model go on without it", at)


def alert_of_refusal(order_log: OrderLogResource, said: str, at: datetime) -> None:
    """Tell the operator once per reason that no candidate could be judged: nothing else changes."""
    if said:
        text = f"no candidate could be judged: {said}: rules and champion go on as they were"
        order_log.tell(f"candidate-failed-{digest(said)}", "model", text, at)


def alert_of_candidate(
    order_log: OrderLogResource, learning: Learning, found: pl.DataFrame, at: datetime
) -> None:
    """Tell the operator what kept a candidate out that nobody decided: bad rows, too few, damaged files.

    Once per reason; of what there is too little of, once a month while it lasts.
    """
    row, registry = found.row(0, named=True), learning.registry
    alert_of_refusal(order_log, failure(registry, row["evaluation_id"]), at)
    lacking, said = shortage(registry, row["evaluation_id"])
    if said:
        text = f"too little to learn from: {said}: rules and champion go on as they were"
        order_log.tell(f"candidate-short-{digest(lacking)}-{at:%Y-%m}", "model", text, at)
    now, name = registry.journal.standing(), row["model_id"]
    watched = None if now.shadow is None else now.shadow.model_id
    trouble = "" if name in (now.model_id, watched) else damage(learning, name)  # those have their own alerts
    if trouble:
        text = f"{trouble}: this candidate stays out, rules and champion go on as they were"
        order_log.tell(f"candidate-damaged-{name}", "model", text, at)


def alert_of_shadow(order_log: OrderLogResource, learning: Learning, at: datetime) -> None:
    """Tell the operator once that the watched model cannot be asked, and that its period ends as failed."""
    said, now = shadow_trouble(learning.registry), learning.registry.journal.standing().shadow
    if said and now is not None:
        key = f"shadow-refused-{now.model_id}-{to_ms(now.started_at)}"
        order_log.tell(key, "model", f"{said}: its shadow period fails, rules and champion go on", at)
