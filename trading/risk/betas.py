"""How much a symbol moves with the market: the slope of its returns on the mean return of all. Pure."""

import polars as pl

BARS = 200
LEAST_BARS = 50


def market_betas(bars: pl.DataFrame, *, most: int = BARS, least: int = LEAST_BARS) -> dict[str, float]:
    """Return symbol -> beta over its newest bars.

    Parameters
    ----------
    bars : DataFrame
        `symbol`, `open_time`, `close` of all symbols that stand for the market, one timeframe.
    most, least : int
        Newest bars that count, and returns below which a symbol has no beta (and is left out).

    Notes
    -----
    The market is the mean log return of all symbols with a return at that bar. A market that never moves
    gives nobody a beta. Bars without a positive close are left out.
    """
    newest = bars["open_time"].unique().sort().tail(most)
    log_return = pl.col("close").log().diff().over("symbol", order_by="open_time")
    returns = (
        bars.filter(pl.col("open_time").is_in(newest.implode()) & (pl.col("close") > 0))
        .select("symbol", "open_time", r=log_return)
        .drop_nulls()
        .with_columns(market=pl.col("r").mean().over("open_time"))
    )
    slopes = returns.group_by("symbol").agg(
        beta=pl.cov("r", "market") / pl.col("market").var(), returns=pl.len()
    )
    known = slopes.filter((pl.col("returns") >= least) & pl.col("beta").is_finite())
    return dict(known.select("symbol", "beta").iter_rows())
