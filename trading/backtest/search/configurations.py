"""One configuration: a strategy file with some of its values replaced, as a document and as a `Strategy`."""

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from trading.backtest import shipped
from trading.backtest.search.space import PLACEHOLDER, BadSpace, Space
from trading.backtest.strategy import Strategy
from trading.backtest.strategy_file import KEYS, strategy_of
from trading.market.lineage import digest, params_json


@dataclass(frozen=True, slots=True)
class Base:
    """A strategy file before anything is replaced; its text may hold placeholders."""

    document: Mapping[str, Any]
    where: str

    @property
    def name(self) -> str:
        """What the strategy calls itself, else its file: the family under which trials are counted."""
        return str(self.document.get("name") or Path(self.where).stem)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point of a space; `params_id` is the same for the same strategy, whatever space it came from."""

    values: Mapping[str, Any]
    document: Mapping[str, Any]
    strategy: Strategy

    @property
    def params_id(self) -> str:
        """Digest of the whole document."""
        return params_id(self.document)


def params_id(document: Mapping[str, Any]) -> str:
    """Return the digest by which the trials of a strategy's document are known, wherever they are run."""
    return digest(params_json(document))


def read_base(name: str) -> Base:
    """Return a strategy file, or a shipped one by its name, as a document; it is checked once values are in.

    Raises
    ------
    BadSpace
        If the file cannot be read, is no TOML, or is Python: what a program decides is not a value in a file.
    BadStrategy
        If there is neither a file nor a shipped strategy of that name.
    """
    path = Path(name)
    if path.suffix == ".py":
        raise BadSpace(f"{name}: a search replaces values of a TOML file, a Python strategy has none")
    try:
        is_shipped = name in shipped.names()
        text = (
            shipped.text_of(name)
            if is_shipped or not (path.suffix or path.is_file())
            else path.read_text(encoding="utf-8")
        )
        return Base(tomllib.loads(text), f"{name}.toml" if is_shipped else name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpace(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadSpace(f"{path}: {error}") from error


def check_uses(space: Space, base: Base) -> None:
    """Refuse a parameter that goes nowhere and a placeholder that nothing fills.

    Raises
    ------
    BadSpace
        Naming the parameter or the placeholder.
    """
    document = _with_templates(space, base)
    wanted = {name for text in _texts(document) for name in PLACEHOLDER.findall(text)}
    names = {parameter.name for parameter in space.parameters}
    for name in names - wanted:
        table, _, key = name.rpartition(".")
        if "." not in name and name not in KEYS[""]:
            raise BadSpace(
                f"{space.where}: parameter {name!r} is used nowhere: no template and no text of "
                f"{base.where} has {{{name}}}, and no key of a strategy file is called so"
            )
        if table in KEYS and key not in KEYS[table]:
            raise BadSpace(
                f"{space.where}: no key {name!r} in a strategy file; known: {', '.join(KEYS[table])}"
            )
    unfilled = sorted(wanted - names)
    if unfilled:
        raise BadSpace(
            f"{space.where}: nothing fills {{{unfilled[0]}}}; there are {', '.join(sorted(names))}"
        )


def configuration(space: Space, base: Base, values: Mapping[str, Any]) -> Configuration:
    """Return the strategy with `values` put in.

    Raises
    ------
    BadStrategy
        If a value is out of its bounds; the message names the values.
    """
    document = _with_templates(space, base)
    for name, value in values.items():
        if "." in name or name in KEYS[""]:
            _put(document, name, value)
    filled = _filled(document, values)
    shown = ", ".join(f"{name} = {value}" for name, value in values.items())
    return Configuration(dict(values), filled, strategy_of(filled, f"{base.where} ({shown})"))


def numbered(space: Space, base: Base, number: int) -> Configuration:
    """Return configuration `number` of the grid."""
    return configuration(space, base, space.values(space.places(number)))


def written(found: Configuration) -> str:
    """Return the configuration as the text of a strategy file."""
    return tomlkit.dumps(found.document)


def _with_templates(space: Space, base: Base) -> dict[str, Any]:
    document = copy.deepcopy(dict(base.document))
    for name, template in space.templates.items():
        _put(document, name, template)
    return document


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    *tables, key = name.split(".")
    inside = document
    for table in tables:
        inside = inside.setdefault(table, {})
        if not isinstance(inside, dict):
            raise BadSpace(f"{name}: {table} is no table of the strategy file")
    inside[key] = value


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inside for text in _texts(each)]


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda hit: _plain(values[hit[1]]) if hit[1] in values else hit[0], value)
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    return value


def _plain(value: Any) -> str:
    """Return a value as an expression writes it: no exponent."""
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".")
    return str(value)
