"""A day's decisions made again, as a job with a partition a day: a backfill of it replays a period.

Same code as `sluice research replay`. Not an asset: nothing is published. Not here: what a replay is
(resources/replays.py).
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from assets.partitions import DAY
from assets.results import table
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.replays import replay_period
from resources.store import Store


class ReplayConfig(dg.Config):
    """What differs from how it was done then."""

    changed: dict[str, str] = Field(
        default={}, description="STAGE.NAME: value as JSON, as in `approval.min_trades`: `12`."
    )
    use_defaults: bool = Field(
        default=False, description="Begin with the code's defaults, not with the recorded parameters."
    )


@dg.op
def decide_day_again(
    context: dg.OpExecutionContext,
    config: ReplayConfig,
    store: Store,
    learning: Learning,
    order_log: OrderLogResource,
) -> None:
    """Decide the partition's day again at its last recorded pass; the metadata says what changed."""
    first = datetime.fromisoformat(context.partition_key).replace(tzinfo=UTC)
    found = replay_period(
        store,
        learning,
        order_log,
        first=first,
        last=first + timedelta(days=1) - timedelta(milliseconds=1),
        step=timedelta(days=1),
        changed=config.changed,
        use_defaults=config.use_defaults,
    )
    day = found.moments[-1]
    context.add_output_metadata(
        {
            "replay": found.replay_id,
            "decided at (market time)": day.at.isoformat(),
            "approved before": "not on record" if day.before is None else len(day.before),
            "approved now": len(day.now),
            "changed verdicts": table(day.changes.drop("at")),
            "rules that moved": table(day.values),
        }
    )


@dg.job(partitions_def=DAY, description="A day's signals, backtests and approvals once more; the diff.")
def decisions_again() -> None:
    """Run `decide_day_again`."""
    decide_day_again()
