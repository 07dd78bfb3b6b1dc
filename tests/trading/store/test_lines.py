"""Logs of lines: many writers at once, a torn end, a disk that refuses."""

import json
import multiprocessing
from pathlib import Path

import pytest

from trading.market.errors import StoreError
from trading.store.lines import append_lines, last_line, read_lines


def test_lines_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Unicode, quotes, line breaks and half a surrogate pair are data."""
    path = tmp_path / "deep" / "log.jsonl"
    rows = [{"a": '日本\n"x"\\'}, {"a": None, "b": 1.5}, {"a": "\u2028\r"}]
    assert append_lines(path, rows) == 3
    assert append_lines(path, []) == 0
    assert read_lines(path) == rows
    assert last_line(path) == rows[-1]
    append_lines(path, [{"a": "\ud800"}])
    assert len(read_lines(path)) == 4


def test_nothing_written_is_an_empty_log(tmp_path: Path) -> None:
    """No file and an empty file are the same."""
    assert (read_lines(tmp_path / "x"), last_line(tmp_path / "x")) == ([], None)
    (tmp_path / "x").touch()
    assert (read_lines(tmp_path / "x"), last_line(tmp_path / "x")) == ([], None)


@pytest.mark.parametrize("kept", range(1, 19))
def test_torn_line_is_left_out_and_does_not_swallow_the_next(tmp_path: Path, kept: int) -> None:
    """Wherever the writer was killed within its line, those before and after stand."""
    path = tmp_path / "log.jsonl"
    append_lines(path, [{"n": 1}])
    torn = json.dumps({"n": 2, "at": {"x": 3}}).encode()[:kept]
    with path.open("ab") as file:
        file.write(torn)
    assert read_lines(path) == [{"n": 1}]
    assert last_line(path) == {"n": 1}
    append_lines(path, [{"n": 3}])
    assert read_lines(path) == [{"n": 1}, {"n": 3}]
    assert last_line(path) == {"n": 3}


def test_last_line_of_a_long_log_is_found_from_its_end(tmp_path: Path) -> None:
    """Only the end is read, and a line cut by that is no line."""
    path = tmp_path / "log.jsonl"
    append_lines(path, ({"n": n, "pad": "x" * 90} for n in range(3000)))
    assert last_line(path) == {"n": 2999, "pad": "x" * 90}


def write_many(path: Path, writer: int) -> None:
    for number in range(100):
        append_lines(
            path, [{"writer": writer, "n": number, "part": part, "pad": "y" * 500} for part in (0, 1)]
        )


def test_lines_of_several_processes_never_mix(tmp_path: Path) -> None:
    """Two lines a write: every line whole, both of a write together, each writer in order."""
    path = tmp_path / "log.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    found = [(line["writer"], line["n"], line["part"]) for line in read_lines(path)]
    assert len(found) == 600
    assert sum(1 for raw in path.read_bytes().split(b"\n") if raw) == 600
    assert all(first[:2] == second[:2] for first, second in zip(found[::2], found[1::2], strict=True))
    for number in range(3):
        assert [n for writer, n, part in found if writer == number and part == 0] == list(range(100))


def test_refusal_of_the_disk_names_the_file(tmp_path: Path) -> None:
    """A folder in its place: one sentence, our own error, no path of this machine beyond the name."""
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(StoreError, match=r"could not write to log\.jsonl: .*untouched"):
        append_lines(tmp_path / "log.jsonl", [{"n": 1}])
