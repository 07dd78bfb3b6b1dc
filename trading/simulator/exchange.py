"""One embedded exchange: its market, clock, accounts, matcher, limits, faults and news together.

It wires the collaborators and holds no rules of its own. Routes read it; `server` puts it on HTTP.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trading.simulator.accounts import AccountBook
from trading.simulator.book import IMPACT, BookMaker
from trading.simulator.clock import MarketClock
from trading.simulator.clock_lease import ClockLease
from trading.simulator.fault_orders import Veils
from trading.simulator.faults import FaultPlan
from trading.simulator.levers import Levers
from trading.simulator.limits import Limiter, LimitSettings
from trading.simulator.listenkeys import ListenKeys
from trading.simulator.listings import Listing
from trading.simulator.matching import Matcher
from trading.simulator.newsdesk import NewsDesk
from trading.simulator.served import ServedMarket
from trading.simulator.source import MarketSource, Snapshot

_SNAPSHOT_S = 0.1


@dataclass(slots=True)
class Exchange:
    """The parts of one running exchange; `source` is the market as served, levers included."""

    source: ServedMarket
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
    levers: Levers
    veils: Veils = field(default_factory=Veils)
    admin_token: str | None = field(default=None, repr=False)
    wall_s: Callable[[], float] = time.monotonic
    # Where it is written down how far market time has been shown; None: nobody will restart this one.
    lease: ClockLease | None = None
    # Asked before REST shows the book of a symbol: its depth streams get there first and say which
    # version that is; None where nobody streams it.
    depth_version: Callable[[str, int], int | None] | None = None
    _snapshot: tuple[float, int, Snapshot] | None = None

    def snapshot(self, now_ms: int) -> tuple[int, Snapshot]:
        """Return (market time, snapshot), at most a tenth of a wall second old."""
        wall_s = self.wall_s()
        kept = self._snapshot
        if kept is not None and now_ms < kept[1]:
            return now_ms, self.source.snapshot(now_ms)  # stale on purpose: not for anybody else
        if kept is None or not 0 <= wall_s - kept[0] < _SNAPSHOT_S:
            kept = self._snapshot = (wall_s, now_ms, self.source.snapshot(now_ms))
        return kept[1], kept[2]

    def catch_up(self) -> int:
        """Let due levers act and return market time: the first thing every request does."""
        now_ms = self.clock.now_ms()
        if self.lease is not None:
            self.lease.cover(now_ms, self.clock.speed)
        if now_ms >= self.levers.next_ms:
            self.levers.catch_up(now_ms)
            self.forget_snapshot()
        return now_ms

    def forget_snapshot(self) -> None:
        """Make the next tickers new ones: a lever has moved something."""
        self._snapshot = None

    def about(self, asker: str = "local") -> dict[str, object]:
        """Return what this world is, for `GET /sluice/about`; `asker` is the address that wants to know."""
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
            "burst": self.limiter.settings.bucket,
            "used": round(self.limiter.used(asker, self.wall_s()), 3),
            "weight_spent": self.limiter.spent,
            "refused": self.limiter.refused,
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
    impact: float = IMPACT,
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
    impact : float
        Share of a taker's push of the best price that stays until it wears off; 0: none.
    """
    book = accounts or AccountBook(seed)
    market = ServedMarket(source)
    listing = Listing(market)
    books = BookMaker(listing, seed, impact=impact)
    matcher = Matcher(listing, book, books)
    return Exchange(
        source=market,
        clock=clock,
        seed=seed,
        accounts=book,
        listing=listing,
        books=books,
        matcher=matcher,
        limiter=Limiter(limits or LimitSettings()),
        faults=faults or FaultPlan(seed=seed),
        news=NewsDesk(source, seed),
        listen_keys=ListenKeys(),
        levers=Levers(market, book, matcher.end_stretch, matcher.store.touch),
        admin_token=admin_token,
        wall_s=wall_s,
    )
