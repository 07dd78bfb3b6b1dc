"""Shuffled bars are the same bars, in an order that the symbols share."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.backtest.validation.shuffle import block_shuffled
from trading.market.errors import BadInput, InvalidBars

START = datetime(2026, 1, 1, tzinfo=UTC)


def market(symbols: int = 3, bars: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    common = rng.normal(0, 0.01, bars)
    frames = []
    for k in range(symbols):
        close = 100 * np.exp(np.cumsum(common + rng.normal(0, 0.002, bars)))
        opened = np.concatenate([[100.0], close[:-1]]) * 1.0005
        columns = {
            "open": opened,
            "high": np.maximum(opened, close) * 1.002,
            "low": np.minimum(opened, close) * 0.997,
            "close": close,
            "volume": rng.lognormal(3, 1, bars),
        }
        times = [START + timedelta(minutes=15 * n) for n in range(bars)]
        frames.append(pl.DataFrame({"symbol": [f"S{k}"] * bars, "open_time": times, **columns}))
    return pl.concat(frames).with_columns(quote_volume=pl.col("volume") * pl.col("close"))


def test_every_bar_keeps_its_shape_and_its_volume() -> None:
    """The multiset of (high / open, low / open, close / open, volume) is the same; the order is not."""
    before = market()
    after = block_shuffled(before, 4, np.random.default_rng(2))
    shape = [(pl.col(name) / pl.col("open")).round(10).alias(name) for name in ("high", "low", "close")]
    for symbol in ("S0", "S1", "S2"):
        own = [frame.filter(pl.col("symbol") == symbol).select(*shape, "volume") for frame in (before, after)]
        assert sorted(own[0].rows()) == sorted(own[1].rows())
        assert own[0].rows() != own[1].rows()


def test_a_symbol_ends_where_it_ended_and_moves_with_the_others_as_before() -> None:
    """Returns only change places, for all symbols alike."""
    before = market()
    after = block_shuffled(before, 4, np.random.default_rng(3))
    last = pl.col("close").last()
    ends = [frame.group_by("symbol", maintain_order=True).agg(last)["close"] for frame in (before, after)]
    assert ends[1].to_list() == pytest.approx(ends[0].to_list())
    changes = []
    for frame in (before, after):
        bars = frame["close"].to_numpy().reshape(3, -1)
        changes.append(np.corrcoef(np.diff(np.log(bars)))[0, 1])
    assert changes[1] == pytest.approx(changes[0], abs=0.02)


def test_one_block_of_everything_is_the_market_itself() -> None:
    """Nothing to shuffle."""
    before = market()
    after = block_shuffled(before, 60, np.random.default_rng(4))
    assert after["close"].to_list() == pytest.approx(before["close"].to_list())


def test_a_tendency_longer_than_a_block_is_gone() -> None:
    """A swing of 40 bars: neighbouring stretches of ten bars no longer follow each other."""
    bars = 4000
    steps = 0.01 * np.sin(np.arange(bars) * 2 * np.pi / 40)
    close = 100 * np.exp(np.cumsum(steps))
    opened = np.concatenate([[100.0], close[:-1]])
    frame = pl.DataFrame(
        {
            "symbol": ["S"] * bars,
            "open_time": [START + timedelta(minutes=15 * n) for n in range(bars)],
            "open": opened,
            "close": close,
            "volume": np.ones(bars),
            "quote_volume": close,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
        }
    )
    after = block_shuffled(frame, 5, np.random.default_rng(5))
    memory = []
    for one in (frame, after):
        change = np.diff(np.log(one["close"].to_numpy()))
        memory.append(np.corrcoef(change[:-5], change[5:])[0, 1])
    assert memory[0] > 0.6
    assert abs(memory[1]) < 0.1


def test_a_missing_bar_and_a_block_of_none_are_refused() -> None:
    """A hole has no place to go to."""
    with pytest.raises(InvalidBars, match="every symbol must have all 60 bars"):
        block_shuffled(market().head(170), 4, np.random.default_rng(0))
    with pytest.raises(BadInput, match="block must be at least 1, was 0"):
        block_shuffled(market(), 0, np.random.default_rng(0))
