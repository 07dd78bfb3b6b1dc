"""Each filter by itself, on numbers worked out by hand."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.trading.screening.chain.conftest import AT, BAR
from trading.market.frames import CANDLES
from trading.screening.chain import inputs as ports
from trading.screening.chain.declared import chain_of
from trading.screening.chain.links import correlations
from trading.screening.chain.run import sift

HOUR = timedelta(hours=1)


def frame(schema: ports.Schema, **columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=schema)


def run(given, name: str, **keys: object):
    return sift(chain_of([{"name": name, **keys}]), given, AT)


def reason(given, name: str, **keys: object) -> tuple[float | None, str]:
    """Value and words of the only pair, which falls."""
    row = run(given, name, **keys).funnel.row(0, named=True)
    assert row["is_kept"] is False
    return row["value"], row["reason"]


@pytest.mark.parametrize(
    ("name", "keys", "quote", "value", "words"),
    [
        ("spread", {"max": 0.0019}, {}, 0.002, "spread is 0.002 of the price, above 0.0019"),
        ("price", {"min": 101}, {}, 100.0, "price is 100, below 101"),
        ("price", {"max": 99}, {}, 100.0, "price is 100, above 99"),
        # A tick of 0.01 at 0.5 is 2 %.
        ("price", {"max_tick": 0.01}, {"last": 0.5}, 0.02, "one tick is 0.02 of the price, above 0.01"),
        # No minimum amount: one step of 0.001 at 100.
        ("price", {"max_unit": 0.09}, {}, 0.1, "the smallest order is worth 0.1, more than 0.09"),
        # A tick of 0.01 on a stop 50 % below 0.5.
        ("precision", {"stop": 0.5}, {"last": 0.5}, 0.04, "rounding moves a stop by 0.04 of it, "),
        (
            "precision",
            {"stake": 5},
            {},
            0.02,
            "one step of amount is 0.02 of a stake of 5, more than 0.01",
        ),
        ("quote_age", {"max_s": 59}, {"at": AT - timedelta(minutes=1)}, 60.0, "quote is 60 s old, more than"),
        ("ticker", {}, {"bid": 0.0}, 100.0, "no two-sided quote: last price 100"),
        ("volume", {"source": "ticker", "max": 10}, {}, 1e6, "24 h volume is 1,000,000, above 10"),
        ("percent_change", {"source": "ticker", "min": 0.1}, {"change_24h": 0.05}, 0.05, "changed by 0.05"),
    ],
)  # fmt: skip
def test_filters_on_a_quote_say_what_they_measured(inputs, name, keys, quote, value, words):
    """Sound values: tick 0.01, step 0.001, last 100, bid 99.9, ask 100.1, a million a day."""
    found = reason(inputs("A", quotes={"A/USDT": quote}), name, **keys)
    assert found[0] == pytest.approx(value)
    assert found[1].startswith(words)
    assert run(inputs("A"), name, **{key: keys[key] for key in keys if key in {"source", "stop"}}).kept


def series(close: list[float], **columns: list[float]) -> pl.DataFrame:
    """The last bars of A/USDT before AT."""
    count = len(close)
    given = {"symbol": ["A/USDT"] * count, "open_time": [AT - (count - i) * BAR.delta for i in range(count)]}
    given |= {name: columns.get(name, close) for name in ("open", "high", "low", "close")}
    given |= {name: columns.get(name, [1_000.0] * count) for name in ("volume", "quote_volume")}
    return pl.DataFrame(given, schema=CANDLES)


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("bars", {"min": 9}, 8.0),
        ("volume", {"hours": 1, "min": 5_000}, 4_000.0),  # four quarter hours of 1,000
        ("percent_change", {"hours": 1, "max": 0.5}, 1.0),  # 8 over 4: the bar an hour before
        ("percent_change", {"hours": 1.5, "max": 0.5}, 3.0),  # 8 over 2
        ("range_stability", {"bars": 4, "max": 0.5}, 0.6),  # (8 - 5) / 5
        ("idle", {"bars": 4, "max_share": 0.2}, 0.25),
        ("volatility", {"bars": 2, "min": 1.0}, abs(np.log(8 / 7) - np.log(7 / 6)) / np.sqrt(2)),
    ],
)
def test_filters_on_bars_measure_their_window(inputs, name, keys, value):
    """Closes of 1 to 8, a thousand traded in each bar but for the last but one, in which nobody traded."""
    volume = [1_000.0] * 6 + [0.0, 1_000.0]
    given = replace(inputs("A"), candles=series([float(i) for i in range(1, 9)], volume=volume))
    assert reason(given, name, **keys)[0] == pytest.approx(value, rel=1e-12)


def test_a_window_longer_than_the_history_is_unknown_and_falls(inputs):
    """There is no close 24 hours ago among eight quarter hours."""
    given = replace(inputs("A"), candles=series([float(i) for i in range(1, 9)]))
    assert reason(given, "percent_change", min=-0.9)[1].startswith("changed by unknown in 24 h")


def test_volume_may_sort_and_cut(inputs):
    """C trades most, then A; B is the third and falls by its rank."""
    traded = {"A/USDT": 2e4, "B/USDT": 1e4, "C/USDT": 3e4}
    bars = {symbol: {"quote_volume": volume} for symbol, volume in traded.items()}
    found = run(inputs("A", "B", "C", bars=bars), "volume", top=2)
    assert found.kept == ["C/USDT", "A/USDT"]
    assert found.funnel["reason"][2] == "rank 3, beyond the first 2"


def test_a_condition_shows_the_values_it_was_held_against(inputs):
    """One comparison with a number has value and bound; any other has the columns in its words."""
    given = replace(inputs("A"), candles=series([1.0, 2.0, 4.0]))
    row = run(given, "expression", keep="close / close[1] < 1.5").funnel.row(0, named=True)
    assert (row["value"], row["bound"], row["is_kept"]) == (2.0, 1.5, False)
    words = reason(given, "expression", keep="close < 3 OR volume < 5")[1]
    assert words == "`close < 3 OR volume < 5` is not true: close = 4.0, volume = 1000.0"
    assert run(given, "expression", keep="crosses_above(close, 3)").kept == ["A/USDT"]


def test_a_rank_is_by_any_value(inputs):
    """By the last bar's growth; unknown values fall."""
    given = inputs("A", "B", "C", bars={"A/USDT": {"close": [1, 2, 3]}, "B/USDT": {"close": [1, 2, 8]}})
    given = replace(given, candles=given.candles.filter(pl.col("symbol") != "C/USDT"))
    found = run(given, "rank", by="close / close[1]", top=1)
    assert found.kept == ["B/USDT"]
    reasons = dict(found.funnel.select("symbol", "reason").iter_rows())
    assert reasons["A/USDT"] == "rank 2, beyond the first 1"
    assert reasons["C/USDT"] == "`close / close[1]` is not known yet"


