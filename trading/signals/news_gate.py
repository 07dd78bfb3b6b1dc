"""What news said about each symbol at each decision: a decayed score, and hours since a blocking event.

Only when we first saw an item counts, never its published time. Which feeds are read and how a
headline is classified is the news room's matter.
"""

import math

import polars as pl

from trading.market.timeframes import HOUR_MS

_MENTION = {
    "symbol": pl.String,
    "seen_ms": pl.Int64,
    "event": pl.String,
    "sentiment": pl.Float64,
}


def with_news(
    rows: pl.DataFrame,
    news: pl.DataFrame | None,
    *,
    blocking: tuple[str, ...],
    half_life_hours: float,
) -> pl.DataFrame:
    """Add `news_score`, `block_event` and `block_age_hours` to `rows`.

    Parameters
    ----------
    rows : DataFrame
        `symbol`, `decided_ms` (close time of the bar); any order.
    news : DataFrame or None
        `first_seen`, `symbols` (list of unified names), `event`, `sentiment` in [-1, 1].
    blocking : tuple of str
        Events that block.
    half_life_hours : float
        Decay of the score.

    Returns
    -------
    DataFrame
        Same rows and order. `news_score` is 0 where nothing was ever seen, and squashed into (-1, 1) by
        tanh; the other two are null where no blocking event was seen.
    """
    mentions = _mentions(news)
    decay = math.log(2) / (half_life_hours * HOUR_MS)
    scores = _running_scores(mentions, decay)
    blocks = mentions.filter(pl.col("event").is_in(list(blocking))).select(
        "symbol", "seen_ms", pl.col("event").alias("block_event"), pl.col("seen_ms").alias("block_ms")
    )
    # Sorted there and back without the features that do not take part.
    ordered = rows.select("symbol", "decided_ms").with_row_index("_row").sort("decided_ms")
    joined = _as_of(_as_of(ordered, scores), blocks)
    age = pl.col("decided_ms") - pl.col("score_ms")
    found = (
        joined.with_columns(
            (pl.col("score") * (-decay * age).exp()).tanh().fill_null(0.0).alias("news_score"),
            ((pl.col("decided_ms") - pl.col("block_ms")) / HOUR_MS).alias("block_age_hours"),
        )
        .sort("_row")
        .select("news_score", "block_event", "block_age_hours")
    )
    return rows.hstack(found.get_columns())


def _as_of(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    return rows.join_asof(
        events.sort("seen_ms", maintain_order=True),
        left_on="decided_ms",
        right_on="seen_ms",
        by="symbol",
        strategy="backward",
        coalesce=True,
        check_sortedness=False,  # both sides are sorted just above; Polars cannot see it per group
    ).drop("seen_ms", strict=False)


def _mentions(news: pl.DataFrame | None) -> pl.DataFrame:
    if news is None or news.is_empty():
        return pl.DataFrame(schema=_MENTION)
    return (
        news.select(
            pl.col("symbols").alias("symbol"),
            pl.col("first_seen").dt.epoch("ms").alias("seen_ms"),
            "event",
            pl.col("sentiment").cast(pl.Float64).fill_null(0.0),
        )
        .explode("symbol")
        .drop_nulls("symbol")
        # To the last column: of two events of one moment the same one is told, however many rows there are.
        .sort("symbol", "seen_ms", "event", "sentiment", nulls_last=True)
    )


def _running_scores(mentions: pl.DataFrame, decay: float) -> pl.DataFrame:
    """Return the decayed sum of sentiment right after each mention: s + before × exp(-decay × gap)."""
    records = []
    symbol, score, at = None, 0.0, 0
    for name, seen_ms, sentiment in mentions.select("symbol", "seen_ms", "sentiment").iter_rows():
        before = score * math.exp(-decay * (seen_ms - at)) if name == symbol else 0.0
        symbol, score, at = name, before + sentiment, seen_ms
        records.append((name, seen_ms, score, seen_ms))
    schema = {"symbol": pl.String, "seen_ms": pl.Int64, "score": pl.Float64, "score_ms": pl.Int64}
    return pl.DataFrame(records, schema=schema, orient="row")
