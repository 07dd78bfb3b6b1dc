"""What the news says of each symbol at one moment: scores that fade, summed. For people and tables.

The feature of the signals is the same figure at every bar: `trading.signals.news_gate`.
"""

import math
from datetime import datetime, timedelta

import polars as pl

from trading.market.errors import BadInput
from trading.news.items import told_once

HALF_LIFE = timedelta(hours=12)


def symbol_scores(news: pl.DataFrame, at: datetime, half_life: timedelta = HALF_LIFE) -> pl.DataFrame:
    """Return the faded score of every symbol that any story named before `at`, **one row per symbol**.

    Parameters
    ----------
    news : DataFrame of NEWS
        What another feed repeated (`same_as`) counts once.
    at : datetime
        Market time, aware. Causal: only stories first seen by then count, by their first_seen.
    half_life : timedelta
        After which a story counts half.

    Returns
    -------
    DataFrame of (symbol, score, stories, newest)
        `score` in (-1, 1): tanh of the sum of score x 2^(-age / half_life); strongest first. `newest` is the
        headline seen last.

    Raises
    ------
    BadInput
        If `at` is naive or the half-life is not positive.
    """
    if at.tzinfo is None or half_life <= timedelta(0):
        raise BadInput(f"at must be aware and half_life positive, were {at} and {half_life}")
    age_s = (pl.lit(at) - pl.col("first_seen")).dt.total_milliseconds() / 1000
    faded = pl.col("score").fill_null(0.0) * (-math.log(2) / half_life.total_seconds() * age_s).exp()
    return (
        told_once(news)
        .filter(pl.col("first_seen") <= at)
        .sort("first_seen", maintain_order=True)
        .with_columns(faded=faded)
        .explode("symbols")
        .drop_nulls("symbols")
        .group_by(symbol="symbols")
        .agg(
            pl.col("faded").sum().tanh().alias("score"),
            pl.len().cast(pl.Int64).alias("stories"),
            pl.col("title").last().alias("newest"),
        )
        .sort(pl.col("score").abs(), pl.col("symbol"), descending=[True, False])
    )
