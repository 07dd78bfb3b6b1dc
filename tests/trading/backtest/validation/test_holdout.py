"""A holdout is seen once: by name, by date, across processes and across a crash."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.backtest.validation.holdout import HoldoutBook
from trading.market.errors import BadInput, HoldoutSpent

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LOOK = {"by": "ada", "why": "final figure", "at": NOW, "data_id": "v-ohlcv-1"}


def book(tmp_path: Path) -> HoldoutBook:
    made = HoldoutBook(tmp_path / "holdouts.jsonl")
    made.declare("january", "momentum", BEGIN, END, at=NOW)
    return made


def test_a_second_opening_is_refused_and_told_who_looked_first(tmp_path: Path) -> None:
    """By another process too: a new object reads the same log."""
    book(tmp_path).open("january", **LOOK)
    with pytest.raises(HoldoutSpent, match=r"2026-03-01T.* by ada \(final figure\)"):
        HoldoutBook(tmp_path / "holdouts.jsonl").open("january", **(LOOK | {"by": "bob"}))


def test_another_name_for_the_same_days_does_not_open_them_again(tmp_path: Path) -> None:
    """Declared before or after the opening, overlapping days of one family are one holdout."""
    made = book(tmp_path)
    made.declare("overlap", "momentum", END - timedelta(days=1), END + timedelta(days=9), at=NOW)
    made.open("january", **LOOK)
    with pytest.raises(HoldoutSpent, match="holdout january"):
        made.open("overlap", **LOOK)
    with pytest.raises(HoldoutSpent, match="holdout january"):
        made.declare("again", "momentum", BEGIN, END, at=NOW)


def test_other_families_and_other_days_stay_shut(tmp_path: Path) -> None:
    """What momentum saw, mean reversion has not; the day after the end is another day."""
    made = book(tmp_path)
    made.declare("january-mr", "mean reversion", BEGIN, END, at=NOW)
    made.declare("february", "momentum", END, END + timedelta(days=28), at=NOW)
    made.open("january", **LOOK)
    assert made.open("january-mr", **LOOK).opening is not None
    assert made.open("february", **LOOK).opening is not None


def test_a_process_killed_right_after_opening_has_spent_it(tmp_path: Path) -> None:
    """The line is on disk before the caller can read a row."""
    book(tmp_path)
    code = (
        "import os, sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from trading.backtest.validation.holdout import HoldoutBook\n"
        "book = HoldoutBook(Path(sys.argv[1]))\n"
        "book.open('january', by='x', why='y', at=datetime(2026, 3, 1, tzinfo=UTC), data_id='d')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    path = tmp_path / "holdouts.jsonl"
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -9
    with pytest.raises(HoldoutSpent):
        HoldoutBook(path).open("january", **LOOK)


def test_a_line_that_was_cut_is_no_opening_and_the_next_one_counts(tmp_path: Path) -> None:
    """Killed in mid-write nobody saw a row: the holdout is still shut, and the log goes on."""
    made = book(tmp_path)
    path = tmp_path / "holdouts.jsonl"
    path.write_bytes(path.read_bytes() + b'{"event":"opened","name":"january","by":"x","wh')
    assert made.holdouts()[0].opening is None
    made.open("january", **LOOK)
    assert made.holdouts()[0].opening is not None


def test_of_six_processes_that_open_at_once_one_succeeds(tmp_path: Path) -> None:
    """The lock is held from the look into the log to the line in it."""
    book(tmp_path)
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from trading.backtest.validation.holdout import HoldoutBook\n"
        "from trading.market.errors import HoldoutSpent\n"
        "at = datetime(2026, 3, 1, tzinfo=UTC)\n"
        "try:\n"
        "    HoldoutBook(Path(sys.argv[1])).open('january', by='x', why='y', at=at, data_id='d')\n"
        "except HoldoutSpent:\n"
        "    sys.exit(7)\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "holdouts.jsonl")]
    running = [subprocess.Popen(arguments) for _ in range(6)]
    assert sorted(process.wait() for process in running) == [0, 7, 7, 7, 7, 7]


def test_research_does_not_see_the_rows_of_its_holdouts(tmp_path: Path) -> None:
    """Begin inclusive, end exclusive; other families see them."""
    times = [BEGIN - timedelta(days=1), BEGIN, END - timedelta(days=1), END]
    frame = pl.DataFrame({"open_time": times})
    made = book(tmp_path)
    assert made.for_research(frame, "momentum")["open_time"].to_list() == [times[0], times[3]]
    assert made.for_research(frame, "other").height == 4


def test_a_declaration_stands(tmp_path: Path) -> None:
    """The same again changes nothing; other dates under the name, no zone or no reason are refused."""
    made = book(tmp_path)
    made.declare("january", "momentum", BEGIN, END, at=NOW)
    assert len(made.holdouts()) == 1
    with pytest.raises(BadInput, match="holdout january is 2026-01-01"):
        made.declare("january", "momentum", BEGIN, END + timedelta(days=1), at=NOW)
    with pytest.raises(BadInput, match="must end after it begins"):
        made.declare("x", "momentum", END, BEGIN, at=NOW)
    with pytest.raises(BadInput, match="begin must carry its time zone"):
        made.declare("x", "momentum", datetime(2026, 1, 1), END, at=NOW)  # noqa: DTZ001  # that is the point
    with pytest.raises(BadInput, match="by whom and why"):
        made.open("january", **(LOOK | {"why": " "}))
    with pytest.raises(BadInput, match="holdout july is not declared; there are january"):
        made.open("july", **LOOK)
