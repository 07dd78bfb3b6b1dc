"""The synthetic market: exact aggregation, one path for everything, and statistics that hold."""

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market.errors import UnknownSymbol
from trading.market.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, TIMEFRAMES
from trading.simulator.source import Bars
from trading.simulator.synthetic import DEFAULT_START_MS, SyntheticMarket, synthetic

N = 400
MARKET = synthetic(seed=7, symbols=N)
SYMBOLS = list(MARKET.pairs)
LIFE_MS = 2400 * DAY_MS
# Coarse timeframes with a finer one that tiles them (weeks do not tile months).
STEPS = [
    ("5m", "1m"), ("15m", "1m"), ("15m", "5m"), ("30m", "15m"), ("1h", "1m"), ("1h", "30m"), ("4h", "15m"),
    ("4h", "1h"), ("1d", "5m"), ("1d", "4h"), ("1w", "1h"), ("1w", "1d"), ("1M", "4h"), ("1M", "1d"),
]  # fmt: skip
QUARTER = 15 * MINUTE_MS


def liquid(market: SyntheticMarket, *, edge: bool = False, bars: int = 1000) -> list[str]:
    """Online USDT pairs that trade every minute, move, and are older than `bars` quarters."""
    names = []
    for symbol, pair in market.pairs.items():
        if pair.quote != "USDT" or pair.status != "1" or pair.has_edge != edge:
            continue
        if pair.listed_ms > DEFAULT_START_MS - bars * QUARTER - 60 * DAY_MS:
            continue
        page = market.bars(symbol, "15m", DEFAULT_START_MS - 96 * QUARTER, DEFAULT_START_MS, DEFAULT_START_MS)
        changes = np.diff(np.log(page.close))
        if (page.volume > 20).all() and changes.std() > 0.001 and page.close[-1] > 5000:
            names.append(symbol)
    return names


def fold(bars: Bars) -> tuple[int, ...]:
    """One bar out of many, by definition."""
    return (
        int(bars.open[0]), int(bars.high.max()), int(bars.low.min()), int(bars.close[-1]),
        int(bars.volume.sum()), int(bars.quote_volume.sum()),
    )  # fmt: skip


def row(bars: Bars, k: int) -> tuple[int, ...]:
    return tuple(int(column[k]) for column in bars[1:])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SYMBOLS), st.sampled_from(STEPS), st.integers(0, LIFE_MS), st.integers(1, 3),
)  # fmt: skip
def test_finer_bars_add_up_to_coarser_ones(symbol: str, step: tuple[str, str], after: int, n: int) -> None:
    """Open of the first, highest high, lowest low, close of the last, sums of both volumes: exactly."""
    coarse, fine = TIMEFRAMES[step[0]], TIMEFRAMES[step[1]]
    open_ms = coarse.floor_ms(MARKET.first_ms + after)
    now = open_ms + 400 * DAY_MS
    end = open_ms
    for _ in range(n):
        end = coarse.next_ms(end)
    page = MARKET.bars(symbol, coarse.name, open_ms, end, now)
    for k, start in enumerate(page.open_ms.tolist()):
        parts = MARKET.bars(symbol, fine.name, start, coarse.next_ms(start), now)
        assert row(page, k) == fold(parts)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(SYMBOLS), st.integers(0, LIFE_MS), st.sampled_from(list(TIMEFRAMES)),
    st.lists(st.integers(1, 3 * HOUR_MS), min_size=1, max_size=4),
)  # fmt: skip
def test_unfinished_bar_is_the_path_so_far(symbol: str, after: int, name: str, moves: list[int]) -> None:
    """The forming bar, the last price and the stretches between any moments tell one story."""
    frame = TIMEFRAMES[name]
    open_ms = frame.floor_ms(MARKET.first_ms + after)
    pair = MARKET.pairs[symbol]
    start = max(open_ms, pair.listed_ms)
    now, low, high, volume = start, 10**18, 0, 0
    for move in moves:
        step = MARKET.step_path(symbol, now, now + move)
        now, low, high, volume = (
            now + move, min(low, step.low), max(high, step.high), volume + step.volume
        )  # fmt: skip
        assert step.low <= step.last <= step.high
        assert step.last == MARKET.price(symbol, now)
    if now >= frame.next_ms(open_ms) or (pair.delisted_ms is not None and now > pair.delisted_ms):
        return
    bar = MARKET.bars(symbol, name, open_ms, now + 1, now)
    assert len(bar.open_ms) == 1
    assert row(bar, 0)[1:5] == (high, low, MARKET.price(symbol, now), volume)


