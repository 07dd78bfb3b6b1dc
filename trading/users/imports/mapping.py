"""An old cache's dump into raw rows, by a TOML that says which key and which field is what.

A dump is one JSON object of key -> value, or JSON lines of ``{"key": ..., "value": ...}``; a value is a hash
(object), a list, or a text that holds JSON. See docs/reference/users.md for the mapping.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import orjson

from trading.market.errors import BadInput
from trading.users.imports.files import text_of
from trading.users.imports.rows import COLUMNS

_POSITION_FIELDS = (
    "symbol", "amount", "entry_price", "opened_at", "stop_loss", "take_profit", "max_hold_s",
)  # fmt: skip
_OPTIONS = frozenset({"field", "percent", "values"})
NAME = "@name"  # the hash's own field name, or the list's place


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value comes from: a field; per cent to a fraction; or old words to ours."""

    field: str
    percent: bool = False
    values: Mapping[str, Any] | None = None

    def read(self, raw: Mapping[str, Any]) -> Any:
        """Return the value in our terms, None where the field is not there."""
        value = raw.get(self.field)
        if self.values is not None and value is not None:
            return self.values.get(str(value), value)
        if self.percent and value not in (None, ""):
            try:
                return str(Decimal(str(value)) / 100)
            except InvalidOperation:
                return value  # the row says what is wrong with it
        return value


@dataclass(frozen=True, slots=True)
class Part:
    """Keys of one kind: their pattern, and what their fields become."""

    pattern: re.Pattern[str]
    told: str
    fields: Mapping[str, Source]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping file: users, and where their positions are, if anywhere."""

    users: Part
    positions: Part | None


def read_mapping(path: Path) -> Mapped:
    """Read a mapping.

    Raises
    ------
    BadInput
        If it is no TOML, or names a target, option or section that there is not.
    """
    try:
        raw = tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path.name} is no TOML: {error}") from None
    unknown = sorted(set(raw) - {"users", "positions"})
    if unknown or "users" not in raw:
        raise BadInput(f"{path.name} must have [users] and may have [positions]; unknown: {unknown}")
    targets = tuple(name for name in COLUMNS if name not in ("user_id", "positions"))
    users = _part(raw["users"], "users", targets)
    return Mapped(
        users, _part(raw["positions"], "positions", _POSITION_FIELDS) if "positions" in raw else None
    )


def mapped_rows(dump: Path, mapping: Mapped) -> list[dict[str, Any]]:
    """Return the raw rows of a dump.

    Raises
    ------
    BadInput
        If the dump is none, no key matches, or a field that the mapping names is in no value.
    """
    keys = _dump(dump)
    users = _matching(keys, mapping.users)
    if not users:
        some = ", ".join(list(keys)[:5])
        raise BadInput(f"no key of {dump.name} matches {mapping.users.told!r}; keys are like {some}")
    values = {user_id: _as_hash(value) for user_id, value in users.items()}
    _require_fields(mapping.users, values.values())
    rows = {
        user_id: {"user_id": user_id}
        | {name: source.read(value) for name, source in mapping.users.fields.items()}
        for user_id, value in values.items()
    }
    if mapping.positions is not None:
        held = {user_id: _items(v) for user_id, v in _matching(keys, mapping.positions).items()}
        _require_fields(mapping.positions, [item for items in held.values() for item in items])
        fields = mapping.positions.fields
        for user_id, items in held.items():
            found = [{name: source.read(item) for name, source in fields.items()} for item in items]
            rows.setdefault(user_id, {"user_id": user_id})["positions"] = found
    return list(rows.values())


def _part(raw: Any, section: str, targets: tuple[str, ...]) -> Part:
    if not isinstance(raw, dict) or set(raw) - {"key", "fields"}:
        raise BadInput(f"[{section}] has key and fields, nothing else")
    key, fields = raw.get("key"), raw.get("fields")
    if not isinstance(key, str) or key.count("{id}") != 1:
        raise BadInput(f"key of [{section}] must hold {{id}} once, where the user's id stands; was {key!r}")
    if not isinstance(fields, dict) or not fields:
        raise BadInput(f'[{section}.fields] must say what is what, e.g. capital = "balance"')
    unknown = sorted(set(fields) - set(targets))
    if unknown:
        raise BadInput(f"[{section}.fields] knows {', '.join(targets)}; unknown: {', '.join(unknown)}")
    pattern = re.escape(key).replace(r"\{id\}", "(?P<id>[^:{}]+)").replace(r"\*", "[^:]*")
    sources = {name: _source(f"{section}.fields.{name}", value) for name, value in fields.items()}
    return Part(re.compile(pattern), key, sources)


def _source(where: str, raw: Any) -> Source:
    if isinstance(raw, str):
        return Source(raw)
    if not isinstance(raw, dict) or set(raw) - _OPTIONS or not isinstance(raw.get("field"), str):
        raise BadInput(f"{where} must be a field's name or a table of {', '.join(sorted(_OPTIONS))}")
    values = raw.get("values")
    if values is not None and not isinstance(values, dict):
        raise BadInput(f"values of {where} must be a table of old and new, was {values!r}")
    return Source(raw["field"], raw.get("percent") is True, values)


def _dump(path: Path) -> dict[str, Any]:
    text = text_of(path)
    try:
        raw = orjson.loads(text)
        if isinstance(raw, dict) and set(raw) != {"key", "value"}:
            return raw
    except orjson.JSONDecodeError:
        pass
    found = {}
    for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
        try:
            one = orjson.loads(line)
            found[str(one["key"])] = one["value"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise BadInput(
                f"{path.name} must be one JSON object of key and value, or a line of "
                f'{{"key": ..., "value": ...}} for each; line {number} is neither'
            ) from None
    return found


def _matching(keys: Mapping[str, Any], part: Part) -> dict[str, Any]:
    found = ((part.pattern.fullmatch(key), value) for key, value in keys.items())
    return {match["id"]: value for match, value in found if match is not None}


def _as_hash(value: Any) -> dict[str, Any]:
    parsed = _parsed(value)
    return parsed if isinstance(parsed, dict) else {}


def _items(value: Any) -> list[dict[str, Any]]:
    parsed = _parsed(value)
    if isinstance(parsed, dict) and parsed and all(isinstance(_parsed(v), dict) for v in parsed.values()):
        return [_as_hash(item) | {NAME: name} for name, item in parsed.items()]
    if isinstance(parsed, list):
        return [_as_hash(item) | {NAME: str(place)} for place, item in enumerate(parsed)]
    return [parsed | {NAME: ""}] if isinstance(parsed, dict) and parsed else []


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _require_fields(part: Part, values: Any) -> None:
    there = {name for value in values for name in value}
    for target, source in part.fields.items():
        if there and source.field not in there:
            shown = ", ".join(sorted(there - {NAME})[:20])
            raise BadInput(f"{target} is mapped to {source.field!r}, which no value has; fields are {shown}")
