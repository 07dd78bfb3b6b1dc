"""What the launchpad of `screened_symbols` may add: further filters, their thresholds, the funnel drawn."""

from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from assets import screening
from resources.store import Store
from tests.assets.embedded import settings_of
from tests.assets.tables import AT, SYMBOLS, market_regime, publish_sound
from trading.news.items import NEWS

# The sound tables have few bars; the rules are switched off as far as they are not the point.
OFF = {
    "min_bars": 1,
    "min_volatility": None,
    "max_volatility": None,
    "max_idle_share": None,
    "rsi_enabled": False,
    "min_quote_volume_24h": None,
    "max_stale_bars": None,
}


@pytest.fixture
def store(tmp_path, monkeypatch):
    with settings_of(tmp_path):
        publish_sound(Store())
        monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "data"))
        yield Store()


def materialize(store: Store, **config: object) -> dict[str, dg.MetadataValue]:
    """Materialise the asset alone, on tables that stand; return what its page shows."""
    done = dg.materialize(
        [screening.screened_symbols],
        resources={"store": store},
        run_config={"ops": {"screened_symbols": {"config": OFF | config}}},
        instance=dg.DagsterInstance.ephemeral(),
    )
    (event,) = done.asset_materializations_for_node("screened_symbols")
    return dict(event.metadata)


def test_filters_of_the_launchpad_follow_the_rules(store):
    """They judge what is left, name the reason, and log the threshold that each pair met, kept or not."""
    first = store.kept("liquid_symbols")[0]
    regime = market_regime().with_columns(threshold_multiplier=pl.lit(1.2))
    store.publish("market_regime", regime, key=["open_time"], at=AT)
    filters = [
        {"name": "static", "symbols": [first], "label": "chosen"},
        {"name": "volume", "source": "ticker", "min": {"base": 1e6, "floor": 1e5, "ceiling": 2e6}},
    ]
    materialize(store, filters=filters)
    frame = store.lake.read("screened_symbols")
    assert frame.filter("is_kept")["symbol"].to_list() == [first]
    assert set(frame.filter(~frame["is_kept"])["rule"]) == {"chosen"}
    decisions = store.lake.read("screening_decisions")
    row = decisions.filter(decisions["rule"] == "volume").row(0, named=True)
    assert (row["symbol"], row["value"], row["bound"], row["is_kept"]) == (first, 5e6, 1.2e6, True)
    assert row["why"].startswith("1e+06 × 1 (")
    assert '"chosen"' in store.lake.latest("screened_symbols").params


def test_without_filters_nothing_is_logged_beside(store):
    """The rules alone, as ever."""
    materialize(store)
    assert set(store.lake.read("screened_symbols")["symbol"]) == set(SYMBOLS[:2])
    assert store.lake.latest("screening_decisions") is None


def test_the_funnel_is_a_table_and_a_small_picture(store):
    """One line per filter from the pre-filter on, and a drawing of at most 50 kB."""
    shown = materialize(store, filters=[{"name": "static", "symbols": [SYMBOLS[0]]}])
    rows = [dict(record.data) for record in shown["funnel"].records]
    assert [(row["stage"], row["rule"], row["in"], row["out"]) for row in rows] == [
        ("prefilter", "volume", 4, 2),
        ("screening", "static", 2, 1),
    ]
    picture = shown["picture"].value
    assert picture.startswith("![Funnel](data:image/png;base64,")
    assert len(picture) <= 50_000


def test_filters_of_the_launchpad_have_our_trades_and_announced_delistings(store):
    """A world that never traded has no trade open; what is announced to end falls, with its lineage."""
    first, second = store.kept("liquid_symbols")[:2]
    story = {"item_id": "a", "first_seen": AT, "symbols": [first], "event": "delisting"}
    times = dict.fromkeys(("published", "first_seen", "effective"), AT)
    news = pl.DataFrame([story | times | {"effective": AT + timedelta(days=3)}], schema=NEWS)
    store.publish("news_events", news, key=["item_id"], at=AT)
    materialize(store, filters=[{"name": "full_trades"}, {"name": "delist"}, {"name": "news", "events": []}])
    frame = store.lake.read("screened_symbols")
    assert dict(frame.select("symbol", "rule").iter_rows()) == {first: "delist", second: "passed"}
    made_from = store.lake.latest("screened_symbols").inputs
    assert [name.startswith("v-news_events-") for name in made_from].count(True) == 1


def test_a_mistake_in_the_launchpad_is_one_sentence(store):
    """With the number of the filter and the near name."""
    with pytest.raises(Exception, match="launchpad, filter 1: unknown filter 'volum'; near ones: volume"):
        materialize(store, filters=[{"name": "volum"}])
    assert store.lake.latest("screening_decisions") is None