def test_unfinished_bar_grows_into_the_finished_one() -> None:
    """High only rises, low only falls, volume only grows, and the last ms is the finished bar."""
    symbol, open_ms = "BTCUSDT", DEFAULT_START_MS + 17 * MINUTE_MS
    done = MARKET.bars(symbol, "1m", open_ms, open_ms + 1, open_ms + MINUTE_MS)
    before = (0, 10**18, 0)
    for now in range(open_ms, open_ms + MINUTE_MS, 997):
        bar = MARKET.bars(symbol, "1m", open_ms, now + 1, now)
        assert bar.open[0] == done.open[0]
        assert bar.high[0] >= before[0]
        assert bar.low[0] <= before[1]
        assert bar.volume[0] >= before[2]
        before = int(bar.high[0]), int(bar.low[0]), int(bar.volume[0])
    assert MARKET.price(symbol, open_ms + MINUTE_MS) == done.close[0]
    whole = MARKET.step_path(symbol, open_ms, open_ms + MINUTE_MS)
    assert (whole.low, whole.high, whole.volume) == (done.low[0], done.high[0], done.volume[0])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SYMBOLS), st.sampled_from(list(TIMEFRAMES)), st.integers(0, LIFE_MS), st.integers(1, 200)
)
def test_bars_are_possible_and_chained(symbol: str, name: str, after: int, n: int) -> None:
    """Low <= open, close <= high, each opens where the last closed, no trade moves no price."""
    start = MARKET.first_ms + after
    bars = MARKET.bars(symbol, name, start, start + n * TIMEFRAMES[name].ms, start + 9000 * DAY_MS)
    assert (np.diff(bars.open_ms) > 0).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.open[1:] == bars.close[:-1]).all()
    assert (bars.low >= 2).all()
    idle = bars.volume == 0
    assert (bars.high[idle] == bars.low[idle]).all()
    assert (bars.quote_volume[idle] == 0).all()


