"""What all self-contained pages share: one policy, one order of head and sections, whole files."""

import re

import pytest

from interfaces import shell
from trading.market.errors import BadInput


def test_a_page_loads_and_runs_nothing():
    """The policy stands in the head before anything that could load."""
    head = shell.head("t", "a{}")
    assert head.index("Content-Security-Policy") < head.index("<style>")
    assert "default-src 'none'" in head
    assert "script-src" not in head


def test_each_section_has_its_link_in_the_same_order():
    """Links and headings are those of the sections, once each."""
    made = shell.main([("b", "Second", "<p>2</p>"), ("a", "First", "")])
    assert re.findall(r'href="#(\w+)">([^<]+)', made) == [("b", "Second"), ("a", "First")]
    assert re.findall(r'<h2 id="(\w+)-h">([^<]+)', made) == [("b", "Second"), ("a", "First")]


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path):
    """A folder in its place, or a file where a folder must be: the reason, and nothing half written."""
    (tmp_path / "file").write_text("")
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "file" / "page.html", tmp_path / "taken"):
        with pytest.raises(BadInput, match="cannot be written"):
            shell.write_whole("x", path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]


def test_a_page_replaces_the_one_before(tmp_path):
    """Folders are made, and no temporary file stays."""
    path = tmp_path / "new" / "page.html"
    assert shell.write_whole("old", path) == shell.write_whole("new", path) == path
    assert [(each.name, each.read_text()) for each in path.parent.iterdir()] == [("page.html", "new")]
