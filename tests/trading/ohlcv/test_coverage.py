"""The ledger: what was answered stays answered, in every order, through every kill, for every process."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.errors import StoreError
from trading.ohlcv.coverage import Coverage
from trading.ohlcv.spans import length, union, without

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def cells(spans) -> set[int]:
    return {cell for start, end in spans for cell in range(start, end)}


@given(spans=SPANS)
def test_union_covers_the_same_time_in_separate_pieces(spans):
    """By counting cells, which no interval arithmetic is needed for."""
    whole = union(spans)
    assert cells(whole) == cells(spans)
    assert length(whole) == len(cells(spans))
    assert all(first[1] < second[0] for first, second in pairwise(whole))


@given(window=st.tuples(st.integers(0, 60), st.integers(0, 60)), taken=SPANS)
def test_without_leaves_what_nobody_took(window, taken):
    """By counting cells again."""
    assert cells(without(window, taken)) == cells([window]) - cells(taken)


def test_spans_of_a_symbol_grow_together(tmp_path):
    """Touching answers become one, others stay apart; bar lengths and symbols do not mix."""
    ledger = Coverage(tmp_path / "coverage.db")
    assert ledger.spans("15m") == {}
    ledger.record("15m", [("A/USDT", 10, 20), ("B/USDT", 0, 5), ("A/USDT", 40, 50)])
    ledger.record("15m", [("A/USDT", 20, 30)])
    ledger.record("1h", [("A/USDT", 0, 100)])
    assert ledger.spans("15m") == {"A/USDT": [(10, 30), (40, 50)], "B/USDT": [(0, 5)]}
    assert Coverage(tmp_path / "coverage.db").spans("1h") == {"A/USDT": [(0, 100)]}


def test_what_is_forgotten_is_asked_again(tmp_path):
    """A day whose file is gone: it leaves a hole in what was answered, for the symbols named or all."""
    ledger = Coverage(tmp_path / "coverage.db")
    ledger.record("15m", [("A", 0, 100), ("B", 0, 100)])
    ledger.forget("15m", (40, 60), ["A"])
    assert ledger.spans("15m") == {"A": [(0, 40), (60, 100)], "B": [(0, 100)]}
    ledger.forget("15m", (0, 50))
    assert ledger.spans("15m") == {"A": [(60, 100)], "B": [(50, 100)]}


def test_a_killed_writer_leaves_whole_batches_only(tmp_path):
    """kill -9 in the middle of a transaction: the batch before it stands, the batch itself never was."""
    path = tmp_path / "coverage.db"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from trading.ohlcv.coverage import Coverage\n"
        "ledger = Coverage(Path(sys.argv[1]))\n"
        "ledger.record('15m', [('A', 0, 10)])\n"
        "def answers():\n"
        "    yield ('B', 0, 10)\n"
        "    yield ('A', 10, 20)\n"
        "with ledger._writing() as database:\n"
        "    database.execute(\"INSERT INTO covered VALUES ('15m', 'C', 0, 10)\")\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == -9
    ledger = Coverage(path)
    assert ledger.spans("15m") == {"A": [(0, 10)]}
    ledger.record("15m", [("A", 10, 20)])
    assert ledger.spans("15m") == {"A": [(0, 20)]}


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    """A scan and a backfill: each of eight threads writes its own hundredths of one symbol."""
    ledger = Coverage(tmp_path / "coverage.db")

    def write(part: int) -> None:
        for n in range(part, 80, 8):
            ledger.record("1m", [("A", n, n + 1)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert ledger.spans("1m") == {"A": [(0, 80)]}


def test_a_damaged_ledger_is_named(tmp_path):
    """One sentence of ours instead of a database's."""
    path = tmp_path / "coverage.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"coverage\.db"):
        Coverage(path).spans("15m")
