"""Looks: when a table was seen, also when it had not changed; what was known at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.market.lineage import Version
from trading.store.lake import Lake

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def put(lake: Lake, at: datetime, price: float, run_id: str | None = None) -> Version:
    return lake.publish(
        "tickers", pl.DataFrame({"symbol": ["A"], "last": [price]}), key=["symbol"], at=at, run_id=run_id
    )


def test_same_content_again_is_a_new_look_at_the_same_version(tmp_path: Path) -> None:
    """The version keeps its first time; the look moves."""
    lake = Lake(tmp_path)
    assert lake.looked_at("tickers") is None
    assert lake.looks("tickers").is_empty()
    first = put(lake, AT, 1.0, "run-1")
    assert put(lake, AT + QUARTER, 1.0, "run-2") == first
    assert lake.latest("tickers").created_at == AT
    assert lake.looked_at("tickers") == AT + QUARTER
    assert list(lake.looks("tickers").iter_rows()) == [
        (AT, first.version_id, "run-1"),
        (AT + QUARTER, first.version_id, "run-2"),
    ]


def test_version_at_a_time_is_what_was_seen_last_until_then(tmp_path: Path) -> None:
    """A price that comes back is known to be back; before the first look nothing is known."""
    lake = Lake(tmp_path)
    one, two = put(lake, AT, 1.0), put(lake, AT + QUARTER, 2.0)
    put(lake, AT + 2 * QUARTER, 1.0)
    assert lake.version_at("tickers", AT - QUARTER) is None
    assert lake.version_at("tickers", AT) == one
    assert lake.version_at("tickers", AT + QUARTER - timedelta(milliseconds=1)) == one
    assert lake.version_at("tickers", AT + QUARTER) == two
    assert lake.version_at("tickers", AT + 9 * QUARTER) == one
    assert lake.version_at("markets", AT) is None
    with pytest.raises(BadInput, match="aware"):
        lake.version_at("tickers", datetime(2025, 3, 1))  # noqa: DTZ001 naive on purpose


def test_lake_from_before_the_log_answers_from_its_records(tmp_path: Path) -> None:
    """So does one whose writer was killed between the table and its look."""
    lake = Lake(tmp_path)
    one, two = put(lake, AT, 1.0), put(lake, AT + QUARTER, 2.0)
    log = tmp_path / "looks" / "tickers.jsonl"
    log.write_text(log.read_text().splitlines()[0] + '\n{"at":17')
    assert lake.looks("tickers")["version_id"].to_list() == [one.version_id, two.version_id]
    assert lake.version_at("tickers", AT + QUARTER) == two
    assert lake.looked_at("tickers") == AT + QUARTER
    log.unlink()
    assert lake.version_at("tickers", AT + QUARTER) == two
    assert lake.looked_at("tickers") == AT + QUARTER
    put(lake, AT + 2 * QUARTER, 2.0)
    assert lake.looks("tickers").height == 2
    assert lake.looked_at("tickers") == AT + 2 * QUARTER


def test_looks_noted_out_of_order_are_told_in_market_time(tmp_path: Path) -> None:
    """A rebuilt past is noted late but lies in the past."""
    lake = Lake(tmp_path)
    late, early = put(lake, AT, 2.0), put(lake, AT - QUARTER, 1.0)
    assert lake.looks("tickers")["version_id"].to_list() == [early.version_id, late.version_id]
    assert lake.version_at("tickers", AT - QUARTER) == early
    assert lake.version_at("tickers", AT) == late


def test_lake_remembers_what_was_read_through_it(tmp_path: Path) -> None:
    """Another run's newer version is not what this one read; reading by id is no reading of the newest."""
    lake, other = Lake(tmp_path), Lake(tmp_path)
    assert lake.given("tickers") is None
    one = put(other, AT, 1.0)
    lake.read("tickers")
    two = put(other, AT + QUARTER, 2.0)
    assert lake.given("tickers") == one.version_id
    assert other.given("tickers") == two.version_id
    lake.read("tickers", two.version_id)
    assert lake.given("tickers") == one.version_id
    lake.read("tickers")
    assert lake.given("tickers") == two.version_id


def test_updating_excludes_other_updates(tmp_path: Path) -> None:
    """Read, change and publish under it from several threads: no change is lost."""
    from concurrent.futures import ThreadPoolExecutor

    def add(number: int) -> None:
        lake = Lake(tmp_path)
        with lake.updating("days"):
            known = (
                lake.read("days")
                if lake.latest("days") is not None
                else pl.DataFrame({"n": []}, {"n": pl.Int64})
            )
            rows = pl.concat([known, pl.DataFrame({"n": [number]})])
            lake.publish("days", rows, key=["n"], at=AT)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert sorted(Lake(tmp_path).read("days")["n"]) == list(range(12))
