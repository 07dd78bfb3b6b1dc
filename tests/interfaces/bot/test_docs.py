"""The how-to shows the commands that there are, and the prepared texts that there are."""

from pathlib import Path

from interfaces.bot.broadcast import INCIDENTS
from interfaces.bot.commands import registry

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "telegram.md"


def test_the_table_of_commands_is_the_registry_s():
    """Row by row; a new command or another meaning must be shown."""
    shown = PAGE.read_text().split("<!-- commands -->")[1].split("<!-- end -->")[0].strip().splitlines()[2:]
    wanted = []
    for row in registry().table():
        cells = [row[name].replace("|", "\\|") for name in ("command", "also", "who", "meaning", "freqtrade")]
        wanted.append(f"| `{cells[0]}` | " + " | ".join(cells[1:]) + " |")
    assert shown == wanted


def test_every_prepared_text_is_named():
    """An operator in a hurry finds them."""
    assert [name for name in INCIDENTS if f"`!{name}`" not in PAGE.read_text()] == []


def test_no_name_means_two_commands():
    """An alias is nobody else's name."""
    names = [name for one in registry().commands for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
