"""A fault plan as a file: TOML or JSON with `seed`, `rules` and `events`, as for the admin endpoint."""

import tomllib
from pathlib import Path
from typing import Any

import orjson

from trading.market.errors import BadInput

FIELDS = ("seed", "rules", "events")


def read_fault_file(path: Path) -> dict[str, Any]:
    """Return the plan in `path`; JSON if the name ends in .json, else TOML.

    Raises
    ------
    BadInput
        If it cannot be read or has other fields.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = orjson.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadInput(f"fault file {path} cannot be read: {wrong}") from None
    except (orjson.JSONDecodeError, tomllib.TOMLDecodeError) as wrong:
        form = "JSON" if path.suffix == ".json" else "TOML"
        raise BadInput(f"fault file {path} is no {form}: {wrong}") from None
    return check_plan(raw)


def check_plan(raw: object) -> dict[str, Any]:
    """Return `raw` if it looks like a plan.

    Raises
    ------
    BadInput
        If it is no object, or has other fields than seed, rules and events.
    """
    if not isinstance(raw, dict):
        raise BadInput("a fault plan must be an object with seed, rules, events")
    unknown = sorted(set(raw) - set(FIELDS))
    if unknown:
        raise BadInput(f"a fault plan has {', '.join(FIELDS)}; unknown: {', '.join(unknown)}")
    return raw
