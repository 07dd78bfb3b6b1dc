"""A strategy declared in Python: tables and checks of a TOML file, with Python's means of writing them.

A file like this one, say `dips.py`::

    from trading.backtest.strategy_python import Strategy

    LENGTH = 14
    STRATEGY = Strategy(
        name="dips",
        startup=130,
        entry={"when": f"rsi_{LENGTH} < 30 AND volume > 0"},
        exit={"when": f"rsi_{LENGTH} > 55"},
        risk={"stoploss": 0.05, "roi": {0: 0.03, 60: 0.015}},
        stake={"amount": 500},
    )

The file is **run**, with all rights of the process: only a path that a person gives is ever loaded, never one
from a table, a message or a setting of a user. What it declares is data: no code of it runs in a backtest.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trading.backtest import strategy
from trading.backtest.strategy_file import strategy_of
from trading.backtest.strategy_reader import BadStrategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """Tables of a strategy file; keys are those of `strategy_file.KEYS`, minutes of `roi` may be numbers."""

    name: str = ""
    about: str = ""
    startup: int = 0
    entry: Mapping[str, Any]
    risk: Mapping[str, Any]
    stake: Mapping[str, Any]
    exit: Mapping[str, Any] = field(default_factory=dict)
    protections: Mapping[str, Any] = field(default_factory=dict)
    costs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """What a TOML file would have been read as; empty tables are left out."""
        tables = {name: getattr(self, name) for name in self.__slots__}
        return {name: _plain(value) for name, value in tables.items() if value not in ("", {})}


def read_python(path: Path) -> strategy.Strategy:
    """Run a Python file and return the strategy that its `STRATEGY` declares.

    Raises
    ------
    BadStrategy
        If it cannot be run, has no `STRATEGY`, or that has a mistake a TOML file could have.
    """
    if not path.is_file():
        raise BadStrategy(f"{path} cannot be read: no such file")
    spec = importlib.util.spec_from_file_location(f"sluice_strategy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadStrategy(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a person's own file: whatever it raises is one sentence
        raise BadStrategy(f"{path}: {type(error).__name__}: {error}") from error
    found = getattr(module, "STRATEGY", None)
    if not isinstance(found, Strategy):
        raise BadStrategy(f"{path} must set STRATEGY to a Strategy(..), was {type(found).__name__}")
    return strategy_of(found.document, str(path))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(of) for key, of in value.items()}
    return value
