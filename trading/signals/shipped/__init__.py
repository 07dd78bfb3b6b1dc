"""Strategies that come with Sluice, as files: text here, read and run by `trading.backtest`."""

from pathlib import Path

_HERE = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Return the names of the files, sorted."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


def text_of(name: str) -> str:
    """Return the text of one of `names`."""
    return (_HERE / f"{name}.toml").read_text(encoding="utf-8")
