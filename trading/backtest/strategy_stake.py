"""What a strategy file says of sizes: a fixed amount, by slots, by risk or by volatility, with caps."""

from trading.backtest.strategy import Sizing
from trading.backtest.strategy_reader import Reader, known
from trading.indicators import catalogue
from trading.indicators.expressions.expression import Expression, expression


def stake(reader: Reader) -> float:
    """Return quote units a trade; 0 = by slots or by risk. Raises BadStrategy with line and bound."""
    if reader.has("stake.risk"):
        if reader.has("stake.amount"):
            raise reader.wrong("stake.risk", "stake must have amount or risk, one of them")
        if not reader.has("stake.wallet"):
            raise reader.wrong("stake.risk", "stake.risk needs stake.wallet, which is missing")
        return 0.0
    if reader.value("stake.amount") != "slots":
        return reader.number("stake.amount", None, 0.0, 1e15, open_ends=True)
    if not reader.has("stake.wallet"):
        raise reader.wrong("stake.amount", 'stake.amount = "slots" needs stake.wallet, which is missing')
    return 0.0


def sizing(reader: Reader) -> Sizing:
    """Return risk and caps; what only risk uses is refused without it."""
    plain = Sizing()
    if not reader.has("stake.risk"):
        for key in ("max_share", "reserve"):
            if reader.has(f"stake.{key}"):
                raise reader.wrong(f"stake.{key}", f"stake.{key} means something with stake.risk only")
        return Sizing(most=reader.number("stake.most", 0.0, 0.0, 1e15))
    return Sizing(
        risk=reader.number("stake.risk", None, 0.0, 1.0, open_ends=True),
        max_share=reader.number("stake.max_share", plain.max_share, 0.0, 1.0, open_ends=True),
        reserve=reader.number("stake.reserve", plain.reserve, 0.0, 0.99),
        most=reader.number("stake.most", 0.0, 0.0, 1e15),
    )


def scale(reader: Reader) -> Expression | None:
    """Return by what the stake is multiplied: `stake.scale`, or the target over what the column says."""
    if not reader.has("stake.volatility"):
        return reader.read("stake.scale", expression) if reader.has("stake.scale") else None
    if reader.has("stake.scale"):
        raise reader.wrong("stake.volatility", "stake must have scale or volatility, one of them")
    path = "stake.volatility"
    target = reader.number(f"{path}.target", None, 0.0, 10.0, open_ends=True)
    most = reader.number(f"{path}.most", 1.0, 0.0, 1000.0, open_ends=True)
    column = reader.value(f"{path}.column")
    if column is None:
        raise reader.missing(f"{path}.column")
    if not isinstance(column, str) or not catalogue.known(column):
        raise reader.wrong(
            f"{path}.column",
            f"{path}.column must be a column in units of the price such as atr_14, was {column!r}",
        )
    text = f"min({most!r}, {target!r} * close / {column})"
    return expression(text, known=known, near=catalogue.nearest)
