"""The real assets, jobs and sensors, and the real scan on a schedule that a test can wait for."""

import dagster as dg

from pipelines.definitions import build_defs
from pipelines.jobs import market_scan
from pipelines.schedules import RUNNING, market_scan_schedule
from resources.exchange import Exchange


@dg.schedule(job=market_scan, cron_schedule="* * * * *", execution_timezone="UTC", default_status=RUNNING)
def scan_every_minute(exchange: Exchange) -> dg.RunRequest:
    """What `market_scan_schedule` asks for at its quarter of an hour."""
    return market_scan_schedule(exchange=exchange)


def _with_a_schedule_each_minute() -> dg.Definitions:
    real = build_defs()
    return dg.Definitions(
        assets=real.assets,
        asset_checks=real.asset_checks,
        jobs=real.jobs,
        # The real ones could begin a second line in the middle of the test, by the clock on the wall.
        schedules=[scan_every_minute],
        sensors=real.sensors,
        resources=real.resources,
        executor=real.executor,
    )


# One at module level: Dagster takes a module's only `Definitions`.
defs = _with_a_schedule_each_minute()
