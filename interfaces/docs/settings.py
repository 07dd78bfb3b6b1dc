"""The page of all settings: key, type, default, meaning; thresholds of the fleet with them."""

import dataclasses
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from interfaces.docs.words import parameters, table

_INTRO = """\
Order, strongest first: command line, environment, `.env`, `sluice.toml` (`$SLUICE_CONFIG`). An unknown key
is an error. `sluice config show` prints what is in force, secrets masked."""


def page() -> str:
    """Return the page as Markdown, without its title."""
    from resources.settings import Settings

    told = [_INTRO, _table(Settings, "SLUICE_")]
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            told += [f"## {name}", _table(kind, f"SLUICE_{name.upper()}__")]
            told += [text for each in kind.model_fields.items() for text in _rules(f"{name}.", *each)]
        else:
            told += _rules("", name, field)
    return "\n\n".join(told)


def _table(model: type[BaseModel], prefix: str) -> str:
    texts = parameters(model.__doc__ or "")
    rows = [
        (f"`{prefix}{name.upper()}`", _type(field.annotation), _default(field), texts.get(name, ""))
        for name, field in model.model_fields.items()
    ]
    return table(("key", "type", "default", "meaning"), rows)


def _rules(prefix: str, name: str, field: FieldInfo) -> list[str]:
    """Return the section of a setting that is a frozen dataclass of thresholds; nothing for others."""
    rules = field.annotation
    if not (isinstance(rules, type) and dataclasses.is_dataclass(rules)):
        return []
    texts = parameters(rules.__doc__ or "")
    rows = [(f"`{each.name}`", _plain(each), texts.get(each.name, "")) for each in dataclasses.fields(rules)]
    return [f"### {prefix}{name}: {rules.__name__}", table(("key", "default", "meaning"), rows)]


def _plain(field: "dataclasses.Field[Any]") -> str:
    made = field.default_factory
    value = made() if made is not dataclasses.MISSING else field.default
    return "required" if value is dataclasses.MISSING else _value(value)


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "all off"  # the protections, a named tuple
    if isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return "see below"
    return _value(value)


def _value(value: object) -> str:
    if isinstance(value, SecretStr) or value in {"", None} or value == ():
        return "–"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"`{type(value).__name__}`, its defaults"
    return f"`{value.as_posix() if isinstance(value, Path) else value}`"


def _type(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    for noise in ("typing.", "pathlib.", "pydantic.types."):
        text = text.replace(noise, "")
    return f"`{text}`"
