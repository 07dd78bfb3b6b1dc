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
)
BY_NAME = {page.name: page for page in PAGES}
