"""Is a retraining due, and the candidate of a run: a new one, or in a research pass the one before."""

from datetime import datetime

import polars as pl

from resources.learning import Learning
from resources.lifecycle import CANDIDATE, Lifecycle, LifeRules
from resources.order_log import OrderLogResource
from resources.store import Store
from trading.learning.evaluation import Verdict
from trading.learning.triggers import Due, Known, TriggerRules, due
from trading.market.errors import NoVersion

# In this job a candidate is trained only while there is no verdict; `retraining_sensor` asks for others.
_RESEARCH = "research"


def candidate_now(job: str, store: Store, learning: Learning, at: datetime, rules: LifeRules) -> pl.DataFrame:
    """Return the row of `model_candidate`: a new one, or in a research pass the one before."""
    life = Lifecycle(store, learning, at)
    if job != _RESEARCH:
        return life.candidate(rules, f"asked for: {job}")
    # Where the last one had nothing to learn from, trying again costs nothing and waits for nothing.
    if not known_at(store, learning, at).had_data:
        return life.candidate(rules, "no verdict yet")
    return store.lake.read("model_candidate").select(
        pl.col(name).cast(kind) for name, kind in CANDIDATE.items()
    )


def known_at(
    store: Store,
    learning: Learning,
    at: datetime,
    *,
    order_log: OrderLogResource | None = None,
    running: str | None = None,
) -> Known:
    """Return what triggers look at: the newest evaluation, what ended since, drift, who is in flight."""
    told = _last(store, learning)
    last = None if told is None else datetime.fromisoformat(told["at"])
    shadow = learning.registry.journal.standing().shadow
    return Known(
        at,
        last,
        had_data=told is not None and told["verdict"] not in (Verdict.NO_DATA, Verdict.FAILED),
        new_decisions=_ended_since(store, last, order_log),
        alarms=_alarms(store),
        running=running,
        shadow=None if shadow is None else shadow.model_id,
    )


def request_key(store: Store, learning: Learning, at: datetime) -> str:
    """Return a name for the retraining asked for at `at`: a run that failed is tried again an hour later."""
    told = _last(store, learning)
    since = "the beginning" if told is None else told["evaluation_id"]
    return f"after {since}, {at:%Y-%m-%d %H}h"


def retraining_due(
    store: Store,
    learning: Learning,
    order_log: OrderLogResource,
    at: datetime,
    *,
    running: str | None = None,
    rules: TriggerRules | None = None,
) -> Due:
    """Return whether the sensor starts a retraining now, in words either way."""
    return due(known_at(store, learning, at, order_log=order_log, running=running), rules)


def _last(store: Store, learning: Learning) -> dict[str, str] | None:
    if store.lake.latest("model_candidate") is None:
        return None
    newest = store.lake.read("model_candidate").row(0, named=True)
    try:
        return learning.registry.evaluation(newest["evaluation_id"])
    except NoVersion:
        return None


def _ended_since(store: Store, last: datetime | None, order_log: OrderLogResource | None) -> int:
    """Return how many market decisions have ended since: a thousand users' trades on one signal are one."""
    ids: set[str] = set()
    grown = 0
    if store.lake.latest("training_set") is not None:
        rows = store.lake.read("training_set")
        ids |= set((rows if last is None else rows.filter(pl.col("closed_at") > last))["signal_id"])
        # Outcomes become known a pass after they ended: what the last candidate did not have counts too.
        grown = rows.height - (0 if last is None else _learnt_from(store))
    if order_log is not None:
        with order_log.open() as log:
            trades = log.closed_trades()
        ids |= set((trades if last is None else trades.filter(pl.col("close_at") > last))["signal_id"])
    return max(len(ids), grown)


def _learnt_from(store: Store) -> int:
    return int(store.lake.read("model_candidate")["decisions"][0] or 0)


def _alarms(store: Store) -> tuple[str, ...]:
    if store.lake.latest("model_drift") is None:
        return ()
    rows = store.lake.read("model_drift").filter("is_alarm").head(3)
    named = (
        f"{row['figure']} {row['feature'] or ''} {row['value']:.3g} > {row['bound']:.3g}"
        for row in rows.iter_rows(named=True)
    )
    return tuple(" ".join(words.split()) for words in named)
