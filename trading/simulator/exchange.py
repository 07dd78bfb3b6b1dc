"""One embedded exchange: its market, clock, accounts, matcher, limits, faults and news together.

It wires the collaborators and holds no rules of its own. Routes read it; `server` puts it on HTTP.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trading.simulator.accounts import AccountBook
from trading.simulator.book import BookMaker
from trading.simulator.clock import MarketClock
from trading.simulator.faults import FaultPlan
from trading.simulator.limits import Limiter, LimitSettings
from trading.simulator.listenkeys import ListenKeys
from trading.simulator.listings import Listing
from trading.simulator.matching import Matcher
from trading.simulator.newsdesk import NewsDesk
from trading.simulator.source import MarketSource, Snapshot

_SNAPSHOT_S = 0.1


@dataclass(slots=True)
class Exchange:
    """The parts of one running exchange."""

    source: MarketSource
    clock: MarketClock
    seed: int
    accounts: AccountBook
    listing: Listing
    books: BookMaker
    matcher: Matcher
    limiter: Limiter
    faults: FaultPlan
    news: NewsDesk
    listen_keys: ListenKeys
    admin_token: str | None = field(default=None, repr=False)
    wall_s: Callable[[], float] = time.monotonic
    # Asked before REST shows the book of a symbol: its depth streams get there first and say which
    # version that is; None where nobody streams it.
    depth_version: Callable[[str, int], int | None] | None = None
    _snapshot: tuple[float, int, Snapshot] | None = None

    def snapshot(self, now_ms: int) -> tuple[int, Snapshot]:
        """Return (market time, snapshot), at most a tenth of a wall second old."""
        wall_s = self.wall_s()
        kept = self._snapshot
        if kept is None or not 0 <= wall_s - kept[0] < _SNAPSHOT_S or kept[1] > now_ms:
            kept = self._snapshot = (wall_s, now_ms, self.source.snapshot(now_ms))
        return kept[1], kept[2]

    def about(self) -> dict[str, object]:
        """Return what this world is, for `GET /sluice/about`."""
        edges = [pair.symbol for pair in self.source.pairs.values() if pair.has_edge]
        return {
            "exchange": "sluice embedded exchange",
            "protocol": "MEXC spot v3",
            "world": self.source.kind,
            "seed": self.seed,
            "symbols": len(self.source.pairs),
            "edge_declared": bool(edges),
            "edge_symbols": edges,
            "timeframes": list(self.source.timeframes),
            "market_time_ms": self.clock.now_ms(),
            "market_time": self.clock.now().isoformat(),
            "first_ms": self.source.first_ms,
            "last_ms": self.source.last_ms,
            "speed": self.clock.speed,
            "rate_per_s": self.limiter.settings.rate_per_s,
            "demo_accounts": self.accounts.demo_accounts,
            "news_feeds": self.news.feeds(),
        }


def make_exchange(
    source: MarketSource,
    clock: MarketClock,
    *,
    seed: int = 0,
    accounts: AccountBook | None = None,
    limits: LimitSettings | None = None,
    faults: FaultPlan | None = None,
    admin_token: str | None = None,
    wall_s: Callable[[], float] = time.monotonic,
) -> Exchange:
    """Return an exchange over `source` that lives in the time of `clock`.

    Parameters
    ----------
    seed : int
        Seeds books, news and demo secrets (the market itself has its own, as a rule the same).
    accounts : AccountBook | None
        Who may sign; a pool of 1,000 demo accounts by default.
    admin_token : str | None
        Opens ``POST /sluice/*`` to requests that carry it; None keeps them shut.
    """
    book = accounts or AccountBook(seed)
    listing = Listing(source)
    books = BookMaker(listing, seed)
    return Exchange(
        source=source,
        clock=clock,
        seed=seed,
        accounts=book,
        listing=listing,
        books=books,
        matcher=Matcher(listing, book, books),
        limiter=Limiter(limits or LimitSettings()),
        faults=faults or FaultPlan(seed=seed),
        news=NewsDesk(source, seed),
        listen_keys=ListenKeys(),
        admin_token=admin_token,
        wall_s=wall_s,
    )
