"""A search file: which parameters, which values, and where they go. Read and checked; nothing is run."""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from trading.backtest.search.objectives import DEFAULT, objective
from trading.market.errors import BadInput

MOST = 10_000
_KEYS = ("strategy", "objective", "parameters", "templates")
_RANGE = ("from", "to", "step")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class BadSpace(BadInput):
    """A search file that cannot be meant; the message names file, key and bound."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name and the values it may take, in the order declared.

    `name` is a key of the strategy file (``risk.stoploss``) or a placeholder (``rsi`` for ``{rsi}``).
    """

    name: str
    values: tuple[Any, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether the values are numbers that ascend: a sampler may use that near ones are alike."""
        numbers = [v for v in self.values if isinstance(v, int | float) and not isinstance(v, bool)]
        return len(numbers) == len(self.values) and all(a < b for a, b in pairwise(numbers))


@dataclass(frozen=True, slots=True)
class Space:
    """A declared grid.

    Parameters
    ----------
    parameters : tuple of Parameter
        In the order of the file; the last one varies fastest.
    templates : mapping
        Keys of the strategy file and the text with placeholders that goes there.
    strategy : str
        The strategy file it names, "" = none.
    objective : str
        Name of the loss.
    where : str
        The file, for errors.
    """

    parameters: tuple[Parameter, ...]
    templates: Mapping[str, str] = field(default_factory=dict)
    strategy: str = ""
    objective: str = DEFAULT
    where: str = "space"

    @property
    def size(self) -> int:
        """Number of configurations."""
        return math.prod(len(parameter.values) for parameter in self.parameters)

    def values(self, places: Sequence[int]) -> dict[str, Any]:
        """Return the values at one place of each parameter."""
        return {p.name: p.values[k] for p, k in zip(self.parameters, places, strict=True)}

    def places(self, number: int) -> tuple[int, ...]:
        """Return the places of configuration `number`, from 0 to `size` - 1."""
        found = []
        for parameter in reversed(self.parameters):
            number, place = divmod(number, len(parameter.values))
            found.append(place)
        return tuple(reversed(found))

    def check_size(self, most: int = MOST, cost: str = "") -> None:
        """Refuse more configurations than `most`, saying what they would `cost` where that is known."""
        if self.size > most:
            would = f" ({cost})" if cost else ""
            raise BadSpace(
                f"{self.where}: a grid may have at most {most:,} configurations, had {self.size:,}{would}; "
                f"take fewer values, search it with `sluice search optuna`, or raise the bound (--most)"
            )


def read_space(path: Path) -> Space:
    """Return the space of a TOML file.

    Raises
    ------
    BadSpace
        If it is no TOML, has an unknown key, no parameter, a parameter without values, or one that goes
        nowhere.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpace(f"{path} cannot be read: {error}") from error
    return parse_space(text, str(path))


def parse_space(text: str, where: str = "space") -> Space:
    """Return the space that `text` declares; raises as `read_space`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSpace(f"{where}: {error}") from error
    unknown = [key for key in document if key not in _KEYS]
    if unknown:
        raise BadSpace(f"{where}: unknown key {unknown[0]!r}; known here: {', '.join(_KEYS)}")
    declared, templates = document.get("parameters", {}), document.get("templates", {})
    if not isinstance(declared, dict) or not isinstance(templates, dict):
        raise BadSpace(f"{where}: parameters and templates must be tables")
    declared, templates = _flat(declared), _flat(templates)
    if not declared:
        raise BadSpace(f"{where}: [parameters] names none: a grid of zero configurations, must be at least 1")
    for name, template in templates.items():
        if not isinstance(template, str):
            raise BadSpace(f"{where}: templates.{name} must be text with placeholders, was {template!r}")
    parameters = tuple(Parameter(name, _values(name, given, where)) for name, given in declared.items())
    asked = str(document.get("objective", DEFAULT))
    objective(asked)
    return Space(parameters, templates, str(document.get("strategy", "")), asked, where)


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return a table's leaves by dotted key: in quotes or not, ``risk.stoploss = …`` is the same."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{before}{key}"
        if isinstance(value, dict) and not set(value) <= set(_RANGE):
            found |= _flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def _values(name: str, given: Any, where: str) -> tuple[Any, ...]:
    if isinstance(given, list):
        values = tuple(given)
    elif isinstance(given, dict):
        values = _range(name, given, where)
    else:
        raise BadSpace(f"{where}: parameters.{name} must be a list or {{ from, to, step }}, was {given!r}")
    if not values:
        raise BadSpace(f"{where}: parameters.{name} has no value: a grid of zero configurations")
    if any(value in values[:place] for place, value in enumerate(values)):
        raise BadSpace(f"{where}: parameters.{name} has a value twice")
    return values


def _range(name: str, given: Mapping[str, Any], where: str) -> tuple[float | int, ...]:
    numbers = {key: given.get(key) for key in _RANGE}
    for key, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise BadSpace(f"{where}: parameters.{name}.{key} must be a number, was {value!r}")
    first, last, step = (Decimal(str(numbers[key])) for key in _RANGE)
    if step <= 0 or last < first:
        raise BadSpace(
            f"{where}: parameters.{name} must have step > 0 and to >= from, had {first} to {last} by {step}"
        )
    count = int((last - first) / step) + 1
    if count > 1_000_000:
        raise BadSpace(f"{where}: parameters.{name} may have at most 1,000,000 values, had {count:,}")
    is_whole = all(isinstance(value, int) for value in numbers.values())
    made = (first + k * step for k in range(count))
    return tuple(int(value) if is_whole else float(value) for value in made)
