"""Grids of configurations: the same sums as one replay per configuration, and figures by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from trading.backtest import grid_fast
from trading.backtest.candle_file import CandleFile, candle_file
from trading.backtest.columns import column_table
from trading.backtest.grid import MOST_MB, GridJob, estimate, run_grid
from trading.backtest.grid_figures import add_trades, empty_sums, figures_frame
from trading.backtest.grid_masks import Masks
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy import Addition, Part, Strategy, Trailing
from trading.backtest.strategy_file import parse_strategy
from trading.indicators.expressions.expression import condition
from trading.market.errors import BadInput

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BASE = """startup = 30
[entry]
when = "{entry}"
[exit]
when = "{exit}"
[risk]
stoploss = 0.03
roi = {{ "0" = 0.05, "600" = 0.02 }}
[stake]
amount = 100
"""


def market(symbols: int = 5, bars: int = 700, seed: int = 3) -> CandleFile:
    """Seeded walks with holes and bars without volume; symbols begin at different hours."""
    draw = np.random.default_rng(seed)
    frames = []
    for k in range(symbols):
        close = np.round(20 * np.exp(np.cumsum(draw.normal(0, 0.01, bars))), 3)
        opened = np.concatenate([close[:1], close[:-1]])
        high = np.round(np.maximum(opened, close) * (1 + 0.004 * draw.random(bars)), 3)
        low = np.round(np.minimum(opened, close) * (1 - 0.004 * draw.random(bars)), 3)
        ts = (np.arange(bars) + 7 * k) * HOUR_MS + 1_735_689_600_000
        frame = pl.DataFrame(
            {
                "symbol": [f"S{k}/USDT"] * bars,
                "ts": ts,
                "open": opened,
                "high": np.maximum(high, np.maximum(opened, close)),
                "low": np.minimum(low, np.minimum(opened, close)),
                "close": close,
                "volume": np.where(draw.random(bars) < 0.02, 0.0, 500.0),
            }
        )
        frames.append(frame.filter(pl.Series(draw.random(bars) > 0.01)))
    return candle_file(pl.concat(frames))


def configurations(mode: Mode = Mode.DEFAULT) -> list[Strategy]:
    """Thresholds and risk parameters, with and without an exit signal, trailing and a hold."""
    found = []
    for entry in ("rsi_14 < 35", "rsi_7 > 55 AND close > ema_20", "rsi_7 < 40 OR NOT close > ema_20"):
        for leave in ("rsi_14 > 65", "crosses_above(close, ema_20)"):
            plain = parse_strategy(BASE.format(entry=entry, exit=leave))
            found += [
                plain,
                replace(plain, stoploss=0.01, roi=()),
                replace(plain, trailing=Trailing(0.01, 0.02), max_hold_min=1_000, startup=60),
                replace(plain, roi=(), take_profit=0.03 if mode is Mode.DEFAULT else 0.0),
                replace(plain, exit_=None, entry_limit=0.001, volume_share=0.0, roi=((0, 0.01),)),
            ]
    return found


@pytest.mark.parametrize("mode", list(Mode))
def test_a_grid_gives_what_one_replay_per_configuration_gives(mode: Mode) -> None:
    """Trades, sums, shares, factors and daily results are those of the replayed trades, one by one."""
    candles, wanted = market(), configurations(mode)
    found = run_grid(GridJob(candles, wanted, mode, is_daily=True, is_by_symbol=True))
    assert found.daily is not None
    assert found.by_symbol is not None
    assert found.is_fast.all()
    for place, strategy in enumerate(wanted):
        trades = replay(candles, strategy, mode).trades
        row = found.figures.row(place, named=True)
        net = trades["profit_ratio"]
        assert row["trades"] == trades.height > 0
        assert row["total_return"] == pytest.approx(net.sum(), abs=1e-12)
        assert row["win_share"] == pytest.approx((net > 0).mean())
        assert row["sharpe_trade"] == pytest.approx(net.mean() / net.std(), rel=1e-9)
        gains, losses = net.filter(net > 0).sum(), -net.filter(net < 0).sum()
        assert row["profit_factor"] == pytest.approx(gains / losses, rel=1e-12)
        by_day = trades.group_by(day=pl.col("close_ts").dt.date()).agg(pl.col("profit_ratio").sum())
        days = pl.DataFrame({"day": pl.Series(found.days).cast(pl.Date), "ours": found.daily[:, place]})
        both = days.join(by_day, on="day", how="left").fill_null(0.0)
        np.testing.assert_allclose(both["ours"], both["profit_ratio"], atol=1e-13)
        own = trades.group_by("symbol").agg(n=pl.len().cast(pl.Int64), total=pl.col("profit_ratio").sum())
        ours = found.by_symbol.filter(pl.col("configuration") == place).sort("symbol")
        assert ours["trades"].to_list() == own.sort("symbol")["n"].to_list()
        np.testing.assert_allclose(ours["total_return"], own.sort("symbol")["total"], atol=1e-13)


def test_figures_are_those_worked_out_by_hand() -> None:
    """+10 %, -10 %, -10 % on three days: mean -1/30, deviation 0.11547, and 0.2 stakes below the top."""
    sums = empty_sums(1, 4, 0)
    closed = pl.Series([0, DAY_MS + 5, 2 * DAY_MS]).cast(pl.Datetime("ms", "UTC"))
    trades = pl.DataFrame({"symbol": ["A"] * 3, "close_ts": closed, "profit_ratio": [0.1, -0.1, -0.1]})
    add_trades(sums, 0, trades, ["A"], 0)
    row = figures_frame(sums).row(0, named=True)
    assert row["trades"] == 3
    assert row["mean_return"] == pytest.approx(-1 / 30)
    assert row["total_return"] == pytest.approx(-0.1)
    assert row["win_share"] == pytest.approx(1 / 3)
    assert row["profit_factor"] == pytest.approx(0.5)
    assert row["sharpe_trade"] == pytest.approx(-1 / 30 / 0.1154700538)
    # Days are 0.1, -0.1, -0.1 and a quiet one: mean -0.025, deviation sqrt(0.0275 / 3).
    assert row["sharpe_day"] == pytest.approx(-0.025 / 0.0957427108)
    assert row["max_drawdown"] == pytest.approx(0.2)


def test_a_configuration_without_a_trade_has_no_means() -> None:
    """Undefined is null, not 0 and not NaN; its drawdown is 0."""
    row = figures_frame(empty_sums(1, 3, 0)).row(0, named=True)
    assert (row["trades"], row["total_return"], row["max_drawdown"]) == (0, 0.0, 0.0)
    for name in ("mean_return", "win_share", "profit_factor", "sharpe_trade", "sharpe_day"):
        assert row[name] is None


def test_portfolio_rules_are_replayed_and_say_so() -> None:
    """Slots make configurations depend on all symbols: they are replayed one by one, to the same result."""
    candles, wanted = market(), configurations()[:2]
    found = run_grid(GridJob(candles, wanted, slots=1))
    assert not found.is_fast.any()
    for place, strategy in enumerate(wanted):
        assert found.figures["trades"][place] == replay(candles, strategy, slots=1).trades.height


def test_what_the_shared_loop_does_not_know_is_replayed() -> None:
    """Parts, additions, limit entries, a cap of the stake: one replay each, beside plain ones in one grid."""
    candles, plain = market(), configurations()[1]
    wanted = [
        plain,
        replace(plain, parts=(Part(0.5, at=0.01),)),
        replace(plain, additions=(Addition(at=-0.005, share=1.0),)),
        replace(plain, costs=replace(plain.costs, entry_rests=True)),
        replace(plain, sizing=replace(plain.sizing, most=50.0)),
    ]
    found = run_grid(GridJob(candles, wanted))
    assert found.is_fast.tolist() == [True, False, False, False, False]
    for place, strategy in enumerate(wanted):
        trades = replay(candles, strategy).trades
        assert found.figures["trades"][place] == trades.height > 0
        assert found.figures["total_return"][place] == pytest.approx(trades["profit_ratio"].sum(), abs=1e-12)


def test_a_grid_without_configurations_or_with_a_million_is_refused() -> None:
    """The message names the bound."""
    with pytest.raises(BadInput, match="1 to 100,000 configurations, had 0"):
        run_grid(GridJob(market(1, 50), []))
    many = configurations()[:1] * 1_000_000
    with pytest.raises(BadInput, match=r"had 1,000,000: about 0 CPU-s and \d+ MB"):
        run_grid(GridJob(market(1, 50), many))


def test_a_grid_that_would_keep_too_much_is_refused_before_it_runs() -> None:
    """100,000 configurations x 5,000 symbols x 6 figures x 8 bytes are 24 GB."""
    cost = estimate(100_000, 10_000_000, 30, symbols=5_000)
    assert cost.memory_mb > 24_000 > MOST_MB
    assert "CPU-s" in str(cost)


def test_entries_begin_where_asked() -> None:
    """`since_ms` lets candles before it warm indicators up only, as for a replay."""
    candles, wanted = market(), configurations()[:6]
    since = int(candles.bars.open_ms[400])
    found = run_grid(GridJob(candles, wanted, since_ms=since))
    for place, strategy in enumerate(wanted):
        trades = replay(candles, strategy, since_ms=since).trades
        assert found.figures["trades"][place] == trades.height > 0
        assert found.figures["total_return"][place] == pytest.approx(trades["profit_ratio"].sum(), abs=1e-12)


def test_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One symbol a block gives what one block gives: blocks bound memory and nothing else."""
    candles, wanted = market(), configurations()[:6]
    whole = run_grid(GridJob(candles, wanted, is_by_symbol=True))
    monkeypatch.setattr(grid_fast, "_MASK_BYTES", 1)
    parts = run_grid(GridJob(candles, wanted, is_by_symbol=True))
    assert whole.by_symbol is not None
    assert whole.by_symbol.equals(parts.by_symbol)
    assert_frame_equal(whole.figures, parts.figures)


WORDS = (
    "rsi_14 < 40",
    "rsi_14 != 50",
    "NOT rsi_14 > 45",
    "NOT (rsi_14 > 45 OR close / ema_20 > 1.02)",
    "crosses_above(close, ema_20)",
    "NOT crosses_below(rsi_14, 50)",
    "(rsi_14 < 40)[3]",
    "NOT (crosses_above(rsi_14, 40))[1]",
    "any(rsi_14 < 30, 5) AND close > ema_20[2]",
    "30 < rsi_14 < 45 OR volume == 0",
    "min(rsi_14, 50) < 40 AND -1 < rsi_14",
)


@pytest.mark.parametrize("text", WORDS)
def test_masks_say_what_the_expression_says(text: str) -> None:
    """Unknown is never true, not behind NOT either; symbols do not reach into each other."""
    candles = market(3, 120)
    asked = condition(text, known=lambda name: True)
    table = column_table(candles.bars, asked.indicators)
    expected = asked.of(table).fill_null(value=False).to_numpy()
    np.testing.assert_array_equal(Masks(table).of(asked.tree), expected)
    assert 0 < expected.sum() < len(expected)
