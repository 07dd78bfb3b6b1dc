"""Volume: OBV, VWAP, MFI. Volume is in base units; a bar may have none."""

from itertools import pairwise

import numpy as np

from trading.indicators.bars import Floats
from trading.indicators.declared import Indicator, OneSymbol, length
from trading.indicators.families.engine import null_where, plain, window_sum

_OBV, _MFI = map(plain, ("OBV", "MFI"))


def _obv(own: OneSymbol) -> tuple[Floats]:
    return (_OBV(own.close, own.volume),)


def _vwap(own: OneSymbol) -> tuple[Floats]:
    typical = (own.high + own.low + own.close) / 3.0
    out = np.full(len(typical), np.nan)
    # A day that was under way when the history begins has no VWAP of ours.
    starts = np.flatnonzero(np.diff(own.day)) + 1
    for start, stop in pairwise([*starts, len(typical)]):
        volume = np.cumsum(own.volume[start:stop])
        worth = np.cumsum(own.volume[start:stop] * typical[start:stop])
        np.divide(worth, volume, out=out[start:stop], where=volume > 0)
    return (out,)


def _rolling_vwap(own: OneSymbol, bars: int) -> tuple[Floats]:
    typical = (own.high + own.low + own.close) / 3.0
    volume, out = window_sum(own.volume, bars), np.full(len(typical), np.nan)
    np.divide(window_sum(own.volume * typical, bars), volume, out=out, where=volume > 0)
    return (out,)


def _mfi(own: OneSymbol, bars: int) -> tuple[Floats]:
    typical = (own.high + own.low + own.close) / 3.0
    moved = np.concatenate(([False], (typical[1:] != typical[:-1]) & (own.volume[1:] > 0)))
    still = window_sum(moved.astype(np.float64), bars) == 0
    return (null_where(_MFI(own.high, own.low, own.close, own.volume, bars), still),)


FAMILY = (
    Indicator(
        name="obv",
        outputs=("obv",),
        unit="base; its level depends on where the history begins, only its changes mean something",
        formula="o = o' + volume if the close rose, o' - volume if it fell, else o'",
        seed="the first bar's volume",
        source="Granville 1963; TA-Lib OBV",
        parameters=(),
        compute=_obv,
        warm_up=lambda: 1,
    ),
    Indicator(
        name="vwap",
        outputs=("vwap",),
        unit="quote",
        formula="sum of volume (high + low + close)/3 / sum of volume, since the bar that opened the UTC day",
        seed="anew each UTC day; null on the day that the history begins in",
        source="Berkowitz, Logue and Noser 1988",
        parameters=(),
        compute=_vwap,
        warm_up=lambda: 2,
        null_where="nothing was traded yet that day (0/0)",
    ),
    Indicator(
        name="vwap_rolling",
        outputs=("vwap_rolling",),
        unit="quote",
        formula="sum of volume (high + low + close)/3 / sum of volume, over n bars",
        seed="none: fixed window",
        source="as vwap, over a window",
        parameters=(length(20, low=1),),
        compute=_rolling_vwap,
        warm_up=lambda bars: bars,
        null_where="nothing was traded within the window (0/0)",
    ),
    Indicator(
        name="mfi",
        outputs=("mfi",),
        unit="0..100",
        formula="100 P / (P + N): volume x t over n bars where t rose (fell), t = (high + low + close)/3",
        seed="none: fixed window",
        source="Quong and Soudack 1989; TA-Lib MFI",
        parameters=(length(14),),
        compute=_mfi,
        warm_up=lambda bars: bars + 1,
        null_where="nothing was traded at a changed price within the window (0/0)",
    ),
)
