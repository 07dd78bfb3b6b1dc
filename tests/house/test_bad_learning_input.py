"""The table of bad input in docs/reference/learning.md names every case, and tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CASES = (
    "one byte",
    "another feature version",
    "extra `ai` missing",
    "one class",
    "NaN",
    "empty pool",
    "too few",
)


def test_every_case_of_bad_learning_input_names_a_test_that_there_is():
    """A renamed or deleted test would leave a promise without its proof."""
    page = (ROOT / "docs" / "reference" / "learning.md").read_text()
    table = page.split("## Bad input", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    named = [set(re.findall(r"`(test_\w+)`", row)) for row in rows]
    assert all(named)
    assert [case for case in CASES if not any(case in row for row in rows)] == []
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert set().union(*named) <= set(re.findall(r"def (test_\w+)", text))
