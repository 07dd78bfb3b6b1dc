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

# An EMA of prices starts at most about 25 % off (mean against exponential mean of the same bars), so
# 0.1 % is reached once the seed weighs 1/250. RSI, ATR and MACD are made of price changes, whose seed
# can be several times off: 1/4000. Both were fitted to the measurement above, not to a theory.
_PRICE_SEED_WEIGHT = 1 / 250
_CHANGE_SEED_WEIGHT = 1 / 4000


def _bars_until(weight: float, decay: float) -> int:
    """Return after how many bars of factor `decay` a seed of weight 1 has weight `weight`."""
    return ceil(log(weight) / log(decay))


def warm_up_table(settings: IndicatorSettings) -> dict[str, int]:
    """Return the number of bars each column needs; its first value stands on that bar (counted from 1).

    Returns
    -------
    dict
        Column name -> bars. Bollinger bands look back a fixed window, so theirs is exact.
    """
    _, slow, signal = settings.macd
    wilder_rsi = _bars_until(_CHANGE_SEED_WEIGHT, 1 - 1 / settings.rsi)
    wilder_atr = _bars_until(_CHANGE_SEED_WEIGHT, 1 - 1 / settings.atr)
    # The signal line averages the MACD line, whose slow average decays last as long as the signal is shorter.
    slowest = max(slow, signal)
    macd_decay = _bars_until(_CHANGE_SEED_WEIGHT, 1 - 2 / (slowest + 1))
    table = {f"rsi_{settings.rsi}": settings.rsi + 1 + wilder_rsi, "macd": slow + macd_decay}
    table |= dict.fromkeys(("macd_signal", "macd_hist"), slow + signal - 1 + macd_decay)
    table |= dict.fromkeys(("bb_upper", "bb_middle", "bb_lower"), settings.bollinger[0])
    table[f"atr_{settings.atr}"] = settings.atr + 1 + wilder_atr
    for length in settings.emas:
        table[f"ema_{length}"] = length + _bars_until(_PRICE_SEED_WEIGHT, 1 - 2 / (length + 1))
    return table


def warm_up_bars(settings: IndicatorSettings | None = None) -> int:
    """Return how many bars make every column non-null: what a candle fetch must ask for at least.

    Examples
    --------
    >>> warm_up_bars(IndicatorSettings())
    753
    """
    return max(warm_up_table(settings or IndicatorSettings()).values())
