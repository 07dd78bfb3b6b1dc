import pytest

from trading.news.fetch import Validators
from trading.news.memory import read_memory, write_memory


def test_validators_outlive_the_process(tmp_path):
    """What was written is read; nothing else is left in the folder."""
    memory = {"https://x.org/feed": Validators('"abc"', "Fri, 01 Mar 2024 12:00:00 GMT"), "u": Validators()}
    write_memory(tmp_path / "feeds.json", memory)
    assert read_memory(tmp_path / "feeds.json") == memory
    assert [path.name for path in tmp_path.iterdir()] == ["feeds.json"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"u": 1}', b'{"u": {}}', b"\xff"])
def test_a_damaged_memory_costs_a_full_reading_and_nothing_else(tmp_path, body):
    """Whatever is in the file: no error, nothing remembered."""
    (tmp_path / "feeds.json").write_bytes(body)
    assert read_memory(tmp_path / "feeds.json") == {}
    assert read_memory(tmp_path / "none.json") == {}
