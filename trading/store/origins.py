"""Which stored candles are another venue's: written down when they come in, asked when money is at stake.

What the line fetches is the world's own venue's and needs no line here. Candles of elsewhere may be brought
in for research (a longer history, a pair that is new here); a pair that rests on them is not approved.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.store.candles import CandleStore
from trading.store.lines import append_lines, read_lines

# One row per time that candles of another venue were brought in, and symbol.
ORIGINS: dict[str, pl.DataType | type[pl.DataType]] = {
    "timeframe": pl.String,
    "symbol": pl.String,
    "venue": pl.String,
    "first": UTC_MS,  # open of the first bar
    "last": UTC_MS,  # open of the last bar
    "bars": pl.Int64,
}
_FILE = "candle_origins.jsonl"


class Origins:
    """The record of foreign candles of one lake."""

    def __init__(self, root: Path) -> None:
        self._path = root / _FILE

    def bring_in(self, store: CandleStore, timeframe: str, candles: pl.DataFrame, *, venue: str) -> int:
        """Store `candles` (`frames.CANDLES`) of another venue and write down whose they are; return the bars.

        The record comes first: a kill in between leaves a pair refused that has no foreign bar, never one
        approved that has.

        Raises
        ------
        BadInput
            If the venue has no name.
        """
        name = venue.strip().lower()
        if not name:
            raise BadInput("candles of another venue must say of which, venue was empty")
        spans = candles.group_by("symbol", maintain_order=True).agg(
            pl.col("open_time").min().dt.epoch("ms").alias("first"),
            pl.col("open_time").max().dt.epoch("ms").alias("last"),
            pl.len().alias("bars"),
        )
        append_lines(self._path, [{"timeframe": timeframe, "venue": name, **row} for row in spans.to_dicts()])
        store.append(timeframe, candles, tag=f"foreign-{''.join(c for c in name if c.isalnum())}")
        return candles.height

    def all(self) -> pl.DataFrame:
        """Return every record (`ORIGINS`), oldest first."""
        return pl.DataFrame(read_lines(self._path), schema=_RAW).with_columns(
            pl.col("first", "last").cast(UTC_MS)
        )

    def foreign(self, timeframe: str, symbols: Sequence[str], since: datetime) -> dict[str, str]:
        """Return those of `symbols` with another venue's bars since `since`, each with why it is refused."""
        found = self.all().filter(
            (pl.col("timeframe") == timeframe)
            & pl.col("symbol").is_in(list(symbols))
            & (pl.col("last") >= since)
        )
        told = found.group_by("symbol", maintain_order=True).agg(
            pl.col("venue").unique().sort().str.join(", "), pl.col("bars").sum()
        )
        return {
            symbol: f"rests on {bars:,} candles of {venue}: other venues' data is for research"
            for symbol, venue, bars in told.iter_rows()
        }


_RAW = ORIGINS | {"first": pl.Int64, "last": pl.Int64}
