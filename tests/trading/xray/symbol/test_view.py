import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.trading.xray.symbol.conftest import BAR_MS, START
from trading.market.frames import CANDLES, empty
from trading.news.items import NEWS
from trading.xray.clusters import CLUSTERS
from trading.xray.regime import market_regime
from trading.xray.symbol.given import JUDGED, Given
from trading.xray.symbol.view import xray

AT = START + timedelta(milliseconds=900 * BAR_MS)
PEERS = pl.DataFrame(
    {
        "symbol": ["BTC/USDT"] * 2,
        "rank": [2, 1],
        "peer": ["B/USDT", "A/USDT"],
        "rho": [0.5, 0.9],
        "bars": [99, 99],
    }
)
GROUPS = pl.DataFrame(
    [
        ("BTC/USDT", 0, "A/USDT", 0.8, 3),
        ("A/USDT", 0, "A/USDT", 1.0, 3),
        ("C/USDT", 0, "A/USDT", 0.9, 3),
        ("B/USDT", -1, None, 0.0, 1),
    ],
    schema={name: CLUSTERS[name] for name in ("symbol", "cluster", "cluster_name", "strength", "size")},
    orient="row",
)


def headline(minutes: float, title: str = "Bitcoin moves", event: str | None = None, **more):
    seen = AT + timedelta(minutes=minutes)
    row = {
        "item_id": title,
        "source": "wire",
        "title": title,
        "link": "https://x.invalid/",
        "published": seen,
    }
    row |= {"first_seen": seen, "symbols": ["BTC/USDT"], "event": event, "sentiment": 0.1, "mood": "neutral"}
    return row | {"score": 0.1} | more


def news(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=NEWS)


def given(one, walk, **more) -> Given:
    values = {"symbol": "BTC/USDT", "at": AT, "candles": one(walk), "bar_ms": BAR_MS, "timeframe": "15m"}
    return Given(**(values | more))


def test_candles_alone_make_a_view_and_what_is_unknown_is_said(one, walk):
    """No other table: no error, no invented figure."""
    view = xray(given(one, walk))
    assert view.market is None
    assert view.company.words == "It was not among the pairs whose correlations were measured."
    assert (view.news, view.news_words) == ([], "No headline named it.")
    assert view.verdict == "Nobody had judged it yet."
    assert view.change_24h == pytest.approx(walk[-1] / walk[-97] - 1)
    json.dumps(view.document(), default=str)


def test_the_regime_of_the_market_is_told_beside_it(one, walk):
    """The sentence and eight conditions of the newest bar."""
    view = xray(given(one, walk, regime=market_regime(one(walk))))
    assert view.market.regime in ("calm", "normal", "turbulent")
    assert len(view.market.conditions) == 8
    assert f"The market as a whole is {view.market.regime}." in view.summary


def test_only_news_first_seen_by_then_and_naming_it_counts(one, walk):
    """Seen later, of another pair, told by another feed already: not there. A hack is said first."""
    items = news(
        headline(-90, "Old news"),
        headline(-30, "BTC bridge hacked", "hack"),
        headline(1, "From the future"),
        headline(-5, "Of another", symbols=["B/USDT"]),
        headline(-20, "BTC bridge hacked!", "hack", same_as="BTC bridge hacked"),
    )
    view = xray(given(one, walk, news=items))
    assert [story.title for story in view.news] == ["BTC bridge hacked", "Old news"]
    assert view.news_words.startswith("2 headlines, 2 of them in the last 24 h. Gravest: hack, first seen")


def test_peers_come_nearest_first_with_lines_from_the_same_bar(one, walk):
    """Lines are closes over the first close of the window; a newer bar of a peer is not drawn."""
    longer = np.r_[2 * walk, 999.0]
    others = pl.concat([one(longer, name="A/USDT"), one(walk[:850], name="B/USDT")])
    company = xray(given(one, walk, peers=PEERS, clusters=GROUPS, others=others)).company
    assert [(peer.symbol, peer.rho, peer.is_in_cluster) for peer in company.peers] == [
        ("A/USDT", 0.9, True),
        ("B/USDT", 0.5, False),
    ]
    assert company.peers[0].line == pytest.approx(company.own_line)
    assert company.peers[0].change == pytest.approx(walk[-1] / walk[-96] - 1)
    assert company.others == ["A/USDT", "C/USDT"]
    assert company.words.endswith("it belongs to the group of A/USDT, 3 pairs.")


def test_noise_goes_its_own_way(one, walk):
    """Cluster -1 is a finding, said in words."""
    alone = GROUPS.with_columns(cluster=pl.lit(-1, pl.Int32))
    assert "it goes its own way" in xray(given(one, walk, clusters=alone)).company.words


def test_the_verdict_names_the_first_rule_that_failed(one, walk):
    """Later failures stand in the table, the sentence has the one that decided."""
    rows = [
        ("prefilter", "spread", 0.001, 0.005, True, ""),
        ("screening", "volatility", 0.0012, 0.0015, False, "moves 0.0012 per bar, below 0.0015"),
        ("screening", "signal", 40.0, 35.0, False, "no RSI signal"),
    ]
    judged = pl.DataFrame(rows, schema=JUDGED, orient="row")
    view = xray(given(one, walk, judged=judged))
    assert view.verdict == "It fell at screening by volatility: moves 0.0012 per bar, below 0.0015."
    assert len(view.judged) == 3
    passed = xray(given(one, walk, judged=judged.head(1)))
    assert passed.verdict == "It passed every rule so far, prefilter the last."


def test_a_newest_bar_that_is_old_is_minded(one, walk):
    """Five hours after the last close the summary says so; one bar after it does not."""
    late = xray(given(one, walk, at=AT + timedelta(hours=5)))
    assert late.summary.endswith("Mind: its newest closed bar ended 5.0 h before that moment.")
    assert "Mind" not in xray(given(one, walk, at=AT + timedelta(minutes=15))).summary


def test_a_gap_of_a_day_has_no_change_of_24_hours(one, walk):
    """The bar a day ago is missing: null rather than the change since some other bar."""
    candles = one(walk)
    holed = candles.filter(~pl.int_range(pl.len()).is_between(780, 810))
    assert xray(given(one, walk, candles=holed)).change_24h is None


@pytest.mark.parametrize("bars", [1, 2, 40])
def test_a_young_symbol_is_no_error(one, walk, bars):
    """One bar is a view too."""
    view = xray(given(one, walk, candles=one(walk[:bars])))
    assert view.bars == bars
    assert view.trend.direction in ("unknown", "up", "down", "sideways")


def test_a_symbol_without_bars_has_its_ticker_verdicts_and_news(one, walk):
    """Dropped before candles were fetched: no figure is invented, the reason is told."""
    judged = pl.DataFrame(
        [("prefilter", "volume", 5.0, 9.0, False, "5 is too little")], schema=JUDGED, orient="row"
    )
    ticker = {"last": 7.0, "bid": 6.9, "ask": 7.1}
    items = news(headline(-5))
    view = xray(given(one, walk, candles=empty(CANDLES), judged=judged, ticker=ticker, news=items))
    assert (view.bar, view.bars, view.last, view.readings) == (None, 0, 7.0, [])
    assert view.summary.endswith("It fell at prefilter by volume: 5 is too little.")
    assert view.liquidity.spread == pytest.approx(0.2 / 7)
    assert view.liquidity.cost is None
    assert len(view.news) == 1
