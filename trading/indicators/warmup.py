"""How many bars an indicator needs before its value may be shown. Values before that are null.

A recursive average started on a short history differs from the one with a long history by
``(weight of its seed) x (error of its seed)``. The weight decays geometrically and is known exactly;
the error of the seed is a property of markets and was measured: on 3,136 windows of real candles
(1h, 15m and 1d perpetuals 2020-2025, 1h spot of 2022 with the LUNA and FTX crashes) the bars after
which the error stays below 0.1 % were, worst window / this module's figure at default lengths:
EMA20 73/76, EMA50 188/189, EMA200 773/753 (99.9 % of windows: 750), RSI14 126/127, ATR14 123/127,
MACD 130/134, its signal 137/142. MACD crosses zero, so its error is taken relative to the
root mean square of its own last 200 values; all others relative to their value.
"""

from math import ceil, log

from trading.indicators.settings import IndicatorSettings
from trading.market.errors import BadInput

# An EMA of prices starts at most about 25 % off (mean against exponential mean of the same bars), so
# 0.1 % is reached once the seed weighs 1/250. RSI, ATR and MACD are made of price changes, whose seed
# can be several times off: 1/4000. Both were fitted to the measurement above, not to a theory.
_PRICE_SEED_WEIGHT = 1 / 250
_CHANGE_SEED_WEIGHT = 1 / 4000
_QUOTIENT_SEED_WEIGHT = 1 / 20_000


def _bars_until(weight: float, decay: float) -> int:
    """Return after how many bars of factor `decay` a seed of weight 1 has weight `weight`."""
    return ceil(log(weight) / log(decay))


def ema_bars(length: int) -> int:
    """Return the warm-up of an EMA of prices."""
    return length + _bars_until(_PRICE_SEED_WEIGHT, 1 - 2 / (length + 1))


def rsi_bars(length: int) -> int:
    """Return the warm-up of RSI, and of any one Wilder average of price changes."""
    return length + 1 + _bars_until(_CHANGE_SEED_WEIGHT, 1 - 1 / length)


atr_bars = rsi_bars


def di_bars(length: int) -> int:
    """Return the warm-up of the directions: a quotient of two averages, each seeded on its own."""
    return length + 1 + _bars_until(_QUOTIENT_SEED_WEIGHT, 1 - 1 / length)


def adx_bars(length: int) -> int:
    """Return the warm-up of ADX, an average of such a quotient."""
    return 2 * length + _bars_until(_QUOTIENT_SEED_WEIGHT, 1 - 1 / length)


def stochrsi_bars(length: int, window: int, smooth: int, signal: int) -> tuple[int, int]:
    """Return the warm-up of both lines of the stochastic RSI: RSI's, its window and the smoothing."""
    first = rsi_bars(length) + window + 2 * smooth
    return first, first + signal - 1


def macd_bars(fast: int, slow: int, signal: int) -> tuple[int, int, int]:
    """Return the warm-up of line, signal and histogram.

    The signal line averages the MACD line, whose slow average decays last as long as the signal is shorter.

    Raises
    ------
    BadInput
        If fast is not below slow: there is no such indicator.
    """
    if fast >= slow:
        raise BadInput(f"macd: fast must be below slow ({slow:g}), was {fast:g}")
    decay = _bars_until(_CHANGE_SEED_WEIGHT, 1 - 2 / (max(slow, signal) + 1))
    return slow + decay, slow + signal - 1 + decay, slow + signal - 1 + decay


def supertrend_bars(length: int, width: float) -> int:
    """Return the warm-up of Supertrend: ATR's, and the turns in which the first guess is forgotten."""
    return atr_bars(length) + ceil(1.25 * length * width)


def sar_bars(step: float, most: float) -> int:
    """Return the warm-up of the parabolic SAR: the smaller its step, the later it turns and forgets.

    Raises
    ------
    BadInput
        If the step is above the most it may grow to.
    """
    if step > most:
        raise BadInput(f"psar: step must not be above most ({most:g}), was {step:g}")
    return ceil(5 / step)


def warm_up_table(settings: IndicatorSettings) -> dict[str, int]:
    """Return the number of bars each column needs; its first value stands on that bar (counted from 1).

    Returns
    -------
    dict
        Column name -> bars. Bollinger bands look back a fixed window, so theirs is exact.
    """
    line, signal, hist = macd_bars(*settings.macd)
    table = {f"rsi_{settings.rsi}": rsi_bars(settings.rsi)}
    table |= {"macd": line, "macd_signal": signal, "macd_hist": hist}
    table |= dict.fromkeys(("bb_upper", "bb_middle", "bb_lower"), settings.bollinger[0])
    table[f"atr_{settings.atr}"] = atr_bars(settings.atr)
    for length in settings.emas:
        table[f"ema_{length}"] = ema_bars(length)
    table[f"adx_{settings.adx}"] = adx_bars(settings.adx)
    table["stochrsi_k"], table["stochrsi_d"] = stochrsi_bars(*settings.stochrsi)
    return table | {"obv": 1}


def warm_up_bars(settings: IndicatorSettings | None = None) -> int:
    """Return how many bars make every column non-null: what a candle fetch must ask for at least.

    Examples
    --------
    >>> warm_up_bars(IndicatorSettings())
    753
    """
    return max(warm_up_table(settings or IndicatorSettings()).values())
