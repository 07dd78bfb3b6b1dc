"""A scan's benchmark line of several runs: the median is held, all are told, no floor is no proof."""

from types import SimpleNamespace

import pytest

from bench.scan_cold import Run, line_of


def run_of(ratio: float | None, *, refused: int = 0) -> Run:
    """A scan whose floor is 100 s."""
    report = SimpleNamespace(
        ratio=ratio, elapsed_s=100.0 * (ratio or 0.05), floor_s=0.0 if ratio is None else 100.0,
        cpu_s=1.0, http_429=refused, rate=50.0, burst=12.5, requests=1, weight=1, symbols=1, failed={},
        wait_s=0.0, batches=1, in_flight=64,
    )  # fmt: skip
    return Run(report, 0.5, 1.0)  # type: ignore[arg-type]  # the fields that a line tells


@pytest.mark.parametrize(
    ("ratios", "median", "ok"),
    [
        ((1.02, 1.01, 1.2188), 1.02, True),
        ((1.01, 1.12, 1.2188), 1.12, False),  # the best alone would have held
        ((1.2188, 1.3, 1.0), 1.2188, False),
    ],
)
def test_the_bound_is_held_on_the_median_and_every_run_is_told(
    ratios: tuple[float, ...], median: float, ok: bool
) -> None:
    """One good run of three is no proof, one bad run under load no failure."""
    line = line_of("scan", "w", [run_of(ratio) for ratio in ratios], bound=1.10, round_trip_ms=0.0)
    assert (line["ratio"], line["ok"], line["runs"]) == (median, ok, 3)
    assert line["all_ratios"] == list(ratios)
    assert line["proves"] == "the bound"


def test_a_scan_that_fits_into_the_bucket_proves_only_that_nothing_was_refused() -> None:
    """No floor, no ratio, and the line says so; a 429 in any run fails it."""
    line = line_of("scan", "w", [run_of(None)] * 3, bound=1.10, round_trip_ms=0.0)
    assert (line["ratio"], line["floor_s"], line["ok"]) == (None, 0.0, True)
    assert line["proves"].startswith('only "no 429"')
    refused = [run_of(None), run_of(None, refused=1), run_of(None)]
    assert line_of("scan", "w", refused, bound=1.10, round_trip_ms=0.0)["ok"] is False
