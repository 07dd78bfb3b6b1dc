"""The market's conditions at each bar, measured: breadth, volatility, trend, correlation, turnover, peg.

Each is one number per bar that reads that bar and earlier ones only. What they mean together is decided in
`trading.xray.regime`.
"""

import numpy as np
import numpy.typing as npt

from trading.xray.causal import ewma, ratio_to_median, rolling_mean, trailing_median, trailing_percentile
from trading.xray.regime_rules import RegimeSettings
from trading.xray.returns import Floats, Wide

Columns = dict[str, object]


def measures(wide: Wide, turnover: Floats, settings: RegimeSettings) -> Columns:
    """Return the conditions by name, each of shape (n_times,), NaN where nothing can be measured.

    Parameters
    ----------
    wide : Wide
        Closes of the market and of its pegs on one grid.
    turnover : array of shape (n_times,)
        Traded value at each bar in dollars, NaN where unknown.
    """
    moving = Wide(*_rows(wide, [not settings.is_peg(symbol) for symbol in wide.symbols]))
    pegs = Wide(*_rows(wide, [settings.is_peg(symbol) for symbol in wide.symbols]))
    return _market(moving, settings) | _turnover(turnover, settings) | _pegs(pegs, settings)


def _rows(wide: Wide, chosen: list[bool]) -> tuple[list[str], npt.NDArray[np.int64], Floats]:
    names = [symbol for symbol, is_in in zip(wide.symbols, chosen, strict=True) if is_in]
    return names, wide.open_ms, wide.close[np.asarray(chosen, dtype=bool)]


def _market(wide: Wide, settings: RegimeSettings) -> Columns:
    returns = _returns(wide)
    count = (~np.isnan(returns)).sum(axis=0)
    some = np.maximum(count, 1)
    market = np.where(count > 0, np.nansum(returns, axis=0) / some, np.nan)
    own_variance = ewma(returns * returns, settings.half_life)
    volatility = np.sqrt(ewma(market[None, :] ** 2, settings.half_life)[0])
    spread = np.sqrt(
        np.where(count > 1, np.nansum((returns - market) ** 2, axis=0) / np.maximum(count - 1, 1), np.nan)
    )
    means = rolling_mean(wide.close, settings.trend_bars)
    with np.errstate(invalid="ignore"):
        above, known = wide.close > means, ~np.isnan(means) & ~np.isnan(wide.close)
    breadth = np.where(
        known.any(axis=0), (above & known).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )
    return {
        "symbols": count,
        "market_return": market,
        "market_volatility": volatility,
        "volatility_percentile": trailing_percentile(volatility, settings.history, settings.min_history),
        "high_volatility_probability": loud_probability(market, volatility, settings),
        "median_volatility": np.sqrt(_column_median(own_variance)),
        "breadth": breadth,
        "btc_trend": _trend(wide, means, settings.reference),
        "mean_correlation": _mean_correlation(returns, own_variance, settings.half_life),
        "dispersion": ewma(spread[None, :], settings.half_life)[0],
    }


def _returns(wide: Wide) -> Floats:
    """Log returns per bar, first column NaN; a step over k bars counts as one with the variance of one bar.

    The length of a bar is the shortest step so far, never of the whole sample: that would read ahead.
    """
    blank = np.full((len(wide.symbols), 1), np.nan)
    if len(wide.open_ms) < 2:
        return blank
    steps = np.diff(wide.open_ms)
    bars = steps / np.minimum.accumulate(steps)
    return np.concatenate([blank, wide.log_returns() / np.sqrt(bars)], axis=1)


def _column_median(values: Floats) -> Floats:
    out = np.full(values.shape[1], np.nan)
    known = ~np.isnan(values).all(axis=0)
    out[known] = np.nanmedian(values[:, known], axis=0)
    return out


def _trend(wide: Wide, means: Floats, reference: str) -> Floats:
    if reference not in wide.symbols:
        return np.full(len(wide.open_ms), np.nan)
    row = wide.symbols.index(reference)
    return np.asarray(wide.close[row] / means[row] - 1)


