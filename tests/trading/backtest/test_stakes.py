"""How large an entry is: by risk as the live engine sizes it, by volatility, and under caps."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from trading.backtest.candle_file import MarketRules, candle_file
from trading.backtest.fees import NO_FEES
from trading.backtest.replay import replay
from trading.backtest.strategy_file import parse_strategy
from trading.market.symbols import Market
from trading.market.ticks import Grid
from trading.risk.sizing import SizingRules, position_size

D = Decimal
NAMES = ["A/USDT", "B/USDT", "C/USDT"]
FILE = """[entry]
when = "volume > 0"
[risk]
stoploss = 0.04
take_profit = 0.03
[costs]
half_spread = 0.0
slippage = 0.0
impact = 0.0
[stake]
volume_share = 0.0
"""


def walk(bars: int = 400, seed: int = 3) -> pl.DataFrame:
    """Three seeded walks of minutes, in ticks of 0.001."""
    draw = np.random.default_rng(seed)
    frames = []
    for name in NAMES:
        close = np.round(7 * np.exp(np.cumsum(draw.normal(0, 0.01, bars))), 3)
        opened = np.concatenate([[7.0], close[:-1]])
        high = np.maximum(opened, close) + 0.02
        low = np.minimum(opened, close) - 0.02
        times = np.arange(bars) * 60_000
        columns = {"open": opened, "high": high.round(3), "low": low.round(3), "close": close}
        frames.append(pl.DataFrame({"symbol": [name] * bars, "ts": times, **columns, "volume": [1e6] * bars}))
    return pl.concat(frames)


def trades_of(stake: str) -> pl.DataFrame:
    rules = MarketRules(Grid.of(0.001), Grid.of("0.01"), 0.0, 5.0, NO_FEES)
    markets = dict.fromkeys(NAMES, rules)
    return replay(candle_file(walk()), parse_strategy(FILE + stake), fee=0.001, markets=markets).trades


def money_at(trades: pl.DataFrame, place: int) -> tuple[Decimal, Decimal]:
    """Return realised worth and cash before entry number `place`, by hand: a sale counts after its bar."""
    worth = cash = D(1000)
    now = trades["open_ts"][place]
    for n, trade in enumerate(trades.iter_rows(named=True)):
        amount = D(str(trade["amount"]))
        spent = amount * D(str(trade["open_rate"])) * D("1.001")
        got = amount * D(str(trade["close_rate"])) * D("0.999")
        if n < place:
            cash -= spent
        if trade["close_ts"] < now and not trade["is_open"]:
            cash += got
            worth += got - spent
    return worth, cash


@pytest.mark.parametrize(
    ("keys", "rules"),
    [
        ("risk = 0.005", SizingRules(D("0.005"))),
        ("risk = 0.02\nmax_share = 0.6\nreserve = 0.05", SizingRules(D("0.02"), D("0.6"), D("0.05"))),
        ("risk = 0.9\nmax_share = 0.99\nreserve = 0.4", SizingRules(D("0.9"), D("0.99"), D("0.4"))),
    ],
    ids=["by the share", "by the risk", "by the cash"],
)
def test_a_stake_by_risk_is_what_the_live_engine_would_buy(keys: str, rules: SizingRules) -> None:
    """Each entry's amount = `position_size` on the same worth, cash, stop, fee, market and price."""
    market = Market(
        "A/USDT", "AUSDT", "A", "USDT", "1", True, True, D("0.001"), D("0.01"), D(0), D(5), D(0), D("0.001"),
        D("0.001"),
    )  # fmt: skip
    trades = trades_of(keys + "\nwallet = 1000\n").sort("open_ts", "symbol")
    assert len(trades) > 30
    for place, (rate, amount) in enumerate(trades.select("open_rate", "amount").iter_rows()):
        worth, cash = money_at(trades, place)
        live = position_size(worth, cash, D("0.04"), market, D(str(rate)), rules)
        assert D(str(amount)) == live.amount, place


def test_most_caps_every_stake_whatever_says_it() -> None:
    """90 under a cap of 40, and 30 that it does not touch; whole steps below stake / rate."""
    for amount, stake in ((90, 40), (30, 30)):
        trades = trades_of(f"amount = {amount}\nmost = 40\n")
        assert len(trades) > 30
        for rate, bought in trades.select("open_rate", "amount").iter_rows():
            assert D(str(bought)) == (stake / D(str(rate)) * 100).__floor__() / D(100)


def test_a_volatility_target_scales_by_close_over_the_column_as_of_the_signal() -> None:
    """Stake = 50 x min(most, target x close / ATR), ATR by Wilder's own recursion over the true range."""
    frame = walk()
    trades = trades_of('amount = 50\nvolatility = { target = 0.018, column = "atr_14", most = 1.2 }\n')
    seen = set()
    for name in NAMES:
        own = frame.filter(pl.col("symbol") == name)
        high, low, close = (own[column].to_numpy() for column in ("high", "low", "close"))
        before = np.concatenate([[np.nan], close[:-1]])
        ranges = np.fmax(high - low, np.fmax(np.abs(high - before), np.abs(low - before)))[1:]
        atr = np.full(len(close), np.nan)
        atr[14] = ranges[:14].mean()
        for t in range(15, len(close)):
            atr[t] = (atr[t - 1] * 13 + ranges[t - 1]) / 14
        mine = trades.filter(pl.col("symbol") == name)
        assert len(mine) > 10
        for opened, rate, bought in mine.select("open_ts", "open_rate", "amount").iter_rows():
            t = int(opened.timestamp()) // 60 - 1
            factor = min(1.2, 0.018 * close[t] / atr[t])
            seen.add(factor == 1.2)
            assert bought == pytest.approx(50 * factor / rate, abs=0.0101)
            assert bought <= 50 * factor / rate + 1e-9
    assert seen == {True, False}, "both sides of the cap must be met"
