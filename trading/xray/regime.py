"""The state of the whole market at each bar: calm, normal or turbulent, and what that means for thresholds.

Causal throughout: a value at bar t reads bars up to t only (no smoothing over the future, no scaling by
the whole sample), so the same candles with later bars added give the same values.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.xray.causal import ewma, ratio_to_median, rolling_mean, trailing_percentile
from trading.xray.returns import Floats, Wide, wide_closes

REGIME: dict[str, pl.DataType | type[pl.DataType]] = {
    "open_time": UTC_MS,
    "regime": pl.String,  # calm | normal | turbulent, null before enough history
    "symbols": pl.Int32,  # with a return at this bar
    "market_return": pl.Float64,  # mean log return of all symbols
    "market_volatility": pl.Float64,  # EWMA standard deviation of market_return, per bar
    "volatility_percentile": pl.Float64,  # of market_volatility among its own past, 0..1
    "median_volatility": pl.Float64,  # median over symbols of their EWMA standard deviation, per bar
    "breadth": pl.Float64,  # share of symbols above their own mean of `trend_bars`
    "btc_trend": pl.Float64,  # close of the reference / its mean of trend_bars - 1; null without it
    "mean_correlation": pl.Float64,  # average pair, from EWMA variances
    "dispersion": pl.Float64,  # EWMA of the standard deviation across symbols, per bar
    "threshold_multiplier": pl.Float64,  # for entry thresholds: above 1 = ask for more
    "stop_multiplier": pl.Float64,  # for stop distances: the market's width against its usual one
    "is_bounded": pl.Boolean,  # a multiplier met its floor or ceiling
}


@dataclass(frozen=True, slots=True)
class RegimeSettings:
    """Lengths in bars and bounds of the multipliers.

    Parameters
    ----------
    half_life : int
        Of the EWMA variances.
    trend_bars : int
        Of the means that breadth and trend are held against.
    history : int
        Bars of its own past that volatility is ranked in.
    min_history : int
        Bars before a regime is named.
    reference : str
        The symbol whose trend stands for the market's.
    panic_breadth : float
        Breadth below which, with the reference falling, a normal market counts as turbulent.
    asked : tuple of 3 floats
        Raw threshold multiplier in calm, normal and turbulent markets.
    shrink_bars : int
        A multiplier counts n / (n + shrink_bars), n the bars of history: little data asks for little.
    threshold_bounds, stop_bounds : tuple of (floor, ceiling)
    """

    half_life: int = 24
    trend_bars: int = 50
    history: int = 1000
    min_history: int = 120
    reference: str = "BTC/USDT"
    panic_breadth: float = 0.2
    asked: tuple[float, float, float] = (0.9, 1.0, 1.4)
    shrink_bars: int = 200
    threshold_bounds: tuple[float, float] = (0.8, 1.5)
    stop_bounds: tuple[float, float] = (0.5, 2.0)

    def __post_init__(self) -> None:
        """Refuse lengths and bounds that have no meaning."""
        for name in ("half_life", "trend_bars", "history", "min_history"):
            if getattr(self, name) < 2:
                raise BadInput(f"{name} must be at least 2 bars, was {getattr(self, name)}")
        for name in ("threshold_bounds", "stop_bounds"):
            floor, ceiling = getattr(self, name)
            if not 0 < floor <= 1 <= ceiling:
                raise BadInput(f"{name} must hold 1 and be above 0, were {floor} and {ceiling}")


def market_regime(candles: pl.DataFrame, settings: RegimeSettings | None = None) -> pl.DataFrame:
    """Return the market's state, **one row per bar**.

    Parameters
    ----------
    candles : DataFrame of CANDLES
        Of all symbols that stand for the market, one timeframe.

    Returns
    -------
    DataFrame of REGIME, shape (n_times, 14)
        Oldest first. Regime: terciles of the EWMA market volatility within its own last `history` bars;
        a normal market in which nearly everything falls below its mean while the reference falls too
        is called turbulent. Null regime and multipliers of 1 before `min_history` bars.
    """
    return regime_of(wide_closes(candles), settings or RegimeSettings())


def regime_of(wide: Wide, settings: RegimeSettings) -> pl.DataFrame:
    """Return what `market_regime` does, from closes that are on one grid already."""
    if not wide.symbols or not len(wide.open_ms):
        return pl.DataFrame(schema=REGIME)
    columns = _measures(wide, settings)
    columns["open_time"] = pl.Series("open_time", wide.open_ms).cast(UTC_MS)
    states = _states(columns, settings)
    columns |= _multipliers(columns["median_volatility"], states, settings)
    names = np.array(["calm", "normal", "turbulent"], dtype=object)
    columns["regime"] = [None if state < 0 else names[state] for state in states.tolist()]
    return pl.DataFrame({name: columns[name] for name in REGIME}).select(
        pl.col(name).fill_nan(None).cast(dtype) if dtype == pl.Float64 else pl.col(name).cast(dtype)
        for name, dtype in REGIME.items()
    )


def _measures(wide: Wide, settings: RegimeSettings) -> dict[str, object]:
    blank = np.full((len(wide.symbols), 1), np.nan)
    returns = np.concatenate([blank, wide.log_returns()], axis=1)
    present = ~np.isnan(returns)
    count = present.sum(axis=0)
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
        "median_volatility": np.sqrt(_column_median(own_variance)),
        "breadth": breadth,
        "btc_trend": _trend(wide, means, settings.reference),
        "mean_correlation": _mean_correlation(returns, own_variance, settings.half_life),
        "dispersion": ewma(spread[None, :], settings.half_life)[0],
    }


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


def _states(
    columns: dict[str, object], settings: RegimeSettings
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    percentile = np.asarray(columns["volatility_percentile"], dtype=np.float64)
    breadth = np.asarray(columns["breadth"], dtype=np.float64)
    trend = np.asarray(columns["btc_trend"], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        state = np.where(percentile > 2 / 3, 2, np.where(percentile > 1 / 3, 1, 0))
        panic = (breadth < settings.panic_breadth) & (trend < 0)
    state = np.where(panic & (state == 1), 2, state)
    return np.asarray(np.where(np.isnan(percentile), -1, state), dtype=np.int64)


def _multipliers(
    median_volatility: object,
    states: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    settings: RegimeSettings,
) -> dict[str, object]:
    seen = np.arange(1, len(states) + 1)
    trust = seen / (seen + settings.shrink_bars)
    known = states >= 0
    asked = np.asarray(settings.asked)[np.maximum(states, 0)]
    threshold = np.where(known, 1 + trust * (asked - 1), 1.0)
    volatility = np.asarray(median_volatility, dtype=np.float64)
    width = ratio_to_median(volatility, settings.history, settings.min_history)
    stop = np.where(known & ~np.isnan(width), 1 + trust * (width - 1), 1.0)
    held = [np.clip(threshold, *settings.threshold_bounds), np.clip(stop, *settings.stop_bounds)]
    is_bounded = (held[0] != threshold) | (held[1] != stop)
    return {"threshold_multiplier": held[0], "stop_multiplier": held[1], "is_bounded": is_bounded}
