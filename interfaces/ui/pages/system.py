"""System: how old every table is, checks, drills, which processes run and what they take, disk, the audit."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from interfaces.cli import vitals
from interfaces.ui import sections
from interfaces.ui.audit import Audit
from interfaces.ui.pages import checks
from interfaces.ui.world import World

_WORDS = ("sluice", "interfaces.cli", "dagster", "valkey")


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return signs of life, disk, processes, checks, drills, freshness and the newest lines of the audit."""
    del asked
    return {
        "sections": [
            _signs(world),
            _disk(world),
            _processes(),
            checks.section(world),
            checks.drills(world),
            _freshness(world),
            _audit(world),
        ]
    }


def _signs(world: World) -> sections.Section:
    settings = world.settings
    boxes = [
        (name, "", found["said"])
        for name, found in (
            ("Engine", vitals.engine(settings)),
            ("Exchange", vitals.exchange(settings)),
            ("Cache", vitals.cache(settings)),
        )
    ]
    return sections.figures("Signs of life", boxes)


def _disk(world: World) -> sections.Section:
    folder = world.folder
    usage = shutil.disk_usage(folder if folder.exists() else Path.cwd())
    log = sum(path.stat().st_size for path in folder.glob("orders.db*"))
    boxes = [
        ("Disk free", f"{usage.free / 1e9:,.1f} GB", f"of {usage.total / 1e9:,.0f} GB"),
        ("Order log", f"{log / 1e6:,.1f} MB", "SQLite with its side files; 0 where it is on Postgres"),
        ("Tables", f"{len(world.lake.assets()):,}", "in the lake"),
    ]
    return sections.figures("Disk", boxes)


def _processes() -> sections.Section:
    columns = [("pid", "Process", "number"), ("name", "What", "text"), ("rss_mb", "Memory, MB", "number"),
               ("cpu_s", "CPU, s", "number"), ("written_mb", "Written to disk, MB", "number"),
               ("read_mb", "Read from disk, MB", "number")]  # fmt: skip
    return sections.table(
        "Processes of this user",
        columns,
        sorted(_running(), key=lambda row: -row["rss_mb"]),
        empty="Needs Linux's /proc.",
    )


def _running() -> Iterator[dict[str, Any]]:
    """Give processes that belong to Sluice by their command; arguments may hold names, so only heads show."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid != os.getuid():
                continue
            words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            # The program text of `python -c` is no name of a process.
            words = [word for word in words[:5] if word and not set(word) & set(" \n;()")]
            if not any(mark in word for word in words[:4] for mark in _WORDS):
                continue
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has gone meanwhile
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        yield {
            "pid": int(folder.name),
            "name": " ".join(Path(word).name for word in words),
            "rss_mb": round(int(fields[21]) * page / 1e6, 1),
            "cpu_s": round((int(fields[11]) + int(fields[12])) / tick, 1),
            "written_mb": _moved(folder, "write_bytes"),
            "read_mb": _moved(folder, "read_bytes"),
        }


def _moved(folder: Path, name: str) -> float | None:
    """Return the MB that a process moved to or from a disk; None where the kernel does not tell."""
    try:
        lines = (folder / "io").read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(f"{name}:")), None)
    return None if found is None else round(int(found.split()[1]) / 1e6, 1)


def _freshness(world: World) -> sections.Section:
    found = [(name, world.lake.latest(name), world.lake.looked_at(name)) for name in world.lake.assets()]
    newest = max((at for _, _, at in found if at is not None), default=None)
    rows = [
        {
            "table": name,
            "rows": None if version is None else version.rows,
            "as_of": at,
            "behind_h": None
            if at is None or newest is None
            else round((newest - at).total_seconds() / 3600, 2),
            "version": None if version is None else version.version_id,
            "run": None if version is None else version.run_id,
        }
        for name, version, at in found
    ]
    columns = [
        ("table", "Table", "table"),
        ("rows", "Rows", "number"),
        ("as_of", "Looked at (market time)", "time"),
        ("behind_h", "Behind the newest, hours", "number"),
        ("version", "Version", "text"),
        ("run", "Run", "run"),
    ]
    return sections.table("Freshness of every table", columns, rows, empty="No table yet. Next: sluice run")


def _audit(world: World) -> sections.Section:
    columns = [
        ("at", "At", "time"),
        ("what", "What", "tag"),
        ("who", "Who", "text"),
        ("role", "Role", "text"),
        ("address", "From", "text"),
        ("outcome", "Outcome", "text"),
    ]
    try:
        rows = Audit(world.folder).newest()
    except json.JSONDecodeError:
        return sections.words("Audit of this dashboard", ["A line of ui_audit.jsonl cannot be read."])
    return sections.table("Audit of this dashboard", columns, rows, empty="Nothing yet.", name="audit")
