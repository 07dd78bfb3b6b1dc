"""Strategies by name or path: those that come with Sluice, a TOML file, or a Python file that is run."""

from functools import cache
from pathlib import Path

from trading.backtest.strategy import Strategy
from trading.backtest.strategy_file import parse_strategy, read_strategy
from trading.backtest.strategy_python import read_python
from trading.backtest.strategy_reader import BadStrategy
from trading.signals import shipped

DEFAULT = "rsi_regime"  # what the line runs unless it is told otherwise


def names() -> tuple[str, ...]:
    """Return the names of the strategies that come with Sluice, sorted."""
    return shipped.names()


def text_of(name: str) -> str:
    """Return the file of a shipped strategy.

    Raises
    ------
    BadStrategy
        If there is none of that name; the message lists them.
    """
    if name not in names():
        raise BadStrategy(f"no strategy {name!r}; shipped: {', '.join(names())}; or give the path of a file")
    return shipped.text_of(name)


@cache
def shipped_strategy(name: str) -> Strategy:
    """Return a shipped strategy; raises as `text_of`."""
    return parse_strategy(text_of(name), f"{name}.toml")


def strategy_named(name: str) -> Strategy:
    """Return the strategy of a shipped name, or of a path that ends in .toml or .py.

    Raises
    ------
    BadStrategy
        If there is no such strategy, or the file cannot be meant.

    Notes
    -----
    A .py file is **run**, with all rights of this process: give paths of your own files only.
    """
    if name in names():
        return shipped_strategy(name)
    path = Path(name)
    if path.suffix == ".py":
        return read_python(path)
    if path.suffix != ".toml" and not path.is_file():
        text_of(name)  # says which there are
    return read_strategy(path)
