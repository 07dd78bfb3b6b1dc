"""The table of instruments after one pass: candles and the newest listing, read once. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from trading.universe.epochs import find_epochs
from trading.universe.registry import bar_spans, no_instruments, with_candles, with_listing
from trading.universe.rules import InstrumentRules


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass found.

    `instruments` is the whole table (INSTRUMENTS), `flags` what a person should look at (FLAGS), `started`
    the ids that this pass began on a name which meant another instrument before.
    """

    instruments: pl.DataFrame
    flags: pl.DataFrame
    started: tuple[str, ...]

    @property
    def fresh(self) -> pl.DataFrame:
        """The instruments that this pass began: id, reason, evidence."""
        begun = pl.col("instrument_id").is_in(list(self.started))
        return self.instruments.filter(begun).select("instrument_id", "reason", "evidence")


def bring_forward(
    known: pl.DataFrame | None,
    listing: pl.DataFrame,
    candles: Iterable[pl.DataFrame],
    *,
    bar_ms: int,
    at: datetime,
    rules: InstrumentRules | None = None,
) -> Pass:
    """Return the table of instruments after a look at the listing and at stored candles.

    Parameters
    ----------
    known : DataFrame of INSTRUMENTS or None
        The table so far; None before the first pass.
    listing : DataFrame of MARKETS
        Everything listed now.
    candles : iterable of DataFrame of CANDLES
        Stored bars of one timeframe, each symbol whole in one of the frames.
    bar_ms : int
        Length of a bar.
    at : datetime
        Market time of the pass.
    """
    before = no_instruments() if known is None else known
    looked = [(*find_epochs(frame, rules), bar_spans(frame, bar_ms)) for frame in candles]
    epochs, flags, spans = (pl.concat(frames) for frames in zip(*looked, strict=True))
    listed: Collection[str] = set(listing["symbol"])
    table = with_candles(before, spans, epochs, at=at, listed=listed, rules=rules)
    table = with_listing(table, listing, at=at, rules=rules)
    later = table.filter(pl.int_range(pl.len()).over("symbol") > 0)
    fresh = later.filter(~pl.col("instrument_id").is_in(before["instrument_id"].to_list()))
    return Pass(table, flags, tuple(fresh["instrument_id"].sort()))
