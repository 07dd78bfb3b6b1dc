"""News: the newest stories, how they were read, and which symbols they keep out."""

from collections.abc import Mapping
from typing import Any

from interfaces.ui import sections
from interfaces.ui.world import World

SHOWN = 2_000


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return holds that are in force and the stories, newest first."""
    del asked
    return {"sections": [_holds(world), _stories(world)]}


def _holds(world: World) -> sections.Section:
    from trading.market.timeframes import from_ms

    columns = [("symbol", "Symbol", "symbol"), ("event", "Event", "tag"), ("reason", "Why", "text"),
               ("since", "Since", "time"), ("until", "Until", "time")]  # fmt: skip
    with world.log() as log:
        held = {} if log is None else log.news_holds.active(log.history.newest_ms() or 0)
    rows = [
        {
            "symbol": symbol,
            "event": str(found.event),
            "reason": found.reason,
            "since": from_ms(found.since_ms),
            "until": from_ms(found.until_ms),
        }
        for symbol, found in sorted(held.items())
    ]
    return sections.table("Kept out by news", columns, rows, empty="No story keeps a symbol out.")


def _stories(world: World) -> sections.Section:
    frame = world.table("news_events")
    columns = [
        ("first_seen", "First seen", "time"),
        ("source", "Source", "text"),
        ("event", "Event", "tag"),
        ("mood", "Mood", "tag"),
        ("score", "Score", "number"),
        ("named", "Symbols", "text"),
        ("title", "Headline", "text"),
    ]
    rows: list[dict[str, Any]] = []
    if frame is not None:
        newest = frame.sort("first_seen", descending=True).head(SHOWN)
        rows = [row | {"named": ", ".join((row["symbols"] or [])[:8])} for row in newest.to_dicts()]
    total = 0 if frame is None else frame.height
    return sections.table("Stories", columns, rows, total=total, empty="No story was read yet.")
