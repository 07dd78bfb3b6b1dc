"""Trend: ADX and its directions, Supertrend, parabolic SAR, Ichimoku."""

import numpy as np

from trading.indicators.bars import Floats
from trading.indicators.declared import Indicator, OneSymbol, Parameter, length
from trading.indicators.families.engine import delayed, flat_for, null_where, plain
from trading.indicators.warmup import adx_bars, di_bars, sar_bars, supertrend_bars

_ADX, _PLUS, _MINUS, _SAR, _SUPERTREND = map(plain, ("ADX", "PLUS_DI", "MINUS_DI", "SAR", "SUPERTREND"))
_PLUS_DM, _MINUS_DM = map(plain, ("PLUS_DM", "MINUS_DM"))
_MIN, _MAX = map(plain, ("MIN", "MAX"))


def _adx(own: OneSymbol, bars: int) -> tuple[Floats]:
    values = _ADX(own.high, own.low, own.close, bars)
    # Nothing has ever moved in a direction: 0/0, and TA-Lib says 0.
    moved = _PLUS_DM(own.high, own.low, bars) + _MINUS_DM(own.high, own.low, bars)
    return (null_where(values, moved == 0.0),)


def _directions(own: OneSymbol, bars: int) -> tuple[Floats, Floats]:
    plus, minus = _PLUS(own.high, own.low, own.close, bars), _MINUS(own.high, own.low, own.close, bars)
    flat = flat_for(own.high, bars) & flat_for(own.low, bars) & (plus == 0.0) & (minus == 0.0)
    return null_where(plus, flat), null_where(minus, flat)


def _supertrend(own: OneSymbol, bars: int, width: float) -> tuple[Floats, Floats]:
    line, direction = _SUPERTREND(own.high, own.low, own.close, bars, width)
    return line, np.where(np.isnan(line), np.nan, direction)


def _psar(own: OneSymbol, step: float, most: float) -> tuple[Floats]:
    return (_SAR(own.high, own.low, step, most),)


def _ichimoku(own: OneSymbol, tenkan: int, kijun: int, senkou: int) -> tuple[Floats, ...]:
    fast, slow, far = (0.5 * (_MAX(own.high, n) + _MIN(own.low, n)) for n in (tenkan, kijun, senkou))
    return fast, slow, delayed(0.5 * (fast + slow), kijun - 1), delayed(far, kijun - 1)


FAMILY = (
    Indicator(
        name="adx",
        outputs=("adx",),
        unit="0..100",
        formula="Wilder average over n bars of DX = 100 |P - M| / (P + M); P, M = Wilder sums of +DM, -DM",
        seed="sums of the first n-1 movements, then the mean of the first n DX",
        source="Wilder 1978; TA-Lib ADX",
        parameters=(length(14),),
        compute=_adx,
        warm_up=adx_bars,
        null_where="high and low never moved in a direction (0/0)",
    ),
    Indicator(
        name="di",
        outputs=("plus_di", "minus_di"),
        unit="0..100",
        formula="100 x Wilder sum of +DM (-DM) / Wilder sum of the true range, n bars",
        seed="sums of the first n-1 movements",
        source="Wilder 1978; TA-Lib PLUS_DI, MINUS_DI",
        parameters=(length(14),),
        compute=_directions,
        warm_up=di_bars,
        null_where="no price ever moved (0/0)",
    ),
    Indicator(
        name="supertrend",
        outputs=("supertrend", "supertrend_direction"),
        unit="quote; direction is 1 (up) or -1 (down)",
        formula="(high + low)/2 -+ width ATR(n); a band only tightens until the close crosses it",
        seed="ATR's; the first trend is a guess and is forgotten with the turns",
        source="Seban; TA-Lib SUPERTREND",
        parameters=(length(10), Parameter("width", 3.0, 0.1, 50.0, is_whole=False)),
        compute=_supertrend,
        warm_up=supertrend_bars,
    ),
    Indicator(
        name="psar",
        outputs=("psar",),
        unit="quote",
        formula="s = s' + a (extreme - s'); a grows by step at each extreme, up to most; crossed, it turns",
        seed="the first bars' direction; forgotten with the turns",
        source="Wilder 1978; TA-Lib SAR",
        parameters=(
            Parameter("step", 0.02, 0.001, 1.0, is_whole=False),
            Parameter("most", 0.2, 0.001, 1.0, is_whole=False),
        ),
        compute=_psar,
        warm_up=sar_bars,
    ),
    Indicator(
        name="ichimoku",
        outputs=("ichimoku_tenkan", "ichimoku_kijun", "ichimoku_span_a", "ichimoku_span_b"),
        unit="quote",
        formula=(
            "(H + L)/2 over tenkan, kijun, senkou bars; span a = (tenkan + kijun)/2; both spans are those of "
            "kijun - 1 bars ago, as a chart shows them at this bar; no chikou, which is the future's close"
        ),
        seed="none: fixed window",
        source="Hosoda 1969",
        parameters=(length(9, "tenkan"), length(26, "kijun"), length(52, "senkou")),
        compute=_ichimoku,
        warm_up=lambda tenkan, kijun, senkou: (
            tenkan,
            kijun,
            max(tenkan, kijun) + kijun - 1,
            senkou + kijun - 1,
        ),
    ),
)
