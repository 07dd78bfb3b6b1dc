"""Is a run under way that trains a candidate: two at once would spend the error budget twice."""

import dagster as dg

from pipelines.jobs import research, retraining

_OPEN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def run_in_flight(instance: dg.DagsterInstance) -> str | None:
    """Return the name of a run of `retraining` or `research` that has not ended, None if there is none."""
    for job in (retraining.name, research.name):
        runs = instance.get_runs(dg.RunsFilter(job_name=job, statuses=_OPEN), limit=1)
        if runs:
            return f"{job} (run {runs[0].run_id[:8]})"
    return None
