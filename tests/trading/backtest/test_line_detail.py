"""The line asks for minutes of its ambiguous bars only, and trades again with those."""

import polars as pl

from trading.backtest.candle_file import CandleFile
from trading.backtest.costs import CostModel
from trading.backtest.engine import BacktestResult, BacktestRules, run_backtest
from trading.backtest.line_detail import with_minutes
from trading.risk.exits import ExitRules

FREE = CostModel(taker_fee=0, half_spread=0, base_slippage=0, impact=0)
EXITS = ExitRules(stop_loss=0.1, take_profit=0.1, max_hold_bars=None)
BAR_MS = 900_000


def test_an_ambiguous_bar_is_told_by_its_minutes_and_others_are_never_asked_for(market) -> None:
    """A's bar 2 spans 85 to 115 round 90 and 110, and its minutes rise first; B has no minutes: a stop."""
    bars = [[100, 100, 100, 100, 1e3]] * 2 + [[100, 115, 85, 100, 1e3]] + [[100, 100, 100, 100, 1e3]]
    candles = pl.concat([market.candles(name, bars) for name in ("A/USDT", "B/USDT", "C/USDT")])
    signals = pl.concat(
        [market.signals(candles.filter(pl.col("symbol") == name), [0], []) for name in ("A/USDT", "B/USDT")]
    )
    listed = market.markets_of(candles, 0.0)
    start = candles["open_time"].dt.epoch("ms")[2]
    asked = []

    def fetch(spans: pl.DataFrame) -> pl.DataFrame:
        asked.extend(spans.rows())
        return pl.DataFrame(
            {"symbol": "A/USDT", "ts": [start, start + 60_000], "open": [100.0, 112.0],
             "high": [112.0, 115.0], "low": [100.0, 85.0], "close": [112.0, 100.0], "volume": [1.0, 1.0]}
        )  # fmt: skip

    def run(detail: CandleFile | None) -> BacktestResult:
        rules = BacktestRules(random_draws=5)
        return run_backtest(candles, signals, listed, EXITS, FREE, rules=rules, bar_ms=BAR_MS, detail=detail)

    found = with_minutes(run, candles, BAR_MS, fetch)
    assert asked == [(name, start, start + BAR_MS) for name in ("A/USDT", "B/USDT")]
    assert found.trades["exit_reason"].to_list() == ["take_profit", "stop_loss"]
    told = found.metrics.select("ambiguous_bars", "resolved_bars").rows()
    assert told == [(0, 1), (1, 0), (0, 0)]


def test_without_an_ambiguous_bar_nothing_is_asked(market) -> None:
    """No trade, no doubt: the first run is the answer."""
    candles = market.candles("A/USDT", [[100, 100, 100, 100, 1e3]] * 4)
    listed = market.markets_of(candles, 0.0)

    def never(_: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("asked for minutes that nobody needs")

    def run(detail: CandleFile | None) -> BacktestResult:
        assert detail is None
        rules = BacktestRules(random_draws=5)
        return run_backtest(candles, market.signals(candles, [0], []), listed, EXITS, FREE, rules=rules)

    assert len(with_minutes(run, candles, BAR_MS, never).trades) == 1
