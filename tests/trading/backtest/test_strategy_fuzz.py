"""Whatever a strategy file says, it is a strategy or one sentence: no traceback of ours reaches a person."""

import tomllib

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.strategy import Strategy
from trading.backtest.strategy_file import ARRAYS, KEYS, parse_strategy
from trading.market.errors import BadInput

GOOD = """name = "all"
startup = 30
[entry]
when = "rsi_14 < 30 AND volume > 0"
rank = "volume * close"
limit = 0.01
[[entry.add]]
at = -0.01
share = 1.0
most = 2
[[entry.add]]
when = "rsi_14 < 20"
amount = 10
[exit]
when = "rsi_14 > 70"
[risk]
stoploss = 0.02
roi = { "0" = 0.03, "60" = 0.015 }
trailing = { stop = 0.01, offset = 0.015 }
max_hold = "2d"
[[risk.partial]]
at = 0.02
share = 0.5
[[risk.partial]]
when = "rsi_14 > 60"
share = 0.25
[stake]
risk = 0.01
wallet = 1000
most = 500
volatility = { target = 0.02, column = "atr_14", most = 1 }
[protections]
cooldown = { stop = "1h" }
stoploss_guard = { lookback = "1d", trades = 3, stop = "4h", per_symbol = false }
[costs]
fee = 0.0005
entry_order = "limit"
target_order = "market"
"""
SCALARS = (
    st.none().map(lambda _: float("nan"))
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["slots", "2d", "rsi_14 < 30", "close", "limit", "atr_14", "", "0", "1h"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({key for keys in (*KEYS.values(), *ARRAYS.values()) for key in keys})


def _is_told(text: str) -> None:
    found: Strategy | str
    try:
        found = parse_strategy(text, "rules.toml")
    except BadInput as error:
        found = str(error)
    assert isinstance(found, Strategy) or found.startswith("rules.toml")


def test_the_file_that_is_broken_below_is_a_strategy() -> None:
    """Otherwise nothing below could fail for the right reason."""
    found = parse_strategy(GOOD)
    assert (len(found.additions), len(found.parts), found.sizing.risk) == (2, 2, 0.01)


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from([*KEYS, *ARRAYS]), key=st.sampled_from(NAMES), value=VALUES)
def test_any_value_under_any_known_key_is_taken_or_told(path: str, key: str, value: object) -> None:
    """One key of a good file takes another value, of any type."""
    document = tomllib.loads(GOOD)
    table = document
    for part in path.split(".") if path else ():
        table = table[part] if part in table else table.setdefault(part, {})
        table = table[0] if isinstance(table, list) else table
    table[key] = value
    _is_told(tomlkit.dumps(document))


@settings(max_examples=300, deadline=None)
@given(document=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), VALUES, max_size=6))
def test_any_document_is_taken_or_told(document: dict) -> None:
    """Tables and values of any shape."""
    _is_told(tomlkit.dumps(document))


@settings(max_examples=400, deadline=None)
@given(
    at=st.integers(0, len(GOOD)),
    gone=st.integers(0, 30),
    put=st.text(max_size=8) | st.sampled_from("[]={}\"'"),
)
def test_a_torn_file_is_taken_or_told(at: int, gone: int, put: str) -> None:
    """A piece of the text is missing, another is in its place."""
    _is_told(GOOD[:at] + put + GOOD[at + gone :])
