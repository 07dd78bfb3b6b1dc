"""Asset checks as Dagster last judged them, and the drills' latest figures.

Checks are read from the instance's own SQLite file, read-only and by its table's columns: importing Dagster
would cost each dashboard 150 MB. Where the instance is elsewhere (another folder, Postgres) the page says so.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from interfaces.drill.shelf import kept
from interfaces.ui import sections
from interfaces.ui.sections import Section
from interfaces.ui.world import World

_PROJECT = Path(__file__).resolve().parents[3]
_INDEX = Path("history") / "runs" / "index.db"
# The newest execution of each check among given runs: an instance serves every world of a checkout.
_NEWEST = """
SELECT asset_key, check_name, run_id, execution_status, evaluation_event, evaluation_event_timestamp
FROM asset_check_executions WHERE id IN
(SELECT MAX(id) FROM asset_check_executions
 WHERE run_id IN ({marks}) AND execution_status != 'PLANNED' GROUP BY asset_key, check_name)
"""
_MOST_RUNS = 900  # SQLite's bound on the values of one statement is 999 in old builds
_WORDS = {"SUCCEEDED": "passed", "FAILED": "FAILED", "EXECUTION_FAILED": "broke"}


def section(world: World) -> Section:
    """Return the newest result of every asset check of this world's runs, failed ones first."""
    title = "Asset checks"
    index = Path(os.environ.get("DAGSTER_HOME") or _PROJECT / "dagster_home") / _INDEX
    if not index.is_file():
        return sections.words(title, ["No Dagster instance is here: the Dagster UI shows its checks."])
    try:
        rows = list(_rows(index, _runs(world)))
    except sqlite3.Error as error:
        return sections.words(title, [f"Dagster's record of checks cannot be read: {error}"])
    rows.sort(key=lambda row: (row["verdict"] == "passed", row["asset"], row["check"]))
    failed = sum(row["verdict"] != "passed" for row in rows)
    columns = [
        ("asset", "Asset", "table"),
        ("check", "Check", "text"),
        ("verdict", "Verdict", "tag"),
        ("is_blocking", "Blocking", "text"),
        ("said", "Found", "text"),
        ("at", "At (wall)", "time"),
        ("run", "Run", "run"),
    ]
    said = f"{len(rows) - failed:,} of {len(rows):,} passed when they were last asked." if rows else ""
    return sections.table(title, columns, rows, said=said, empty="No check has run in this world yet.")


def _runs(world: World) -> list[str]:
    newest: dict[str, datetime] = {}
    for name in world.lake.assets():
        for version in world.lake.versions(name)[-50:]:
            if version.run_id is not None:
                newest[version.run_id] = max(
                    version.created_at, newest.get(version.run_id, version.created_at)
                )
    return sorted(newest, key=lambda run: newest[run], reverse=True)[:_MOST_RUNS]


def _rows(index: Path, runs: list[str]) -> Iterator[dict[str, Any]]:
    query = _NEWEST.format(marks=",".join("?" * len(runs)))
    with closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True, timeout=2.0)) as connection:
        for asset, check, run, status, event, at in connection.execute(query, runs):
            found = _evaluation(event)
            yield {
                "asset": "/".join(json.loads(asset)),
                "check": check.replace("_", " "),
                "verdict": _WORDS.get(status, str(status).lower()),
                "is_blocking": "yes" if found.get("blocking") else "no",
                "said": _metadata(found.get("metadata")),
                "at": _moment(at),
                "run": run,
            }


def _evaluation(event: str | None) -> dict[str, Any]:
    try:
        found = json.loads(event or "")["dagster_event"]["event_specific_data"]
    except (ValueError, KeyError, TypeError):
        return {}  # it never came to a judgement
    return found if isinstance(found, dict) else {}


def _metadata(found: Any) -> str:
    if not isinstance(found, dict):
        return ""
    parts = []
    for name, entry in found.items():
        values = [value for key, value in entry.items() if not key.startswith("__") and key != "type"]
        if len(values) == 1 and isinstance(values[0], str | int | float):
            parts.append(f"{name} {values[0]}")
    return ", ".join(parts)[:400]


def _moment(at: Any) -> datetime | None:
    if isinstance(at, str):
        return datetime.fromisoformat(at).replace(tzinfo=UTC)
    return datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else None


def drills(world: World) -> Section:
    """Return the latest result of each drill that was run with this world selected."""
    rows = [
        {name: one.get(name) for name in ("at", "drill", "runs", "seed", "lost", "doubled", "ledger_breaks")}
        | {"verdict": "passed" if one.get("passed") else "FAILED", "figures": _figures(one.get("figures"))}
        for one in kept(world.folder)
    ]
    columns = [
        ("drill", "Drill", "text"),
        ("verdict", "Verdict", "tag"),
        ("runs", "Runs", "number"),
        ("lost", "Orders lost", "number"),
        ("doubled", "Doubled", "number"),
        ("ledger_breaks", "Ledger breaks", "number"),
        ("figures", "Figures", "text"),
        ("seed", "Seed", "number"),
        ("at", "At (wall)", "time"),
    ]
    return sections.table(
        "Drills, latest of each", columns, rows, empty="None was run with this world. Next: sluice drill kill"
    )


def _figures(found: Any) -> str:
    if not isinstance(found, Mapping):
        return ""
    return ", ".join(f"{str(name).replace('_', ' ')} {_short(value)}" for name, value in found.items())[:600]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)[:80]
