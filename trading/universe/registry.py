"""The table of instruments, brought forward by what candles and listings show. Pure; ids never change.

`with_candles` and `with_listing` take the table as it is known and return it as it is known after one more
piece of evidence. An epoch that is in the table stays as it is, so the id of an instrument is for good.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from trading.market.frames import empty
from trading.market.instruments import INSTRUMENTS, instrument_id
from trading.universe.rules import InstrumentRules

Row = dict[str, Any]
_DELISTED = "3"
_HELD = "its first bar that we hold"
# Which change of a listing makes another instrument, in the order in which it is named as the reason.
_TELLING = (("full_name", "renamed"), ("step", "step_changed"), ("tick", "tick_changed"))


def no_instruments() -> pl.DataFrame:
    """Return an empty table of INSTRUMENTS."""
    return empty(INSTRUMENTS)


def with_candles(
    known: pl.DataFrame,
    spans: pl.DataFrame,
    epochs: pl.DataFrame,
    *,
    at: datetime,
    listed: Collection[str] = (),
    rules: InstrumentRules | None = None,
) -> pl.DataFrame:
    """Return the table after a look at candles.

    Parameters
    ----------
    known : DataFrame of INSTRUMENTS
        The table so far; may be empty.
    spans : DataFrame
        `symbol`, `first` (open of the first bar), `last` (close of the last bar): see `bar_spans`.
    epochs : DataFrame of `trading.universe.epochs.EPOCHS`
    at : datetime
        Market time of the look; an instrument that no listing names is over when silent for too long.
    listed : collection of str
        Symbols that the newest listing names: silence does not end them.

    Returns
    -------
    DataFrame of INSTRUMENTS
        Sorted by symbol and start.
    """
    rules = rules or InstrumentRules()
    book = _Book.read(known)
    found: dict[str, list[Row]] = {}
    for epoch in epochs.sort("symbol", "start").to_dicts():
        found.setdefault(epoch["symbol"], []).append(epoch)
    bar = timedelta(milliseconds=_bar_ms(spans))
    for symbol, first, _ in spans.select("symbol", "first", "last").iter_rows():
        if symbol not in book.rows:
            book.begin(symbol, first, "first_seen", _HELD, "candles")
        elif first < book.rows[symbol][0]["start"]:
            book.reach_back(symbol, first, found.get(symbol, []), bar)
    ends = dict(spans.select("symbol", "last").iter_rows())
    for epoch in (epoch for symbol in found for epoch in found[symbol]):
        start, before = epoch["start"], epoch["before"]
        if not book.covers(epoch["symbol"], start, before):
            ended = min(before + bar, start)
            book.begin(
                epoch["symbol"], start, epoch["reason"], epoch["evidence"], "candles", previous_end=ended
            )
    quiet = timedelta(seconds=rules.silent_s)
    for symbol, last in ends.items():
        row = book.newest(symbol)
        if row["end"] is None and symbol not in listed and at - last > quiet:
            row |= {"end": last, "end_reason": "silent"}
        elif row["end_reason"] == "silent" and last > row["end"]:
            row |= {"end": None, "end_reason": None}
    return book.frame()


def with_listing(
    known: pl.DataFrame, listing: pl.DataFrame, *, at: datetime, rules: InstrumentRules | None = None
) -> pl.DataFrame:
    """Return the table after a look at what the venue lists.

    A pair that is new, that came back after `relist_after_s`, or whose name, step or tick is another one
    starts an instrument at `at`. A pair that is gone or has status 3 ends, unless the listing is partial.

    Parameters
    ----------
    known : DataFrame of INSTRUMENTS
    listing : DataFrame
        `symbol`, `status`, `tick`, `step`, `full_name`; numbers or exact text.
    at : datetime
        Market time of the look. A look that is older than what the table knows of a symbol changes nothing
        of that symbol.
    """
    rules = rules or InstrumentRules()
    book = _Book.read(known)
    told = {row["symbol"]: row for row in _plain(listing).to_dicts()}
    for symbol, row in told.items():
        _listed(book, symbol, row, at, rules)
    alive = [symbol for symbol, rows in book.rows.items() if rows[-1]["end"] is None]
    missing = [symbol for symbol in alive if symbol not in told]
    if len(missing) <= rules.max_missing_share * max(len(alive), 1):
        for symbol in missing:
            book.end(symbol, at, "delisted")
    return book.frame()


def bar_spans(candles: pl.DataFrame, bar_ms: int) -> pl.DataFrame:
    """Return `symbol`, `first` (open of its first bar) and `last` (close of its last bar)."""
    bar = pl.duration(milliseconds=bar_ms)
    return (
        candles.group_by("symbol")
        .agg(pl.col("open_time").min().alias("first"), (pl.col("open_time").max() + bar).alias("last"))
        .with_columns(pl.lit(bar_ms).alias("bar_ms"))
        .sort("symbol")
    )


def _bar_ms(spans: pl.DataFrame) -> int:
    return int(spans["bar_ms"][0]) if "bar_ms" in spans.columns and spans.height else 0


def _plain(listing: pl.DataFrame) -> pl.DataFrame:
    return listing.select(
        "symbol",
        "status",
        pl.col("tick").cast(pl.Float64),
        pl.col("step").cast(pl.Float64),
        "full_name",
    ).unique("symbol", keep="first", maintain_order=True)


def _listed(book: "_Book", symbol: str, told: Row, at: datetime, rules: InstrumentRules) -> None:
    facts = {name: told[name] for name in ("tick", "step", "full_name")}
    if symbol not in book.rows:
        if told["status"] != _DELISTED:
            book.begin(symbol, at, "first_seen", "first seen in a listing", "listing", **facts)
        return
    row = book.newest(symbol)
    if at < row["start"]:
        return
    if told["status"] == _DELISTED:
        book.end(symbol, at, "delisted")
        return
    if row["end"] is not None and row["end_reason"] == "delisted":
        away = at - row["end"]
        if away >= timedelta(seconds=rules.relist_after_s):
            words = f"listed again after {away / timedelta(days=1):.1f} days away"
            book.begin(symbol, at, "relisted", words, "listing", **facts)
            return
    row |= {"end": None, "end_reason": None}
    change = _change(row, facts)
    if change is not None:
        book.begin(symbol, at, *change, "listing", previous_end=at, **facts)
        return
    row |= {name: value for name, value in facts.items() if _is_known(value)}


def _change(row: Row, facts: Row) -> tuple[str, str] | None:
    for name, reason in _TELLING:
        old, new = row[name], facts[name]
        if not (_is_known(old) and _is_known(new)):
            continue
        if _folded(old) != _folded(new):
            return reason, f"{name.replace('_', ' ')} was {_shown(old)}, is {_shown(new)}"
    return None


def _is_known(value: object) -> bool:
    return value is not None and value != ""


def _folded(value: object) -> object:
    return "".join(char for char in value.casefold() if char.isalnum()) if isinstance(value, str) else value


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else f"{value:g}"


@dataclass(slots=True)
class _Book:
    """The table as lists per symbol, oldest first: a handful of rows change among thousands."""

    rows: dict[str, list[Row]] = field(default_factory=dict)

    @classmethod
    def read(cls, frame: pl.DataFrame) -> "_Book":
        book = cls()
        for row in frame.sort("symbol", "start").to_dicts():
            book.rows.setdefault(row["symbol"], []).append(row)
        return book

    def newest(self, symbol: str) -> Row:
        return self.rows[symbol][-1]

    def begin(
        self,
        symbol: str,
        start: datetime,
        reason: str,
        evidence: str,
        source: str,
        *,
        previous_end: datetime | None = None,
        **facts: object,
    ) -> None:
        row: Row = dict.fromkeys(INSTRUMENTS)
        row |= {"symbol": symbol, "instrument_id": instrument_id(symbol, start), "start": start}
        row |= {"reason": reason, "evidence": evidence, "source": source, **facts}
        rows = self.rows.setdefault(symbol, [])
        place = sum(other["start"] < start for other in rows)
        if place:
            old = rows[place - 1]
            end = start if previous_end is None else previous_end
            if old["end"] is None or old["end"] > end:
                old["end"] = end
            old["end_reason"] = "replaced" if old["end_reason"] in (None, "silent") else old["end_reason"]
        if place < len(rows):  # found late: it ended when the next began
            row |= {"end": rows[place]["start"], "end_reason": "replaced"}
        rows.insert(place, row)

    def reach_back(self, symbol: str, first: datetime, epochs: list[Row], bar: timedelta) -> None:
        """Take in bars older than the first instrument: history was backfilled. No id changes.

        The first instrument is older than was known, back to the newest epoch before it; what lies before
        that epoch is earlier instruments of the name, found now.
        """
        rows = self.rows[symbol]
        oldest = rows[0]
        older = [epoch for epoch in epochs if epoch["start"] <= oldest["start"]]
        begins: list[Row] = [{"start": first, "reason": "first_seen", "evidence": _HELD}, *older]
        oldest |= {name: begins[-1][name] for name in ("start", "reason", "evidence")}
        for place, (begun, following) in enumerate(pairwise(begins)):
            row: Row = dict.fromkeys(INSTRUMENTS)
            row |= {name: begun[name] for name in ("start", "reason", "evidence")}
            row |= {"symbol": symbol, "instrument_id": instrument_id(symbol, begun["start"])}
            ended = min(following["before"] + bar, following["start"])
            rows.insert(place, row | {"source": "candles", "end": ended, "end_reason": "replaced"})

    def end(self, symbol: str, at: datetime, reason: str) -> None:
        row = self.newest(symbol)
        if row["end"] is None and at >= row["start"]:
            row |= {"end": at, "end_reason": reason}

    def covers(self, symbol: str, start: datetime, before: datetime) -> bool:
        """Whether an epoch is in the table that already keeps the bars from `start` on from those before."""
        return any(before < row["start"] <= start for row in self.rows[symbol][1:])

    def frame(self) -> pl.DataFrame:
        rows = [row for symbol in sorted(self.rows) for row in self.rows[symbol]]
        return pl.DataFrame(rows, schema=INSTRUMENTS, orient="row") if rows else no_instruments()
