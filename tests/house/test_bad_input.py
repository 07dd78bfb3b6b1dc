"""The table of bad input in docs/reliability.md names tests that there are, and every one of its own room."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_row_names_a_test_and_every_test_has_a_row():
    """A renamed or deleted test would leave a promise without its proof."""
    page = (ROOT / "docs" / "reliability.md").read_text()
    table = page.split("## Bad input", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    named = [set(re.findall(r"`(test_\w+)`", row)) for row in rows]
    assert len(rows) >= 20
    assert all(named)
    defined = {
        path: set(re.findall(r"def (test_\w+)", path.read_text()))
        for path in ROOT.glob("tests/trading/**/*.py")
    }
    everywhere = set().union(*defined.values())
    assert set().union(*named) <= everywhere
    own = set().union(*(found for path, found in defined.items() if path.parent.name == "bad_input"))
    assert own - set().union(*named) <= {
        "test_a_converted_holding_is_sold_in_its_new_units",
        "test_a_real_jump_with_the_coins_still_there_sells_as_ever",
    }
