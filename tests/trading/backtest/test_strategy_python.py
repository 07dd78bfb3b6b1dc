"""A strategy in Python is the strategy of the same tables in TOML, with the same errors."""

from dataclasses import replace
from pathlib import Path

import pytest

from trading.backtest.candle_file import candle_file
from trading.backtest.replay import Mode, replay
from trading.backtest.shipped import strategy_named
from trading.backtest.strategy_file import parse_strategy
from trading.backtest.strategy_reader import BadStrategy

TOML = """
name = "dips"
startup = 30
[entry]
when = "rsi_14 < 40 AND volume > 0"
rank = "40 - rsi_14"
[exit]
when = "rsi_14 > 55"
[risk]
stoploss = 0.05
roi = { "0" = 0.03, "60" = 0.015 }
trailing = { stop = 0.01, offset = 0.015 }
max_hold = "2d"
[stake]
amount = 500
[protections]
cooldown = { stop = "1h" }
[costs]
fee = 0.001
"""
PYTHON = """
from trading.backtest.strategy_python import Strategy

LENGTH = 14
STRATEGY = Strategy(
    name="dips",
    startup=30,
    entry={"when": f"rsi_{LENGTH} < 40 AND volume > 0", "rank": f"40 - rsi_{LENGTH}"},
    exit={"when": f"rsi_{LENGTH} > 55"},
    risk={
        "stoploss": 0.05,
        "roi": {0: 0.03, 60: 0.015},
        "trailing": {"stop": 0.01, "offset": 0.015},
        "max_hold": "2d",
    },
    stake={"amount": 500},
    protections={"cooldown": {"stop": "1h"}},
    costs={"fee": 0.001},
)
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> str:
        path = tmp_path / "dips.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_python_and_toml_make_equal_strategies_and_equal_trades(written, market) -> None:
    """Equal in every field but the digest of the text; trades equal in both modes, three slots."""
    ours, theirs = strategy_named(written(PYTHON)), parse_strategy(TOML)
    assert replace(ours, digest="") == replace(theirs, digest="")
    assert len(ours.digest) == len(theirs.digest) > 8
    candles = candle_file(market.walk(4, symbols=8, bars=500).rename({"open_time": "ts"}))
    for mode in Mode:
        found = replay(candles, ours, mode, slots=3).trades
        assert len(found) > 20
        assert found.equals(replay(candles, theirs, mode, slots=3).trades)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"stoploss": 0.05', '"stoploss": 1.5'), r"dips.py: risk.stoploss must be a number"),
        (('"max_hold": "2d"', '"maxhold": "2d"'), r"dips.py: unknown key 'maxhold'; known here: stoploss"),
        (("rsi_{LENGTH} < 40", "rsy_{LENGTH} < 40"), r"dips.py: entry.when: .*unknown column 'rsy_14'"),
        (("STRATEGY = ", "OTHER = "), r"dips.py must set STRATEGY to a Strategy\(..\), was NoneType"),
        (("LENGTH = 14", "LENGTH = 1 / 0"), r"dips.py: ZeroDivisionError: division by zero"),
        (("name=", "nam="), r"dips.py: TypeError: .*nam"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_file(written, change: tuple[str, str], message: str) -> None:
    """What a TOML file may not say, Python may not either; what it raises itself is named."""
    with pytest.raises(BadStrategy, match=message):
        strategy_named(written(PYTHON.replace(*change)))


def test_a_python_file_that_is_not_there_is_one_sentence() -> None:
    """As for a TOML file."""
    with pytest.raises(BadStrategy, match=r"none.py cannot be read: no such file"):
        strategy_named("none.py")
