"""Candles of another venue are stored, named, and keep their pair from being approved."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.trading.backtest.test_approval import NO_TRADES, metrics_of
from trading.backtest.approval import approve, without
from trading.market.errors import BadInput
from trading.market.frames import CANDLES
from trading.store.candles import CandleStore
from trading.store.origins import ORIGINS, Origins

T0, BAR = datetime(2026, 8, 1, tzinfo=UTC), timedelta(minutes=15)


def candles(symbol: str, bars: int) -> pl.DataFrame:
    rows = [(symbol, T0 + k * BAR, 1.0, 1.1, 0.9, 1.0, 5.0, 5.0) for k in range(bars)]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


@pytest.fixture
def lake(tmp_path):
    origins = Origins(tmp_path)
    origins.bring_in(CandleStore(tmp_path), "15m", candles("OLD/USDT", 10), venue=" Binance ")
    return origins, CandleStore(tmp_path)


def test_a_pair_on_foreign_candles_is_refused_with_the_venue_s_name(lake):
    """Its own rule, after every figure was good; a pair of the venue's own candles goes through."""
    origins, store = lake
    assert store.read("15m").height == 10
    why = origins.foreign("15m", ["GOOD/USDT", "OLD/USDT"], T0)
    found = without(approve(metrics_of({}, {"symbol": "OLD/USDT"}), NO_TRADES), why, rule="own_candles")
    assert found.approved == ["GOOD/USDT"]
    row = found.symbols.filter(symbol="OLD/USDT").row(0, named=True)
    assert (row["failed_rule"], row["is_approved"]) == ("own_candles", False)
    assert row["reason"] == "rests on 10 candles of binance: other venues' data is for research"


def test_foreign_candles_that_are_older_than_the_history_do_not_count(lake):
    """The last foreign bar opens at T0 + 9 bars: from the next one on the history is the venue's own."""
    origins, _ = lake
    assert origins.foreign("15m", ["OLD/USDT"], T0 + 9 * BAR) != {}
    assert origins.foreign("15m", ["OLD/USDT"], T0 + 10 * BAR) == {}
    assert origins.foreign("1h", ["OLD/USDT"], T0) == {}


def test_what_was_brought_in_is_on_record(lake):
    """One row per symbol and time; a world without any has an empty table of the same columns."""
    origins, store = lake
    row = origins.all().row(0, named=True)
    assert row == {
        "timeframe": "15m", "symbol": "OLD/USDT", "venue": "binance", "first": T0, "last": T0 + 9 * BAR,
        "bars": 10,
    }  # fmt: skip
    assert dict(Origins(store.root / "other").all().schema) == ORIGINS


def test_a_venue_without_a_name_is_refused(lake):
    """Nothing is stored then."""
    origins, store = lake
    with pytest.raises(BadInput, match="venue was empty"):
        origins.bring_in(store, "15m", candles("NEW/USDT", 3), venue=" ")
    assert store.read("15m")["symbol"].unique().to_list() == ["OLD/USDT"]
