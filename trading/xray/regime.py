"""The state of the whole market at each bar: calm, normal or turbulent, and what that means for thresholds.

Causal throughout: a value at bar t reads bars up to t only (no smoothing over the future, no scaling by
the whole sample), so the same candles with later bars added give the same values.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from trading.market.frames import UTC_MS
from trading.market.thresholds import REGIMES
from trading.xray.causal import ratio_to_median
from trading.xray.conditions import Columns, measures
from trading.xray.regime_rules import RegimeSettings
from trading.xray.returns import Floats, Wide, wide_closes

REGIME: dict[str, pl.DataType | type[pl.DataType]] = {
    "open_time": UTC_MS,
    "regime": pl.String,  # calm | normal | turbulent, null before enough history
    "symbols": pl.Int32,  # with a return at this bar, dollar pairs not among them
    "market_return": pl.Float64,  # mean log return of all symbols
    "market_volatility": pl.Float64,  # EWMA standard deviation of market_return, per bar
    "volatility_percentile": pl.Float64,  # of market_volatility among its own past, 0..1
    "high_volatility_probability": pl.Float64,  # of the loud state in a two-state forward filter
    "median_volatility": pl.Float64,  # median over symbols of their EWMA standard deviation, per bar
    "breadth": pl.Float64,  # share of symbols above their own mean of `trend_bars`
    "btc_trend": pl.Float64,  # close of the reference / its mean of trend_bars - 1; null without it
    "mean_correlation": pl.Float64,  # average pair, from EWMA variances
    "dispersion": pl.Float64,  # EWMA of the standard deviation across symbols, per bar
    "turnover": pl.Float64,  # traded value of this bar in dollars, all pairs quoted in them
    "turnover_ratio": pl.Float64,  # its EWMA over the median of its own past; 1 = as usual
    "peg_deviation": pl.Float64,  # price - 1 of the dollar pair furthest off, two bars in a row; null: none
    "peg_symbol": pl.String,
    "is_depegged": pl.Boolean,  # beyond the bound; a condition of its own, whatever the regime
    "threshold_multiplier": pl.Float64,  # for entry thresholds: above 1 = ask for more
    "stop_multiplier": pl.Float64,  # for stop distances: the market's width against its usual one
    "is_bounded": pl.Boolean,  # a multiplier met its floor or ceiling
    "why": pl.String,  # what made it this regime, in words
}
_NO_MARKET = np.zeros(0)
States = npt.NDArray[np.int64]


def market_regime(candles: pl.DataFrame, settings: RegimeSettings | None = None) -> pl.DataFrame:
    """Return the market's state, **one row per bar**.

    Parameters
    ----------
    candles : DataFrame of CANDLES
        Of all symbols that stand for the market, one timeframe. Pairs of two dollar coins are witnesses of
        the peg and no part of the market.

    Returns
    -------
    DataFrame of REGIME, shape (n_times, 21)
        Oldest first. Regime: terciles of the EWMA market volatility within its own last `history` bars;
        a normal market in which nearly everything falls below its mean while the reference falls too
        is called turbulent. Null regime and multipliers of 1 before `min_history` bars.
    """
    settings, wide = settings or RegimeSettings(), wide_closes(candles)
    return regime_of(wide, settings, turnover=_turnover(candles, wide, settings))


def regime_of(wide: Wide, settings: RegimeSettings, *, turnover: Floats = _NO_MARKET) -> pl.DataFrame:
    """Return what `market_regime` does, from closes that are on one grid already.

    `turnover` has shape (n_times,), NaN where unknown; left out, it is unknown throughout.
    """
    times = len(wide.open_ms)
    if not wide.symbols or not times:
        return pl.DataFrame(schema=REGIME)
    columns = measures(wide, turnover if len(turnover) else np.full(times, np.nan), settings)
    columns["open_time"] = pl.Series("open_time", wide.open_ms).cast(UTC_MS)
    percentile, panic = _floats(columns, "volatility_percentile"), _is_panic(columns, settings)
    states = _states(percentile, panic)
    off = np.abs(_floats(columns, "peg_deviation")) > settings.max_peg_deviation
    columns |= _multipliers(columns["median_volatility"], states, off, settings)
    columns["is_depegged"] = off
    columns["regime"] = [None if state < 0 else REGIMES[state] for state in states.tolist()]
    columns["why"] = _why(columns, states, panic, settings)
    return pl.DataFrame({name: columns[name] for name in REGIME}, strict=False).select(
        pl.col(name).fill_nan(None).cast(dtype) if dtype == pl.Float64 else pl.col(name).cast(dtype)
        for name, dtype in REGIME.items()
    )


def _turnover(candles: pl.DataFrame, wide: Wide, settings: RegimeSettings) -> Floats:
    """Traded dollars at each time of the grid, NaN where no bar of a pair in dollars tells.

    Summed row by row in one order (Polars would sum in threads), so that later bars change no last digit.
    """
    counted = [
        symbol for symbol in wide.symbols if settings.is_in_dollars(symbol) and not settings.is_peg(symbol)
    ]
    rows = candles.select("symbol", "open_time", "quote_volume").filter(
        pl.col("symbol").is_in(counted) & pl.col("quote_volume").is_finite()
    )
    rows = rows.sort("symbol", "open_time")
    place = np.searchsorted(wide.open_ms, rows["open_time"].cast(UTC_MS).to_physical().to_numpy())
    value = rows["quote_volume"].to_numpy()
    total = np.bincount(place, weights=value, minlength=len(wide.open_ms))
    return np.where(np.bincount(place, minlength=len(wide.open_ms)) > 0, total, np.nan)


def _floats(columns: Columns, name: str) -> Floats:
    return np.asarray(columns[name], dtype=np.float64)


def _is_panic(columns: Columns, settings: RegimeSettings) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        falls = (_floats(columns, "breadth") < settings.panic_breadth) & (_floats(columns, "btc_trend") < 0)
    return np.asarray(falls)


def _states(percentile: Floats, panic: npt.NDArray[np.bool_]) -> States:
    with np.errstate(invalid="ignore"):
        state = np.where(percentile > 2 / 3, 2, np.where(percentile > 1 / 3, 1, 0))
    state = np.where(panic & (state == 1), 2, state)
    return np.asarray(np.where(np.isnan(percentile), -1, state), dtype=np.int64)


def _multipliers(
    median_volatility: object, states: States, off: npt.NDArray[np.bool_], settings: RegimeSettings
) -> Columns:
    seen = np.arange(1, len(states) + 1)
    trust = seen / (seen + settings.shrink_bars)
    known = states >= 0
    asked = np.asarray(settings.asked)[np.maximum(states, 0)]
    threshold = np.where(known, 1 + trust * (asked - 1), 1.0)
    # A depeg is a fact of the moment, not an estimate: it needs no history to count in full.
    threshold = np.where(off, np.maximum(threshold, settings.asked_off_peg), threshold)
    volatility = np.asarray(median_volatility, dtype=np.float64)
    width = ratio_to_median(volatility, settings.history, settings.min_history)
    stop = np.where(known & ~np.isnan(width), 1 + trust * (width - 1), 1.0)
    held = [np.clip(threshold, *settings.threshold_bounds), np.clip(stop, *settings.stop_bounds)]
    is_bounded = (held[0] != threshold) | (held[1] != stop)
    return {"threshold_multiplier": held[0], "stop_multiplier": held[1], "is_bounded": is_bounded}


def _why(
    columns: Columns, states: States, panic: npt.NDArray[np.bool_], settings: RegimeSettings
) -> list[str]:
    percentile, breadth = _floats(columns, "volatility_percentile"), _floats(columns, "breadth")
    off, symbols = _floats(columns, "peg_deviation"), columns["peg_symbol"]
    assert isinstance(symbols, list)
    words, known = [], np.cumsum(~np.isnan(_floats(columns, "market_volatility")))
    for t, state in enumerate(states.tolist()):
        if state < 0:
            seen = t + 1 if t + 1 < settings.min_history else known[t]
            told = f"{seen} bars of history, {settings.min_history} needed to name a regime"
        else:
            told = f"market volatility stands above {percentile[t] * 100:.0f} % of its past"
            if panic[t] and state == 2 and percentile[t] <= 2 / 3:
                told += (
                    f"; only {breadth[t] * 100:.0f} % are above their mean while {settings.reference} falls"
                )
        if abs(off[t]) > settings.max_peg_deviation:
            told += f"; {symbols[t]} is {off[t] * 100:+.1f} % off its peg"
        words.append(told)
    return words
