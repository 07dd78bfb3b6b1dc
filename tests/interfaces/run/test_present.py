"""A run in the terminal: everything that was promised is there, at any width, piped or not."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from interfaces.run.present import MAX_USERS, present, to_json
from tests.interfaces.run.sample import HOSTILE, empty_run, sample


def told(record, width: int = 100, **options) -> str:
    out = io.StringIO()
    present(
        record, console=Console(file=out, width=width, markup=False, emoji=False, highlight=False), **options
    )
    return out.getvalue()


def test_every_part_of_a_run_is_told():
    """Funnel, scan, approved, orders, kill, users, story, model, and what to type next."""
    text = " ".join(told(sample(), report=Path("data/report.html")).split())
    for part in (
        "prefilter 2,104 300 0.4",
        "min quote volume 24h: 1,188",
        "this scan would take 121 s",
        "KAVO/USDT 41 68 %",
        "148 orders, 171 fills",
        "0 orders lost, 0 doubled",
        "Demo user 10",
        "sold at 1.3240: +14.44 USDT",
        "Second pass: refused",
        "log loss against the base rate",
        "make dev",
        "sluice lineage trd-00aa11bb22cc33dd-99aabbccddee",
        "open data/report.html",
        "Funnel, second pass",
    ):
        assert part in text, part


def test_planted_edges_are_marked_on_the_symbol_and_said_in_words():
    """Nobody takes the demo's profit for a strategy's."""
    lines = told(sample()).splitlines()
    assert any("KAVO/USDT" in line and line.rstrip().endswith("planted") for line in lines)
    assert "5 of 6 approved symbols carry an edge" in " ".join(lines)


@pytest.mark.parametrize("width", [40, 60, 84, 100, 200])
def test_no_line_is_wider_than_the_terminal(width):
    """Narrow terminals get fewer columns, not broken ones."""
    assert max(len(line) for line in told(sample(), width).splitlines()) <= width


@pytest.mark.parametrize("width", [60, 100])
def test_figures_are_never_cut(width):
    """A cut number is a wrong number."""
    text = told(sample(), width)
    for user in sample().users:
        sign = "−" if user.pnl_quote.startswith("-") else "+"
        assert f"{sign}{abs(float(user.pnl_quote)):.2f}" in text


def test_a_run_without_approvals_says_that_this_is_normal():
    """No table of nothing, no kill, no story."""
    text = told(empty_run())
    assert "No symbol was approved: a normal outcome" in text
    assert "One trade told whole" not in text
    assert "killed on purpose" not in text


def test_piped_output_is_plain_and_a_hundred_columns_wide(capsys):
    """No escape codes in a log file."""
    present(sample())
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_markup_in_names_is_text():
    """A symbol called like a style is no style, an escape sequence no escape."""
    odd = replace(sample().approved[0], symbol="[bold]A\x1b[31m")
    text = told(sample(approved=[odd]))
    assert "[bold]A" in text
    assert "\x1b" not in text


def test_lost_orders_are_told_loudly():
    """In red on a terminal."""
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system="standard", markup=False)
    present(sample(lost=2), console=console)
    assert "2 orders lost" in " ".join(out.getvalue().split())
    assert "\x1b[1;31m" in out.getvalue()


def test_hundreds_of_users_are_cut_and_the_rest_counted():
    """The report has all of them."""
    users = [replace(sample().users[0], name=f"User {k}") for k in range(200)]
    text = told(sample(users=users))
    assert f"and {200 - MAX_USERS} more users" in text


def test_warnings_are_told():
    """What the venue's audit found, for example."""
    assert "order 7 is not in the log" in told(sample(warnings=["order 7 is not in the log"]))


def test_json_has_the_promised_names_and_the_hostile_symbol_unchanged():
    """Programs get the data as it is."""
    found = json.loads(to_json(sample()))
    assert found["funnel"][0] == {
        "stage": "markets",
        "in": 2610,
        "out": 2104,
        "seconds": 1.9,
        "reasons": {"status": 331, "is_api_tradable": 122, "precision": 53},
    }
    for name in (
        "approved",
        "orders",
        "fills",
        "closed_trades",
        "lost",
        "doubled",
        "users",
        "trade_pool_rows",
        "model",
    ):
        assert name in found
    assert found["approved"][4]["symbol"] == HOSTILE