def test_lists_of_others_keep_or_drop(inputs):
    """The newest look counts; a coin of another market is known by its base; no look = nothing passes."""
    looks = frame(
        ports.LISTS,
        list=["good", "good", "perp", "empty"],
        at=[AT - 2 * HOUR, AT - HOUR, AT - HOUR, AT - HOUR],
        symbol=["A/USDT", "B/USDT", "A/USDT:USDT", None],
    )
    given = replace(inputs("A", "B"), lists=looks)
    assert run(given, "remote", list="good").kept == ["B/USDT"]
    assert run(given, "producer", list="good", mode="drop").kept == ["A/USDT"]
    assert run(given, "cross_market", list="perp").kept == ["A/USDT"]
    assert run(given, "remote", list="empty").kept == []
    old = run(given, "remote", list="good", max_age_h=0.5)
    assert old.funnel["reason"][0] == "nobody has looked at the list 'good' for 0.5 h"
    assert run(given, "remote", list="good", max_age_h=0.5, optional=True).kept == ["A/USDT", "B/USDT"]


def test_market_cap_has_rank_and_size(inputs):
    """The newest figure of each coin; a coin without one falls."""
    caps = frame(
        ports.CAPS,
        base=["A", "B", "B"],
        at=[AT - HOUR, AT - 2 * HOUR, AT - HOUR],
        market_cap=[5e9, 1e9, 9e9],
        rank=[20, 5, 11],
    )
    given = replace(inputs("A", "B", "C"), caps=caps)
    assert run(given, "market_cap", max_rank=15).kept == ["B/USDT"]
    assert run(given, "market_cap", min_cap=2e9).kept == ["A/USDT", "B/USDT"]
    reasons = dict(run(given, "market_cap", max_rank=15).funnel.select("symbol", "reason").iter_rows())
    assert reasons["A/USDT"] == "rank 20 by market capitalisation, beyond 15"
    assert reasons["C/USDT"] == "rank unknown by market capitalisation, beyond 15"


