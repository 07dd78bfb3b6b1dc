import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.market.frames import empty
from trading.news.items import NEWS
from trading.news.scores import symbol_scores
from trading.signals.news_gate import with_news

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def _news(*stories):
    row = {"source": "wire", "link": None, "published": None, "event": None, "sentiment": 0.0, "mood": "x"}
    row |= {"effective": None}
    names = ("item_id", "first_seen", "symbols", "score", "same_as")
    rows = [row | dict(zip(names, story, strict=True)) | {"title": story[0]} for story in stories]
    return pl.DataFrame(rows, schema=NEWS)


NEWS_OF_TWO = _news(
    ("old", AT - timedelta(hours=12), ["A/USDT"], 0.8, None),
    ("new", AT, ["A/USDT", "B/USDT"], -0.5, None),
    ("repeat", AT, ["A/USDT"], -0.5, "new"),
    ("later", AT + timedelta(seconds=1), ["A/USDT"], 0.9, None),
)


def test_a_story_counts_half_after_its_half_life_and_what_is_repeated_once():
    """A: 0.8 / 2 - 0.5 = -0.1; B: -0.5; what is seen a second later is not known yet."""
    found = symbol_scores(NEWS_OF_TWO, AT)
    assert found["symbol"].to_list() == ["B/USDT", "A/USDT"]
    assert found["score"].to_list() == pytest.approx([math.tanh(-0.5), math.tanh(-0.1)])
    assert found["stories"].to_list() == [1, 2]
    assert found["newest"].to_list() == ["new", "new"]


def test_it_is_the_feature_of_the_signals():
    """The same figure that a signal of a bar closing now carries."""
    rows = pl.DataFrame({"symbol": ["A/USDT", "B/USDT"], "decided_ms": [int(AT.timestamp() * 1000)] * 2})
    once = NEWS_OF_TWO.filter(pl.col("same_as").is_null()).with_columns(sentiment="score")
    feature = with_news(rows, once, blocking=(), half_life_hours=12.0)
    ours = dict(symbol_scores(NEWS_OF_TWO, AT).select("symbol", "score").iter_rows())
    assert [ours[name] for name in feature["symbol"]] == pytest.approx(feature["news_score"].to_list())


def test_no_news_is_no_row_and_bad_arguments_are_refused():
    """An empty table; a naive time; a half-life of nothing."""
    assert symbol_scores(empty(NEWS), AT).is_empty()
    with pytest.raises(BadInput, match="aware"):
        symbol_scores(NEWS_OF_TWO, AT.replace(tzinfo=None))
    with pytest.raises(BadInput, match="positive"):
        symbol_scores(NEWS_OF_TWO, AT, timedelta(0))
