"""The lake publishes whole versions or none, under safe names, with ids that follow from content."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from trading.market.errors import BadInput, MissingData, NoVersion, StoreError
from trading.market.lineage import row_id
from trading.store.lake import Lake

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2025, 3, 1, 13, tzinfo=UTC)


def rows(*symbols: str) -> pl.DataFrame:
    return pl.DataFrame({"symbol": list(symbols), "score": [float(i) for i in range(len(symbols))]})


def test_published_frame_reads_back_equal(tmp_path: Path) -> None:
    """What goes in comes out, and the record tells what it is."""
    lake = Lake(tmp_path)
    frame = rows("A/USDT", "B/USDT")
    version = lake.publish(
        "clusters", frame, key=["symbol"], at=NOON, inputs=["v-x-1"], params={"k": 0}, run_id="r1"
    )
    assert lake.read("clusters").equals(frame)
    assert lake.latest("clusters") == version == lake.version(version.version_id)
    assert (version.rows, version.inputs, version.params, version.run_id) == (2, ("v-x-1",), '{"k":0}', "r1")


def test_rows_of_a_known_asset_get_ids_that_name_their_version(tmp_path: Path) -> None:
    """`lineage_id` is the pure function of version and key that trading.market.lineage defines."""
    lake = Lake(tmp_path)
    version = lake.publish("signals", rows("A/USDT", "B/USDT"), key=["symbol"], at=NOON)
    frame = lake.read("signals")
    assert frame["lineage_id"].to_list() == [
        row_id("sig", version.version_id, symbol) for symbol in ("A/USDT", "B/USDT")
    ]
    found, row = lake.find_row(frame["lineage_id"][1])
    assert found == version
    assert row["symbol"].to_list() == ["B/USDT"]


def test_old_ids_in_the_frame_do_not_change_the_content(tmp_path: Path) -> None:
    """A frame read back and published again is the same content: its id column is no part of the hash."""
    lake = Lake(tmp_path)
    first = lake.publish("signals", rows("A/USDT"), key=["symbol"], at=NOON)
    again = lake.publish("signals", lake.read("signals"), key=["symbol"], at=LATER)
    assert again == first


def test_identical_content_published_twice_is_one_version(tmp_path: Path) -> None:
    """A retry writes nothing and returns the first record, time and run id included."""
    lake = Lake(tmp_path)
    first = lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON, run_id="r1")
    files = sorted(tmp_path.rglob("*"))
    second = lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=LATER, run_id="r2")
    assert second == first
    assert sorted(tmp_path.rglob("*")) == files


def test_republishing_an_older_version_makes_it_the_latest_again(tmp_path: Path) -> None:
    """LATEST is what was published last, not what is newest by time."""
    lake = Lake(tmp_path)
    first = lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON)
    lake.publish("clusters", rows("B/USDT"), key=["symbol"], at=LATER)
    lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=LATER)
    assert lake.latest("clusters") == first
    assert len(lake.versions("clusters")) == 2


def test_parameters_inputs_and_partition_are_part_of_the_id(tmp_path: Path) -> None:
    """The same rows made otherwise are another version."""
    lake = Lake(tmp_path)
    plain = lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON)
    others = [
        lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON, params={"min": 0}),
        lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON, inputs=["v-tickers-1"]),
        lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON, partition="2025-03-01"),
    ]
    assert len({plain.version_id, *(other.version_id for other in others)}) == 4
    assert lake.latest("clusters", partition="2025-03-01") == others[2]
    assert lake.latest("clusters", partition="2025-03-02") is None


def test_history_holds_every_version_oldest_first(tmp_path: Path) -> None:
    """Appended, never overwritten: the past stays readable, with a column added later as null before."""
    lake = Lake(tmp_path)
    late = lake.publish("clusters", rows("B/USDT").with_columns(extra=1), key=["symbol"], at=LATER)
    early = lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON)
    history = lake.history("clusters")
    assert history["version_id"].to_list() == [early.version_id, late.version_id]
    assert history["extra"].to_list() == [None, 1]
    assert lake.read("clusters", early.version_id)["symbol"].to_list() == ["A/USDT"]


@pytest.mark.parametrize(
    "name", ["", "..", "../evil", "a/b", "A", "1a", "a b", "a\0b", "été", "x" * 64, ".hidden", "v-a"]
)
def test_hostile_table_names_are_refused(tmp_path: Path, name: str) -> None:
    """A name becomes a path: anything but a plain identifier is refused before the disk is touched."""
    lake = Lake(tmp_path / "lake")
    for attempt in (
        lambda: lake.publish(name, rows("A/USDT"), key=["symbol"], at=NOON),
        lambda: lake.read(name),
        lambda: lake.latest(name),
    ):
        with pytest.raises(BadInput):
            attempt()
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("name", ["v-clusters-../../x", "v-clusters", "clusters", "v-../x-0123456789abcdef"])
def test_hostile_version_ids_are_refused(tmp_path: Path, name: str) -> None:
    """A version id becomes a path too."""
    with pytest.raises(BadInput):
        Lake(tmp_path).version(name)


def test_missing_table_says_what_to_materialise(tmp_path: Path) -> None:
    """The reader learns which asset to make."""
    lake = Lake(tmp_path)
    for read in (lake.read, lake.history):
        with pytest.raises(MissingData, match="materialise asset signals"):
            read("signals")
    assert lake.latest("signals") is None
    assert lake.versions("signals") == []
    assert lake.assets() == []


def test_unknown_version_and_row_are_no_version(tmp_path: Path) -> None:
    """An id that nobody published is told so, whatever its form."""
    lake = Lake(tmp_path)
    lake.publish("signals", rows("A/USDT"), key=["symbol"], at=NOON)
    with pytest.raises(NoVersion):
        lake.version("v-signals-0123456789abcdef")
    real = lake.read("signals")["lineage_id"][0]
    for row in ("sig-0123456789abcdef-012345678901", real[:-1] + "x", "zzz-1-2", "sig", ""):
        with pytest.raises(NoVersion):
            lake.find_row(row)


def test_bad_keys_and_naive_times_are_refused(tmp_path: Path) -> None:
    """A key that is missing, empty or repeated would give two rows one id."""
    lake = Lake(tmp_path)
    for frame, key in ((rows("A"), ["nope"]), (rows("A"), []), (rows("A", "A"), ["symbol"])):
        with pytest.raises(BadInput, match=r"key .*of signals"):
            lake.publish("signals", frame, key=key, at=NOON)
    with pytest.raises(BadInput, match="aware"):
        lake.publish("signals", rows("A"), key=["symbol"], at=NOON.replace(tzinfo=None))
    assert lake.latest("signals") is None


def test_damaged_record_is_a_store_error(tmp_path: Path) -> None:
    """Wrong data is worse than none: a record that does not parse stops the reader."""
    lake = Lake(tmp_path)
    version = lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON)
    record = tmp_path / "tables" / "clusters" / version.version_id / "version.json"
    record.write_text(json.dumps({"version_id": 1}))
    with pytest.raises(StoreError, match="damaged"):
        lake.latest("clusters")


def test_crashed_writer_leaves_nothing_visible(tmp_path: Path) -> None:
    """A version whose data was not fully written does not exist, and the next attempt succeeds."""
    lake = Lake(tmp_path)
    first = lake.publish("clusters", rows("A/USDT"), key=["symbol"], at=NOON)
    half = tmp_path / "tables" / "clusters" / ".new-crashed"
    half.mkdir()
    (half / "data.parquet").write_bytes(b"PAR1 half a file")
    assert lake.versions("clusters") == [first]
    assert lake.history("clusters").height == 1
    assert lake.read("clusters")["symbol"].to_list() == ["A/USDT"]


def test_empty_frame_is_a_version_too(tmp_path: Path) -> None:
    """Nothing approved is a result; its columns keep their types."""
    lake = Lake(tmp_path)
    lake.publish(
        "approved_symbols", rows().cast({"symbol": pl.String, "score": pl.Float64}), key=["symbol"], at=NOON
    )
    frame = lake.read("approved_symbols")
    assert frame.height == 0
    assert frame.schema == {"lineage_id": pl.String, "symbol": pl.String, "score": pl.Float64}


def test_readers_never_see_half_a_version(tmp_path: Path) -> None:
    """While one thread publishes, readers always get a whole frame whose rows belong together."""
    lake = Lake(tmp_path)
    lake.publish("signals", wide(0), key=["symbol"], at=NOON)
    stop, wrong, reads = threading.Event(), [], [0]

    def read() -> None:
        reader = Lake(tmp_path)
        while not stop.is_set():
            frame = reader.read("signals")
            latest = reader.latest("signals")
            reads[0] += 1
            if frame.height != 200 or frame["round"].n_unique() != 1 or latest is None or latest.rows != 200:
                wrong.append(frame)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(1, 40):
            lake.publish("signals", wide(number), key=["symbol"], at=NOON)
    finally:
        stop.set()
        thread.join()
    assert wrong == []
    assert reads[0] > 10


def wide(number: int) -> pl.DataFrame:
    return pl.DataFrame({"symbol": [f"S{i}" for i in range(200)], "round": [number] * 200})