def test_an_announced_delisting_falls_when_it_is_near(inputs):
    """Ten days ahead: within 30, not within 5; the newest announcement counts."""
    said = frame(
        ports.DELISTINGS,
        symbol=["A/USDT", "A/USDT"],
        known_at=[AT - 2 * HOUR, AT - HOUR],
        at=[AT + 1 * 24 * HOUR, AT + 10 * 24 * HOUR],
    )
    given = replace(inputs("A"), delistings=said)
    assert reason(given, "delist", within_days=30) == (10.0, "its delisting is announced, 10 days from now")
    assert run(given, "delist", within_days=5).kept == ["A/USDT"]
    assert run(given, "delist").kept == []


def test_age_is_judged_where_the_first_bar_is_known(inputs):
    """One day old, two needed; who is not known is kept unless asked otherwise."""
    given = replace(inputs("A", "B"), listed={"A/USDT": AT - 24 * HOUR})
    assert run(given, "age").kept == ["B/USDT"]
    assert run(given, "age", min_days=None, max_days=3, unknown="drop").kept == ["A/USDT"]


def test_a_blacklist_matches_whole_names(inputs):
    """BTC3L falls, BTC3LX does not; by symbol the quote is part of the name."""
    given = inputs("BTC3L", "BTC3LX", "ETH")
    assert run(given, "blacklist", patterns=[".+[2345][LS]"]).kept == ["BTC3LX/USDT", "ETH/USDT"]
    assert run(given, "blacklist", patterns=["ETH/.*"], of="symbol").kept == ["BTC3L/USDT", "BTC3LX/USDT"]
    assert run(given, "static", symbols=["ETH/USDT", "BTC3LX/.*"]).kept == ["BTC3LX/USDT", "ETH/USDT"]


def test_offset_takes_a_window_of_the_list(inputs):
    """Skip one, keep one, of three."""
    found = run(inputs("A", "B", "C"), "offset", skip=1, count=1)
    assert found.kept == ["B/USDT"]
    assert sorted(found.funnel["reason"][1:]) == [
        "place 1, the first 1 fall",
        "place 3, nothing is kept beyond 2",
    ]


def test_a_shuffle_is_of_its_seed_and_day_alone(inputs):
    """The same for the same seed, also beside other pairs; another day, another order. Nothing falls."""
    many = inputs(*"ABCDEFGHIJ")
    first = run(many, "shuffle", seed=1).kept
    assert first == run(inputs(*"JIHGFEDCBA"), "shuffle", seed=1).kept
    assert sorted(first) == [f"{base}/USDT" for base in "ABCDEFGHIJ"]
    assert first != run(many, "shuffle", seed=2).kept
    fewer = [symbol for symbol in first if symbol[0] in "ABCDE"]
    assert run(inputs(*"ABCDE"), "shuffle", seed=1).kept == fewer
    daily = chain_of([{"name": "shuffle", "every": "day"}])
    assert sift(daily, many, AT).kept == sift(daily, many, AT + HOUR).kept
    assert sift(daily, many, AT).kept != sift(daily, many, AT + 24 * HOUR).kept


