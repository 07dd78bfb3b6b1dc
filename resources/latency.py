"""From fresh signals to the first order: where the wall seconds went, by Dagster's and the order log."""

from typing import Any

import dagster as dg
import sqlalchemy as sa

from trading.store.order_log import OrderLog, schema

MOST = 200  # sets, newest first


def signal_to_order(instance: dg.DagsterInstance, log: OrderLog) -> list[dict[str, Any]]:
    """Return one row per signal set, newest first, in wall seconds; null where an event is not there.

    `signals_to_run`: from the materialisation of the signals that the set was made of until its run was asked
    for (a sensor's interval, or the driver's turn); `run_to_row`: until the set was a row in the order log
    (start of the run, its step); `row_to_order`: until the first order was marked SENT, the engine's part.
    """
    made = {
        str(record.asset_materialization.metadata["lineage id"].value): record.timestamp
        for record in instance.fetch_materializations(dg.AssetKey("signals"), limit=MOST).records
        if record.asset_materialization is not None and "lineage id" in record.asset_materialization.metadata
    }
    runs = {
        record.dagster_run.tags.get("sluice/signal_set"): record.create_timestamp.timestamp()
        for record in instance.get_run_records(dg.RunsFilter(job_name="live_trading_job"), limit=MOST)
    }
    return [_row(log, *row, made, runs) for row in _sets(log)]


def _sets(log: OrderLog) -> list[tuple[str, int, int | None]]:
    """Return id, wall time of writing and of the first order sent, newest first."""
    sets, intents = schema.signal_sets.c, schema.intents.c
    first = (
        sa.select(sa.func.min(intents.sent_wall_ms))
        .where(intents.signal_set_id == sets.signal_set_id, intents.leg == "open")
        .scalar_subquery()
    )
    query = sa.select(sets.signal_set_id, sets.written_wall_ms, first).order_by(sets.written_wall_ms.desc())
    with log.database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query.limit(MOST))]


def _row(
    log: OrderLog,
    name: str,
    written_ms: int,
    sent_ms: int | None,
    made: dict[str, float],
    runs: dict[str | None, float],
) -> dict[str, Any]:
    signals = next((made[each] for each in log.get_signal_set(name).versions if each in made), None)
    asked, written = runs.get(name), written_ms / 1000
    return {
        "signal_set_id": name,
        "signals_to_run": _seconds(signals, asked),
        "run_to_row": _seconds(asked, written),
        "row_to_order": None if sent_ms is None else _seconds(written, sent_ms / 1000),
    }


def _seconds(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(end - begin, 3)
