"""Triggers: approved symbols that want in, a retraining that is due, a failed run."""

import dagster as dg

from pipelines.flight import run_in_flight
from pipelines.jobs import live_trading_job, retraining
from resources.handover import held_symbols_told, pending_sets
from resources.learning import Learning
from resources.lifecycle import Lifecycle
from resources.order_log import OrderLogResource
from resources.retraining import request_key, retraining_due
from resources.standing import alert_of_champion
from resources.store import Store
from trading.market.errors import MissingData
from trading.market.lineage import digest

RUNNING = dg.DefaultSensorStatus.RUNNING


@dg.sensor(
    job=live_trading_job,
    minimum_interval_seconds=4,
    default_status=RUNNING,
    description="Hand over signal sets: approved symbols that want in, what is said of held ones.",
)
def approved_symbols_sensor(
    context: dg.SensorEvaluationContext, store: Store
) -> dg.RunRequest | dg.SkipReason:
    """Start `live_trading_job` when an approved symbol wants in, or one that is held was looked at.

    The run key is the signal sets' ids, pure functions of tables and held symbols: one set, one run. An
    interval of four seconds means every loop of the daemon (its floor is five). The cursor names approvals
    too: research publishes them seconds after the signals, and a tick may fall in between; and what is held.
    """
    newest, approvals = store.lake.latest("signals"), store.lake.latest("approved_symbols")
    if newest is None:
        return dg.SkipReason("no signals yet: run the `research` job")
    seen = f"{newest.version_id} {approvals.version_id if approvals else 'without approvals'}"
    held = held_symbols_told(store)
    if held:
        seen += f" {digest(*held)}"
    if context.cursor == seen:
        return dg.SkipReason(f"have been looked at: {seen}")
    batches = pending_sets(store)
    context.update_cursor(seen)
    if not batches:
        return dg.SkipReason("no approved symbol wants in at the newest closed bar")
    key = " ".join(found.signal_set_id for found in batches)
    return dg.RunRequest(run_key=key, tags={"sluice/signal_set": key})


@dg.sensor(
    job=retraining,
    minimum_interval_seconds=55,
    default_status=RUNNING,
    description="Train a candidate weekly, after enough new decisions, or on drift; one at a time.",
)
def retraining_sensor(
    context: dg.SensorEvaluationContext, store: Store, learning: Learning, order_log: OrderLogResource
) -> dg.RunRequest | dg.SkipReason:
    """Start `retraining` when it is due in market time; the skip reason says what is missing or in flight.

    An alarm of drift starts a candidate and swaps nothing. Looks at the champion too: one that has expired
    or cannot be loaded is told to the operator once, between two passes as well.
    """
    try:
        at = store.as_of()
    except MissingData as error:
        return dg.SkipReason(str(error))
    alert_of_champion(order_log, Lifecycle(store, learning, at).state_row(), at)
    found = retraining_due(store, learning, order_log, at, running=run_in_flight(context.instance))
    if not found.is_due:
        return dg.SkipReason(found.said)
    return dg.RunRequest(run_key=request_key(store, learning, at), tags={"sluice/why": found.said[:250]})


@dg.run_failure_sensor(
    default_status=RUNNING, description="Tell the operator that a run failed, once per run."
)
def run_failure_alert_sensor(context: dg.RunFailureSensorContext, order_log: OrderLogResource) -> None:
    """Tell the operator that a run failed, once per run, through the one outbox."""
    order_log.alert(
        key=f"run-failed-{context.dagster_run.run_id}",
        text=f"{context.dagster_run.job_name} failed: {context.failure_event.message}",
    )


ALL = [approved_symbols_sensor, retraining_sensor, run_failure_alert_sensor]
