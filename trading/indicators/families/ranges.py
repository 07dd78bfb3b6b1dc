"""Ranges and channels: ATR, realised volatility, Bollinger, Donchian, Keltner."""

import numpy as np

from trading.indicators.bars import Floats
from trading.indicators.declared import Indicator, OneSymbol, Parameter, length
from trading.indicators.families.engine import plain, window_sum
from trading.indicators.warmup import atr_bars, ema_bars

_ATR, _BBANDS, _EMA, _DONCHIAN = map(plain, ("ATR", "BBANDS", "EMA", "DONCHIAN"))
_WIDTH = Parameter("width", 2.0, 0.1, 50.0, is_whole=False)


def _atr(own: OneSymbol, bars: int) -> tuple[Floats]:
    return (_ATR(own.high, own.low, own.close, bars),)


def _natr(own: OneSymbol, bars: int) -> tuple[Floats]:
    return (100.0 * _ATR(own.high, own.low, own.close, bars) / own.close,)


def _bollinger(own: OneSymbol, bars: int, width: float) -> tuple[Floats, Floats, Floats]:
    upper, middle, lower = _BBANDS(own.close, bars, width, width)
    return upper, middle, lower


def _donchian(own: OneSymbol, bars: int) -> tuple[Floats, Floats, Floats]:
    upper, middle, lower = _DONCHIAN(own.high, own.low, bars)
    return upper, middle, lower


def _keltner(own: OneSymbol, bars: int, width: float, atr: int) -> tuple[Floats, Floats, Floats]:
    middle, half = _EMA(own.close, bars), width * _ATR(own.high, own.low, own.close, atr)
    return middle + half, middle, middle - half


def _realised(own: OneSymbol, bars: int) -> tuple[Floats]:
    steps = np.diff(np.log(own.close), prepend=np.nan)
    return (np.sqrt(window_sum(steps * steps, bars)),)


FAMILY = (
    Indicator(
        name="atr",
        outputs=("atr",),
        unit="quote",
        formula="a = ((n-1) a' + TR) / n, TR = max(high - low, |high - close'|, |low - close'|)",
        seed="mean of the first n true ranges, from bar 2 on",
        source="Wilder 1978; TA-Lib ATR",
        parameters=(length(14),),
        compute=_atr,
        warm_up=atr_bars,
    ),
    Indicator(
        name="natr",
        outputs=("natr",),
        unit="percent of the close",
        formula="100 ATR(n) / close",
        seed="that of ATR",
        source="TA-Lib NATR",
        parameters=(length(14),),
        compute=_natr,
        warm_up=atr_bars,
    ),
    Indicator(
        name="realised_vol",
        outputs=("realised_vol",),
        unit="fraction over the window (n bars), not annualised",
        formula="square root of the sum of the last n squared log returns",
        seed="none: fixed window",
        source="Andersen and Bollerslev 1998",
        parameters=(length(20, low=1),),
        compute=_realised,
        warm_up=lambda bars: bars + 1,
    ),
    Indicator(
        name="bb",
        outputs=("bb_upper", "bb_middle", "bb_lower"),
        unit="quote",
        formula="mean of the last n closes, +- width population standard deviations (divisor n)",
        seed="none: fixed window",
        source="Bollinger; TA-Lib BBANDS",
        parameters=(length(20), _WIDTH),
        compute=_bollinger,
        warm_up=lambda bars, _width: bars,
    ),
    Indicator(
        name="donchian",
        outputs=("donchian_upper", "donchian_middle", "donchian_lower"),
        unit="quote",
        formula="highest high and lowest low of the last n bars, this one included, and their mean",
        seed="none: fixed window",
        source="Donchian; TA-Lib DONCHIAN",
        parameters=(length(20),),
        compute=_donchian,
        warm_up=lambda bars: bars,
    ),
    Indicator(
        name="keltner",
        outputs=("keltner_upper", "keltner_middle", "keltner_lower"),
        unit="quote",
        formula="EMA(n) of the close +- width ATR(a)",
        seed="those of EMA and ATR",
        source="Keltner 1960 as Raschke changed it",
        parameters=(length(20), _WIDTH, length(10, "atr")),
        compute=_keltner,
        warm_up=lambda bars, _width, atr: max(ema_bars(bars), atr_bars(atr)),
    ),
)
