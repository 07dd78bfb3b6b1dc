"""A strategy as a file: when to enter and leave, where to stop, what to stake. Read here, run in `replay`.

The format is described in docs/reference/backtest.md; `KEYS` is the whole of it.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trading.backtest.costs import CostModel
from trading.indicators import catalogue
from trading.indicators.expressions.expression import Expression, condition, expression
from trading.market.errors import BadInput

_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080}
_ESTIMATE = CostModel()
_VOLUME_SHARE = 0.1
KEYS: dict[str, tuple[str, ...]] = {
    "": ("name", "about", "startup", "entry", "exit", "risk", "stake", "costs"),
    "entry": ("when", "rank", "limit"),
    "exit": ("when",),
    "risk": ("stoploss", "roi", "trailing", "max_hold"),
    "risk.trailing": ("stop", "offset"),
    "stake": ("amount", "volume_share"),
    "costs": ("fee", "half_spread", "slippage", "impact"),
}


class BadStrategy(BadInput):
    """A strategy file that cannot be meant; the message names file, line and bound."""


@dataclass(frozen=True, slots=True)
class Trailing:
    """A stop `stop` below the high, active once profit reached `offset`; fractions."""

    stop: float
    offset: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What a trade pays beside the price; fractions. `fee` on both sides, the rest in mode default only.

    Parameters
    ----------
    half_spread, slippage : float
        Each side pays them on top of the candle's price.
    impact : float
        Times √(stake / what the signal's bar traded), at most 2 %.
    """

    fee: float = _ESTIMATE.taker_fee
    half_spread: float = _ESTIMATE.half_spread
    slippage: float = _ESTIMATE.base_slippage
    impact: float = _ESTIMATE.impact


@dataclass(frozen=True, slots=True)
class Strategy:
    """What a strategy file says.

    Parameters
    ----------
    entry, exit_ : Expression
        Conditions on the close of a bar; `exit_` None = no exit signal.
    startup : int
        Leading bars of each symbol without a signal.
    rank : Expression or None
        Which entry goes first when slots are short: the highest value, then the symbol's name. None: name.
    entry_limit : float
        Most that the open may lie above the signal's close (mode default); 0 = no limit.
    stoploss : float
        Fraction below the entry, in (0, 1).
    roi : tuple of (int, float)
        Minutes since the entry, profit after fees at which to leave from then on; ascending; may be empty.
    max_hold_min : int
        Minutes; 0 = no limit.
    stake : float
        Quote units a trade.
    volume_share : float
        Most of the entry bar's volume that is bought (mode default); 0 = no limit.
    """

    entry: Expression
    stoploss: float
    stake: float
    exit_: Expression | None = None
    startup: int = 0
    rank: Expression | None = None
    entry_limit: float = 0.0
    roi: tuple[tuple[int, float], ...] = ()
    trailing: Trailing | None = None
    max_hold_min: int = 0
    volume_share: float = _VOLUME_SHARE
    costs: Costs = field(default_factory=Costs)
    name: str = ""

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All that read columns."""
        return tuple(each for each in (self.entry, self.exit_, self.rank) if each is not None)


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
    reader = _Reader(text, where, document)
    reader.check_keys()
    return reader.strategy()


class _Reader:
    """One document, with the lines its keys stand on."""

    def __init__(self, text: str, where: str, document: Mapping[str, Any]) -> None:
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
            startup=self._whole("startup", 0, 0, 1_000_000),
            entry=self._condition("entry.when"),
            exit_=self._condition("exit.when") if "when" in self._table("exit") else None,
            rank=self._read("entry.rank", expression) if "rank" in self._table("entry") else None,
            entry_limit=self._number("entry.limit", 0.0, 0.0, 100.0),
            stoploss=self._number("risk.stoploss", None, 0.0, 1.0, open_ends=True),
            roi=roi,
            trailing=trailing,
            max_hold_min=self._max_hold(),
            stake=self._number("stake.amount", None, 0.0, 1e15, open_ends=True),
            volume_share=self._number("stake.volume_share", _VOLUME_SHARE, 0.0, 1.0),
            costs=Costs(
                **{
                    name: self._number(f"costs.{name}", getattr(Costs(), name), 0.0, 0.5)
                    for name in KEYS["costs"]
                }
            ),
        )

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
            return read(text, known=catalogue.known, near=catalogue.nearest)
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

    def _max_hold(self) -> int:
        value = self._value("risk.max_hold")
        if value is None:
            return 0
        found = re.fullmatch(r"([1-9]\d{0,6})([mhdw])", value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(
                "risk.max_hold", f'risk.max_hold must be like "30m", "6h" or "2d", was {value!r}'
            )
        return int(found[1]) * _MINUTES[found[2]]

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
