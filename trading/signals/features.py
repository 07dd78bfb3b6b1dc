"""The fixed set of features a decision is described by, each known at the close of its bar.

They are written with the signal and never computed again: a model learns from the row as it was
decided upon. A change of meaning needs a new `FEATURE_VERSION`.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from trading.market.errors import BadInput
from trading.market.thresholds import REGIMES
from trading.market.timeframes import DAY_MS

FEATURE_VERSION = "f2"  # f1 had no market columns: liquidity, spread, age, correlation, relative strength

FEATURES: dict[str, str] = {
    "f_rsi": "RSI(14) / 100",
    "f_below_band": "(lower band - close) / ATR; positive below the band",
    "f_band_width": "(upper - lower band) / close",
    "f_macd_hist": "MACD histogram / ATR",
    "f_atr": "ATR / close",
    "f_ema_20": "close / EMA20 - 1",
    "f_ema_50": "close / EMA50 - 1",
    "f_ema_200": "close / EMA200 - 1",
    "f_return_1": "return over 1 bar",
    "f_return_4": "return over 4 bars",
    "f_return_16": "return over 16 bars",
    "f_volume": "ln(volume / mean volume of the 20 bars before), within ±5",
    "f_regime": "0 calm, 1 normal, 2 turbulent",
    "f_breadth": "share of symbols above their EMA50; 0.5 where unknown",
    "f_cluster": "strength of membership in the symbol's cluster; 0 = noise or unknown",
    "f_news": "decayed news sentiment in (-1, 1)",
    "f_liquidity": "log10(1 + mean quote volume of 96 bars)",
    "f_spread": "Roll's estimate of the spread over 96 bars, a fraction of the price",
    "f_age": "ln(1 + days since the first bar known of the instrument) / ln(31), at most 1",
    "f_btc_corr": "correlation of log returns with BTC/USDT over 96 bars",
    "f_relative": "return over 96 bars less the mean of the symbol's cluster",
}
_NEEDED = (
    "symbol",
    "open_time",
    "close",
    "volume",
    "rsi_14",
    "macd_hist",
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "atr_14",
    "ema_20",
    "ema_50",
    "ema_200",
)
_VOLUME_BARS = 20
_RETURN_BARS = (1, 4, 16)
_OLD_DAYS = 30  # an instrument that old is as old as any


def require_columns(indicators: pl.DataFrame) -> None:
    """Raise BadInput if a column is missing that features stand on."""
    missing = [name for name in _NEEDED if name not in indicators.columns]
    if missing:
        raise BadInput(f"indicators must have columns {', '.join(_NEEDED)}; missing: {', '.join(missing)}")


def with_history(indicators: pl.DataFrame, also: Sequence[str] = ()) -> pl.DataFrame:
    """Return the needed columns, sorted, with those that look back: `f_return_*`, `f_volume`, `bar_no`.

    `also` names further columns to keep.

    Parameters
    ----------
    indicators : DataFrame
        As `indicator_table` returns it.

    Raises
    ------
    BadInput
        If a column is missing.
    """
    require_columns(indicators)
    frame = indicators.select(list(dict.fromkeys((*_NEEDED, *also)))).sort("symbol", "open_time")
    lengths = frame.select(pl.col("symbol").rle().struct.field("len"))["len"].to_numpy().astype(np.int64)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    close, volume = pl.col("close"), pl.col("volume")
    usual = pl.col("usual_volume")
    ratio = pl.when((usual > 0) & (volume > 0)).then((volume / usual).log().clip(-5.0, 5.0))
    return frame.with_columns(
        pl.Series("bar_no", np.arange(len(frame)) - starts),
        pl.Series("row_no", np.arange(len(frame))),
        pl.Series("usual_volume", _mean_before(frame["volume"].to_numpy().astype(np.float64), _VOLUME_BARS)),
    ).with_columns(
        *(_if_old(bars, close / close.shift(bars) - 1).alias(f"f_return_{bars}") for bars in _RETURN_BARS),
        _if_old(_VOLUME_BARS, ratio).alias("f_volume"),
    )


def _mean_before(values: NDArray[np.float64], bars: int) -> NDArray[np.float64]:
    """Return the mean of the `bars` values before each; NaN for the first ones.

    Each window is summed afresh: a running sum would carry rounding over from bars (and symbols) that
    have long left the window, and a longer history would then change an old feature in its last digit.
    """
    out = np.full(len(values), np.nan)
    if len(values) > bars:
        out[bars:] = sliding_window_view(values, bars)[:-1].mean(axis=1)
    return out


def _if_old(bars: int, value: pl.Expr) -> pl.Expr:
    # The frame holds many symbols: the first bars of one must not look into the one before.
    return pl.when(pl.col("bar_no") >= bars).then(value)


# What is joined from the regime of a bar: as what type, and what stands where nobody knows.
_MARKET: dict[str, tuple[type[pl.DataType], object]] = {
    "regime": (pl.String, "normal"),
    "breadth": (pl.Float64, 0.5),
    "is_depegged": (pl.Boolean, False),
    "threshold_multiplier": (pl.Float64, 1.0),
    "why": (pl.String, None),
}


def with_market(rows: pl.DataFrame, regime: pl.DataFrame | None) -> pl.DataFrame:
    """Add `regime`, `breadth`, `is_depegged`, `threshold_multiplier`, `regime_why` as known at each bar.

    That is the newest at or before `open_time`. `regime` has one row per bar of the same timeframe:
    `open_time`, `regime`, and optionally the others, `why` for `regime_why`.
    """
    if regime is None or regime.is_empty():
        unknown = [pl.lit(default, dtype).alias(name) for name, (dtype, default) in _MARKET.items()]
        return rows.with_columns(unknown).rename({"why": "regime_why"})
    has = set(regime.columns)
    table = (
        regime.select(
            pl.col("open_time").cast(rows.schema["open_time"]),
            *(
                (pl.col(name).cast(dtype) if name in has else pl.lit(None, dtype)).alias(name)
                for name, (dtype, _) in _MARKET.items()
            ),
        )
        .unique("open_time", keep="last")
        .sort("open_time")
    )
    times = rows.select(pl.col("open_time").unique().sort())
    known = times.join_asof(table, on="open_time", strategy="backward").with_columns(
        pl.col("breadth", "threshold_multiplier").fill_nan(None),
    )
    filled = [
        pl.col(name).fill_null(default) for name, (_, default) in _MARKET.items() if default is not None
    ]
    known = known.with_columns(filled).rename({"why": "regime_why"})
    return rows.join(known, on="open_time", how="left", maintain_order="left")


def with_cluster(rows: pl.DataFrame, clusters: pl.DataFrame | None) -> pl.DataFrame:
    """Add `cluster` (-1 = noise) and `f_cluster` from `clusters`: `symbol`, `cluster`, optionally `strength`.

    With a column `known_at` (the close of the newest bar that a look at clusters stood on) each row gets the
    newest look at or before its own close, `decided_ms`; 0 before the first. Without it the looks are taken
    to be known at every row: only for rows of one moment.
    """
    if clusters is None or clusters.is_empty():
        return rows.with_columns(f_cluster=pl.lit(0.0), cluster=pl.lit(-1, pl.Int64))
    strength = pl.col("strength").cast(pl.Float64) if "strength" in clusters.columns else pl.lit(1.0)
    told = (
        pl.when(pl.col("cluster") >= 0).then(strength).otherwise(0.0).alias("f_cluster"),
        pl.col("cluster").cast(pl.Int64),
    )
    if "known_at" in clusters.columns:
        joined = _newest_known(rows, clusters.select("symbol", pl.col("known_at").dt.epoch("ms"), *told))
    else:
        table = clusters.select("symbol", *told).unique("symbol", keep="last")
        joined = rows.join(table, on="symbol", how="left", maintain_order="left")
    return joined.with_columns(pl.col("f_cluster").fill_nan(None).fill_null(0.0))


def _newest_known(rows: pl.DataFrame, looks: pl.DataFrame) -> pl.DataFrame:
    # Sorted there and back without the features that do not take part.
    asked = rows.select("symbol", "decided_ms").with_row_index("row_").sort("decided_ms")
    found = asked.join_asof(
        looks.sort("known_at"),
        left_on="decided_ms",
        right_on="known_at",
        by="symbol",
        check_sortedness=False,  # both sides are sorted on the lines above; within groups it cannot tell
    )
    return rows.hstack(found.sort("row_").drop("row_", "known_at", "symbol", "decided_ms").get_columns())


def with_age(rows: pl.DataFrame, instruments: pl.DataFrame | None) -> pl.DataFrame:
    """Add `f_age` from the newest epoch of each symbol at or before the bar's close; null where unknown.

    `instruments` has `symbol` and `start`; bars before the first epoch are a backfill of unknown age.
    """
    if instruments is None or instruments.is_empty():
        return rows.with_columns(f_age=pl.lit(None, pl.Float64))
    start = pl.col("start").dt.epoch("ms").alias("known_at")
    born = instruments.select("symbol", start, start.alias("born_ms"))
    days = (pl.col("decided_ms") - pl.col("born_ms")) / DAY_MS
    age = ((1 + days).log() / math.log(1 + _OLD_DAYS)).clip(0.0, 1.0)
    return _newest_known(rows, born).with_columns(f_age=age).drop("born_ms")


def feature_columns() -> list[pl.Expr]:
    """Return the features as expressions over rows that went through all of the functions above."""
    close, atr = pl.col("close"), pl.col("atr_14")
    per_atr = pl.when(atr > 0)
    codes = {name: float(code) for code, name in enumerate(REGIMES)}
    computed = {
        "f_rsi": pl.col("rsi_14") / 100,
        "f_below_band": per_atr.then((pl.col("bb_lower") - close) / atr),
        "f_band_width": (pl.col("bb_upper") - pl.col("bb_lower")) / close,
        "f_macd_hist": per_atr.then(pl.col("macd_hist") / atr),
        "f_atr": atr / close,
        "f_ema_20": close / pl.col("ema_20") - 1,
        "f_ema_50": close / pl.col("ema_50") - 1,
        "f_ema_200": close / pl.col("ema_200") - 1,
        "f_regime": pl.col("regime").replace_strict(codes, default=1.0, return_dtype=pl.Float64),
        "f_breadth": pl.col("breadth"),
        "f_news": pl.col("news_score"),
    }
    return [computed.get(name, pl.col(name)).cast(pl.Float64).alias(name) for name in FEATURES]
