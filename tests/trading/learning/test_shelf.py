"""Training sets on disk: the same bytes twice, and not one byte else."""

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from trading.learning.dataset import training_set
from trading.learning.shelf import DatasetShelf, require_trainable, why_untrainable
from trading.market.errors import BadInput, NoVersion, StoreError


def test_a_set_built_twice_is_the_same_bytes_and_reads_as_it_was(pools, tmp_path: Path) -> None:
    """Two shelves, rows in another order: file and manifest are equal byte for byte."""
    frame = pools.pool(1)
    one = training_set(frame, pools.CUTOFF, pools.RULES)
    two = training_set(frame.reverse(), pools.CUTOFF, pools.RULES)
    folders = [DatasetShelf(tmp_path / name).save(chosen) for name, chosen in (("a", one), ("b", two))]
    for name in ("data.parquet", "manifest.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    found = DatasetShelf(tmp_path / "a").load(one.dataset_id, "f1")
    assert_frame_equal(found.frame, one.frame, check_exact=True)
    assert (found.features, found.manifest["rows"]) == (one.features, len(one.frame))
    assert found.manifest == json.loads(json.dumps(one.manifest))


def test_the_manifest_says_what_is_in_it(pools, tmp_path: Path) -> None:
    """Version, cut-off, symbols, label, sources with weights, counts, balance and the file's SHA-256."""
    shelf = DatasetShelf(tmp_path)
    chosen = training_set(pools.pool(1, days=40, per_day=4), pools.CUTOFF, pools.RULES)
    shelf.save(chosen)
    told = shelf.manifest(chosen.dataset_id)
    assert told["config"]["feature_version"] == "f1"
    assert told["config"]["label"] == "net_return > 0"
    assert told["config"]["weights"] == {"live": 1.0, "paper": 0.7, "candles": 0.2}
    assert told["cutoff"] == pools.CUTOFF.isoformat()
    assert (told["rows"], told["gains"] + told["losses"], told["days"]) == (160, 160, 40)
    assert told["symbol_list"] == sorted(f"S{k}/USDT" for k in range(7))
    assert told["weight_by_source"]["paper"] == pytest.approx(112.0)
    assert len(told["sha256"]) == 64


def test_the_same_set_again_writes_nothing_and_leaves_no_scraps(pools, tmp_path: Path) -> None:
    """Immutable: a later cut-off with the same rows has the same name, and the first record stands."""
    shelf, chosen = DatasetShelf(tmp_path), training_set(pools.pool(1), pools.CUTOFF, pools.RULES)
    folder = shelf.save(chosen)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    shelf.save(training_set(pools.pool(1), pools.CUTOFF + timedelta(days=1), pools.RULES))
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert shelf.ids() == [chosen.dataset_id] == [path.name for path in tmp_path.iterdir()]


def test_one_altered_byte_is_refused_wherever_it_is(pools, tmp_path: Path) -> None:
    """Of 40 places in the file each is found; so are a forged manifest, another name, and a lost file."""
    shelf, chosen = DatasetShelf(tmp_path), training_set(pools.pool(1, days=9), pools.CUTOFF, pools.RULES)
    folder = shelf.save(chosen)
    data = (folder / "data.parquet").read_bytes()
    for place in range(0, len(data), max(1, len(data) // 40)):
        spoilt = bytearray(data)
        spoilt[place] ^= 1
        (folder / "data.parquet").write_bytes(spoilt)
        with pytest.raises(StoreError, match="is not the file that was written"):
            shelf.load(chosen.dataset_id)
    (folder / "data.parquet").write_bytes(data)
    record = json.loads((folder / "manifest.json").read_text())
    forged = record | {"config": record["config"] | {"max_age_days": 1.0}}
    (folder / "manifest.json").write_text(json.dumps(forged))
    with pytest.raises(StoreError, match="are not those of its name"):
        shelf.load(chosen.dataset_id)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"manifest\.json cannot be read"):
        shelf.load(chosen.dataset_id)
    (folder / "data.parquet").unlink()
    (folder / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(StoreError, match="is not the file that was written"):
        shelf.load(chosen.dataset_id)


def test_unknown_names_and_other_features_are_refused(pools, tmp_path: Path) -> None:
    """A path is no name; a set of f1 is nothing for a model of f2."""
    shelf, chosen = DatasetShelf(tmp_path), training_set(pools.pool(1), pools.CUTOFF, pools.RULES)
    shelf.save(chosen)
    for name in ("ds-0000", "../elsewhere", ""):
        with pytest.raises(NoVersion, match="no training set"):
            shelf.load(name)
    with pytest.raises(StoreError, match="holds features f1, these are f2"):
        shelf.load(chosen.dataset_id, "f2")
    with pytest.raises(BadInput, match="holds features f1, these are f2"):
        require_trainable(chosen, "f2")


def test_what_nothing_can_be_learnt_from_is_refused_with_its_reason(pools) -> None:
    """Empty, too few, too few days, one class; 45 days of 16 decisions are enough."""

    def of(frame: pl.DataFrame):
        return training_set(frame, pools.CUTOFF, pools.RULES)

    cases = (
        (pools.pool(1).clear(), "the training set is empty"),
        (pools.pool(1, days=40, per_day=4), "too few decisions: 160, at least 200"),
        (pools.pool(1, days=29, per_day=16), "too few days: decisions of 29, at least 30"),
        (
            pools.pool(1, days=45, per_day=16).with_columns(net_return=pl.lit(0.01)),
            "one class only: all 720 decisions are gains",
        ),
        (
            pools.pool(1, days=45, per_day=16).with_columns(net_return=pl.lit(-0.01)),
            "one class only: all 720 decisions are losses",
        ),
    )
    for frame, said in cases:
        assert said in str(why_untrainable(of(frame)))
        with pytest.raises(BadInput, match=said):
            require_trainable(of(frame), "f1")
    assert why_untrainable(of(pools.pool(1))) is None
    require_trainable(of(pools.pool(1)), "f1")


def test_a_later_week_leaves_the_earlier_set_what_it_was(pools) -> None:
    """Cut at the same moment, with or without the weeks after it: one name, one content."""
    frame = pools.pool(3, days=60)
    until = pools.START + timedelta(days=45)
    known = frame.filter(pl.col("closed_at") <= until)
    assert len(known) < len(frame)
    assert (
        training_set(frame, until, pools.RULES).dataset_id
        == training_set(known, until, pools.RULES).dataset_id
    )
