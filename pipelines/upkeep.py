"""How old each asset may be, whose it is, by which tags it is found. Not when it is made: schedules.py.

A policy warns after one turn and a half of the schedule and fails after about three, so that one late run
is no alarm and two are.
"""

from datetime import timedelta

import dagster as dg

OWNER = "team:trading"
SCAN, HOUR, NIGHT, WEEK = "scan", "hour", "night", "week"
# What the scan of every quarter of an hour makes anew (pipelines.jobs.market_scan).
_SCANNED = frozenset(
    {
        "tickers",
        "ohlcv",
        "instruments",
        "market_regime",
        "news_events",
        "indicators",
        "signals",
        "decision_snapshots",
    }
)
_HOURLY = frozenset({"marts", "monitoring"})
_WEEKLY = frozenset({"model_candidate", "model_evaluation"})
_POLICIES = {
    SCAN: dg.FreshnessPolicy.time_window(
        warn_window=timedelta(minutes=23), fail_window=timedelta(minutes=45)
    ),
    HOUR: dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=90), fail_window=timedelta(hours=3)),
    NIGHT: dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=36)),
    WEEK: dg.FreshnessPolicy.time_window(warn_window=timedelta(days=8), fail_window=timedelta(days=11)),
}


def turn(spec: dg.AssetSpec) -> str:
    """Return how often an asset is made anew: by the scan, hourly, nightly or weekly."""
    name = spec.key.path[-1]
    if name in _SCANNED:
        return SCAN
    if spec.group_name in _HOURLY:
        return HOUR
    return WEEK if name in _WEEKLY else NIGHT


def kept(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Return `spec` with a freshness policy, an owner, and the tags ``sluice/stage``, ``sluice/turn``."""
    often = turn(spec)
    tags = {**spec.tags, "sluice/stage": spec.group_name or "none", "sluice/turn": often}
    return spec.replace_attributes(
        freshness_policy=_POLICIES[often], owners=spec.owners or [OWNER], tags=tags
    )
