"""The embedded exchange of a drill: its faults and levers, its prices, what it noted of each request."""

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from interfaces.run.market import MarketControl
from trading.market.errors import Unreachable

TRIES = 6
DOLLARS = frozenset({"USDC", "USD1", "USDE", "FDUSD", "TUSD", "DAI"})
Rule = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair as the venue lists and quotes it."""

    wire: str
    symbol: str
    bid: Decimal
    ask: Decimal
    bid_amount: Decimal
    turnover: float


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the venue's request log.

    `wall_s` is when it had been read, in seconds since the epoch; `market_ms` the true market time when it
    was answered; `fault` names what struck it.
    """

    wall_s: float
    market_ms: int
    method: str
    path: str
    params: Mapping[str, str]
    key_end: str | None
    status: int
    code: int | None
    fault: str | None

    @property
    def is_order(self) -> bool:
        """Whether it asked for a new order."""
        return self.method == "POST" and self.path.endswith("/order")

    @property
    def coid(self) -> str:
        """Client order id, empty where there is none."""
        return self.params.get("newClientOrderId", "")


class VenueControl(MarketControl):
    """What a drill does to the exchange."""

    def set_faults(self, rules: Sequence[Rule], *, seed: int = 1) -> None:
        """Put `rules` in the place of all faults; an empty list ends them."""
        self._post("/sluice/faults", {"seed": seed, "rules": [dict(rule) for rule in rules]})

    def hits(self) -> dict[str, int]:
        """Return how often each kind of the present plan struck."""
        found: dict[str, int] = {}
        rules: Any = self._get("/sluice/faults")["rules"]
        for rule in rules:
            found[rule["kind"]] = found.get(rule["kind"], 0) + int(rule["hits"])
        return found

    def pull(self, action: str, wire: str, **options: object) -> None:
        """Pull a lever now."""
        self._post("/sluice/events", {"action": action, "symbol": wire, **options})

    def move(self, wire: str, ratio: float) -> None:
        """Let a pair's price jump by `ratio` and stay there."""
        self.pull("relist", wire, ratio=ratio)

    def spike(self, wire: str, factor: float, market_s: float) -> None:
        """Let a pair's price jump by `factor` and come back after so many market seconds."""
        jump = {"action": "relist", "symbol": wire, "ratio": factor}
        back = {"action": "relist", "symbol": wire, "ratio": 1 / factor, "after_s": market_s}
        self._post("/sluice/events", {"events": [jump, back]})

    def pairs(self) -> list[Pair]:
        """Return what is traded in USDT and has both sides, most traded first."""
        listed: Any = self._get("/api/v3/exchangeInfo")["symbols"]
        books = {row["symbol"]: row for row in self._list("/api/v3/ticker/bookTicker")}
        days = {row["symbol"]: row for row in self._list("/api/v3/ticker/24hr")}
        found = [
            Pair(
                wire=row["symbol"],
                symbol=f"{row['baseAsset']}/{row['quoteAsset']}",
                bid=Decimal(books[row["symbol"]]["bidPrice"]),
                ask=Decimal(books[row["symbol"]]["askPrice"]),
                bid_amount=Decimal(books[row["symbol"]]["bidQty"]),
                turnover=float(days[row["symbol"]]["quoteVolume"] or 0),
            )
            for row in listed
            if row["quoteAsset"] == "USDT" and row["isSpotTradingAllowed"] and row["symbol"] in books
        ]
        whole = [pair for pair in found if pair.bid > 0 and pair.ask > 0]
        # Dollar coins are another drill: off their peg they stop all entries.
        coins = [pair for pair in whole if pair.symbol.split("/")[0] not in DOLLARS]
        return sorted(coins, key=lambda pair: -pair.turnover)

    def _ask(self, request: urllib.request.Request) -> bytes:
        """Ask, again where a fault of the drill's own plan struck the question."""
        for _ in range(TRIES - 1):
            try:
                return super()._ask(request)
            except Unreachable:
                time.sleep(0.05)
        return super()._ask(request)

    def _list(self, path: str) -> list[dict[str, Any]]:
        found: Any = self._get(path)
        return list(found)


def requests(path: Path) -> Iterator[Request]:
    """Return the venue's request log, oldest first; a line that is being written is left out."""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            row = json.loads(line)
            yield Request(
                wall_s=row["wall_ms"] / 1000,
                market_ms=row["market_ms"],
                method=row["method"],
                path=row["path"],
                params=row["params"],
                key_end=row["key_end"],
                status=row["status"],
                code=row["code"],
                fault=row["fault"],
            )
