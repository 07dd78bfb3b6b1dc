"""The catalogue of faults: every kind is documented, and has a test that shows it over HTTP."""

import re
from pathlib import Path

import pytest

from trading.simulator.fault_kinds import FAMILIES, KINDS, STREAM, Kind
from trading.simulator.fault_rules import FaultRule

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "embedded-exchange-faults.md"
ROW = re.compile(r"^\| `(\w+)` \| .+ \| (test_\w+) \|$", re.MULTILINE)
NAMED = dict(ROW.findall(PAGE.read_text()))


def test_the_page_names_a_test_for_every_kind() -> None:
    """Kinds and rows of the table are the same; those of streams have a page of their own."""
    assert set(NAMED) == {name for name, kind in KINDS.items() if kind.phase != STREAM}


@pytest.mark.parametrize("kind", sorted(NAMED))
def test_the_named_test_exists_and_is_about_the_kind(kind: str) -> None:
    """It is defined in a test file of faults that mentions the kind."""
    files = [path.read_text() for path in Path(__file__).parent.glob("test_fault_*.py")]
    assert any(f"def {NAMED[kind]}(" in text and f'"{kind}"' in text for text in files)


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=lambda kind: kind.name)
def test_defaults_lie_within_their_bounds(kind: Kind) -> None:
    """A rule that leaves a setting out must be a rule that could have said it."""
    rule = FaultRule.from_json({"kind": kind.name})
    assert rule.about.family in FAMILIES.values()
    for setting in rule.about.settings:
        assert setting.low <= rule.number(setting.name) <= setting.high
