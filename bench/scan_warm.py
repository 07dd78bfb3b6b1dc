"""A warm scan: pre-filter on, at most 400 survivors, only what is missing of their candles.

Twice: onto an empty store, where 500 bars of each survivor are missing, and half an hour of market time
later, where two are. Either way it is a request per survivor, so the budget is what bounds it. How it is
measured, and the control beside it: `bench.scan_cold`.
"""

import time
from pathlib import Path
from typing import Any

from bench.scan_cold import BARS, ROUND_TRIP_MS, VENUE_BURST, control, exchange, line_of, one_scan, scans
from bench.venue import Served
from trading.scan.request import ScanRequest

SURVIVORS, BOUND = 400, 1.10
_REQUEST = ScanRequest(symbols=SURVIVORS, bars=BARS)


def run() -> list[dict[str, Any]]:
    """Measure with the careful bucket, near and far, and with the venue's own."""
    with exchange() as venue:

        def half_an_hour_ago(lake: Path) -> None:
            one_scan(venue, _REQUEST, lake, burst=VENUE_BURST)
            _let_pass_half_an_hour(venue)

        lines = []
        for told, burst, delay_ms, seed in (
            ("onto an empty store, careful bucket", None, 0.0, None),
            ("half an hour after the last one, careful bucket", None, 0.0, half_an_hour_ago),
            ("half an hour after the last one, careful bucket", None, ROUND_TRIP_MS, half_an_hour_ago),
            ("half an hour after the last one, the venue's bucket", VENUE_BURST, 0.0, half_an_hour_ago),
        ):
            venue.set_round_trip(delay_ms)
            runs = scans(venue, _REQUEST, burst=burst, seed=seed)
            work = f"pre-filter to {runs[-1].report.symbols} survivors, {told}"
            line = line_of("scan_warm", work, runs, bound=BOUND, round_trip_ms=delay_ms)
            lines.append(line | control(venue, delay_ms, SURVIVORS))
    return lines


def _let_pass_half_an_hour(venue: Served) -> None:
    venue.set_speed(900.0)
    time.sleep(2.0)
    venue.set_speed(1.0)
