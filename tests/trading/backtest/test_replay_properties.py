"""What must hold for every replay, in both modes, with parts and additions: money, bars, time, order."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.strategy import Addition, Costs, Part, Trailing

_HERE = Path(__file__).parent
MINUTE = 60_000
FEE = 0.001


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"properties_{name}", _HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


JOBS = _load("jobs")


@st.composite
def markets(draw) -> tuple[dict, dict, dict]:
    """Two or three symbols of up to 30 bars on a tick of 0.01, with dead bars, their entries and exits."""
    symbols, entries, exits = {}, {}, {}
    length = draw(st.integers(4, 30))
    for name in ("B/USDT", "A/USDT", "C/USDT")[: draw(st.integers(2, 3))]:
        price, bars = draw(st.integers(5_000, 15_000)), []
        for place in range(length):
            opened = max(10, price + draw(st.sampled_from([0, 0, 0, 1, -1, -300, 250])))
            close = max(10, opened + draw(st.integers(-200, 200)))
            high = max(opened, close) + draw(st.integers(0, 150))
            low = max(5, min(opened, close) - draw(st.integers(0, 150)))
            volume = draw(st.sampled_from([1.0, 1.0, 1.0, 0.0]))
            bars.append((place, *(value / 100 for value in (opened, high, low, close)), volume))
            price = close
        rows = st.sets(st.integers(0, length - 1), max_size=length)
        symbols[name], entries[name], exits[name] = (
            bars,
            draw(rows),
            draw(st.sets(st.integers(0, length - 1))),
        )
    return symbols, entries, exits


@st.composite
def strategies(draw):
    """(strategy, slots, is_freqtrade); a wallet that can run dry, parts and additions in mode default."""
    stop = draw(st.integers(100, 500)) / 10_000
    is_freqtrade = draw(st.booleans())
    slots = draw(st.integers(0, 2))
    more: dict = {}
    if not is_freqtrade:
        more["parts"] = draw(st.sampled_from([(), (Part(0.5, 0.01),), (Part(0.3, 0.005), Part(0.7, 0.02))]))
        adds = [(), (Addition(at=-stop / 2, share=1.0, most=2),), (Addition(at=-stop / 3, amount=30.0),)]
        more["additions"] = draw(st.sampled_from(adds))
    strategy = JOBS.strategy(
        stoploss=stop,
        roi=draw(st.sampled_from([(), ((0, 0.02),), ((0, 0.03), (3, 0.005))])),
        trailing=draw(st.sampled_from([None, Trailing(0.005, 0.01)])),
        max_hold_min=draw(st.sampled_from([0, 4])),
        wallet=draw(st.sampled_from([0.0, 150.0, 450.0])),
        costs=Costs(FEE, 0.0 if is_freqtrade else 0.0005, 0.0, 0.0),
        **more,
    )
    return strategy, slots, is_freqtrade


def _play(market: tuple[dict, dict, dict], asked: tuple):
    strategy, slots, is_freqtrade = asked
    symbols, entries, exits = market
    frame = JOBS.frame_of(symbols, MINUTE)
    return JOBS.play(
        frame, strategy, entries, exits, tick=0.01, step="0.01", slots=slots, is_freqtrade=is_freqtrade,
        bar_ms=MINUTE, with_fills=True,
    )  # fmt: skip


def _cash_by_bar(fills: pl.DataFrame, wallet: float) -> list[tuple[int, float, float]]:
    """(bar, cash if the bar's buys are paid before its sales, cash after it)."""
    cash, found = wallet, []
    for (ts,), own in fills.sort("ts").group_by("ts", maintain_order=True):
        buys = own.filter(pl.col("side") == "buy").select(pl.col("rate") * pl.col("amount") + pl.col("fee"))
        sales = own.filter(pl.col("side") == "sell").select(pl.col("rate") * pl.col("amount") - pl.col("fee"))
        paid = sum(buys.to_series().to_list())
        least, cash = cash - paid, cash - paid + sum(sales.to_series().to_list())
        found.append((int(ts.timestamp() // 60), least, cash))
    return found


@settings(max_examples=200, deadline=None)
@given(market=markets(), asked=strategies())
def test_equity_is_cash_and_positions_at_every_bar(market, asked) -> None:
    """Cash from every fill, plus what is held at the close, is the wallet plus what trades gained and hold.

    Two ways to the same figure: fill by fill, and trade by trade. Cash never runs below zero.
    """
    found, wallet = _play(market, asked), asked[0].wallet
    trades, fills = found.trades, found.fills
    closes = {(name, bar[0]): bar[4] for name, own in market[0].items() for bar in own}
    minute = (pl.col("ts").dt.epoch("ms") // MINUTE).alias("bar")
    all_fills = fills.with_columns(minute, signed=pl.when(pl.col("side") == "buy").then(1).otherwise(-1))
    if wallet:
        for _, least, cash in _cash_by_bar(fills, wallet):
            assert (cash if asked[2] else least) > -1e-6
    spent = all_fills.filter(pl.col("side") == "buy").group_by("symbol", "open_ts").agg(
        spent=(pl.col("rate") * pl.col("amount") + pl.col("fee")).sum()
    )  # fmt: skip
    gains = trades.join(spent, on=["symbol", "open_ts"]).with_columns(
        gain=pl.col("profit_ratio") * pl.col("spent"), closed=pl.col("close_ts").dt.epoch("ms") // MINUTE,
        opened=pl.col("open_ts").dt.epoch("ms") // MINUTE,
    )  # fmt: skip
    for bar in range(len(next(iter(market[0].values())))):
        own = all_fills.filter(pl.col("bar") <= bar)
        value = own["signed"] * own["rate"] * own["amount"] + own["fee"]
        held = own.group_by("symbol").agg(held=(pl.col("signed") * pl.col("amount")).sum())
        worth = sum(amount * closes[name, bar] for name, amount in held.rows())
        equity = wallet - value.sum() + worth
        ended = gains.filter((pl.col("closed") <= bar) & ~pl.col("is_open"))["gain"].sum()
        under_way = gains.filter(
            (pl.col("opened") <= bar) & ((pl.col("closed") > bar) | pl.col("is_open"))
        ).select("symbol", "open_ts")
        open_fills = own.join(under_way, on=["symbol", "open_ts"], how="semi")
        still = sum(
            -sign * rate * amount - fee + sign * amount * closes[name, bar]
            for name, sign, rate, amount, fee in open_fills.select(
                "symbol", "signed", "rate", "amount", "fee"
            ).rows()
        )
        assert abs(equity - (wallet + ended + still)) < 1e-6


@settings(max_examples=200, deadline=None)
@given(market=markets(), asked=strategies())
def test_fills_lie_in_their_bars_after_their_signals_within_the_slots(market, asked) -> None:
    """Marks inside low..high, rates worse by the declared cost and a tick at most; never more than slots."""
    found = _play(market, asked)
    strategy, slots, is_freqtrade = asked
    bars = {(name, bar[0]): bar for name, own in market[0].items() for bar in own}
    cost = strategy.costs.half_spread
    for fill in found.fills.iter_rows(named=True):
        _, _, high, low, _, volume = bars[fill["symbol"], int(fill["ts"].timestamp() // 60)]
        assert low - 1e-9 <= fill["mark"] <= high + 1e-9
        assert is_freqtrade or volume > 0
        worse = (fill["rate"] - fill["mark"]) * (1 if fill["side"] == "buy" else -1)
        assert -1e-9 <= worse <= fill["mark"] * cost + 0.01 + 1e-9
    for trade in found.trades.iter_rows(named=True):
        signal = int(trade["signal_ts"].timestamp() // 60)
        assert trade["open_ts"] > trade["signal_ts"]
        assert market[0][trade["symbol"]].index(bars[trade["symbol"], signal]) in market[1][trade["symbol"]]
    if slots:
        spans = [
            (row[0], row[1] if not row[2] else row[1].replace(year=2000))
            for row in found.trades.select("open_ts", "close_ts", "is_open").rows()
        ]
        for moment, _ in spans:
            inside = [a <= moment < b or (a == moment == b and not is_freqtrade) for a, b in spans]
            assert sum(inside) <= slots


@settings(max_examples=150, deadline=None)
@given(market=markets(), asked=strategies(), order=st.randoms(use_true_random=False))
def test_the_order_of_symbols_in_the_file_changes_nothing(market, asked, order) -> None:
    """With unlimited slots and money in both modes; in mode default with slots too: ties go by name."""
    strategy, slots, is_freqtrade = asked
    if is_freqtrade and (slots or strategy.wallet):
        return  # there ties go by the file, as in freqtrade
    names = list(market[0])
    order.shuffle(names)
    shuffled = ({name: market[0][name] for name in names}, *market[1:])
    key = ["open_ts", "symbol"]
    first, second = (_play(each, asked).trades.sort(key).drop("rank") for each in (market, shuffled))
    assert first.equals(second)
    assert _play(market, asked).trades.sort(key).drop("rank").equals(first)


@settings(max_examples=150, deadline=None)
@given(market=markets(), asked=strategies(), keep=st.integers(3, 25))
def test_a_cut_history_never_changes_a_trade_closed_before_the_cut(market, asked, keep: int) -> None:
    """Fills of trades that ended before bar `keep`, in both modes, with slots and money."""
    is_freqtrade = asked[2]
    symbols, entries, exits = market
    short = (
        {name: bars[:keep] for name, bars in symbols.items()},
        {name: {row for row in rows if row < keep} for name, rows in entries.items()},
        {name: {row for row in rows if row < keep} for name, rows in exits.items()},
    )
    if is_freqtrade and len(short[0]["B/USDT"]) < len(symbols["B/USDT"]):
        keep -= 1  # freqtrade enters nothing in the last bar of all and sells in it what is open
    if keep < 3 and is_freqtrade:
        return
    early = pl.col("close_ts").dt.epoch("ms") < keep * MINUTE
    closed = early & ~pl.col("is_open") & (pl.col("exit_reason") != "force_exit")
    key = ["open_ts", "symbol"]
    whole, part = (
        _play(each, asked).trades.filter(closed).sort(key).drop("rank") for each in (market, short)
    )
    assert part.equals(whole)
