"""The exchange's state folder as a process sees it: one owner at a time, and time that never comes back."""

import http.client
import json
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import ccxt

from tests.integration.exchange_process import ROOT, START_S, command, exchange_process

SMALL = ("--symbols", "20", "--rate", "0", "--speed", "900")


def shown_ms(base: str) -> int:
    link = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    link.request("GET", "/api/v3/time")
    shown: int = json.loads(link.getresponse().read())["serverTime"]
    link.close()
    return shown


def test_a_second_exchange_on_the_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Exit code 1, the folder and the owner's process id named; the first one goes on."""
    asked = (*SMALL, "--state", str(tmp_path / "s"))
    with exchange_process(*asked) as running:
        second = subprocess.run(
            command(*asked), cwd=ROOT, capture_output=True, text=True, timeout=START_S, check=False
        )
        assert second.returncode == 1
        assert str(running.process.pid) in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
        assert shown_ms(running.base) > 0


def test_a_killed_exchange_resumes_behind_everything_it_has_shown(tmp_path: Path) -> None:
    """Killed at 900 times the pace, three times, at moments that saves do not know: time only grows."""
    asked = (*SMALL, "--state", str(tmp_path / "s"))
    last = 0
    for pause_s in (0.05, 0.7, 1.6):
        with exchange_process(*asked) as running:
            until = time.monotonic() + pause_s
            first = shown_ms(running.base)
            assert first >= last
            # Two wall seconds at 900 times the pace are half an hour: a kill never costs more.
            assert last == 0 or first - last < 3_600_000
            while time.monotonic() < until:
                last = shown_ms(running.base)
            last = shown_ms(running.base)
            running.process.send_signal(signal.SIGKILL)
            running.process.wait(20)


def test_a_durable_exchange_that_is_killed_still_knows_every_order_it_answered(tmp_path: Path) -> None:
    """Killed right after the answer, sooner than the save every three seconds."""
    asked = ("--symbols", "20", "--rate", "0", "--start", "now", "--state", str(tmp_path / "s"), "--durable")
    with exchange_process(*asked) as running:
        venue = ccxt.mexc(running.ccxt())
        placed = venue.create_order("BTC/USDT", "limit", "buy", 0.01, 1000.0)
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(20)
    with exchange_process(*asked) as running:
        venue = ccxt.mexc(running.ccxt())
        assert [order["id"] for order in venue.fetch_open_orders("BTC/USDT")] == [placed["id"]]


def test_durable_answers_without_a_folder_are_refused(tmp_path: Path) -> None:
    """There is nothing they could be kept in."""
    ended = subprocess.run(
        command(*SMALL, "--durable"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "state" in ended.stderr
