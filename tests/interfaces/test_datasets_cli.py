"""`sluice datasets` as people and programs use it."""

import json

import pytest
from typer.testing import CliRunner

from interfaces.cli.datasets import app
from resources.learning import Learning
from tests.assets.embedded import settings_of
from tests.trading.learning import pools
from trading.learning.dataset import training_set


@pytest.fixture
def name(tmp_path):
    """The name of the one set of a world."""
    with settings_of(tmp_path):
        chosen = training_set(pools.pool(1, days=45, per_day=16), pools.CUTOFF, pools.RULES)
        Learning().shelf.save(chosen)
        yield chosen.dataset_id


def said(*words: str, code: int = 0) -> str:
    found = CliRunner().invoke(app, words)
    assert found.exit_code == code, (found.output, found.exception)
    return found.output


def test_list_show_and_verify_tell_the_same_of_a_set(name):
    """45 days of 16 decisions on 7 pairs, all on paper, by rows that were decided in time."""
    (row,) = json.loads(said("list", "--json"))
    assert (row["dataset_id"], row["rows"], row["days"], row["symbols"]) == (name, 720, 45, 7)
    told = json.loads(said("show", name, "--json"))
    assert (told["can_teach"], told["why_not"], told["gains"] + told["losses"]) == (True, None, 720)
    assert json.loads(said("verify", "--json")) == [
        {"dataset_id": name, "is_sound": True, "rows": 720, "why": ""}
    ]
    assert name in said("list")
    assert "paper" in said("show", name)


def test_an_altered_byte_is_an_exit_code_and_a_sentence(name):
    """The last byte of the file."""
    path = next((Learning().shelf._root / name).glob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (row,) = json.loads(said("verify", "--json", code=1))
    assert "is not the file that was written" in row["why"]


def test_a_world_without_sets_says_how_to_get_one(tmp_path):
    """And an unknown name is refused, not shown as empty."""
    with settings_of(tmp_path):
        assert "none yet" in said("list")
        assert json.loads(said("list", "--json")) == []
        said("show", "ds-0000", code=1)
