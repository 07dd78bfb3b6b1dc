"""No filter looks ahead: what became known after the moment changes nothing, and everything afterwards."""

from dataclasses import replace
from datetime import timedelta
from typing import get_type_hints

import numpy as np
import polars as pl
import pytest

from tests.trading.screening.chain.conftest import AT, BAR
from trading.market.errors import BadInput
from trading.market.frames import CANDLES
from trading.screening.chain import inputs as ports
from trading.screening.chain.declared import chain_of
from trading.screening.chain.inputs import Inputs
from trading.screening.chain.known import FILTERS
from trading.screening.chain.run import funnel_over, sift

HOUR = timedelta(hours=1)
SOON, LATER = AT + HOUR, AT + 2 * HOUR
BASES = ("A", "B", "C", "D")
SYMBOLS = [f"{base}/USDT" for base in BASES]
# One table per filter, tight enough that what comes to be known by LATER changes its answer.
CASES: dict[str, dict[str, object]] = {
    "quote": {"quotes": ["USDT"]},
    "status": {},
    "api": {},
    "blacklist": {"patterns": ["OLD.*"]},
    "static": {"symbols": SYMBOLS[:3]},
    "age": {"min_days": 0.05, "unknown": "drop"},
    "delist": {"within_days": 30},
    "remote": {"list": "good"},
    "producer": {"list": "good", "mode": "drop"},
    "cross_market": {"list": "futures"},
    "market_cap": {"max_rank": 10},
    "ticker": {},
    "quote_age": {"max_s": 600},
    "spread": {"max": 0.005},
    "price": {"max": 150},
    "precision": {"max_error": 0.0002},
    "bars": {"min": 395},
    "stale": {"max_bars": 1},
    "volume": {"min": 500_000, "hours": 1},
    "percent_change": {"max": 0.3, "hours": 1},
    "volatility": {"max": 0.1, "bars": 8},
    "range_stability": {"max": 0.5, "bars": 8},
    "idle": {"max_share": 0.2, "bars": 8},
    "expression": {"keep": "close < highest(close, 20) * 1.2 AND close / close[4] < 1.3"},
    "rank": {"by": "quote_volume", "top": 2},
    "signal": {"above": 90, "bars": 8},
    "limit": {"count": 2},
    "offset": {"skip": 1, "count": 2},
    "shuffle": {"seed": 1, "every": "bar"},
    "performance": {"min_return": 0.0},
    "full_trades": {"max_open": 2},
    "cluster": {},
    "correlation": {"max": 0.9, "bars": 20, "min_common": 5},
    "capacity": {"stake": 10, "users": 5, "max_age_s": 7_200},
    "news": {},
    "alerts": {},
}


@pytest.fixture
def then(inputs) -> Inputs:
    """What was known at AT."""
    at = [AT - HOUR] * 4
    made = inputs(*BASES, quotes={symbol: {"at": AT - timedelta(minutes=5)} for symbol in SYMBOLS})
    volumes = pl.Series([4e6, 3e6, 2e6, 1e6])
    return replace(
        made,
        markets=made.markets.with_columns(seen_at=pl.lit(AT - HOUR, ports.UTC_MS)),
        tickers=made.tickers.with_columns(volume_quote_24h=volumes),
        listed=dict.fromkeys(SYMBOLS[:3], AT - 30 * 24 * HOUR),
        depth=frame(ports.DEPTH, symbol=SYMBOLS, at=at, bid_depth=[1e5] * 4, ask_depth=[1e5] * 4),
        news=frame(ports.NEWS, first_seen=[AT - HOUR], symbols=[["A/USDT"]], event=["partnership"]),
        alerts=frame(ports.ALERTS, symbol=["A/USDT"], kind=["jump"], at=[AT - 48 * HOUR]),
        trades=frame(
            ports.TRADES,
            symbol=["A/USDT", "B/USDT"],
            open_at=at[:2],
            close_at=[AT, None],
            net_return=[0.1, None],
        ),
        delistings=frame(ports.DELISTINGS, symbol=["A/USDT"], known_at=at[:1], at=[AT + 90 * 24 * HOUR]),
        clusters=frame(ports.CLUSTERS, symbol=SYMBOLS, cluster=[0, 1, 2, 3], at=at),
        lists=frame(
            ports.LISTS,
            list=["good", "good", "futures"],
            at=at[:3],
            symbol=["A/USDT", "B/USDT", "C/USDT:USDT"],
        ),
        caps=frame(ports.CAPS, base=list(BASES), at=at, market_cap=[1e9] * 4, rank=[1, 2, 3, 40]),
    )


