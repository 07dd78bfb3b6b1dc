"""Where one price is going and how wildly, in numbers and words."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.xray.causal import ewma, trailing_percentile

_HALF_LIFE, _HISTORY, _LEAST = 24, 1000, 120
_SAME = 1e-9  # share of a price below which a mean differs from it by rounding only
_STRONG_ADX, _WEAK_ADX = 25.0, 20.0


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend at the newest bar.

    `direction` is up, down, sideways or unknown; `strength` the ADX (0..100); `above` says for each mean
    whether the close stands above it; `changes` are returns over so many bars.
    """

    direction: str
    strength: float | None
    above: dict[str, bool]
    changes: dict[str, float]
    words: str


@dataclass(frozen=True, slots=True)
class Volatility:
    """How much the price moves: per bar, per day, and where that stands among its own past (0..1)."""

    regime: str
    per_bar: float | None
    per_day: float | None
    percentile: float | None
    words: str


def trend_of(table: pl.DataFrame) -> Trend:
    """Return the trend at the last row of `table`: closes with `ema_20`, `ema_50`, `ema_200`, `adx_14`."""
    if table.is_empty():
        return Trend("unknown", None, {}, {}, "No bar of it is stored, so no trend can be told.")
    now = table.row(-1, named=True)
    means = {name: now[name] for name in ("ema_20", "ema_50", "ema_200") if now[name] is not None}
    above = {
        name.replace("_", " ").upper(): now["close"] > value
        for name, value in means.items()
        if abs(now["close"] - value) > _SAME * value
    }
    strength = now["adx_14"]
    direction = _direction(now["close"], means, strength)
    changes = {f"{bars} bars": _change(table["close"], bars) for bars in (4, 16, 96)}
    known = {name: value for name, value in changes.items() if value is not None}
    return Trend(direction, strength, above, known, _trend_words(direction, strength, above))


def _direction(close: float, means: dict[str, float], strength: float | None) -> str:
    if "ema_20" not in means or "ema_50" not in means:
        return "unknown"
    if strength is not None and strength < _WEAK_ADX:
        return "sideways"
    if close > means["ema_50"] and means["ema_20"] > means["ema_50"]:
        return "up"
    if close < means["ema_50"] and means["ema_20"] < means["ema_50"]:
        return "down"
    return "sideways"


def _change(close: pl.Series, bars: int) -> float | None:
    return None if close.len() <= bars else float(close[-1] / close[-1 - bars] - 1)


def _trend_words(direction: str, strength: float | None, above: dict[str, bool]) -> str:
    if direction == "unknown":
        return "Too little history to name a trend."
    power = "" if strength is None else "strong " if strength >= _STRONG_ADX else "weak "
    first = "No clear trend" if direction == "sideways" else f"A {power}{direction}trend"
    over = [name for name, is_above in above.items() if is_above]
    if not above:
        where = "the close stands on its means"
    elif len(over) == len(above):
        where = f"the close stands above {_listed(list(above))}"
    elif not over:
        where = f"the close stands below {_listed(list(above))}"
    else:
        under = [name for name in above if name not in over]
        where = f"the close stands above {_listed(over)} and below {_listed(under)}"
    force = "" if strength is None else f", ADX {strength:.0f}"
    return f"{first}: {where}{force}."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def volatility_of(candles: pl.DataFrame, bar_ms: int) -> Volatility:
    """Return how wildly the price moves: EWMA standard deviation of log returns, half-life of 24 bars.

    Named by thirds of its own last 1,000 bars: quiet, usual, wild; unknown before 120 bars.
    """
    close = candles["close"].to_numpy()
    if not len(close):
        return Volatility("unknown", None, None, None, "Nor how much it moves.")
    if len(close) < 3:
        return Volatility("unknown", None, None, None, "Too little history to measure how much it moves.")
    returns = np.diff(np.log(close))
    widths = np.sqrt(ewma((returns * returns)[None, :], _HALF_LIFE)[0])
    per_bar = float(widths[-1])
    per_day = per_bar * float(np.sqrt(86_400_000 / bar_ms))
    if per_bar == 0:
        return Volatility("dead", 0.0, 0.0, None, "The price has not moved at all.")
    rank = float(trailing_percentile(widths, _HISTORY, _LEAST)[-1])
    if np.isnan(rank):
        words = (
            f"It moves {per_day * 100:.1f} % a day; too little history to say whether that is much for it."
        )
        return Volatility("unknown", per_bar, per_day, None, words)
    name = "wild" if rank > 2 / 3 else "usual" if rank > 1 / 3 else "quiet"
    words = (
        f"It moves {per_day * 100:.1f} % a day, more than in {rank * 100:.0f} % of its past: "
        f"{name} for this pair."
    )
    return Volatility(name, per_bar, per_day, rank, words)
