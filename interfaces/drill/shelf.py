"""Where the latest result of each drill is kept: `drills/NAME.json` of the world that is selected.

*System* of the dashboard shows them. A result is replaced whole, never half.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "drills"


def keep(world_dir: Path, result: Mapping[str, Any], at: str) -> Path:
    """Write one result (`DrillResult.as_dict`) with the wall time `at` of its end, and return the file."""
    path = world_dir / FOLDER / f"{result['drill']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(dict(result) | {"at": at}, default=str))
    temporary.replace(path)
    return path


def kept(world_dir: Path) -> list[dict[str, Any]]:
    """Return every result that can be read, newest first."""
    found = [_read(path) for path in sorted((world_dir / FOLDER).glob("*.json"))]
    return sorted((one for one in found if one), key=lambda one: str(one.get("at")), reverse=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