def test_page_is_the_same_wherever_it_begins() -> None:
    """Random access: overlapping pages agree, and so does a market of fewer pairs in a new process."""
    end = DEFAULT_START_MS + 7 * HOUR_MS + 1234
    long = MARKET.bars("SOLUSDT", "5m", end - 500 * 300_000, end, end)
    short = MARKET.bars("SOLUSDT", "5m", end - 40 * 300_000, end, end)
    assert [row(long, k - 40) for k in range(40)] == [row(short, k - 40) for k in range(40)]
    code = (
        "from trading.simulator.synthetic import synthetic;"
        f"bars = synthetic(7, 3).bars('SOLUSDT', '5m', {end - 40 * 300_000}, {end}, {end});"
        "print(bars.close.tolist(), bars.volume.tolist())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == f"{short.close.tolist()} {short.volume.tolist()}"


def test_unlisted_past_and_delisted_future_have_no_bars() -> None:
    """A pair's bars are those of its life."""
    young = max(MARKET.pairs.values(), key=lambda pair: pair.listed_ms)
    bars = MARKET.bars(young.symbol, "1h", MARKET.first_ms, DEFAULT_START_MS, DEFAULT_START_MS)
    assert bars.open_ms[0] == young.listed_ms
    gone = next(pair for pair in MARKET.pairs.values() if pair.delisted_ms is not None)
    assert gone.delisted_ms is not None
    after = MARKET.bars(gone.symbol, "1h", gone.delisted_ms - HOUR_MS, DEFAULT_START_MS, DEFAULT_START_MS)
    assert after.open_ms.tolist() == [gone.delisted_ms - HOUR_MS]
    assert MARKET.price(gone.symbol, DEFAULT_START_MS) == after.close[-1]
    still = MARKET.step_path(gone.symbol, DEFAULT_START_MS, DEFAULT_START_MS + DAY_MS)
    assert still.volume == 0
    assert still.low == still.high == after.close[-1]


def test_unknown_names_are_refused_or_empty() -> None:
    """A symbol that never was is an error; a timeframe MEXC lacks is an empty list."""
    with pytest.raises(UnknownSymbol, match="NOPEUSDT"):
        MARKET.price("NOPEUSDT", DEFAULT_START_MS)
    assert len(MARKET.bars("BTCUSDT", "3m", 0, DEFAULT_START_MS, DEFAULT_START_MS).open_ms) == 0


def test_snapshot_agrees_with_minute_bars() -> None:
    """Rolling 24h figures at a full minute are those of the last 1,440 minutes."""
    now = DEFAULT_START_MS + 5 * HOUR_MS + 37 * MINUTE_MS
    shot = MARKET.snapshot(now)
    for k in range(0, N, 23):
        symbol = SYMBOLS[k]
        bars = MARKET.bars(symbol, "1m", now - DAY_MS, now, now)
        assert shot.last[k] == MARKET.price(symbol, now)
        if len(bars.open_ms) < 1440:
            continue
        figures = tuple(
            int(column[k])
            for column in (
                shot.open_24h, shot.high_24h, shot.low_24h, shot.last, shot.volume_24h, shot.quote_volume_24h
            )
        )  # fmt: skip
        assert figures == fold(bars)
        assert shot.last[k] - shot.bid[k] == MARKET.half_spread(symbol, now)


def test_spread_is_positive_and_widens_as_liquidity_falls() -> None:
    """Bid < last < ask everywhere; the quarter that trades least has the widest spreads."""
    shot = MARKET.snapshot(DEFAULT_START_MS)
    assert (shot.bid >= 1).all()
    assert (shot.bid < shot.last).all()
    assert (shot.last < shot.ask).all()
    usdt = np.array([pair.quote == "USDT" and pair.status == "1" for pair in MARKET.pairs.values()])
    fraction = ((shot.ask - shot.bid) / shot.last)[usdt]
    order = np.argsort(shot.quote_volume_24h[usdt])
    quarters = [float(np.median(fraction[part])) for part in np.array_split(order, 4)]
    assert quarters == sorted(quarters, reverse=True)
    assert quarters[0] > 5 * quarters[3]


def test_average_price_of_a_bar_lies_inside_it() -> None:
    """Quote volume over volume is within low and high, but for rounding, in 98 of 100 bars."""
    outside = total = 0
    for symbol in liquid(MARKET)[:60]:
        pair = MARKET.pairs[symbol]
        for name in ("1m", "15m", "1h", "1d"):
            end = DEFAULT_START_MS
            bars = MARKET.bars(symbol, name, end - 200 * TIMEFRAMES[name].ms, end, end)
            bars = Bars(*(column[bars.volume > 0] for column in bars))
            ticks = bars.quote_volume / bars.volume * 10.0 ** (pair.amount_decimals + pair.price_decimals - 6)
            outside += int(((ticks < bars.low - 1) | (ticks > bars.high + 1)).sum())
            total += len(ticks)
    assert total > 20_000
    assert outside / total < 0.02


def returns(
    market: SyntheticMarket, symbols: Sequence[str], name: str, n: int, end: int = DEFAULT_START_MS
) -> np.ndarray:
    """Log returns, (len(symbols), n)."""
    length = TIMEFRAMES[name].ms
    pages = [market.bars(symbol, name, end - (n + 1) * length, end, end) for symbol in symbols]
    return np.diff(np.log(np.array([page.close for page in pages], float)), axis=1)


def test_returns_have_no_memory_without_an_edge() -> None:
    """Lag-1 autocorrelation is nothing one could trade on: mean over pairs and ten separate dates.

    Pairs share the market factor, so one date is one draw (its standard deviation is near 0.025).
    """
    market = synthetic(seed=11, symbols=600, edge=False)
    names = liquid(market, bars=500 * 96)[:60]
    assert len(names) == 60
    for name in ("5m", "15m", "1h"):
        found = []
        for date in range(10):
            moves = returns(market, names, name, 900, DEFAULT_START_MS - date * 40 * DAY_MS)
            moves = moves - moves.mean(axis=1, keepdims=True)
            found.append((moves[:, 1:] * moves[:, :-1]).sum(axis=1) / (moves**2).sum(axis=1))
        assert abs(float(np.mean(found))) < 0.03


def test_variance_grows_with_time_like_a_random_walk() -> None:
    """Variance of a day's return over that of 96 quarters is about 1: no trend, no reversal built in."""
    market = synthetic(seed=11, symbols=600, edge=False)
    quarters = returns(market, liquid(market, bars=3000)[:120], "15m", 96 * 30)
    days = quarters.reshape(len(quarters), 30, 96).sum(axis=2)
    ratio = float((days**2).sum() / (quarters**2).sum())
    assert 0.75 < ratio < 1.3


def test_volatility_has_regimes_and_fat_tails() -> None:
    """Turbulent days move at least twice as much as calm ones; 15m returns are far from normal."""
    names = liquid(MARKET, bars=720 * 96)[:40]
    moves = returns(MARKET, names, "1d", 700)
    first = DEFAULT_START_MS - 700 * DAY_MS
    planted = np.array([MARKET.regime(first + k * DAY_MS) for k in range(700)])
    size = np.abs(moves).mean(axis=0)
    assert size[planted == 2].mean() > 1.8 * size[planted == 0].mean()
    quarters = returns(MARKET, names, "15m", 3000)
    scaled = quarters / quarters.std(axis=1, keepdims=True)
    assert float(np.median((scaled**4).mean(axis=1))) > 4


def test_pairs_of_a_sector_move_together() -> None:
    """With the market's part removed, 15m returns correlate inside planted sectors and not across."""
    market = synthetic(seed=5, symbols=900)
    names = [name for name in liquid(market) if market.pairs[name].sector >= 0][:200]
    moves = returns(market, names, "15m", 1000)
    common = np.median(moves / moves.std(axis=1, keepdims=True), axis=0)
    beta = moves @ common / (common @ common)
    links = np.corrcoef(moves - beta[:, None] * common)
    sector = np.array([market.pairs[name].sector for name in names])
    same = sector[:, None] == sector[None, :]
    apart = ~same
    np.fill_diagonal(same, val=False)
    assert links[same].mean() > 0.2
    assert abs(links[apart].mean()) < 0.05
