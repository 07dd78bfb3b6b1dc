"""The world that the learning demo happens in: candles written, exchange started, settings pointed at it."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interfaces.learn.paper import USERS
from interfaces.learn.planted import write_market
from interfaces.run.children import Child, free_port
from interfaces.run.market import MarketControl
from interfaces.run.options import World
from interfaces.run.processes import wait_until_up
from resources.addresses import require_unserved, serving
from resources.settings import Settings, load_settings, select_world

START = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
BARS = 1500  # the whole history and the days that come
_AFTER = timedelta(days=63)  # whatever days are lived through: a seed is one market
_BEFORE = timedelta(days=31)  # some of them are warm-up: at first there are too few days of decisions


@contextmanager
def demo_world(
    *, edge: str, pairs: int, seed: int, home: Path | None = None
) -> Iterator[tuple[MarketControl, Settings]]:
    """Serve a planted market on a free port in a fresh world of its own; it stays for a look afterwards."""
    name = f"learn-{edge}-{seed}"
    if home is not None:
        os.environ["SLUICE_HOME"] = str(home)
    base = load_settings(name)
    require_unserved(base.world_dir)
    shutil.rmtree(base.world_dir, ignore_errors=True)
    candles = base.world_dir / "market.parquet"
    hours = int((_BEFORE + _AFTER) / timedelta(hours=1))
    write_market(
        candles, first=START - _BEFORE, hours=hours, pairs=pairs, seed=seed, has_edge=edge == "planted"
    )
    world = World(
        name, seed, pairs, edge == "planted", str(candles), START.isoformat(), USERS, 500.0, "1h", BARS
    )
    world.write(base.record_path)
    select_world(base.home, name)
    token, port = secrets.token_hex(16), free_port()
    arguments = ["exchange", "serve", "--port", str(port), "--candles", str(candles), "--speed", "0"]
    arguments += [
        "--start",
        START.isoformat(),
        "--rate",
        "500",
        "--accounts",
        str(USERS),
        "--seed",
        str(seed),
    ]
    arguments += ["--state", str(base.exchange_state_dir)]
    log = base.world_dir / "logs" / "exchange.log"
    child = Child("exchange", arguments, log=log, env={"SLUICE_ADMIN_TOKEN": token})
    market = MarketControl(f"http://127.0.0.1:{port}", token)
    try:
        wait_until_up(child, market)
        os.environ |= {
            "SLUICE_WORLD": name,
            "SLUICE_EXCHANGE__BASE_URL": market.base_url,
            "SLUICE_EXCHANGE__RATE_PER_S": "500",
            "SLUICE_TIMEFRAME": "1h",
            "SLUICE_HISTORY_BARS": str(BARS),
        }
        with serving(base.world_dir, {"exchange": market.base_url}):
            yield market, load_settings(name)
    finally:
        child.stop()
