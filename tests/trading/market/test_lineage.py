from datetime import UTC, datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from trading.market.lineage import Version, content_hash, digest, row_id, version_id, with_row_ids


def version(**changes: object) -> str:
    arguments = {"code_version": "code-1", "params": "{}", "inputs": ["v-a-1", "v-b-2"], "partition": None}
    return version_id("signals", "c0ffee", **(arguments | changes))


def test_version_id_ignores_the_order_of_its_inputs():
    """Two ways to list the same inputs are the same version."""
    assert version() == version(inputs=["v-b-2", "v-a-1"])


def test_version_id_changes_with_code_params_inputs_and_partition():
    """Anything that may change the meaning changes the id."""
    ids = {
        version(),
        version(code_version="code-2"),
        version(params='{"a":1}'),
        version(inputs=[]),
        version(partition="2025-01-01"),
    }
    assert len(ids) == 5


def test_row_id_names_its_version():
    """From a row id alone the version part can be read off."""
    assert row_id("sig", "v-signals-0123456789abcdef", "BTC/USDT").startswith("sig-0123456789abcdef-")


def test_row_ids_are_unique_per_key_and_stable():
    """One id per key; the same frame gives the same ids."""
    frame = pl.DataFrame({"symbol": ["A/USDT", "B/USDT"], "bar": [1, 1]})
    first = with_row_ids(frame, "sig", "v-signals-00", ["symbol", "bar"])
    again = with_row_ids(first, "sig", "v-signals-00", ["symbol", "bar"])
    assert first["lineage_id"].n_unique() == 2
    assert first.equals(again)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digest_frames_its_parts(left: list[str], right: list[str]):
    """No two different lists collide by being joined ("ab","c" against "a","bc")."""
    assert (digest(*left) == digest(*right)) == (left == right)


def test_content_hash_sees_values_nulls_names_and_order():
    """A change of any of them is another content."""
    base = pl.DataFrame({"a": [1.0, None], "b": ["x", None]})
    others = [
        pl.DataFrame({"a": [1.0, 0.0], "b": ["x", None]}),
        pl.DataFrame({"a": [1.0, None], "b": ["x", ""]}),
        base.rename({"a": "c"}),
        base.reverse(),
        base.cast({"a": pl.Float32}),
    ]
    assert len({content_hash(frame) for frame in [base, *others]}) == 6


def test_content_hash_is_blind_to_chunks_and_to_values_under_nulls():
    """How a frame was put together is not content."""
    whole = pl.DataFrame({"a": [1, 2, 3], "t": [datetime(2025, 1, d, tzinfo=UTC) for d in (1, 2, 3)]})
    pieces = pl.concat([whole.head(1), whole.tail(2)], rechunk=False)
    masked = whole.with_columns(pl.when(pl.col("a") > 1).then("a")).with_columns(pl.col("a"))
    other = whole.with_columns(a=pl.when(pl.col("a") > 1).then(pl.col("a")))
    assert content_hash(whole) == content_hash(pieces)
    assert content_hash(masked) == content_hash(other)


def test_version_record_survives_json():
    """What is written beside the data is what is read back."""
    record = Version(
        "v-a-1", "a", None, "cc", "code-1", "{}", ("v-b-2",), 3, datetime(2025, 1, 1, tzinfo=UTC), "run"
    )
    assert Version.from_json(record.to_json()) == record
