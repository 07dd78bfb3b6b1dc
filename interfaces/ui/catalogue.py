"""Which pages there are: name, address, heading, and the function that makes their data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from interfaces.ui.world import World

Data = Callable[[World, Mapping[str, str]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `for_s` is how long its data may be old; `asks` names what its address must say."""

    name: str
    path: str
    title: str
    about: str
    for_s: float = 5.0
    asks: tuple[str, ...] = ()
    is_listed: bool = True

    def data(self, world: World, asked: Mapping[str, str]) -> dict[str, Any]:
        """Make the page's data; its module is imported at the first call."""
        make: Data = import_module(f"interfaces.ui.pages.{self.name}").data
        return make(world, asked)


PAGES = (
    Page(
        "standing", "/", "Is it trading?", "Verdict, where the funnel died, closed gates, oldest input.", 3.0
    ),
    Page("live", "/live", "Live", "Positions, orders, armed exits, workers; stop, freeze, flatten.", 1.0),
    Page("market", "/market", "Market", "Every symbol: how far it came, and what stopped it.", 10.0),
    Page(
        "symbol",
        "/symbol",
        "Symbol",
        "Candles, trades, news of one symbol; why in, why out.",
        10.0,
        ("symbol",),
    ),
    Page("users", "/users", "Users", "Everybody who trades: orders, trades, P&L of their own mode.", 5.0),
    Page("user", "/user", "User", "What happened to one user, and why.", 5.0, ("user",), is_listed=False),
    Page("xray", "/xray", "X-ray", "Who moves with whom: groups, correlations, by click.", 30.0, ("group",)),
    Page(
        "research",
        "/research",
        "Research",
        "Passes, two of them compared, fragility, every rule of the gate.",
        30.0,
        ("one", "two"),
    ),
    Page(
        "models",
        "/models",
        "Models",
        "Champion, gate, drift, predictions and outcomes, overrides.",
        30.0,
        ("evaluation",),
    ),
    Page("news", "/news", "News", "Newest stories, what they mean, whom they keep out.", 10.0),
    Page("system", "/system", "System", "Freshness, checks, drills, processes, disk, audit.", 5.0),
    Page(
        "run",
        "/run",
        "Run",
        "What one run, or one table, left behind.",
        10.0,
        ("run", "table", "version"),
        is_listed=False,
    ),
)
BY_NAME = {page.name: page for page in PAGES}
