"""docs/reference/monitoring.md says what each cause of a difference means, as the code does."""

import re
from pathlib import Path

from trading.monitoring.causes import CAUSES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "monitoring.md"


def test_the_page_lists_every_cause_with_its_meaning():
    """Word for word, in the same order."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    assert [row for row in rows if row[0] in CAUSES] == list(CAUSES.items())
