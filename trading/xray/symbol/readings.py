"""Indicators of one symbol at one bar, read out in plain words. Formulas live in `trading.indicators`."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from trading.indicators.catalogue import understood, with_columns

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """One indicator: `value` null where it has none yet, `shown` as people write it, `words` what it says.

    `tone` is up, down or flat: which way a reader of charts would lean, not a promise.
    """

    name: str
    column: str
    value: float | None
    shown: str
    tone: str
    words: str


Read = Callable[[Row], tuple[str, str, str]]  # shown, tone, words


def _rsi(now: Row) -> tuple[str, str, str]:
    value = now["rsi_14"]
    if value < 30:
        return f"{value:.1f}", "up", "oversold: sold harder than usual, a bounce is likelier than a fall"
    if value > 70:
        return f"{value:.1f}", "down", "overbought: bought harder than usual, a pause is likelier than a rise"
    return f"{value:.1f}", "flat", "between 30 and 70: neither oversold nor overbought"


def _stochrsi(now: Row) -> tuple[str, str, str]:
    value = now["stochrsi_k_14_14_3_3"]
    if value < 20:
        return f"{value:.0f}", "up", "RSI is at the bottom of its own last 14 bars"
    if value > 80:
        return f"{value:.0f}", "down", "RSI is at the top of its own last 14 bars"
    return f"{value:.0f}", "flat", "RSI is in the middle of its own range"


def _macd(now: Row) -> tuple[str, str, str]:
    share = now["macd_hist"] / now["close"]
    shown = f"{share:+.3%} of the price"
    if share > 0:
        return shown, "up", "above its signal line: momentum leans up"
    if share < 0:
        return shown, "down", "below its signal line: momentum leans down"
    return shown, "flat", "on its signal line"


def _bands(now: Row) -> tuple[str, str, str]:
    width = now["bb_upper"] - now["bb_lower"]
    if width <= 0:
        return "no width", "flat", "the bands have closed: the price has not moved for 20 bars"
    place = (now["close"] - now["bb_lower"]) / width
    shown = f"{place:.0%} of the way up"
    if place < 0:
        return shown, "up", "below the lower band: cheap against its last 20 bars"
    if place > 1:
        return shown, "down", "above the upper band: dear against its last 20 bars"
    return shown, "flat", f"inside the bands, which are {width / now['bb_middle']:.1%} wide"


def _adx(now: Row) -> tuple[str, str, str]:
    value, plus, minus = now["adx_14"], now["plus_di_14"], now["minus_di_14"]
    if value < 20:
        return f"{value:.0f}", "flat", "no trend worth the name"
    side, tone = ("buyers", "up") if plus > minus else ("sellers", "down")
    power = "a strong trend" if value >= 25 else "a trend is forming"
    return f"{value:.0f}", tone, f"{power}, led by {side}"


def _atr(now: Row) -> tuple[str, str, str]:
    share = now["atr_14"] / now["close"]
    return f"{share:.2%} of the price", "flat", "what one bar usually spans: a stop closer than that is noise"


def _mean(length: int) -> Read:
    def read(now: Row) -> tuple[str, str, str]:
        share = now["close"] / now[f"ema_{length}"] - 1
        side, tone = ("above", "up") if share >= 0 else ("below", "down")
        return f"{share:+.2%} from it", tone, f"the close stands {side} its mean of {length} bars"

    return read


def _mfi(now: Row) -> tuple[str, str, str]:
    value = now["mfi_14"]
    if value < 20:
        return f"{value:.0f}", "up", "money has flowed out hard: oversold by volume"
    if value > 80:
        return f"{value:.0f}", "down", "money has flowed in hard: overbought by volume"
    return f"{value:.0f}", "flat", "money flows both ways"


def _supertrend(now: Row) -> tuple[str, str, str]:
    is_up = now["supertrend_direction_10_3"] > 0
    shown = "up" if is_up else "down"
    return shown, shown, f"its line stands {'below' if is_up else 'above'} the price and turns when crossed"


_READ: tuple[tuple[str, tuple[str, ...], Read], ...] = (
    ("RSI 14", ("rsi_14",), _rsi),
    ("Stochastic RSI", ("stochrsi_k_14_14_3_3",), _stochrsi),
    ("MACD 12 26 9", ("macd_hist",), _macd),
    ("Bollinger bands", ("bb_middle", "bb_upper", "bb_lower"), _bands),
    ("ADX 14", ("adx_14", "plus_di_14", "minus_di_14"), _adx),
    ("Supertrend 10 3", ("supertrend_direction_10_3",), _supertrend),
    ("EMA 20", ("ema_20",), _mean(20)),
    ("EMA 50", ("ema_50",), _mean(50)),
    ("EMA 200", ("ema_200",), _mean(200)),
    ("ATR 14", ("atr_14",), _atr),
    ("Money flow 14", ("mfi_14",), _mfi),
)
COLUMNS = tuple(dict.fromkeys(column for _, columns, _ in _READ for column in columns))


def indicator_columns(candles: pl.DataFrame) -> pl.DataFrame:
    """Return the candles of one symbol with every column that is read out or drawn."""
    return with_columns(candles, COLUMNS)


def readings(table: pl.DataFrame) -> list[Reading]:
    """Return each indicator at the last row of `table`, as `indicator_columns` made it.

    One that has no value yet stays, with the bars that it needs; without any bar there is none.
    """
    if table.is_empty():
        return []
    now = table.row(-1, named=True)
    told = []
    for name, columns, read in _READ:
        if any(now[column] is None for column in columns):
            need = max(understood(column).warm_up for column in columns)
            words = (
                f"needs {need} bars, has {table.height}" if table.height < need else "has no value here (0/0)"
            )
            told.append(Reading(name, columns[0], None, "–", "flat", words))
            continue
        shown, tone, words = read(now)
        told.append(Reading(name, columns[0], now[columns[0]], _written(shown), tone, _written(words)))
    return told


def _written(words: str) -> str:
    """Put a space before the percent sign and a minus for a hyphen before a digit."""
    spaced = words.replace("%", " %")
    return f"−{spaced[1:]}" if spaced.startswith("-") else spaced
