"""The shape of a JSON value: which keys, and what kind of scalar each holds.

Records went through a reader that turned numbers into strings, so a number and a numeric string are one kind
here; null stands for "not told this time" and matches anything.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any


def shape_differences(recorded: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Yield one sentence per difference between the shapes of two JSON values.

    Lists are compared by their first elements; an empty list on either side says nothing.
    """
    if recorded is None or ours is None:
        return
    if isinstance(recorded, dict) and isinstance(ours, dict):
        yield from _keys(recorded, ours, path)
        for key in recorded.keys() & ours.keys():
            yield from shape_differences(recorded[key], ours[key], f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(ours, list):
        yield from _rows(recorded, ours, path)
    elif kind(recorded) != kind(ours):
        yield f"{path or 'value'}: recorded {kind(recorded)}, ours {kind(ours)}"


def _keys(recorded: dict[str, Any], ours: dict[str, Any], path: str) -> Iterator[str]:
    for key in sorted(recorded.keys() - ours.keys()):
        yield f"{path}.{key} is missing"
    for key in sorted(ours.keys() - recorded.keys()):
        yield f"{path}.{key} is not in the record"


def _rows(recorded: list[Any], ours: list[Any], path: str) -> Iterator[str]:
    if not recorded or not ours:
        return
    if _is_row(recorded) and _is_row(ours):
        if len(recorded) != len(ours):
            yield f"{path or 'row'}: recorded {len(recorded)} fields, ours {len(ours)}"
        for place, (theirs, own) in enumerate(zip(recorded, ours, strict=False)):
            yield from shape_differences(theirs, own, f"{path}[{place}]")
        return
    yield from shape_differences(recorded[0], ours[0], f"{path}[0]")


def _is_row(values: list[Any]) -> bool:
    """Whether a list is one row of scalars (a kline, a price level) rather than a list of rows."""
    return len(values) > 1 and not any(isinstance(value, dict | list) for value in values)


def kind(value: Any) -> str:
    """Return ``object``, ``list``, ``boolean``, ``number`` (numeric strings too), ``text`` or ``null``."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "list"
    if value is None:
        return "null"
    try:
        Decimal(str(value))
    except InvalidOperation:
        return "text"
    return "number"
