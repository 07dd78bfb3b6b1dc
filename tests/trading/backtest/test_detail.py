"""Minutes fetched for ambiguous bars only, from a lake: what they decide, and when they do not."""

from pathlib import Path

import polars as pl
import pytest

from trading.backtest.candle_file import CandleFile, candle_file
from trading.backtest.detail import replay_with_minutes, stored_minutes
from trading.backtest.strategy_file import parse_strategy
from trading.market.frames import CANDLES
from trading.store.candles import CandleStore

MINUTE = 60_000
NAMES = ["symbol", "ts", "open", "high", "low", "close", "volume"]
RULES = parse_strategy("""[entry]
when = "close == 99"
[risk]
stoploss = 0.02
roi = { "0" = 0.03 }
[stake]
amount = 100
[costs]
fee = 0
half_spread = 0
slippage = 0
impact = 0
""")
# Bars of five minutes. A signal on bar 1, entry at 100 on bar 2; bar 3 touches 98 and 103. Twice over.
ROUND = [(100, 100, 100, 100), (100, 100, 99, 99), (100, 101, 99.5, 100), (100, 104, 97, 100)]


def _candles() -> CandleFile:
    rows = [("A/USDT", place * 5 * MINUTE, *prices, 1.0) for place, prices in enumerate(ROUND * 2)]
    return candle_file(pl.DataFrame(rows, schema=NAMES, orient="row", strict=False))


def _store(folder: Path, minutes: list[tuple]) -> CandleStore:
    store = CandleStore(folder)
    frame = pl.DataFrame(
        [("A/USDT", place * MINUTE, *prices, 1.0) for place, *prices in minutes],
        schema=NAMES,
        orient="row",
        strict=False,
    ).with_columns(open_time=pl.col("ts").cast(pl.Datetime("ms", "UTC")))
    wanted = [pl.col(n).cast(t) if n in frame.columns else pl.lit(0).cast(t).alias(n)
              for n, t in CANDLES.items()]  # fmt: skip
    store.append("1m", frame.select(wanted), tag="test")
    return store


UP_FIRST = [(15, 100, 104, 100, 103), (16, 103, 103, 97, 98), (17, 98, 100, 98, 100)]
DOWN_FIRST_LATER = [(35, 100, 100, 97, 98), (36, 98, 104, 98, 100)]


def test_only_the_minutes_of_ambiguous_bars_are_asked_and_they_decide(tmp_path: Path) -> None:
    """The first position went up first, the second down; the spans asked are bars 3 and 7, nothing else."""
    store = _store(tmp_path, [*UP_FIRST, *DOWN_FIRST_LATER, (50, 1, 1, 1, 1)])
    asked: list[tuple] = []
    fetch = stored_minutes(store)

    def watched(spans: pl.DataFrame) -> pl.DataFrame:
        asked.extend(spans.rows())
        return fetch(spans)

    found = replay_with_minutes(_candles(), RULES, watched)
    assert found.trades["exit_reason"].to_list() == ["roi", "stop_loss"]
    assert found.trades["close_rate"].to_list() == [103.0, 98.0]
    assert (found.ambiguous, found.resolved) == (0, 2)
    assert sorted(asked) == [("A/USDT", 15 * MINUTE, 20 * MINUTE), ("A/USDT", 35 * MINUTE, 40 * MINUTE)]


@pytest.mark.parametrize(
    "minutes", [[], UP_FIRST[:1], [UP_FIRST[0], UP_FIRST[2]]], ids=["none", "one", "hole"]
)
def test_minutes_that_do_not_show_the_bar_leave_the_stop(minutes: list, tmp_path: Path) -> None:
    """A hole could hide what came first: the bar's own high and low must be among its minutes."""
    store = CandleStore(tmp_path) if not minutes else _store(tmp_path, minutes)
    found = replay_with_minutes(_candles(), RULES, stored_minutes(store))
    assert found.trades["exit_reason"].to_list() == ["stop_loss", "stop_loss"]
    assert (found.ambiguous, found.resolved) == (2, 0)