def test_performance_sorts_by_what_we_earned_and_drops_what_lost(inputs):
    """B earned 2 %, C was never traded (0), A lost 3 % twice; trades older than the window do not count."""
    trades = frame(
        ports.TRADES,
        symbol=["A/USDT", "A/USDT", "B/USDT", "C/USDT"],
        open_at=[AT - 5 * HOUR] * 3 + [AT - 40 * 24 * HOUR],
        close_at=[AT - HOUR] * 3 + [AT - 31 * 24 * HOUR],
        net_return=[-0.04, -0.02, 0.02, -0.9],
    )
    given = replace(inputs("A", "B", "C"), trades=trades)
    assert run(given, "performance").kept == ["B/USDT", "C/USDT", "A/USDT"]
    found = run(given, "performance", min_return=-0.01)
    assert found.kept == ["B/USDT", "C/USDT"]
    assert found.funnel["value"][2] == pytest.approx(-0.03)
    assert run(given, "performance", min_return=-0.01, min_trades=3).kept == ["B/USDT", "C/USDT", "A/USDT"]


def test_full_trades_leave_only_what_is_held(inputs):
    """Two open trades: at a limit of two only their pairs stay, at three nothing falls."""
    trades = frame(
        ports.TRADES,
        symbol=["A/USDT", "B/USDT", "C/USDT"],
        open_at=[AT - HOUR] * 3,
        close_at=[None, None, AT - HOUR / 2],
        net_return=[None, None, 0.1],
    )
    given = replace(inputs("A", "B", "C"), trades=trades)
    assert run(given, "full_trades", max_open=2).kept == ["A/USDT", "B/USDT"]
    assert run(given, "full_trades", max_open=3).kept == ["A/USDT", "B/USDT", "C/USDT"]


def test_one_of_each_cluster_is_kept_and_it_is_the_most_traded(inputs):
    """A and B move together, B trades more; C is noise and stays; so does D, which nobody clustered."""
    quotes = {"B/USDT": {"volume_quote_24h": 5e6}}
    clusters = frame(
        ports.CLUSTERS, symbol=["A/USDT", "B/USDT", "C/USDT"], cluster=[0, 0, -1], at=[AT - HOUR] * 3
    )
    given = replace(inputs("A", "B", "C", "D", quotes=quotes), clusters=clusters)
    assert run(given, "cluster").kept == ["B/USDT", "C/USDT", "D/USDT"]
    assert run(given, "cluster", per=2).kept == ["B/USDT", "A/USDT", "C/USDT", "D/USDT"]
    old = replace(given, clusters=clusters.with_columns(at=pl.lit(AT - 8 * 24 * HOUR, ports.UTC_MS)))
    assert run(old, "cluster").kept == []
    assert run(old, "cluster", optional=True).kept == ["B/USDT", "A/USDT", "C/USDT", "D/USDT"]


def test_who_moves_like_a_more_traded_one_falls(inputs):
    """B is A times two, C its own walk: B trades less than A, so it falls, with A's name."""
    given = inputs("A", "B", "C", bars={"A/USDT": {"quote_volume": 2e4}})
    of_a = given.candles.filter(pl.col("symbol") == "A/USDT")
    twin = of_a.with_columns(pl.col("close") * 2, symbol=pl.lit("B/USDT"), quote_volume=pl.lit(1e4))
    given = replace(given, candles=pl.concat([given.candles.filter(pl.col("symbol") != "B/USDT"), twin]))
    found = run(given, "correlation")
    assert found.kept == ["A/USDT", "C/USDT"]
    row = found.funnel.row(2, named=True)
    assert row["value"] == pytest.approx(1.0)
    assert row["reason"] == "moves like A/USDT, which trades more: correlation 1, above 0.95"


