"""A benchmark's line never claims more than was measured."""

import json

import pytest

from bench import __main__ as bench
from bench.calibration import kernel, slowness
from bench.harness import Measured, against_bound, against_peer, apart, measure, missing

OURS = Measured(cpu_s=0.5, wall_s=0.6, peak_rss_mb=100.0)
KEYS = {
    "name",
    "work",
    "ours_cpu_s",
    "ours_wall_s",
    "peak_rss_mb",
    "peer",
    "peer_cpu_s",
    "ratio",
    "bound",
    "ok",
}


@pytest.mark.parametrize(("peer_s", "ratio", "ok"), [(2.0, 4.0, True), (1.4, 2.8, False)])
def test_ratio_is_the_peer_s_cpu_over_ours(peer_s, ratio, ok):
    """4 means that we need a quarter."""
    line = against_peer("x", "w", OURS, "peer", Measured(peer_s, peer_s, 1.0), bound=3.0)
    assert (line["ratio"], line["ok"]) == (ratio, ok)
    assert set(line) == KEYS


def test_a_missing_peer_makes_ok_null_with_the_reason():
    """Never true: nothing was compared."""
    line = against_peer("x", "w", OURS, "talib", None, bound=3.0)
    assert (line["ok"], line["ratio"], line["peer"]) == (None, None, None)
    assert "talib" in line["reason"]


@pytest.mark.parametrize(("slow", "ok"), [(1.0, False), (1.5, True)])
def test_cpu_seconds_are_judged_as_on_a_quiet_machine(slow, ok):
    """0.5 s on a machine 1.5 times slower are a third of a second on a quiet one."""
    line = against_bound("x", "w", OURS, bound_cpu_s=0.4, slowness=slow)
    assert line["ok"] is ok
    assert set(line) >= KEYS


def test_the_kernel_is_the_same_work_every_time():
    """A calibration that varied would judge itself."""
    assert kernel() == kernel()
    assert 0.2 < slowness(repeat=1) < 50


def _grow(megabytes: int) -> int:
    return len(bytearray(megabytes * 1_000_000))


def test_peak_memory_is_the_work_s_own_when_run_apart():
    """In its own process, 200 MB more work show as 200 MB more."""
    small, large = apart(_grow, 1, repeat=1), apart(_grow, 201, repeat=1)
    assert 150 < large.peak_rss_mb - small.peak_rss_mb < 260
    assert large.value == 201_000_000


def test_the_cheapest_of_the_runs_counts():
    """Noise only adds; the warm-up run is not counted."""
    seen = []
    measured = measure(lambda: seen.append(1) or len(seen), repeat=3)
    assert len(seen) == 4
    assert measured.value in (2, 3, 4)


def test_missing_modules_are_found_without_importing():
    """A peer is asked for by name."""
    assert missing(["json", "no_such_module_anywhere"]) == ["no_such_module_anywhere"]


def test_every_benchmark_is_listed_and_an_unknown_one_is_wrong_use(capsys):
    """Machinery is no benchmark."""
    assert bench.main(["--list"]) == 0
    listed = capsys.readouterr().out.split()
    assert "funnel" in listed
    assert "harness" not in listed
    assert bench.main(["nothing"]) == 2


def test_a_benchmark_that_breaks_is_a_line_of_its_own_and_fails(capsys, monkeypatch):
    """One broken peer hides no other figure."""

    class Broken:
        @staticmethod
        def run():
            raise RuntimeError("no such peer")

    monkeypatch.setattr(bench.importlib, "import_module", lambda name: Broken)
    assert bench.main(["funnel", "--json"]) == 1
    line = json.loads(capsys.readouterr().out)
    assert line == {"name": "funnel", "ok": False, "reason": "RuntimeError: no such peer"}
