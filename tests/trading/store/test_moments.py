import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.store.lake import Lake
from trading.store.records import Records

NOON = datetime(2026, 8, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def put(lake: Lake, number: int, at: datetime) -> str:
    return lake.publish("clusters", pl.DataFrame({"n": [number]}), key=["n"], at=at).version_id


def test_a_moment_has_the_version_of_the_look_before_it(tmp_path):
    """Between, at and after looks; a look at unchanged content counts; before the first is None."""
    lake = Lake(tmp_path)
    first, second = put(lake, 1, NOON), put(lake, 2, NOON + HOUR)
    assert put(lake, 1, NOON + 2 * HOUR) == first
    assert lake.version_id_at("clusters", NOON - HOUR) is None
    for hours, expected in ((0, first), (0.9, first), (1, second), (1.9, second), (2, first), (99, first)):
        assert lake.version_id_at("clusters", NOON + hours * HOUR) == expected
    assert lake.version_at("clusters", NOON) == lake.version(first)
    assert lake.version_id_at("never", NOON) is None


def test_looks_noted_out_of_order_and_by_others_are_seen(tmp_path):
    """Another process publishes for an earlier moment between two questions."""
    lake, other = Lake(tmp_path), Lake(tmp_path)
    late = put(lake, 1, NOON + HOUR)
    assert lake.version_id_at("clusters", NOON) is None
    early = put(other, 2, NOON)
    assert lake.version_id_at("clusters", NOON) == early
    assert lake.version_id_at("clusters", NOON + HOUR) == late


def test_of_equal_times_the_one_noted_last_counts(tmp_path):
    lake = Lake(tmp_path)
    put(lake, 1, NOON)
    second = put(lake, 2, NOON)
    assert lake.version_id_at("clusters", NOON) == second


def test_a_version_without_a_look_counts_from_when_it_was_made(tmp_path):
    """Its writer was killed before it noted the look."""
    lake = Lake(tmp_path)
    first, second = put(lake, 1, NOON), put(lake, 2, NOON + HOUR)
    log = tmp_path / "looks" / "clusters.jsonl"
    log.write_text("".join(line for line in log.open() if json.loads(line)["version_id"] == second))
    assert lake.version_id_at("clusters", NOON + HOUR / 2) == first
    log.unlink()
    assert Lake(tmp_path).version_id_at("clusters", NOON + HOUR) == second


def test_questions_about_the_past_read_no_records(tmp_path, monkeypatch):
    """However many versions there are: every one of them has a look, and the look says enough."""
    lake = Lake(tmp_path)
    names = [put(lake, n, NOON + n * HOUR) for n in range(50)]
    read: list[str] = []
    genuine = Records.get
    monkeypatch.setattr(Records, "get", lambda self, name: read.append(name) or genuine(self, name))
    fresh = Lake(tmp_path)
    assert [fresh.version_id_at("clusters", NOON + n * HOUR) for n in range(50)] == names
    assert read == []


def test_a_naive_time_is_refused(tmp_path):
    with pytest.raises(BadInput, match="must be aware"):
        Lake(tmp_path).version_id_at("clusters", NOON.replace(tzinfo=None))
