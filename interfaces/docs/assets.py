"""The page of all assets, checks, jobs, schedules and sensors, as the Dagster UI shows them."""

import re
from typing import Any

from interfaces.docs.words import table


def page() -> str:
    """Return the page as Markdown, without its title; loads the definitions, which takes seconds."""
    from pipelines.definitions import defs

    specs = sorted(defs.resolve_all_asset_specs(), key=lambda spec: (spec.group_name, _name(spec)))
    checks: dict[str, list[Any]] = {}
    for each in defs.asset_checks or []:
        for check in getattr(each, "check_specs", []):
            checks.setdefault(check.asset_key.to_user_string(), []).append(check)
    told = ["How they look: [the line in the Dagster UI](../../dagster-ui.md)."]
    for group in dict.fromkeys(spec.group_name for spec in specs):
        told.append(f"## {group}")
        for spec in (each for each in specs if each.group_name == group):
            told += _asset(spec, checks.get(_name(spec), []))
    return "\n\n".join([*told, *_automation(defs)])


def _asset(spec: Any, checks: list[Any]) -> list[str]:
    needs = ", ".join(f"`{dep.asset_key.to_user_string()}`" for dep in sorted(spec.deps, key=str))
    description = re.sub(r"\n#### Raw SQL:.*", "", spec.description or "", flags=re.DOTALL)
    facts = [
        f"needs {needs}" if needs else "",
        f"kinds {', '.join(sorted(spec.kinds))}" if spec.kinds else "",
        f"freshness: {_policy(spec.freshness_policy)}" if spec.freshness_policy else "",
        "partitioned by day" if spec.partitions_def else "",
    ]
    said = "; ".join(filter(None, facts))
    told = [f"### {_name(spec)}", description.strip(), said[:1].upper() + said[1:] + "."]
    if checks:
        rows = [
            (f"`{each.name}`", "yes" if each.blocking else "", each.description or "")
            for each in sorted(checks, key=lambda each: each.name)
        ]
        told.append(table(("check", "blocks", "holds when"), rows))
    return told


def _automation(defs: Any) -> list[str]:
    jobs = [(f"`{job.name}`", job.description or "") for job in defs.jobs]
    schedules = [
        (f"`{each.name}`", f"`{each.cron_schedule}`", each.description or "") for each in defs.schedules
    ]
    sensors = [(f"`{each.name}`", each.description or "") for each in defs.sensors]
    return [
        "## Jobs", table(("job", "what it does"), sorted(jobs)),
        "## Schedules (UTC)", table(("schedule", "cron", "what it does"), sorted(schedules)),
        "## Sensors", table(("sensor", "what it does"), sorted(sensors)),
    ]  # fmt: skip


def _name(spec: Any) -> str:
    name: str = spec.key.to_user_string()
    return name


def _policy(policy: Any) -> str:
    fail = getattr(policy, "fail_window", None)
    if fail is not None:
        return f"late after {fail.to_timedelta()}"
    return f"by {policy.deadline_cron}"
