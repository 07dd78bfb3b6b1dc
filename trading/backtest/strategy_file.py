"""A strategy as a TOML file: read, checked, every mistake named with its line. Run in `replay`.

The format is described in docs/reference/backtest.md; `KEYS` is the whole of it.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trading.backtest.protections import Guards
from trading.backtest.strategy import VOLUME_SHARE, Costs, Strategy, Trailing
from trading.indicators import catalogue
from trading.indicators.expressions.expression import Expression, condition, expression
from trading.market.errors import BadInput
from trading.market.lineage import digest
from trading.signals.line_columns import LINE_COLUMNS

_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080}
KEYS: dict[str, tuple[str, ...]] = {
    "": ("name", "about", "startup", "entry", "exit", "risk", "stake", "protections", "costs"),
    "entry": ("when", "rank", "limit"),
    "exit": ("when",),
    "risk": ("stoploss", "roi", "take_profit", "trailing", "max_hold"),
    "risk.trailing": ("stop", "offset"),
    "stake": ("amount", "wallet", "scale", "volume_share"),
    "protections": ("cooldown", "stoploss_guard", "max_drawdown", "low_profit"),
    "protections.cooldown": ("stop",),
    "protections.stoploss_guard": ("lookback", "trades", "stop", "per_symbol"),
    "protections.max_drawdown": ("lookback", "trades", "most", "stop"),
    "protections.low_profit": ("lookback", "trades", "least", "stop"),
    "costs": ("fee", "half_spread", "slippage", "impact", "target_order"),
}


def _known(name: str) -> bool:
    return name in LINE_COLUMNS or catalogue.known(name)


class BadStrategy(BadInput):
    """A strategy file that cannot be meant; the message names file, line and bound."""


def read_strategy(path: Path) -> Strategy:
    """Return the strategy of a TOML file.

    Raises
    ------
    BadStrategy
        If it is no TOML, has an unknown key, lacks one, or a value is out of bounds: file, line and bound.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadStrategy(f"{path} cannot be read: {error}") from error
    return parse_strategy(text, str(path))


