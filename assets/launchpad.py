"""A threshold has one home, the domain's frozen dataclass; the launchpad shows it with its help text.

The help is what the dataclass's numpy docstring says under "Parameters".
"""

import dataclasses
import re
from typing import Any, get_args, get_origin, get_type_hints

import dagster as dg
from pydantic import Field, create_model


def launchpad(rules: type[Any], name: str, **extra: tuple[Any, Any]) -> type[dg.Config]:
    """Return a Dagster config with one field per field of the frozen dataclass `rules`.

    Tuples become lists, since Dagster's config has none.
    """
    hints = get_type_hints(rules)
    texts = _help(rules.__doc__ or "")
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(rules):
        default = _default(field)
        annotation = hints[field.name]
        if get_origin(annotation) is tuple:
            annotation, default = list[get_args(annotation)[0]], list(default)  # type: ignore[misc]  # built at run time
        fields[field.name] = (annotation, Field(default=default, description=texts.get(field.name)))
    model: type[dg.Config] = create_model(name, __base__=dg.Config, __doc__=rules.__doc__, **fields, **extra)
    return model


def domain(rules: type[Any], config: dg.Config) -> Any:
    """Return the frozen dataclass that `config`, made by `launchpad`, stands for."""
    values = {}
    for field in dataclasses.fields(rules):
        value = getattr(config, field.name)
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return rules(**values)


def _help(docstring: str) -> dict[str, str]:
    """Return field name -> text of the docstring's "Parameters" section."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.expandtabs().splitlines():
        head = re.match(r" {4}([a-z_0-9, ]+?)(?: : .*)?$", line)
        if head and " : " in line:
            names = head.group(1).split(", ")
        elif line.startswith(" " * 8) and names:
            for name in names:
                texts[name] = f"{texts.get(name, '')} {line.strip()}".strip()
    return texts


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return ...
