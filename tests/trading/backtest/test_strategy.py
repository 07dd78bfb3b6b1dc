"""Strategy files: what the issue's own example means, and one clear error with its line for each mistake."""

from pathlib import Path

import pytest

from trading.backtest.strategy import Trailing
from trading.backtest.strategy_file import parse_strategy, read_strategy
from trading.backtest.strategy_reader import BadStrategy

PLAIN = """startup = 30
[entry]
when = "rsi_14 < 30 AND volume > 0"
[exit]
when = "rsi_14 > 70"
[risk]
stoploss = 0.02
roi = { "60" = 0.015, "0" = 0.03 } # minutes since entry = target
trailing = { stop = 0.01, offset = 0.015 }
max_hold = "2d"
[stake]
amount = 0.05
"""


def test_the_issue_s_example_is_read_as_it_says() -> None:
    """Every key of the smallest format; rungs sorted by age."""
    found = parse_strategy(PLAIN)
    assert (found.startup, found.stoploss, found.stake, found.max_hold_min) == (30, 0.02, 0.05, 2880)
    assert found.roi == ((0, 0.03), (60, 0.015))
    assert found.trailing == Trailing(0.01, 0.015)
    assert found.entry.columns == ("rsi_14", "volume")
    assert found.exit_ is not None


def test_optional_parts_may_be_left_out() -> None:
    """Entry, stop and stake are enough."""
    found = parse_strategy('[entry]\nwhen = "close > 1"\n[risk]\nstoploss = 0.1\n[stake]\namount = 5\n')
    assert (found.exit_, found.trailing, found.roi, found.max_hold_min, found.startup) == (
        None,
        None,
        (),
        0,
        0,
    )


MISTAKES = [
    ("startup = 30", "startup = 30\nspeed = 3", 2, "unknown key 'speed'"),
    ("stoploss = 0.02", "stoploss = 0.02\nstop = 1", 8, "unknown key 'stop'; known here: stoploss, roi"),
    ("offset = 0.015", "ofset = 0.015", 9, "unknown key 'ofset'; known here: stop, offset"),
    ("stoploss = 0.02", "stoploss = 1", 7, "risk.stoploss must be a number between 0 and 1, was 1"),
    ("stoploss = 0.02", "stoploss = nan", 7, "risk.stoploss must be a number between 0 and 1, was nan"),
    ("stoploss = 0.02", "stoploss = true", 7, "risk.stoploss must be a number between 0 and 1, was True"),
    ("startup = 30", "startup = -1", 1, "startup must be a number from 0 to 1e+06, was -1"),
    ("startup = 30", "startup = 1.5", 1, "startup must be a whole number"),
    ('"60" = 0.015', '"soon" = 0.015', 8, "risk.roi: minutes must be a whole number, was 'soon'"),
    ('"60" = 0.015', '"60" = 99', 8, "a target must lie from -1 to 80, was 99"),
    ('max_hold = "2d"', 'max_hold = "2 days"', 10, 'must be like "30m", "6h" or "2d"'),
    ("offset = 0.015", "offset = 0.01", 9, "risk.trailing.offset must be above stop"),
    ("rsi_14 < 30", "rsl_14 < 30", 3, "unknown column 'rsl_14'; near ones: rsi_14"),
    ("rsi_14 < 30 AND", "__import__('os') AND", 3, "entry.when"),
    ("rsi_14 > 70", "rsi_14 + 70", 5, "a condition is wanted"),
    ("amount = 0.05", "amount = 0", 12, "stake.amount must be a number between 0"),
    (
        "amount = 0.05",
        "amount = 0.05\n[costs]\nfee = 1",
        14,
        "costs.fee must be a number from 0 to 0.5, was 1",
    ),
]


@pytest.mark.parametrize(
    ("was", "becomes", "line", "message"), MISTAKES, ids=[row[1][:40] for row in MISTAKES]
)
def test_a_mistake_is_named_with_its_line_and_bound(was: str, becomes: str, line: int, message: str) -> None:
    """File, line, key and what would be allowed."""
    assert was in PLAIN
    with pytest.raises(BadStrategy) as error:
        parse_strategy(PLAIN.replace(was, becomes), "my.toml")
    assert str(error.value).startswith(f"my.toml:{line}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("key", "was", "line"),
    [
        ("entry.when", 'when = "rsi_14 < 30 AND volume > 0"\n', 2),
        ("risk.stoploss", "stoploss = 0.02\n", 6),
        ("stake.amount", "amount = 0.05\n", 11),
        ("risk.trailing.stop", "stop = 0.01, ", 9),
        ("entry.when", '[entry]\nwhen = "rsi_14 < 30 AND volume > 0"\n', 0),
    ],
)
def test_a_missing_key_is_named_with_the_line_of_its_table(key: str, was: str, line: int) -> None:
    """A key that has no default; without its table only the file can be named (line 0)."""
    assert was in PLAIN
    where = f"my.toml:{line}" if line else "my.toml"
    with pytest.raises(BadStrategy) as error:
        parse_strategy(PLAIN.replace(was, ""), "my.toml")
    assert str(error.value) == f"{where}: {key} is missing"


def test_a_file_that_is_no_toml_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    """The place in the text, or the path."""
    with pytest.raises(BadStrategy, match="line 1"):
        parse_strategy("startup = = 3")
    with pytest.raises(BadStrategy, match="cannot be read"):
        read_strategy(tmp_path / "none.toml")
