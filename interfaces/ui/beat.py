"""What the pulse tells each second: signs of life, counts, and marks that say which pages are out of date."""

import time
from datetime import UTC, datetime
from typing import Any

from interfaces.cli import vitals
from interfaces.ui.foreign import clean
from interfaces.ui.world import World

# Tables whose new version makes the first screen and the market page out of date.
_TABLES = ("tickers", "funnel_markets", "screened_symbols", "approved_symbols", "signals", "champion")


def beat(world: World) -> dict[str, Any]:
    """Return it: small, the same for everybody, nothing secret."""
    from trading.store.order_log import screens

    settings = world.settings
    engine = vitals.engine(settings)
    told: dict[str, Any] = {
        "at": f"{datetime.now(UTC):%H:%M:%S}",
        "wall_ms": int(time.time() * 1000),
        "market_ms": engine.get("market_ms"),
        "engine": clean(engine["said"]),
        "is_running": engine["is_running"],
        "open": {},
        "closed": {},
        "in_flight": 0,
        "halts": [],
        "mark": [],
    }
    with world.log() as log:
        if log is not None:
            told |= screens.counts(log.database)
            told["halts"] = [clean(halt.in_words()) for halt in log.halts.active()][:5]
    versions = [world.lake.latest(name) for name in _TABLES]
    told["mark"] = [told.pop("event", 0), len(told["halts"]), told["in_flight"]]
    told["tables"] = [None if version is None else version.version_id[-12:] for version in versions]
    return told
