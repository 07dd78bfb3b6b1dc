"""Fault plans in files: TOML and JSON say the same, and a wrong file says what is wrong."""

from pathlib import Path

import pytest

from trading.market.errors import BadInput
from trading.simulator.fault_file import read_fault_file
from trading.simulator.faults import plan_from_json
from trading.simulator.launch import Launch, prepare
from trading.simulator.levers import read_events

TOML = """
seed = 9
[[rules]]
kind = "timeout_after"
route = "POST order"
symbol = "BTCUSDT"
nth = [3]
market_from = 2026-08-17T00:01:00Z
[[rules]]
kind = "delay"
delay = { distribution = "lognormal", median_ms = 80, sigma = 0.5 }
[[events]]
action = "halt"
symbol = "ETHUSDT"
at = 2026-08-17T00:05:00Z
[[events]]
action = "relist"
symbol = "SOLUSDT"
ratio = 0.001
after_s = 60
"""
JSON = """{"seed": 9, "rules": [
 {"kind": "timeout_after", "route": "POST order", "symbol": "BTCUSDT", "nth": 3,
  "market_from": "2026-08-17T00:01Z"},
 {"kind": "delay", "delay": {"distribution": "lognormal", "median_ms": 80, "sigma": 0.5}}],
 "events": [{"action": "halt", "symbol": "ETHUSDT", "at": 1786925100000},
  {"action": "relist", "symbol": "SOLUSDT", "ratio": 0.001, "after_s": 60}]}"""


def test_toml_and_json_are_the_same_plan(tmp_path: Path) -> None:
    """Times as TOML datetimes, as ISO text and as ms; nth alone or in a list."""
    (tmp_path / "a.toml").write_text(TOML)
    (tmp_path / "b.json").write_text(JSON)
    one, two = (read_fault_file(tmp_path / name) for name in ("a.toml", "b.json"))
    first, second = plan_from_json(one, seed=1), plan_from_json(two, seed=1)
    assert (first.rules, first.seed) == (second.rules, 9)
    assert read_events(one, 1_000) == read_events(two, 1_000)
    assert read_events(one, 1_000)[1].at_ms == 61_000


def test_an_exchange_starts_with_its_fault_file(tmp_path: Path) -> None:
    """Rules stand, events wait for their time; a restarted one does not take the events again."""
    (tmp_path / "plan.toml").write_text(TOML)
    asked = Launch(symbols=20, speed=0, faults=tmp_path / "plan.toml", state=tmp_path / "state")
    exchange, state = prepare(asked)
    assert [rule.kind for rule in exchange.faults.rules] == ["timeout_after", "delay"]
    assert [event.action for event in exchange.levers.pending] == ["relist", "halt"]
    assert state is not None
    state.unlock()
    again, state = prepare(asked)
    assert len(again.levers.pending) == 2
    assert state is not None
    state.unlock()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "rules = [", "no TOML"), ("a.json", "{", "no JSON"), ("a.json", "[]", "object"),
        ("a.toml", "colour = 1", "colour"), ("a.toml", None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    """One sentence with what is wrong."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=words):
        read_fault_file(tmp_path / name)
