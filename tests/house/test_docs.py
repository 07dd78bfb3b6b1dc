"""What the texts name exists: files behind links, make targets, commands."""

import re
from functools import cache
from pathlib import Path

import pytest

from interfaces.cli.lazy import load
from interfaces.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(text):
    """A reader who follows a link arrives."""
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (text.parent / link).exists()] == []


def test_every_make_target_that_a_text_names_exists():
    """`make something` in a text can be typed."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for text in TEXTS for name in re.findall(r"`make ([a-z-]+)", text.read_text())}
    named |= {
        name for text in TEXTS for name in re.findall(r"^make ([a-z-]+)", text.read_text(), re.MULTILINE)
    }
    assert named
    assert named <= targets


def test_every_command_that_a_text_names_exists():
    """`sluice something` in a text can be typed."""
    pattern = r"`(?:\.venv/bin/)?sluice ([a-z]+(?:-[a-z]+)*)"
    named = {name for text in TEXTS for name in re.findall(pattern, text.read_text())}
    assert named
    assert named <= set(COMMANDS)


def test_every_option_that_a_text_shows_with_a_command_exists():
    """`sluice something --option` can be typed: the option is one of that command or of its subcommand."""
    pattern = r"(?:`|^)(?:\.venv/bin/)?sluice ([a-z]+(?:-[a-z]+)*)([^`\n#|]*)"
    shown = [
        (text.name, *found)
        for text in TEXTS
        for found in re.findall(pattern, re.sub(r"\\\n\s+", " ", text.read_text()), re.MULTILINE)
        if found[0] in COMMANDS
    ]
    assert len(shown) > 100
    missing = [
        (text, name, option)
        for text, name, rest in shown
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)
        if option not in _options(name, rest.split())
    ]
    assert missing == []


@cache
def _command(name):
    return load(COMMANDS[name], name)


def _options(name, rest):
    """Return the options of a command; of its subcommand where the next word names one."""
    command = _command(name)
    subcommands = getattr(command, "commands", {})
    command = subcommands.get(rest[0], command) if rest else command
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts, "--help")}


def test_every_decision_is_in_the_index():
    """docs/decisions/README.md names each page with its title."""
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    pages = sorted(folder.glob("0*.md"))
    titles = [page.read_text().splitlines()[0].split(". ", 1)[1] for page in pages]
    lines = [f"[{title}]({page.name})" for title, page in zip(titles, pages, strict=True)]
    assert [line for line in lines if line not in index] == []


def test_readme_s_first_screen_says_what_it_is_and_shows_both_commands():
    """The first forty lines: what, how, what you will see."""
    first = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    assert "make run" in first
    assert "make dev" in first
    assert "What you will see" in first


def test_old_modules_are_all_mapped():
    """Nobody has to search for where a module of the old bot went, and the new homes exist."""
    text = (ROOT / "docs" / "from-the-old-bot.md").read_text()
    old = """
        test_symbols symbol_handler token_analyzer ohlcv_fetcher signal_generator_core
        signal_generator_indicators signal_generator_dynamic backtest_cycle start_trading_all
        trade_pool_manager bot_user_data cache_utils data_collector retraining_manager market_analyzer
        exchange_pool notification_manager logging_setup main
    """
    for module in old.split():
        assert f"| `{module}` |" in text
    homes = re.findall(r"`((?:trading|interfaces)/[a-z_/.]+)`", text)
    assert [home for home in homes if not (ROOT / home).exists()] == []


def test_every_setting_is_in_the_example_and_nothing_else():
    """.env.example is the list of settings."""
    from resources.settings import ExchangeConfig, Settings

    shown = set(re.findall(r"^# (SLUICE_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    flat = {f"SLUICE_{name.upper()}" for name in Settings.model_fields} - {"SLUICE_EXCHANGE"}
    nested = {f"SLUICE_EXCHANGE__{name.upper()}" for name in ExchangeConfig.model_fields}
    assert shown == flat | nested
