"""Times of day, all UTC: a scan every bar, research every night, learning every week, marts every hour."""

import dagster as dg

from pipelines import jobs
from pipelines.flight import run_in_flight
from pipelines.windows import days_of_history, days_of_refresh
from resources.exchange import Exchange
from resources.learning import Learning
from resources.order_log import OrderLogResource
from resources.policies import teaching_held
from resources.retraining import retraining_due
from resources.settings import load_settings
from resources.store import Store
from trading.market.errors import MissingData
from trading.market.timeframes import timeframe

RUNNING = dg.DefaultScheduleStatus.RUNNING


@dg.schedule(
    job=jobs.market_scan,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Every quarter of an hour: what the newest closed bars say.",
)
def market_scan_schedule(exchange: Exchange) -> dg.RunRequest:
    """Ask for the market's days, not this machine's: an embedded exchange may live in another year."""
    settings = load_settings()
    return dg.RunRequest(tags=days_of_refresh(exchange.market_time(), timeframe(settings.timeframe)))


@dg.schedule(
    job=jobs.research,
    cron_schedule="5 0 * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Every night: the whole market through the whole line, from listing to approval.",
)
def nightly_research_schedule(exchange: Exchange) -> dg.RunRequest:
    """Ask for as many days as the configured history fills."""
    settings = load_settings()
    return dg.RunRequest(
        tags=days_of_history(exchange.market_time(), timeframe(settings.timeframe), settings.history_bars)
    )


@dg.schedule(
    job=jobs.retraining,
    cron_schedule="0 3 * * 1",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Every Monday: a candidate from the pool, promoted or refused; not while one is in flight.",
)
def weekly_retraining_schedule(
    context: dg.ScheduleEvaluationContext, store: Store, learning: Learning, order_log: OrderLogResource
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a candidate unless one is being trained or watched, or the last evaluation was just now."""
    try:
        at = store.as_of()
    except MissingData as error:
        return dg.SkipReason(str(error))
    found = retraining_due(store, learning, order_log, at, running=run_in_flight(context.instance))
    return dg.SkipReason(found.said) if found.is_held else dg.RunRequest(tags={"sluice/why": "weekly"})


@dg.schedule(
    job=jobs.policy_teaching,
    cron_schedule="0 4 * * 2",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Every Tuesday: a policy from what ended; not without the extra, nor while one is watched.",
)
def weekly_policy_schedule(learning: Learning) -> dg.RunRequest | dg.SkipReason:
    """Ask for a policy unless the extra `ai` is missing, or one is in its shadow period."""
    said = teaching_held(learning)
    return dg.SkipReason(said) if said else dg.RunRequest(tags={"sluice/why": "weekly"})


hourly_marts_schedule = dg.ScheduleDefinition(
    name="hourly_marts_schedule",
    job=jobs.marts,
    cron_schedule="20 * * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Every hour: the tables that people read. No trading decision waits for them.",
)
nightly_tidying_schedule = dg.ScheduleDefinition(
    name="nightly_tidying_schedule",
    job=jobs.tidying,
    cron_schedule="40 1 * * *",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Every night: one file for each day that is over, files by symbol for each month.",
)
ALL = [
    market_scan_schedule,
    nightly_research_schedule,
    weekly_retraining_schedule,
    weekly_policy_schedule,
    hourly_marts_schedule,
    nightly_tidying_schedule,
]
