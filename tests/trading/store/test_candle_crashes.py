"""Candles when the machine does its worst: killed writers, a full disk, readers in other processes."""

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.market.errors import StoreError
from trading.market.frames import CANDLES
from trading.store.candles import CandleStore
from trading.store.parts import KEY

MONTH = datetime(2025, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(symbol: str, first: int, count: int, close: float = 1.0) -> pl.DataFrame:
    rows = [
        (symbol, MONTH + n * HOUR, close, close, close, close, 1.0, 1.0) for n in range(first, first + count)
    ]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


# Appends batches and tidies for ever; says a number once the batch of that number is stored.
_WRITER = """
import sys
from pathlib import Path
from tests.trading.store.test_candle_crashes import hours
from trading.store.candles import CandleStore
store, number = CandleStore(Path(sys.argv[1])), int(sys.argv[2])
while True:
    number += 1
    store.append("1h", hours(f"S{number % 7}", 24 * (number % 3), 30, float(number)), tag="w")
    print(number, flush=True)
    if number % 3 == 0:
        store.rewrite_month("1h", "2025-02")
    elif number % 3 == 1:
        store.compact("1h", "2025-02-02")
"""


def killed_after(root: Path, first: int, pause_s: float) -> int:
    """Run the writer from batch `first` on, kill it after `pause_s`; return the last batch it told of."""
    command = [sys.executable, "-c", _WRITER, str(root), str(first)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert writer.stdout is not None
    told = [writer.stdout.readline()]  # it has begun
    time.sleep(pause_s)
    writer.send_signal(signal.SIGKILL)
    told += writer.communicate()[0].splitlines()
    assert writer.returncode == -signal.SIGKILL
    return int(told[-1])


def test_killed_writer_leaves_every_batch_it_told_of(tmp_path: Path) -> None:
    """Kill -9 at random moments of appending, compacting and rewriting, one store through all of them."""
    draw, last = random.Random(20250201), 0
    for _ in range(8):
        last = killed_after(tmp_path, last, draw.uniform(0.0, 0.25))
        found = CandleStore(tmp_path).read("1h")
        assert not found.select(KEY).is_duplicated().any()
        latest = {(f"S{n % 7}", n % 3, hour): float(n) for n in range(1, last + 1) for hour in range(30)}
        newest: dict[tuple[str, datetime], float] = {}
        for (symbol, day, hour), number in sorted(latest.items(), key=lambda pair: pair[1]):
            newest[(symbol, MONTH + (24 * day + hour) * HOUR)] = number
        stored = {(symbol, at): close for symbol, at, close in found.select(*KEY, "close").iter_rows()}
        # The batch after the last one told may be there too, a day of it or both.
        ahead = {key for key, close in stored.items() if close == last + 1}
        assert {key: close for key, close in stored.items() if key not in ahead} == {
            key: close for key, close in newest.items() if key not in ahead
        }


def watch(root: Path, until: float, report: "multiprocessing.Queue[object]") -> None:
    store, reads, problems = CandleStore(root), 0, []
    while time.time() < until:
        found = store.read("1h")
        reads += 1
        if found.height != 72 or found.select(KEY).is_duplicated().any():
            problems.append(found.height)
    report.put((reads, problems))


def test_readers_in_other_processes_see_every_bar_during_rewrites(tmp_path: Path) -> None:
    """Late bars, compactions and rewrites in this process; two others read all the time."""
    store = CandleStore(tmp_path)
    store.append("1h", hours("BASE", 0, 72), tag="w")
    context = multiprocessing.get_context("spawn")
    report: multiprocessing.Queue[object] = context.Queue()
    until = time.time() + 6
    readers = [context.Process(target=watch, args=(tmp_path, until, report)) for _ in range(2)]
    for reader in readers:
        reader.start()
    number = 0
    while time.time() < until:
        number += 1
        store.append("1h", hours("BASE", number % 60, 3, float(number)), tag="w")
        store.rewrite_month("1h", "2025-02")
    told = [report.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join(60)
    assert [problems for _, problems in told] == [[], []]
    assert all(reads > 5 for reads, _ in told)
    assert number > 5


# A file may not grow beyond a few kilobytes: what a full disk does to a write.
_FULL = """
import resource, signal, sys
from pathlib import Path
from tests.trading.store.test_candle_crashes import hours, attempt
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
attempt(Path(sys.argv[1]), sys.argv[2])
"""


def attempt(root: Path, what: str) -> None:
    """Do what needs more room than there is, and say what came of it."""
    store = CandleStore(root)
    try:
        if what == "append":
            noise = pl.Series("volume", random.Random(1).choices(range(10**12), k=24 * 60)) / 7.0
            many = pl.concat([hours(f"N{n}", 0, 24) for n in range(60)]).with_columns(noise)
            store.append("1h", many, tag="big")
        elif what == "compact":
            store.compact("1h", "2025-02-01")
        else:
            store.rewrite_month("1h", "2025-02")
    except StoreError as error:
        sys.stdout.write(f"StoreError: {error}")


@pytest.mark.parametrize("what", ["append", "compact", "rewrite"])
def test_full_disk_is_one_clear_error_and_nothing_is_lost(tmp_path: Path, what: str) -> None:
    """The sentence names what was written; what was there before reads as before, also afterwards."""
    store = CandleStore(tmp_path)
    for part in range(30):
        noise = hours(f"A{part}", 0, 40).with_columns(pl.col("volume", "close") + part * 0.123456789)
        noise = noise.with_columns(pl.col("volume") * (pl.int_range(40) * 0.7123))
        store.append("1h", noise, tag="w")
    before = store.read("1h")
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path), what],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith("StoreError: could not "), (done.stdout, done.stderr[-2000:])
    assert "2025-02" in done.stdout
    assert str(tmp_path) not in done.stdout
    assert store.read("1h").equals(before)
    store.rewrite_month("1h", "2025-02")
    assert store.read("1h").equals(before)


def test_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """A file lies where the folder should be: our own error, and no half a day."""
    (tmp_path / "candles").mkdir()
    (tmp_path / "candles" / ".incoming").write_text("in the way")
    with pytest.raises(StoreError, match="1h candles of 2025-02-01"):
        CandleStore(tmp_path).append("1h", hours("A", 0, 3), tag="w")
    assert CandleStore(tmp_path).read("1h").is_empty()
    (tmp_path / "candles" / ".incoming").unlink()
    assert CandleStore(tmp_path).append("1h", hours("A", 0, 3), tag="w") == {"2025-02-01": 3}
