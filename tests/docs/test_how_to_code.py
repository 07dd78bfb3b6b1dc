"""The code that how-tos show works as it stands on the page."""

from types import ModuleType

import numpy as np
import pytest

from interfaces.cli.main import run
from tests.docs.markdown import steps
from trading.indicators.declared import OneSymbol


def shown(page: str, file: str) -> ModuleType:
    """Return the module that a how-to shows as `file`."""
    (step,) = [step for step in steps(page) if step.file == file]
    module = ModuleType(file.rsplit("/", 1)[-1].removesuffix(".py"))
    exec(compile(step.text, file, "exec"), vars(module))
    return module


def test_the_indicator_of_the_how_to_is_kaufman_s_ratio_and_has_no_value_where_nothing_moved():
    """1 for a straight way, 1/3 for two steps forward and one back, null for a price that stands still."""
    page = shown("docs/how-to/own-indicator.md", "trading/indicators/families/efficiency.py")
    (declared,) = page.FAMILY
    assert declared.outputs == ("efficiency",)
    assert declared.warm_up(3) == 4

    def ratio(*closes: float) -> float:
        close = np.array(closes)
        same = dict.fromkeys(("open", "high", "low", "close", "volume"), close)
        return declared.compute(OneSymbol(**same, day=np.zeros(len(close), dtype=np.int64)), 3)[0][-1]

    assert ratio(1.0, 2.0, 3.0, 4.0) == pytest.approx(1.0)
    assert ratio(1.0, 2.0, 3.0, 2.0) == pytest.approx(1 / 3)
    assert np.isnan(ratio(2.0, 2.0, 2.0, 2.0))


def test_the_filter_of_the_how_to_drops_what_stood_still(monkeypatch):
    """Named in `known`, its key goes through TOML's door with its bound; a wrong one is refused."""
    import dataclasses

    from trading.market.errors import BadInput
    from trading.screening.chain.declared import chain_of
    from trading.screening.chain.known import FILTERS

    move = shown("docs/how-to/own-filter.md", "trading/screening/chain/move.py").Move
    assert {field.name: field.default for field in dataclasses.fields(move)}["min"] == 0.05
    monkeypatch.setitem(FILTERS, "move", move)
    (declared,) = chain_of([{"name": "move", "min": 0.1}]).filters
    assert declared.min == 0.1
    with pytest.raises(BadInput, match="min"):
        chain_of([{"name": "move", "min": -1}])


def test_the_strategy_file_of_the_how_to_is_read(tmp_path):
    """As `sluice backtest --strategy my/dips.py` reads it."""
    from trading.backtest.shipped import strategy_named

    (step,) = [step for step in steps("docs/how-to/own-strategy.md") if step.file == "my/dips.py"]
    file = tmp_path / "dips.py"
    file.write_text(step.text)
    assert "rsi_14 < 30" in str(strategy_named(str(file)))


def test_the_users_of_the_how_to_can_be_imported(tmp_path, monkeypatch, capsys):
    """Both rows would be imported; then they are, and a second time nothing changes."""
    from tests.docs.markdown import ROOT

    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "docs")
    text = (ROOT / "docs/how-to/users.md").read_text()
    file = tmp_path / "users.csv"
    file.write_text(text.split("```csv\n", 1)[1].split("```", 1)[0])
    assert (
        run(["users", "add", "ada", "--account", "demo:1", "--capital", "500", "--max-positions", "3"]) == 0
    )
    capsys.readouterr()
    for options, said in ((["--dry-run"], "would import"), ([], "imported"), ([], "unchanged")):
        assert run(["users", "import", str(file), *options]) == 0
        assert capsys.readouterr().out.count(said) >= 2


def test_the_headlines_of_the_how_to_are_understood(tmp_path):
    """A hack at an exchange: bad news of that kind."""
    import polars as pl

    file, out = tmp_path / "headlines.csv", tmp_path / "scored.csv"
    file.write_text("headline\nBitcoin exchange halts withdrawals after hack\n")
    assert run(["news", "score", "--in", str(file), "--out", str(out)]) == 0
    (row,) = pl.read_csv(out).to_dicts()
    assert row["event"] == "hack"
    assert row["sentiment"] == "negative"