def _mean_correlation(returns: Floats, own_variance: Floats, half_life: int) -> Floats:
    """Average correlation of all pairs, in O(n) per bar instead of O(n^2).

    For n returns z scaled to unit variance, var(sum z) = n + n (n - 1) rho, hence
    rho = (n var(mean z) - 1) / (n - 1). The scale at bar t is the volatility known at bar t - 1.
    """
    before = np.concatenate([np.full((len(returns), 1), np.nan), own_variance[:, :-1]], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(before > 0, returns / np.sqrt(before), np.nan)
    present = ~np.isnan(scaled)
    count = present.sum(axis=0)
    some = np.maximum(count, 1)
    mean = np.where(count > 1, np.nansum(scaled, axis=0) / some, np.nan)
    power = np.where(count > 1, np.nansum(scaled * scaled, axis=0) / some, np.nan)
    joint, single = ewma(np.stack([mean * mean, power]), half_life)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = (count * joint / single - 1) / (count - 1)
    return np.asarray(np.where(count > 1, np.clip(rho, -1.0, 1.0), np.nan))


def loud_probability(market: Floats, volatility: Floats, settings: RegimeSettings) -> Floats:
    """Return the probability that the market is in its loud state, shape (n_times,), by a forward filter.

    Two Gaussian states whose widths are given multiples of the usual bar: the median of the EWMA volatility
    over its last `history` bars, as known one bar before. p(t) = P(state | bars up to t), never smoothed
    by what came later (no Viterbi). NaN before `min_history` bars; a missing bar only mixes.
    """
    quiet_stays, loud_stays = settings.filter_stays
    widths = np.asarray(settings.filter_widths)
    usual = trailing_median(volatility, settings.history, settings.min_history)
    out = np.full(len(market), np.nan)
    loud = (1 - quiet_stays) / (2 - quiet_stays - loud_stays)  # the share of time spent there
    for t in range(1, len(market)):
        if not usual[t - 1] > 0:
            continue
        loud = loud * loud_stays + (1 - loud) * (1 - quiet_stays)
        if not np.isnan(market[t]):
            # Far out both densities underflow; 8 usual bars say all there is to say.
            z = min(abs(market[t] / usual[t - 1]), 8.0)
            quiet_density, loud_density = np.exp(-0.5 * (z / widths) ** 2) / widths
            loud = loud * loud_density / (loud * loud_density + (1 - loud) * quiet_density)
        out[t] = loud
    return out


def _turnover(turnover: Floats, settings: RegimeSettings) -> Columns:
    smooth = ewma(turnover[None, :], settings.half_life)[0]
    return {
        "turnover": turnover,
        "turnover_ratio": ratio_to_median(smooth, settings.history, settings.min_history),
    }


def _pegs(wide: Wide, settings: RegimeSettings) -> Columns:
    """Distance from 1 of the dollar pair that is furthest off, and which it is.

    A distance counts when two bars in a row show it on the same side: what counts is the smaller of the
    two, so that one bad print is no depeg.
    """
    times = len(wide.open_ms)
    if not wide.symbols:
        return {"peg_deviation": np.full(times, np.nan), "peg_symbol": [None] * times}
    off = _carried(_promised(wide, settings), settings.peg_stale_bars) - 1
    before = np.concatenate([np.full((len(off), 1), np.nan), off[:, :-1]], axis=1)
    same_side = np.sign(off) == np.sign(before)
    held = np.where(same_side, np.sign(off) * np.minimum(np.abs(off), np.abs(before)), 0.0)
    held = np.where(np.isnan(off) | np.isnan(before), np.nan, held)
    known = ~np.isnan(held).all(axis=0)
    worst = np.argmax(np.where(np.isnan(held), -1.0, np.abs(held)), axis=0)
    names = [
        wide.symbols[row] if is_known else None
        for row, is_known in zip(worst.tolist(), known.tolist(), strict=True)
    ]
    return {"peg_deviation": held[worst, np.arange(times)], "peg_symbol": names}


def _promised(wide: Wide, settings: RegimeSettings) -> Floats:
    """Closes of the pegs, NaN from when one of the pair's coins promises no dollar any more."""
    close = wide.close.copy()
    for row, symbol in enumerate(wide.symbols):
        until = settings.promised_until(symbol)
        if until is not None:
            close[row, wide.open_ms >= until.timestamp() * 1000] = np.nan
    return close


def _carried(close: Floats, bars: int) -> Floats:
    """Fill holes with the last price, for at most `bars` bars."""
    present = ~np.isnan(close)
    at = np.arange(close.shape[1])
    last = np.maximum.accumulate(np.where(present, at, -1), axis=1)
    filled = np.take_along_axis(close, np.maximum(last, 0), axis=1)
    return np.asarray(np.where((last >= 0) & (at - last <= bars), filled, np.nan))
