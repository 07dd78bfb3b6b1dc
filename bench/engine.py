"""One signal set for a thousand users: when the last order leaves, what it costs, how late the loop is.

Engines run as `sluice trade` does (`run_engine`, uvloop, SQLite with full sync), each in a process of its
own, against the embedded exchange in another, on one budget that counts every signed request, as MEXC does.
Ten thousand users on two workers and the restart with 3,000 positions: ``python -m bench.engine --large``.

- ``floor_ratio``: from the set's row to the last order at the venue, over the weight that reached the venue
  meanwhile divided by the rate. 1 = the limiter never waited for us.
- ``ratio``: plain ccxt's CPU for `create_order` and `fetch_order` (its limiter off, same run) over ours for
  an order from plan to booked position.
- ``lag_p99_ms``: how late a timer of 10 ms fired meanwhile, in the worker that was latest.
- ``load``: processes that wanted a core before it began; wall figures say little above 1.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.engine_world import SIGNALS, Load, ccxt_cpu_ms, restarted, traded
from bench.harness import apart
from bench.venue import serving

USERS, RATE_PER_S = 1_000, 400.0
LARGE_USERS, LARGE_WORKERS = 10_000, 2
MOST_OF_FLOOR, LEAST_OF_CCXT, MOST_LAG_MS, MOST_RSS_MB, MOST_ARMED_S = 1.10, 0.5, 20.0, 550.0, 30.0
PEER_ORDERS = 300


def run() -> list[dict[str, Any]]:
    """Measure and return the line of a thousand users on one worker."""
    return [_trading(USERS, 1)]


def large() -> list[dict[str, Any]]:
    """Return the lines of ten thousand users on two workers, and of the restart."""
    return [_restart(USERS), _trading(LARGE_USERS, LARGE_WORKERS)]


def _trading(users: int, workers: int) -> dict[str, Any]:
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, _venue(folder, users) as venue:
        load = Load(venue.base_url, folder, users, RATE_PER_S, workers)
        theirs_ms = apart(ccxt_cpu_ms, load.base_url, PEER_ORDERS, repeat=1, warm_up=False).value
        found = traded(load)
    ours_ms = found["cpu_s"] / max(found["orders"], 1) * 1000
    return {
        "name": "engine" if workers == 1 else f"engine {workers} workers",
        "work": f"{users:,} users x {SIGNALS} orders from one set, {workers} worker(s)",
        "ours_cpu_s": round(found["cpu_s"], 2),
        "ours_wall_s": round(found["last_order_s"], 2),
        "peer": "ccxt create_order + fetch_order",
        "peer_cpu_s": round(theirs_ms * found["orders"] / 1000, 2),
        "ours_cpu_ms_each": round(ours_ms, 2),
        "peer_cpu_ms_each": round(theirs_ms, 2),
        "ratio": round(theirs_ms / ours_ms, 2),
        "bound": LEAST_OF_CCXT,
        # The other bounds are judged by eye: they are of the wall, and of a quiet machine.
        "ok": theirs_ms / ours_ms >= LEAST_OF_CCXT and found["http_429"] == 0,
        "floor_bound": MOST_OF_FLOOR,
        "lag_bound_ms": MOST_LAG_MS,
        "rss_bound_mb": MOST_RSS_MB,
        "load": round(load_before, 1),
    } | found


def _restart(users: int) -> dict[str, Any]:
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, _venue(folder, users) as venue:
        seconds, positions = restarted(Load(venue.base_url, folder, users, RATE_PER_S, 1))
    return {
        "name": "engine restart",
        "work": f"{users:,} users, {positions:,} open positions: from the start to every exit armed",
        "ours_wall_s": round(seconds, 2),
        "peer": None,
        "ratio": round(seconds, 2),
        "ratio_of": "wall seconds",
        "bound": MOST_ARMED_S,
        "ok": seconds <= MOST_ARMED_S,
        "load": round(load_before, 1),
    }


def _venue(folder: str, users: int) -> Any:
    log = str(Path(folder) / "requests.jsonl")
    return serving(
        "--symbols", "60", "--accounts", str(users), "--impact", "0", "--rate", "0", "--json-log", log
    )  # fmt: skip


def main() -> None:
    """Print a JSON line each."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("--large", action="store_true", help="10,000 users on two workers, and the restart")
    for line in large() if parser.parse_args().large else run():
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