def parse_strategy(text: str, where: str = "strategy") -> Strategy:
    """Return the strategy that `text` declares; `where` names it in errors. Raises as `read_strategy`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadStrategy(f"{where}: {error}") from error
    return strategy_of(document, where, text)


def strategy_of(document: Mapping[str, Any], where: str = "strategy", text: str = "") -> Strategy:
    """Return the strategy of a document read already; `text` tells errors their line. Raises as above."""
    reader = _Reader(text, where, document)
    reader.check_keys()
    return reader.strategy()


class _Reader:
    """One document, with the lines its keys stand on."""

    def __init__(self, text: str, where: str, document: Mapping[str, Any]) -> None:
        self._text = text
        self._lines = text.splitlines()
        self._where = where
        self._document = document

    def check_keys(self) -> None:
        """Refuse a key that means nothing, in any table."""
        for table, known in KEYS.items():
            found = self._table(table)
            for key in found:
                if key not in known:
                    path = f"{table}.{key}" if table else key
                    raise self.wrong(path, f"unknown key {key!r}; known here: {', '.join(known)}")

    def strategy(self) -> Strategy:
        roi, trailing = self._roi(), self._trailing()
        return Strategy(
            name=str(self._document.get("name", "")),
            about=str(self._document.get("about", "")),
            digest=digest(self._text or json.dumps(self._document, sort_keys=True)),
            startup=self._whole("startup", 0, 0, 1_000_000),
            entry=self._condition("entry.when"),
            exit_=self._condition("exit.when") if "when" in self._table("exit") else None,
            rank=self._read("entry.rank", expression) if "rank" in self._table("entry") else None,
            entry_limit=self._number("entry.limit", 0.0, 0.0, 100.0),
            stoploss=self._number("risk.stoploss", None, 0.0, 1.0, open_ends=True),
            roi=roi,
            take_profit=self._take_profit(),
            trailing=trailing,
            max_hold_min=self._minutes("risk.max_hold"),
            stake=self._stake(),
            wallet=self._number("stake.wallet", 0.0, 0.0, 1e15),
            scale=self._read("stake.scale", expression) if "scale" in self._table("stake") else None,
            guards=self._guards(),
            volume_share=self._number("stake.volume_share", VOLUME_SHARE, 0.0, 1.0),
            costs=self._costs(),
        )

    def _costs(self) -> Costs:
        """Return the costs, and which orders rest in the book."""
        numbers = {
            name: self._number(f"costs.{name}", getattr(Costs(), name), 0.0, 0.5)
            for name in ("fee", "half_spread", "slippage", "impact")
        }
        return Costs(
            **numbers,
            entry_rests=self._choice("costs.entry_order", "market", "limit") == "limit",
            target_rests=self._choice("costs.target_order", "market", "limit") == "limit",
        )

    def _choice(self, path: str, *known: str) -> str:
        """Return one of the known words; the first where the key is not there."""
        value = self._value(path)
        if value is None:
            return known[0]
        if value not in known:
            raise self.wrong(path, f"{path} must be {' or '.join(map(repr, known))}, was {value!r}")
        return str(value)

    def _table(self, name: str) -> Mapping[str, Any]:
        found: Any = self._document
        for part in name.split(".") if name else ():
            found = found.get(part, {})
            if not isinstance(found, dict):
                raise self.wrong(name, f"{name} must be a table, was {found!r}")
        return found  # type: ignore[no-any-return]  # tomllib's values are untyped

    def _value(self, path: str) -> Any:
        table, _, key = path.rpartition(".")
        return self._table(table).get(key)

    def _number(
        self, path: str, default: float | None, least: float, most: float, *, open_ends: bool = False
    ) -> float:
        value = self._value(path)
        if value is None:
            if default is None:
                raise BadStrategy(f"{self._where}: {path} is missing")
            return default
        bound = f"{'between' if open_ends else 'from'} {least:g} {'and' if open_ends else 'to'} {most:g}"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most or (open_ends and value in {least, most}):
            raise self.wrong(path, f"{path} must be a number {bound}, was {value!r}")
        return float(value)

    def _whole(self, path: str, default: int, least: int, most: int) -> int:
        value = self._number(path, float(default), float(least), float(most))
        if value != int(value):
            raise self.wrong(path, f"{path} must be a whole number, was {value!r}")
        return int(value)

    def _condition(self, path: str) -> Expression:
        return self._read(path, condition)

    def _read(self, path: str, read: Callable[..., Expression]) -> Expression:
        text = self._value(path)
        if text is None:
            raise BadStrategy(f"{self._where}: {path} is missing")
        if not isinstance(text, str):
            raise self.wrong(path, f"{path} must be an expression in quotes, was {text!r}")
        try:
            return read(text, known=_known, near=catalogue.nearest, across=True)
        except BadInput as error:
            raise self.wrong(path, f"{path}: {error}") from error

    def _roi(self) -> tuple[tuple[int, float], ...]:
        rungs = []
        for age, target in self._table("risk.roi").items():
            if not age.isdecimal() or int(age) > 10_000_000:
                raise self.wrong(f"risk.roi.{age}", f"risk.roi: minutes must be a whole number, was {age!r}")
            is_number = isinstance(target, int | float) and not isinstance(target, bool)
            if not is_number or not -1 <= target <= 80:
                raise self.wrong(
                    f"risk.roi.{age}", f"risk.roi: a target must lie from -1 to 80, was {target!r}"
                )
            rungs.append((int(age), float(target)))
        return tuple(sorted(rungs))

    def _take_profit(self) -> float:
        if "take_profit" not in self._table("risk"):
            return 0.0
        if self._table("risk.roi"):
            raise self.wrong(
                "risk.take_profit", "risk.take_profit stands instead of risk.roi: give one of them"
            )
        return self._number("risk.take_profit", None, 0.0, 80.0, open_ends=True)

    def _trailing(self) -> Trailing | None:
        if "trailing" not in self._table("risk"):
            return None
        stop = self._number("risk.trailing.stop", None, 0.0, 1.0, open_ends=True)
        offset = self._number("risk.trailing.offset", 0.0, 0.0, 80.0)
        if 0 < offset <= stop:
            raise self.wrong(
                "risk.trailing.offset", f"risk.trailing.offset must be above stop ({stop:g}), was {offset:g}"
            )
        return Trailing(stop, offset)

    def _stake(self) -> float:
        if self._value("stake.amount") != "slots":
            return self._number("stake.amount", None, 0.0, 1e15, open_ends=True)
        if self._value("stake.wallet") is None:
            raise self.wrong("stake.amount", 'stake.amount = "slots" needs stake.wallet, which is missing')
        return 0.0

    def _minutes(self, path: str, *, needed: bool = False) -> int:
        value = self._value(path)
        if value is None and not needed:
            return 0
        found = re.fullmatch(r"([1-9]\d{0,6})([mhdw])", value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(path, f'{path} must be like "30m", "6h" or "2d", was {value!r}')
        return int(found[1]) * _MINUTES[found[2]]

    def _guards(self) -> Guards:
        """Return the protections whose tables are there."""
        given = self._table("protections")
        found: dict[str, Any] = {}
        if "cooldown" in given:
            found["cooldown_ms"] = self._ms("protections.cooldown.stop")
        for name, short in (("stoploss_guard", "stop"), ("max_drawdown", "drawdown"), ("low_profit", "low")):
            if name in given:
                path = f"protections.{name}"
                found[f"{short}_window_ms"] = self._ms(f"{path}.lookback")
                found[f"{short}_ms"] = self._ms(f"{path}.stop")
                found[f"{short}_trades"] = self._whole(f"{path}.trades", 1, 1, 1_000_000)
        if "stoploss_guard" in given:
            found["stop_per_symbol"] = self._value("protections.stoploss_guard.per_symbol") is True
        if "max_drawdown" in given:
            found["drawdown_most"] = self._number("protections.max_drawdown.most", None, 0.0, 100.0)
        if "low_profit" in given:
            found["low_least"] = self._number("protections.low_profit.least", 0.0, -100.0, 100.0)
        return Guards(**found)

    def _ms(self, path: str) -> int:
        return self._minutes(path, needed=True) * 60_000

    def wrong(self, path: str, what: str) -> BadStrategy:
        """Return the error of `path`, with the line its key stands on."""
        line = self._line(path)
        return BadStrategy(f"{self._where}:{line}: {what}" if line else f"{self._where}: {what}")

    def _line(self, path: str) -> int:
        """Return the line that first has the key of `path` inside its table; 0 = not found."""
        parts = path.split(".")
        table: list[str] = []
        for number, text in enumerate(self._lines, 1):
            head = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", text)
            if head:
                table = [part.strip(" \"'") for part in head[1].split(".")]
                if table == parts:
                    return number
                continue
            inside = parts[len(table) :] if parts[: len(table)] == table else []
            if inside and re.match(rf"\s*[\"']?{re.escape(inside[0])}[\"']?\s*[=.]", text):
                return number
        return 0
