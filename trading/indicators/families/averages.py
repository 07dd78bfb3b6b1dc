"""Averages of the close: EMA, SMA, WMA, HMA."""

from math import isqrt

from trading.indicators.bars import Floats
from trading.indicators.declared import Indicator, OneSymbol, length
from trading.indicators.families.engine import plain
from trading.indicators.warmup import ema_bars

_EMA, _SMA, _WMA, _HMA = map(plain, ("EMA", "SMA", "WMA", "HMA"))


def _ema(own: OneSymbol, bars: int) -> tuple[Floats]:
    return (_EMA(own.close, bars),)


def _sma(own: OneSymbol, bars: int) -> tuple[Floats]:
    return (_SMA(own.close, bars),)


def _wma(own: OneSymbol, bars: int) -> tuple[Floats]:
    return (_WMA(own.close, bars),)


def _hma(own: OneSymbol, bars: int) -> tuple[Floats]:
    return (_HMA(own.close, bars),)


FAMILY = (
    Indicator(
        name="ema",
        outputs=("ema",),
        unit="quote",
        formula="e = e' + 2/(n+1) (close - e')",
        seed="mean of the first n closes",
        source="TA-Lib EMA",
        parameters=(length(20),),
        compute=_ema,
        warm_up=ema_bars,
    ),
    Indicator(
        name="sma",
        outputs=("sma",),
        unit="quote",
        formula="mean of the last n closes",
        seed="none: fixed window",
        source="TA-Lib SMA",
        parameters=(length(20),),
        compute=_sma,
        warm_up=lambda bars: bars,
    ),
    Indicator(
        name="wma",
        outputs=("wma",),
        unit="quote",
        formula="mean of the last n closes weighted 1, 2, .. n, the newest heaviest",
        seed="none: fixed window",
        source="TA-Lib WMA",
        parameters=(length(20),),
        compute=_wma,
        warm_up=lambda bars: bars,
    ),
    Indicator(
        name="hma",
        outputs=("hma",),
        unit="quote",
        formula="WMA(2 WMA(close, n/2) - WMA(close, n), sqrt n); n/2 and sqrt n rounded down",
        seed="none: fixed window",
        source="Hull 2005; TA-Lib HMA",
        parameters=(length(20, low=4),),
        compute=_hma,
        warm_up=lambda bars: bars + isqrt(bars) - 1,
    ),
)
