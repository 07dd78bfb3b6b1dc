"""What a strategy file says of adding to a position and of selling it in parts.

``[[entry.add]]`` and ``[[risk.partial]]``.
"""

from trading.backtest.strategy import Addition, Part
from trading.backtest.strategy_reader import Reader

_MOST_ADDITIONS = 100


def additions(reader: Reader) -> tuple[Addition, ...]:
    """Return the additions, in the order of the file; raises BadStrategy with line and bound."""
    found = []
    for path in reader.tables("entry.add"):
        is_level = _is_level(reader, path)
        stop = reader.number("risk.stoploss", None, 0.0, 1.0, open_ends=True)
        at = reader.number(f"{path}.at", None, -1.0, 0.0, open_ends=True) if is_level else 0.0
        if is_level and at <= -stop:
            raise reader.wrong(
                f"{path}.at",
                f"entry.add.at must be above the stop (-{stop:g}), or is never reached, was {at:g}",
            )
        if reader.has(f"{path}.share") == reader.has(f"{path}.amount"):
            raise reader.wrong(path, "entry.add must have share (of the first stake) or amount, one of them")
        found.append(
            Addition(
                at=at,
                when=None if is_level else reader.condition(f"{path}.when"),
                share=reader.number(f"{path}.share", 0.0, 1e-6, 1000.0),
                amount=reader.number(f"{path}.amount", 0.0, 1e-12, 1e15),
                most=reader.whole(f"{path}.most", 1, 1, _MOST_ADDITIONS),
            )
        )
    return tuple(found)


def sold_parts(reader: Reader) -> tuple[Part, ...]:
    """Return the parts, in the order of the file; raises BadStrategy with line and bound."""
    found, total = [], 0.0
    for path in reader.tables("risk.partial"):
        is_level = _is_level(reader, path)
        share = reader.number(f"{path}.share", None, 1e-6, 1.0)
        total += share
        if total > 1 + 1e-9:
            raise reader.wrong(
                f"{path}.share", f"risk.partial.share must be at most 1 over all parts, was {total:g}"
            )
        found.append(
            Part(
                share,
                at=reader.number(f"{path}.at", None, 0.0, 80.0, open_ends=True) if is_level else 0.0,
                when=None if is_level else reader.condition(f"{path}.when"),
            )
        )
    return tuple(found)


def _is_level(reader: Reader, path: str) -> bool:
    has_level, has_condition = reader.has(f"{path}.at"), reader.has(f"{path}.when")
    if has_level == has_condition:
        name = path.rpartition(".")[0]
        raise reader.wrong(path, f"{name} must have at (a level) or when (a condition), one of them")
    return has_level
