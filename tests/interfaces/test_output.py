"""Tables for people and JSON for programs say the same."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from interfaces.cli.output import print_json, print_table, progress

ROWS = [
    {"symbol": "BTC/USDT", "trades": 12, "pnl": Decimal("1.10"), "at": datetime(2026, 1, 2, tzinfo=UTC)},
    {"symbol": "[red]EVIL[/red]", "trades": 0, "pnl": None, "at": None},
]


def test_table_shows_text_as_it_is(capsys):
    """A symbol that looks like markup is text; an escape sequence does not reach the terminal."""
    print_table([*ROWS, {"symbol": "A\x1b[31mB", "trades": 1, "pnl": None, "at": None}])
    out = capsys.readouterr().out
    assert "[red]EVIL[/red]" in out
    assert "\x1b" not in out


def test_json_keeps_decimals_exact_and_every_column(capsys):
    """1.10 stays 1.10; columns chosen for the eye do not narrow what a program gets."""
    print_table(ROWS, ["symbol"], as_json=True)
    first, second = json.loads(capsys.readouterr().out)
    assert first == {"symbol": "BTC/USDT", "trades": 12, "pnl": "1.10", "at": "2026-01-02T00:00:00+00:00"}
    assert second["pnl"] is None


def test_zero_is_shown_and_unknown_is_a_dash(capsys):
    """0 trades is a fact, a missing figure is not 0."""
    print_table(ROWS, ["trades", "pnl"])
    lines = capsys.readouterr().out.splitlines()
    assert any(" 0 " in line and "–" in line for line in lines)


def test_no_rows_is_a_sentence_for_people_and_an_empty_list_for_programs(capsys):
    """An empty table says so."""
    print_table([], title="Open positions", empty="none")
    assert capsys.readouterr().out == "Open positions: none\n"
    print_table([], as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_what_json_cannot_hold_is_an_error():
    """A value of an unknown type must not become its repr in silence."""
    with pytest.raises(TypeError, match="object"):
        print_json({"x": object()})


def test_progress_away_from_a_terminal_is_one_line_per_tenth(capsys):
    """A log shows life without a thousand lines."""
    with progress("candles") as update:
        for done in range(1001):
            update(done, 1000)
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 11
    assert err[-1] == "candles: 1,000 of 1,000"
