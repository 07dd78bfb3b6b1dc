"""The line, run by Dagster's own execution in this process, against the instance that `make dev` shows."""

import logging
import os
import time
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading.market.errors import SluiceError

# As in workspace.yaml.
LOCATION = "sluice"
_HOME_TAG = ".dagster/repository"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class JobResult:
    """One job's run: its id, wall seconds, and wall seconds of each asset or op by name."""

    run_id: str
    seconds: float
    step_seconds: dict[str, float]


class Line:
    """Loads the definitions once and runs jobs and sensors of theirs."""

    def __init__(self, dagster_home: Path, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        os.environ.setdefault("DAGSTER_HOME", str(dagster_home))
        os.environ.setdefault("DO_NOT_TRACK", "1")
        warnings.filterwarnings("ignore", module="dagster")
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        import dagster as dg

        from pipelines.definitions import defs

        self._dg = dg
        self._defs = defs
        # Without it the runs are in the list of runs but not on their jobs' own pages.
        self._home_tag = {_HOME_TAG: f"{defs.get_repository_def().name}@{LOCATION}"}
        self._instance = dg.DagsterInstance.get()
        self._cursors: dict[str, str | None] = {}
        self.skipped = ""  # what the sensor asked last said where it asked for nothing
        self._jobs: dict[str, Any] = {}

    def run(
        self, job: str, *, tags: Mapping[str, str] | None = None, ops: Mapping[str, Any] | None = None
    ) -> JobResult:
        """Run a job to its end.

        Raises
        ------
        SluiceError
            If a step or a blocking check failed; the message names it and its cause.
        """
        began = time.monotonic()
        # dbt prints every model to standard output, which belongs to `--json`.
        with self._log.open("a") as log, redirect_stdout(log):
            result = self._job(job).execute_in_process(
                instance=self._instance,
                run_config={**_QUIET, **({"ops": dict(ops)} if ops else {})},
                tags={**(tags or {}), **self._home_tag, "sluice/by": "sluice run"},
                raise_on_error=False,
            )
        if not result.success:
            raise SluiceError(f"{job} (run {result.run_id}) failed: {_why(result)}")
        return JobResult(result.run_id, time.monotonic() - began, self._step_seconds(result.run_id))

    def fire_sensor(self, sensor: str) -> list[JobResult]:
        """Evaluate a sensor as the daemon would, and run what it asks for."""
        definition = self._defs.resolve_sensor_def(sensor)
        resources = self._defs.resources or {}
        context = self._dg.build_sensor_context(
            instance=self._instance,
            cursor=self._cursors.get(sensor),
            resources={name: resources[name] for name in definition.required_resource_keys},
        )
        data = definition.evaluate_tick(context)
        self._cursors[sensor] = data.cursor
        self.skipped = data.skip_message or ""
        return [
            self.run(definition.job_name, tags={**request.tags, "dagster/run_key": request.run_key or ""})
            for request in data.run_requests or []
        ]

    def _job(self, name: str) -> Any:  # dagster's job definition; resolving one costs tenths of a second
        if name not in self._jobs:
            self._jobs[name] = self._defs.resolve_job_def(name)
        return self._jobs[name]

    def _step_seconds(self, run_id: str) -> dict[str, float]:
        stats = self._instance.get_run_step_stats(run_id)
        return {
            step.step_key: step.end_time - step.start_time
            for step in stats
            if step.end_time is not None and step.start_time is not None
        }


def _why(result: Any) -> str:  # dagster's result type differs between releases; only events are read
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause or error
            return f"{event.step_key}: {cause.message.strip()}"
        if (
            event.event_type_value == "ASSET_CHECK_EVALUATION"
            and not event.asset_check_evaluation_data.passed
        ):
            data = event.asset_check_evaluation_data
            if data.blocking:
                return f"check {data.check_name} of {data.asset_key.to_user_string()} did not pass"
    return "no step says why; see the run in the Dagster UI"