def test_correlations_are_numpys_over_what_both_have():
    """Pair by pair with holes, against numpy on the common columns; too few in common is -1."""
    generator = np.random.default_rng(3)
    returns = generator.normal(5, 1, (6, 80)) + generator.normal(0, 1, 80)
    whole = correlations(returns, 10)
    assert whole == pytest.approx(np.corrcoef(returns), abs=1e-12)
    returns[generator.random(returns.shape) < 0.2] = np.nan
    returns[5, :72] = np.nan
    found = correlations(returns, 20)
    for i in range(5):
        for j in range(5):
            both = ~np.isnan(returns[i]) & ~np.isnan(returns[j])
            expected = np.corrcoef(returns[i, both], returns[j, both])[0, 1]
            assert found[i, j] == pytest.approx(expected, abs=1e-9)
    assert (found[5] == -1).all()


def test_capacity_is_that_of_the_thinner_book_and_the_median_minute(inputs):
    """A tenth of 4,000 is 400, enough for 4 users of 100, not for 5; a tenth of a minute's 3,000 is 300."""
    depth = frame(
        ports.DEPTH,
        symbol=["A/USDT"] * 2,
        at=[AT - HOUR / 2, AT - HOUR / 4],
        bid_depth=[1e9, 9e3],
        ask_depth=[1e9, 4e3],
    )
    times = [AT - timedelta(minutes=i) for i in range(1, 241)]
    # 150 minutes of 3,000, the others without a bar: the median of 240 slots is 3,000; with 110 it is 0.
    minutes = pl.DataFrame({"symbol": ["A/USDT"] * 150, "open_time": times[:150]}).with_columns(
        **{name: pl.lit(1.0) for name in ("open", "high", "low", "close", "volume")}, quote_volume=pl.lit(3e3)
    )
    given = replace(inputs("A"), depth=depth, minutes=minutes.select(list(CANDLES)).cast(CANDLES))
    assert run(given, "capacity", users=4, minute_share=0.2).kept == ["A/USDT"]
    assert reason(given, "capacity", users=5, minute_share=1.0)[1] == (
        "its book holds an entry of 400, less than everybody's 500"
    )
    assert reason(given, "capacity", users=4, depth_share=1.0)[1] == (
        "a minute's trade holds an entry of 300, less than everybody's 400"
    )
    quiet = replace(given, minutes=given.minutes.head(110))
    assert reason(quiet, "capacity", depth_share=1.0)[0] == 0.0
    # Without minute bars: 10,000 a quarter hour are 667 a minute, a tenth of it 66.7.
    bars_only = replace(given, minutes=None)
    assert reason(bars_only, "capacity", depth_share=1.0)[0] == pytest.approx(1e3 / 15)
    # Minutes of another pair alone say nothing of this one: its own bars do.
    other = replace(given, minutes=given.minutes.with_columns(symbol=pl.lit("B/USDT")))
    assert reason(other, "capacity", depth_share=1.0)[0] == pytest.approx(1e3 / 15)


def test_news_and_alerts_close_a_pair_for_so_long(inputs):
    """A hack seen 2 hours ago closes for 72; a partnership does not; an alert of another kind does not."""
    news = frame(
        ports.NEWS,
        first_seen=[AT - 2 * HOUR, AT - HOUR],
        symbols=[["A/USDT"], ["B/USDT", "A/USDT"]],
        event=["hack", "partnership"],
    )
    alerts = frame(ports.ALERTS, symbol=["B/USDT"], kind=["decoupled"], at=[AT - HOUR])
    given = replace(inputs("A", "B"), news=news, alerts=alerts)
    found = run(given, "news")
    assert found.kept == ["B/USDT"]
    assert found.funnel["reason"][1] == "news of a hack 2 h ago, 72 h are waited"
    assert run(given, "news", hours=2).kept == ["A/USDT", "B/USDT"]
    assert run(given, "alerts").kept == ["A/USDT"]
    assert run(given, "alerts", kinds=["jump"]).kept == ["A/USDT", "B/USDT"]
