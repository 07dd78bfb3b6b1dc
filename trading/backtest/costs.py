"""What a trade costs beside the price: taker fee, half the spread, slippage; per symbol.

Which price a trade starts from is the kernel's matter; what the venue really charged is the order
log's.
"""

from dataclasses import dataclass

import polars as pl

from trading.market.errors import BadInput

COSTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "taker_fee": pl.Float64,
    "half_spread": pl.Float64,
    "slippage": pl.Float64,
}
_BARS_PER_DAY = 96.0  # a stake is held against what trades in a quarter of an hour


@dataclass(frozen=True, slots=True)
class CostModel:
    """How costs are estimated where the venue does not say. All are fractions of the price.

    Parameters
    ----------
    taker_fee : float
        Used where the market names none. 0.0005 is MEXC spot's taker rate (recorded 2026-11).
    half_spread : float
        Used where no ticker shows bid and ask.
    max_half_spread, max_slippage : float
        Ceilings: one absurd quote must not decide a backtest.
    base_slippage : float
        Paid on every market order.
    impact : float
        Added per square root of (stake / volume of a quarter of an hour), the usual square-root law.
    stake_quote : float
        Quote units one trade is expected to move.
    """

    taker_fee: float = 0.0005
    half_spread: float = 0.0005
    max_half_spread: float = 0.02
    base_slippage: float = 0.0002
    impact: float = 0.002
    max_slippage: float = 0.02
    stake_quote: float = 500.0

    def __post_init__(self) -> None:
        for name in (
            "taker_fee",
            "half_spread",
            "max_half_spread",
            "base_slippage",
            "impact",
            "max_slippage",
        ):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise BadInput(f"{name} must lie in [0, 1), was {value}")
        if self.stake_quote <= 0:
            raise BadInput(f"stake_quote must be positive, was {self.stake_quote}")


def symbol_costs(
    symbols: pl.Series, markets: pl.DataFrame, model: CostModel, tickers: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return one row of costs per symbol, in the order of `symbols`.

    Parameters
    ----------
    symbols : Series of shape (n,)
        Unified names, unique.
    markets : DataFrame
        `symbol`, `taker_fee`; a symbol that is missing gets the model's fee.
    model : CostModel
        Estimates and ceilings.
    tickers : DataFrame, optional
        `symbol`, `at`, `bid`, `ask`, `volume_quote_24h`; the newest look per symbol counts. Without
        it the spread is the model's and the volume is unknown (base slippage only).

    Returns
    -------
    DataFrame of shape (n, 4)
        Columns of `COSTS`, no nulls.
    """
    fees = markets.select("symbol", "taker_fee").unique("symbol", keep="first")
    frame = pl.DataFrame({"symbol": symbols}).join(fees, on="symbol", how="left", maintain_order="left")
    frame = frame.join(_liquidity(tickers), on="symbol", how="left", maintain_order="left")
    share = model.stake_quote / (pl.col("volume_quote_24h") / _BARS_PER_DAY)
    slippage = model.base_slippage + model.impact * share.sqrt()
    return frame.select(
        "symbol",
        pl.col("taker_fee").fill_nan(None).fill_null(model.taker_fee),
        pl.col("half_spread").fill_nan(None).fill_null(model.half_spread).clip(0.0, model.max_half_spread),
        slippage.fill_nan(None)
        .fill_null(model.base_slippage)
        .clip(0.0, model.max_slippage)
        .alias("slippage"),
    )


def _liquidity(tickers: pl.DataFrame | None) -> pl.DataFrame:
    schema = {"symbol": pl.String, "half_spread": pl.Float64, "volume_quote_24h": pl.Float64}
    if tickers is None or tickers.is_empty():
        return pl.DataFrame(schema=schema)
    newest = tickers.sort("at").unique("symbol", keep="last", maintain_order=True)
    mid = (pl.col("bid") + pl.col("ask")) / 2
    is_quoted = (pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid"))
    return newest.select(
        "symbol",
        pl.when(is_quoted).then((pl.col("ask") - pl.col("bid")) / 2 / mid).alias("half_spread"),
        pl.when(pl.col("volume_quote_24h") > 0).then("volume_quote_24h").alias("volume_quote_24h"),
    )
