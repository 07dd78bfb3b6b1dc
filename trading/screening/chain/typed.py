"""Values of TOML and of the launchpad to the types of a filter's keys, refused in words."""

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, Union, get_args, get_origin

from trading.market.errors import BadInput
from trading.market.thresholds import MovingThreshold

Place = Callable[[str], str]  # key -> where it stands, for a person
# Keys of a bound that the market moves; which way is up follows from the name of the bound.
_MOVING = tuple(f.name for f in dataclasses.fields(MovingThreshold) if f.name != "is_upper")


def made[T](build: Callable[[], T], where: str) -> T:
    """Return what `build` makes; what it refuses is told with `where`."""
    try:
        return build()
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None


def refuse_unknown(table: Mapping[str, Any], known: Sequence[str], what: str, place: Place) -> None:
    """Refuse the first key of `table` that is not known, naming near ones."""
    for key in table:
        if key not in known:
            raise BadInput(f"{place(key)}: unknown {what} {key!r}; {near(key, known)}")


def near(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """Return the known names that look like `name`, or all of them."""
    found = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"near ones: {', '.join(found)}" if found else f"there are {', '.join(known)}"


def typed(value: Any, hint: Any, key: str, place: Place) -> Any:
    """Return `value` as the field's type; a wrong one is refused in words."""
    found = _NO if _is_huge(value) else _fitting(value, hint, key, place)
    if found is _NO:
        raise BadInput(f"{place(key)}: {key} must be {_in_words(hint)}, was {_shown(value)}")
    return found


_NO = object()
# Whole numbers beyond 64 bits fit into no column, and some not even into a float.
_MOST = 2**63


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= _MOST


def _shown(value: Any) -> str:
    return "one of more than 64 bits" if _is_huge(value) else repr(value)[:100]


def _fitting(value: Any, hint: Any, key: str, place: Place) -> Any:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        options = [_fitting(value, each, key, place) for each in get_args(hint)]
        return next((each for each in options if each is not _NO), _NO)
    if origin is Literal:
        return value if value in get_args(hint) else _NO
    if origin is tuple:
        is_right = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        return tuple(value) if is_right else _NO
    if hint is MovingThreshold:
        return _moving(value, key, place) if isinstance(value, Mapping) else _NO
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    is_right = hint in {int, str, bool, type(None)} and type(value) is hint
    return value if is_right else _NO


def _moving(table: Mapping[str, Any], key: str, place: Place) -> MovingThreshold:
    refuse_unknown(table, _MOVING, f"key of the moving bound {key}", lambda _: place(key))
    given = {name: typed(value, float, name, lambda _: place(key)) for name, value in table.items()}
    missing = [name for name in ("base", "floor", "ceiling") if name not in given]
    if missing:
        raise BadInput(f"{place(key)}: the moving bound {key} lacks {', '.join(missing)}")
    return made(lambda: MovingThreshold(**given, is_upper=key.startswith("max")), f"{place(key)}: {key}")


def _in_words(hint: Any) -> str:
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
    names[MovingThreshold] = "a table { base, floor, ceiling, ... }"
    if get_origin(hint) in {Union, types.UnionType}:
        return " or ".join(_in_words(each) for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        return " or ".join(repr(each) for each in get_args(hint))
    return "a list of texts" if get_origin(hint) is tuple else names[hint]
