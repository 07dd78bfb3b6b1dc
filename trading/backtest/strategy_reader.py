"""A TOML document read value by value: bounds are checked, and every mistake is told with its line."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from trading.indicators import catalogue
from trading.indicators.expressions.expression import Expression, condition
from trading.market.errors import BadInput
from trading.signals.line_columns import LINE_COLUMNS

MOST_TABLES = 16
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080}


class BadStrategy(BadInput):
    """A strategy file that cannot be meant; the message names file, line and bound."""


def known(name: str) -> bool:
    """Return whether an expression may read a column of this name."""
    return name in LINE_COLUMNS or catalogue.known(name)


def shown(path: str) -> str:
    """Return a path as people say it: without the places in arrays."""
    return re.sub(r"\.\d+(?=\.|$)", "", path)


class Reader:
    """One document, with the lines its keys stand on."""

    def __init__(self, text: str, where: str, document: Mapping[str, Any]) -> None:
        self.text = text
        self._lines = text.splitlines()
        self.where = where
        self.document = document

    def has(self, path: str) -> bool:
        """Return whether the key is there."""
        return self.value(path) is not None

    def choice(self, path: str, *known: str) -> str:
        """Return one of the known words; the first where the key is not there."""
        value = self.value(path)
        if value is None:
            return known[0]
        if value not in known:
            raise self.wrong(path, f"{shown(path)} must be {' or '.join(map(repr, known))}, was {value!r}")
        return str(value)

    def flag(self, path: str, *, default: bool = False) -> bool:
        """Return true or false; `default` where the key is not there."""
        value = self.value(path)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(path, f"{shown(path)} must be true or false, was {value!r}")
        return default if value is None else value

    def table(self, name: str) -> Mapping[str, Any]:
        """Return the table of a path; ``entry.add.0`` is the first of ``[[entry.add]]``."""
        found: Any = self.document
        for part in name.split(".") if name else ():
            found = found[int(part)] if isinstance(found, list) else found.get(part, {})
            if not isinstance(found, Mapping | list):
                raise self.wrong(name, f"{shown(name)} must be a table, was {found!r}")
        if isinstance(found, list):
            raise self.wrong(name, f"{shown(name)} must be a table, was a list")
        return found  # type: ignore[no-any-return]  # tomllib's values are untyped

    def tables(self, path: str) -> list[str]:
        """Return the paths of the tables of an array such as ``[[entry.add]]``, if any."""
        found = self.value(path)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
            raise self.wrong(path, f"{shown(path)} must be tables, [[{path}]], was {found!r}")
        if len(found) > MOST_TABLES:
            raise self.wrong(path, f"{shown(path)} must be at most {MOST_TABLES} tables, were {len(found)}")
        return [f"{path}.{place}" for place in range(len(found))]

    def check(self, path: str, known: tuple[str, ...]) -> None:
        """Refuse a key of the table at `path` that means nothing."""
        for key in self.table(path):
            if key not in known:
                raise self.wrong(
                    f"{path}.{key}" if path else key,
                    f"unknown key {key!r}; known here: {', '.join(known)}",
                )

    def value(self, path: str) -> Any:
        """Return what stands at a path, None where nothing does."""
        table, _, key = path.rpartition(".")
        return self.table(table).get(key)

    def number(
        self, path: str, default: float | None, least: float, most: float, *, open_ends: bool = False
    ) -> float:
        """Return a number in its bounds; without a default it must be there."""
        value = self.value(path)
        if value is None:
            if default is None:
                raise self.missing(path)
            return default
        bound = f"{'between' if open_ends else 'from'} {least:g} {'and' if open_ends else 'to'} {most:g}"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most or (open_ends and value in {least, most}):
            raise self.wrong(path, f"{shown(path)} must be a number {bound}, was {value!r}")
        return float(value)

    def whole(self, path: str, default: int, least: int, most: int) -> int:
        """Return a whole number in its bounds."""
        value = self.number(path, float(default), float(least), float(most))
        if value != int(value):
            raise self.wrong(path, f"{shown(path)} must be a whole number, was {value!r}")
        return int(value)

    def condition(self, path: str) -> Expression:
        """Return the condition at a path, which must be there."""
        return self.read(path, condition)

    def read(self, path: str, read: Callable[..., Expression]) -> Expression:
        """Return the expression at a path, which must be there."""
        text = self.value(path)
        if text is None:
            raise self.missing(path)
        if not isinstance(text, str):
            raise self.wrong(path, f"{shown(path)} must be an expression in quotes, was {text!r}")
        try:
            return read(text, known=known, near=catalogue.nearest, across=True)
        except BadInput as error:
            raise self.wrong(path, f"{shown(path)}: {error}") from error

    def minutes(self, path: str, *, needed: bool = False) -> int:
        """Return a time such as ``2d`` in minutes; 0 where it may be missing and is."""
        value = self.value(path)
        if value is None and not needed:
            return 0
        if value is None:
            raise self.missing(path)
        found = re.fullmatch(r"([1-9]\d{0,6})([mhdw])", value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(path, f'{shown(path)} must be like "30m", "6h" or "2d", was {value!r}')
        return int(found[1]) * _MINUTES[found[2]]

    def ms(self, path: str) -> int:
        """Return a time such as ``2d`` in milliseconds; it must be there."""
        return self.minutes(path, needed=True) * 60_000

    def wrong(self, path: str, what: str) -> BadStrategy:
        """Return the error of `path`, with the line its key stands on."""
        line = self.line(path)
        return BadStrategy(f"{self.where}:{line}: {what}" if line else f"{self.where}: {what}")

    def missing(self, path: str) -> BadStrategy:
        """Return the error of a key that must be there, with the line of the table that lacks it."""
        table = path.rpartition(".")[0]
        while table and not self.line(table):
            table = table.rpartition(".")[0]
        return self.wrong(table, f"{shown(path)} is missing")

    def line(self, path: str) -> int:
        """Return the line that first has the key of `path` inside its table; 0 = not found."""
        parts = path.split(".")
        table: list[str] = []
        seen: dict[str, int] = {}
        for number, text in enumerate(self._lines, 1):
            head = re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]", text)
            if head:
                table = [part.strip(" \"'") for part in head[2].split(".")]
                if len(head[1]) == 2:
                    name = ".".join(table)
                    table.append(str(seen.get(name, 0)))
                    seen[name] = seen.get(name, 0) + 1
                if table == parts:
                    return number
                continue
            inside = parts[len(table) :] if parts[: len(table)] == table else []
            if inside and re.match(rf"\s*[\"']?{re.escape(inside[0])}[\"']?\s*[=.]", text):
                return number
        return 0
