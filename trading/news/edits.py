"""A story that its feed edited under the same id: what of it changes what we knew.

Of a delisting only: its date may move and coins may join it. Tone and other events stay as first read.
Causal: `first_seen` stays, and what features read of a row (symbols, event, tone) is never changed; a coin
that joins, or a story that becomes a delisting, is a row of its own that was first seen now.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import polars as pl

from trading.market.lineage import digest
from trading.news.feeds import RawItem
from trading.news.items import NEWS, as_news, item_id

_NAMES = ("item_id", "source", "title", "link", "published", "first_seen")
Row = dict[str, Any]


def told_again(raw: Iterable[RawItem], known: pl.DataFrame) -> pl.DataFrame:
    """Return known stories as their own feed has them now, **one row per story**, to be read anew.

    Delistings, and stories whose title changed. With the `first_seen` that is known: spans and dates without
    a year count from there, so that an unchanged text says the same again.
    """
    rows = {row[0]: row for row in known.select("item_id", "source", "title", "first_seen", "event").rows()}
    found: dict[str, tuple[Any, ...]] = {}
    for item in raw:
        name = item_id(item)
        if name in found or name not in rows:
            continue
        _, source, title, first_seen, event = rows[name]
        if item.source == source and (event == "delisting" or item.title != title):
            found[name] = (name, source, item.title, item.link, item.published, first_seen, item.summary)
    schema = {name: NEWS[name] for name in _NAMES} | {"summary": pl.String}
    return pl.DataFrame(list(found.values()), schema=schema, orient="row")


def with_edits(known: pl.DataFrame, again: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Return `known` with what `again`, the same stories read anew, changed: dates in place, rows added.

    A date that is no longer said stays: a delisting is called off by a person (`sluice news release`).
    """
    again = again.filter(pl.col("event") == "delisting")
    if again.is_empty():
        return known
    pairs = known.join(again, on="item_id", how="inner", suffix="_now").iter_rows(named=True)
    changed = {row["item_id"]: row for row in pairs}
    moved = [(name, row["title_now"], row["effective_now"]) for name, row in changed.items() if _is_same(row)]
    told = pl.DataFrame(
        moved, schema={name: NEWS[name] for name in ("item_id", "title", "effective")}, orient="row"
    )
    there = set(known["item_id"].to_list())
    added = [row for row in _joined(again, changed, at) if row["item_id"] not in there]
    return pl.concat([as_news(known.update(told, on="item_id")), pl.DataFrame(added, schema=NEWS)])


def _is_same(row: Row) -> bool:
    """Whether the edit still tells the delisting that was known: a feed may give one id to two stories."""
    return row["event"] == "delisting" and bool(set(row["symbols"]) & set(row["symbols_now"]))


def _joined(again: pl.DataFrame, changed: dict[str, Row], at: datetime) -> Iterator[Row]:
    for row in again.iter_rows(named=True):
        before = changed[row["item_id"]]
        known = set(before["symbols"]) if before["event"] == "delisting" else set()
        new = [symbol for symbol in row["symbols"] if symbol not in known]
        if new:
            name = f"news-{digest('edit', row['item_id'], *new)}"
            # The edit is new however old the story is.
            yield row | {"item_id": name, "symbols": new, "published": None, "first_seen": at}
