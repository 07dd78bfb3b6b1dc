"""Pages made from code say what the code does now, and the parts they are made of read it rightly."""

from pathlib import Path

import pytest

from interfaces.docs import reference, words

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made():
    return reference.pages()


def test_generated_pages_are_current(made):
    """A changed option, setting, column or docstring changes its page: `sluice docs reference` writes it."""
    held = {path.name: path.read_text() for path in reference.FOLDER.glob("*.md")}
    assert held.keys() == made.keys()
    assert [name for name in made if held[name] != made[name]] == [], "run: .venv/bin/sluice docs reference"


def test_every_command_setting_asset_and_table_has_its_place(made):
    """Counted from the code, not from the page."""
    from interfaces.cli.main import COMMANDS
    from pipelines.definitions import defs
    from resources.settings import ExchangeConfig, Settings
    from trading.store.order_log.schema import metadata

    assert [name for name in COMMANDS if f"### sluice {name}\n" not in made["commands.md"]] == []
    keys = [f"SLUICE_{name.upper()}" for name in Settings.model_fields]
    keys += [f"SLUICE_EXCHANGE__{name.upper()}" for name in ExchangeConfig.model_fields]
    assert [key for key in keys if f"| `{key}` |" not in made["settings.md"]] == []
    assets = [spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()]
    assert [name for name in assets if f"### {name}\n" not in made["assets.md"]] == []
    assert [name for name in metadata.tables if f"## {name}\n" not in made["order-log-tables.md"]] == []
    assert "| `coid` | Text |  | key |" in made["order-log-tables.md"]
    assert "| `open_time` | `Datetime(time_unit='ms', time_zone='UTC')` |" in made["lake-tables.md"]


def test_an_option_s_help_type_bound_and_default_are_on_the_page(made):
    """`sluice run --symbols`: an integer from 1 to 20,000, 2,610 if not given."""
    line = "| `--symbols` | `int ≥1 ≤20000` | `2610` | Pairs of the synthetic market. |"
    assert line in made["commands.md"]


def test_a_stale_page_is_named_and_written_anew(tmp_path, monkeypatch, made, capsys):
    """`--check` writes nothing and ends with 1; without it the page is put right."""
    from interfaces.cli.main import run

    for name, text in made.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "settings.md").write_text("# old\n")
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    monkeypatch.setattr(reference, "pages", lambda: made)
    assert run(["docs", "reference", "--check"]) == 1
    assert "settings.md" in capsys.readouterr().out
    assert (tmp_path / "settings.md").read_text() == "# old\n"
    assert run(["docs", "reference"]) == 0
    assert (tmp_path / "settings.md").read_text() == made["settings.md"]
    assert reference.stale() == []


def test_a_cell_stays_a_cell():
    """Bars would end it, markup would vanish; code spans are shown as they are."""
    assert words.cell("a | b\nc") == "a \\| b c"
    assert words.cell("<b> in *x* `<home>_y`") == "\\<b> in \\*x\\* `<home>_y`"


def test_parameters_of_a_docstring_are_read_by_name():
    """Two names before one text share it; the next section ends the reading."""
    doc = """Say.

    Parameters
    ----------
    low, high : float
        Bounds of
        the range.
    name : str
        Its name.

    Returns
    -------
    nothing : None
        Not read.
    """
    assert words.parameters(doc) == {
        "low": "Bounds of the range.",
        "high": "Bounds of the range.",
        "name": "Its name.",
    }