@pytest.fixture
def later(then) -> Inputs:
    """The same and what came to be known an hour later: another market altogether."""
    at = [SOON] * 4
    listing = then.markets.with_columns(
        seen_at=pl.lit(SOON, ports.UTC_MS),
        symbol=pl.when(pl.col("base") == "D").then(pl.lit("D/EUR")).otherwise("symbol"),
        quote=pl.when(pl.col("base") == "D").then(pl.lit("EUR")).otherwise("quote"),
        base=pl.when(pl.col("base") == "C").then(pl.lit("OLDC")).otherwise("base"),
        is_scannable=pl.col("base") != "A",
        is_api_tradable=pl.col("base") != "A",
    )
    looks = then.tickers.with_columns(
        at=pl.when(pl.col("symbol") == "A/USDT")
        .then(pl.lit(LATER))
        .otherwise(pl.lit(SOON))
        .cast(ports.UTC_MS),
        volume_quote_24h=pl.Series([1.0, 2.0, 3e9, 4e9]),
        last=pl.Series([0.0, 160.0, 20.0, 100.0]),
        bid=pl.Series([0.0, 99.0, 99.9, 99.9]),
        ask=pl.Series([100.0, 101.0, 100.1, 100.1]),
    )
    return replace(
        then,
        markets=pl.concat([then.markets, listing]),
        tickers=pl.concat([then.tickers, looks]),
        candles=pl.concat([then.candles, bars_after("A/USDT", 1.5), bars_after("B/USDT", 1.5, volume=0.0)]),
        listed=then.listed | {"D/USDT": AT + HOUR / 4},
        depth=pl.concat(
            [then.depth, frame(ports.DEPTH, symbol=SYMBOLS, at=at, bid_depth=[9.0] * 4, ask_depth=[1e5] * 4)]
        ),
        news=pl.concat(
            [then.news, frame(ports.NEWS, first_seen=at[:1], symbols=[["B/USDT"]], event=["hack"])]
        ),
        alerts=pl.concat([then.alerts, frame(ports.ALERTS, symbol=["B/USDT"], kind=["jump"], at=at[:1])]),
        trades=pl.concat(
            [
                then.trades.filter(pl.col("symbol") == "A/USDT"),
                # The trade that was open closes with a loss: at AT it is still the open one.
                frame(
                    ports.TRADES,
                    symbol=["B/USDT", "C/USDT", "D/USDT"],
                    open_at=[AT - HOUR, SOON, SOON],
                    close_at=[SOON, None, None],
                    net_return=[-0.5, None, None],
                ),
            ]
        ),
        delistings=pl.concat(
            [
                then.delistings,
                frame(ports.DELISTINGS, symbol=["B/USDT"], known_at=at[:1], at=[AT + 24 * HOUR]),
            ]
        ),
        clusters=pl.concat([then.clusters, frame(ports.CLUSTERS, symbol=SYMBOLS, cluster=[0] * 4, at=at)]),
        lists=pl.concat(
            [
                then.lists,
                frame(ports.LISTS, list=["good", "futures"], at=at[:2], symbol=["C/USDT", "A/USDT:USDT"]),
            ]
        ),
        caps=pl.concat(
            [then.caps, frame(ports.CAPS, base=["A", "B"], at=at[:2], market_cap=[1.0, 1.0], rank=[90, 91])]
        ),
    )


def frame(schema: ports.Schema, **columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=schema)


def bars_after(symbol: str, growth: float, volume: float = 1e7) -> pl.DataFrame:
    """Eight bars from AT on, each `growth` times the one before."""
    price = 100 * growth ** np.arange(1, 9)
    times = [AT + number * BAR.delta for number in range(8)]
    columns = {"symbol": [symbol] * 8, "open_time": times, "open": price, "high": price, "low": price}
    columns |= {"close": price, "volume": [volume] * 8, "quote_volume": [volume] * 8}
    return pl.DataFrame(columns, schema=CANDLES)


def chain(name: str, table: dict[str, object]):
    return chain_of([{"name": name, **table}])


def test_every_filter_is_tried():
    """A new filter needs a case here."""
    assert set(CASES) == set(FILTERS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_later_knowledge_changes_nothing(name, then, later):
    """All decisions at AT, with values, bounds and words, are the same whatever is known afterwards."""
    asked = chain(name, CASES[name])
    alone, with_later = sift(asked, then, AT), sift(asked, later, AT)
    assert alone.decisions.to_dicts() == with_later.decisions.to_dicts()
    assert alone.kept == with_later.kept


def test_a_trade_that_is_open_shows_neither_its_end_nor_its_result(then):
    """Closed before: both known. Closes an hour later, or open with what some of its users made: neither."""
    trades = frame(
        ports.TRADES,
        symbol=["A/USDT", "B/USDT", "C/USDT"],
        open_at=[AT - 2 * HOUR] * 3,
        close_at=[AT, SOON, None],
        net_return=[0.1, -0.5, 0.2],
    )
    seen = replace(then, trades=trades).as_of(AT).port("trades")
    assert seen.select("close_at", "net_return").rows() == [(AT, 0.1), (None, None), (None, None)]


@pytest.mark.parametrize("number", [0, 1, 36_500, 2**62, 1e-300, 1e300])
@pytest.mark.parametrize("name", sorted(CASES))
def test_no_number_breaks_a_filter(name, number, then):
    """Every numeric key of every filter: refused in words, or a verdict on every symbol."""
    for key in (key for key, kind in get_type_hints(FILTERS[name]).items() if kind not in (str, bool)):
        try:
            asked = chain(name, CASES[name] | {key: number})
        except BadInput:
            continue
        assert sift(asked, then, AT).funnel.height == len(SYMBOLS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_same_knowledge_counts_once_it_is_known(name, then, later):
    """Else the test above could not fail: two hours later each of these filters answers otherwise."""
    asked = chain(name, CASES[name])
    assert sift(asked, later, AT).kept != sift(asked, later, LATER).kept


def test_many_moments_at_once_are_each_moment_alone(then, later):
    """A chain of candles, tickers, ranks, news and shuffles over nine moments, in any order."""
    names = ["ticker", "spread", "volatility", "correlation", "expression", "news", "shuffle"]
    asked = chain_of(
        [{"name": name, **CASES[name]} for name in names[:2]]
        + [{"name": "limit", "count": 3}, {"name": "bars", "min": 200}]
        + [{"name": name, **CASES[name]} for name in names[2:]],
        bars=300,
    )
    moments = [AT + number * BAR.delta for number in range(9)]
    over = funnel_over(asked, later, [*reversed(moments), AT])
    for at in moments:
        alone = sift(asked, later, at).funnel
        assert over.filter(pl.col("at") == at).drop("at").to_dicts() == alone.to_dicts()
    assert over["rule"].n_unique() > 3
