"""News feeds as a Dagster resource: the configured ones, else the embedded exchange's own news desk."""

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg
import polars as pl

from resources.settings import load_settings

if TYPE_CHECKING:
    from trading.news.collect import Collected

MEMORY = "feeds.json"
DESK_FEEDS = ("exchange", "wire", "chatter")


class NewsDesk(dg.ConfigurableResource[None]):
    """Reads RSS and Atom feeds over http(s), with limits on size, time and address."""

    world: str = ""

    def collect(self, known: pl.DataFrame | None, markets: pl.DataFrame, at: datetime) -> "Collected":
        """Return all stories ever seen, one sentence per feed that could not be read, and what to remember.

        Call `remember` with it once the stories are stored.
        """
        from trading.news.collect import collect_news
        from trading.news.feeds import Feed
        from trading.news.fetch import FeedFetcher
        from trading.news.memory import read_memory

        settings = load_settings(self.world)
        desk = settings.exchange.base_url
        feeds = [Feed(urlsplit(url).hostname or url, url) for url in settings.feeds]
        allowed: frozenset[tuple[str, int]] = frozenset()
        if not feeds and desk is not None:
            # The one private address that may be read: the exchange that this world runs on.
            allowed = frozenset({(urlsplit(desk).hostname or "", urlsplit(desk).port or 80)})
            feeds = [Feed(name, f"{desk}/news/{name}.xml") for name in DESK_FEEDS]
        memory = read_memory(settings.world_dir / MEMORY)
        return collect_news(FeedFetcher(allowed=allowed), feeds, known, markets, at, memory=memory)

    def remember(self, found: "Collected") -> None:
        """Keep what servers said of their versions, so that an unchanged feed is not sent again."""
        from trading.news.memory import write_memory

        write_memory(load_settings(self.world).world_dir / MEMORY, found.memory)
