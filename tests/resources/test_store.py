"""Store: the lake of one world as assets see it: as of when, made from what, what is missing in words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from resources.store import Store
from tests.assets.embedded import settings_of
from trading.market.errors import BadInput, MissingData

AT = datetime(2026, 8, 17, 12, 3, tzinfo=UTC)
ROWS = pl.DataFrame({"symbol": ["B/USDT", "A/USDT", "C/USDT"], "is_kept": [True, True, False]})


@dataclass(frozen=True)
class Bounds:
    low: float = 0.5
    names: tuple[str, ...] = ("a",)


@pytest.fixture
def store(tmp_path):
    with settings_of(tmp_path):
        yield Store()


def look(store, at, rows=ROWS, asset="tickers"):
    return store.publish(asset, rows, key=["symbol"], at=at)


def test_nothing_yet_is_said_with_what_to_do(store):
    """Each sentence names the asset to materialise."""
    with pytest.raises(MissingData, match="materialise `tickers` first"):
        store.as_of()
    with pytest.raises(MissingData, match="materialise `markets` first"):
        store.listed_at()
    with pytest.raises(MissingData, match="materialise asset liquid_symbols first"):
        store.kept("liquid_symbols")
    with pytest.raises(MissingData, match="approved_symbols"):
        store.approved()


def test_decisions_are_as_of_the_newest_look(store):
    """Tickers or candles, whichever was looked at last; market time, not this machine's."""
    look(store, AT)
    assert store.as_of() == AT
    later = AT + timedelta(minutes=15)
    look(store, later, asset="ohlcv_days")
    assert store.as_of() == later
    look(store, AT + timedelta(minutes=5), ROWS.head(1))
    assert store.as_of() == later


def test_a_look_at_unchanged_content_is_fresh(store):
    """The version keeps its first time; decisions and listings are as of the newest look."""
    for asset in ("tickers", "markets"):
        look(store, AT, asset=asset)
        look(store, AT + timedelta(minutes=15), asset=asset)
    assert store.lake.latest("tickers").created_at == AT
    assert store.as_of() == AT + timedelta(minutes=15)
    assert store.listed_at() == AT + timedelta(minutes=15)


def test_a_result_names_what_its_own_run_read(store):
    """Another run publishes newer tickers between our reading and our publishing."""
    mine = look(store, AT)
    store.lake.read("tickers")
    newer = look(Store(), AT + timedelta(minutes=15), ROWS.head(1))
    made = store.publish("liquid_symbols", ROWS, key=["symbol"], inputs=["tickers"])
    assert made.inputs == (mine.version_id,)
    assert store.lake.latest("tickers") == newer
    store.lake.read("tickers")
    again = store.publish("liquid_symbols", ROWS, key=["symbol"], inputs=["tickers"])
    assert again.inputs == (newer.version_id,)


def test_publishing_before_the_first_look_needs_a_time(store):
    """Market time is never guessed."""
    with pytest.raises(MissingData, match="tickers"):
        store.publish("signals", ROWS, key=["symbol"])


def test_versions_are_made_from_the_newest_versions_of_their_inputs(store):
    """Ids of what was there then; what has not been made yet is left out."""
    old = look(store, AT)
    first = store.publish("liquid_symbols", ROWS, key=["symbol"], inputs=["tickers", "news_events"])
    new = look(store, AT + timedelta(minutes=15), ROWS.head(2))
    second = store.publish("liquid_symbols", ROWS, key=["symbol"], inputs=["tickers"], run_id="run-2")
    assert first.inputs == (old.version_id,)
    assert second.inputs == (new.version_id,)
    assert first.content_hash == second.content_hash
    assert first.version_id != second.version_id
    assert (first.created_at, second.created_at) == (AT, AT + timedelta(minutes=15))
    assert (first.run_id, second.run_id) == (None, "run-2")


def test_the_same_again_is_the_same_version(store):
    """Same rows, inputs and parameters: nothing new, whatever the run is called."""
    look(store, AT)
    about = {"key": ["symbol"], "inputs": ["tickers"], "params": store.params(Bounds())}
    first = store.publish("liquid_symbols", ROWS, **about, run_id="run-1")
    assert store.publish("liquid_symbols", ROWS, **about, run_id="run-2") == first
    changed = about | {"params": store.params(Bounds(low=0.6))}
    assert store.publish("liquid_symbols", ROWS, **changed).version_id != first.version_id
    assert len(store.lake.versions("liquid_symbols")) == 2


def test_parameters_stand_under_the_name_of_their_rules(store):
    """Two sets of rules in one version cannot mix."""
    assert store.params(Bounds()) == {"Bounds": {"low": 0.5, "names": ("a",)}}


def test_a_repeated_key_is_refused(store):
    """The lake's own rule holds through the resource."""
    with pytest.raises(BadInput, match="unique"):
        store.publish("tickers", pl.concat([ROWS, ROWS]), key=["symbol"], at=AT)
    assert store.lake.latest("tickers") is None


def test_kept_and_approved_are_sorted_names(store):
    """Only what a funnel kept, only what was approved."""
    look(store, AT, asset="liquid_symbols")
    verdicts = ROWS.rename({"is_kept": "is_approved"})
    store.publish("approved_symbols", verdicts, key=["symbol"], at=AT)
    assert store.kept("liquid_symbols") == ["A/USDT", "B/USDT"]
    assert store.approved() == ["A/USDT", "B/USDT"]


def test_worlds_do_not_mix(store):
    """A store that names a world reads that one; without a name it is the current one."""
    look(store, AT)
    other = Store(world="elsewhere")
    assert other.lake.latest("tickers") is None
    assert other.lake.root != store.lake.root
    assert Store(world="test").as_of() == AT
