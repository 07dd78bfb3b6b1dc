"""Times of day, all UTC: a scan every bar, research every night, learning every week, marts every hour."""

import dagster as dg

from pipelines import jobs
from pipelines.windows import days_of_history, days_of_refresh
from resources.exchange import Exchange
from resources.settings import load_settings
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


weekly_retraining_schedule = dg.ScheduleDefinition(
    name="weekly_retraining_schedule",
    job=jobs.retraining,
    cron_schedule="0 3 * * 1",
    execution_timezone="UTC",
    default_status=RUNNING,
    description="Every Monday: a candidate from the pool, promoted or refused.",
)
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
    hourly_marts_schedule,
    nightly_tidying_schedule,
]
