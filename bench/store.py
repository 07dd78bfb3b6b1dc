"""What candles cost the store: a day of minutes of the whole market, and the three questions asked of 30.

Held to CPU seconds of a quiet machine (see `bench.calibration`). 2,610 symbols x 1,440 minutes, walks on a
tick grid with lots on a step grid: a fifth of the pairs hardly trades, a third trades every minute. Bytes a
row depend on the data, so a second day whose volumes use every bit of a double is shown beside it, and is
held to the same bound. Needs about 6 GB of disk and three minutes.
"""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.calibration import slowness
from bench.harness import Measured, against_bound, measure
from trading.market.frames import CANDLES
from trading.market.timeframes import DAY_MS, MINUTE_MS, to_ms
from trading.store.candle_checks import sift
from trading.store.candles import CandleStore

SYMBOLS, MINUTES, DAYS = 2_610, 1_440, 30
FIRST = datetime(2025, 6, 1, tzinfo=UTC)
END = FIRST + timedelta(days=DAYS)
DAY_CPU_S, ROW_BYTES = 6.0, 36.0
TAIL_BARS, TAIL_CPU_S = 500, 1.5
OPEN_CPU_S, CLOSED_CPU_S = 0.4, 0.05
_DISK_BYTES = 6e9


def run() -> list[dict[str, Any]]:
    """Measure and return one line per bound, and what the rewrite cost."""
    if shutil.disk_usage(tempfile.gettempdir()).free < _DISK_BYTES:
        return [{"name": "store", "ok": None, "reason": f"needs {_DISK_BYTES / 1e9:.0f} GB of free disk"}]
    with tempfile.TemporaryDirectory(prefix="bench-store-") as folder:
        return [*days(Path(folder) / "days"), *questions(Path(folder) / "month")]


def days(root: Path) -> Iterator[dict[str, Any]]:
    """Yield what checking and writing one day costs, for ordinary and for incompressible volumes."""
    for name, is_dense in (("store day", False), ("store day dense", True)):
        bars = day_of_minutes(0, is_dense=is_dense)
        target = root / name.replace(" ", "-")

        def write(bars: pl.DataFrame = bars, target: Path = target) -> None:
            shutil.rmtree(target, ignore_errors=True)
            keep(CandleStore(target), bars)

        line = _line(name, f"{bars.height:,} 1m bars checked and written", measure(write), DAY_CPU_S)
        each = stored_bytes(target) / bars.height
        yield line | {
            "row_bytes": round(each, 2),
            "row_bytes_bound": ROW_BYTES,
            "ok": line["ok"] and each <= ROW_BYTES,
        }


def questions(root: Path) -> Iterator[dict[str, Any]]:
    """Yield what the three questions cost with 30 days stored, and the rewrite between them."""
    store = CandleStore(root)
    for number in range(DAYS):
        keep(store, day_of_minutes(number))
    symbols = [f"S{number:04d}/USDT" for number in range(40, SYMBOLS, SYMBOLS // 10)]
    tail = measure(lambda: store.last_bars("1m", TAIL_BARS, until=END))
    assert tail.value.height == SYMBOLS * TAIL_BARS
    yield _line("store tail", f"last {TAIL_BARS} bars of {SYMBOLS:,} symbols", tail, TAIL_CPU_S)
    # Half the window lies in the day before.
    noon = measure(lambda: store.last_bars("1m", TAIL_BARS, until=END - timedelta(hours=20)))
    yield _line("store tail over midnight", "the same over two days", noon, TAIL_CPU_S)
    yield _line("store symbol open", *one_symbol(store, symbols), OPEN_CPU_S)
    rewrite = measure(lambda: store.rewrite_month("1m", f"{FIRST:%Y-%m}"), repeat=1, warm_up=False)
    by_symbol = measure(lambda: store.last_bars("1m", TAIL_BARS, until=END))
    assert by_symbol.value.equals(tail.value)
    # At the beginning of a month the newest bars can lie in one that was rewritten already.
    yield _line("store tail closed", f"the same in a month by symbol, {DAYS} days", by_symbol, TAIL_CPU_S)
    yield _line("store symbol closed", *one_symbol(store, symbols), CLOSED_CPU_S) | {
        "rewrite_cpu_s": round(rewrite.cpu_s, 1),
        "rewrite_wall_s": round(rewrite.wall_s, 1),
        "row_bytes": round(stored_bytes(root) / (SYMBOLS * MINUTES * DAYS), 2),
    }


def keep(store: CandleStore, bars: pl.DataFrame) -> None:
    """Check a day of bars and store it."""
    sound, unsound = sift(bars, "1m", END)
    assert unsound.is_empty()
    store.append("1m", sound, tag="bench")


def one_symbol(store: CandleStore, symbols: list[str]) -> tuple[str, Measured]:
    """Return what reading one symbol over the 30 days costs, the mean of several symbols."""

    def ask() -> int:
        return sum(store.read("1m", start=FIRST, end=END, symbols=[name]).height for name in symbols)

    found = measure(ask)
    assert found.value == len(symbols) * MINUTES * DAYS
    each = Measured(found.cpu_s / len(symbols), found.wall_s / len(symbols), found.peak_rss_mb)
    return f"one symbol over {DAYS} days, mean of {len(symbols)}", each


def day_of_minutes(number: int, *, is_dense: bool = False) -> pl.DataFrame:
    """Return day `number` of the whole market (`CANDLES`, sorted), the same for the same number.

    `is_dense`: every minute trades and no lot is rounded.
    """
    pairs, draw = np.random.default_rng(20250601), np.random.default_rng([20250601, number])
    shape = (SYMBOLS, MINUTES)
    busy = np.clip(pairs.lognormal(-0.3, 0.7, SYMBOLS), 0.05, 1.0)[:, None]
    tick = 10.0 ** -pairs.integers(2, 9, SYMBOLS)[:, None]
    lot = 10.0 ** -pairs.integers(0, 7, SYMBOLS)[:, None]
    level = pairs.lognormal(8.5, 1.6, SYMBOLS).clip(50, 5e6)[:, None]
    size = np.exp(pairs.normal(9, 2.0, SYMBOLS))[:, None]
    traded = np.ones(shape, bool) if is_dense else draw.random(shape) < busy
    spread = np.maximum(level * 0.0008, 0.6)
    close = np.rint(np.maximum(level + np.cumsum(draw.standard_normal(shape) * spread * traded, axis=1), 10))
    first = np.concatenate([np.rint(level), close[:, :-1]], axis=1)
    wick = np.rint(np.abs(draw.standard_normal((2, *shape))) * spread * 0.5) * traded
    high, low = np.maximum(first, close) + wick[0], np.maximum(np.minimum(first, close) - wick[1], 1)
    amount = draw.lognormal(0, 1.2, shape) * size * traded
    volume = (amount if is_dense else np.rint(amount)) * lot
    turnover = volume * (first + close) / 2 * tick
    opens = to_ms(FIRST) + number * DAY_MS + MINUTE_MS * np.arange(MINUTES)
    names = pl.Series([f"S{pair:04d}/USDT" for pair in range(SYMBOLS)])
    values = (first * tick, high * tick, low * tick, close * tick, volume, turnover)
    return pl.DataFrame(
        {
            "symbol": names.gather(np.repeat(np.arange(SYMBOLS, dtype=np.uint32), MINUTES)),
            "open_time": pl.Series(np.tile(opens, SYMBOLS)).cast(pl.Datetime("ms", "UTC")),
        }
        | {name: value.ravel() for name, value in zip(list(CANDLES)[2:], values, strict=True)},
        schema=CANDLES,
    )


def stored_bytes(root: Path) -> int:
    """Return the bytes of all candle files under a lake root."""
    return sum(path.stat().st_size for path in root.rglob("*.parquet"))


def _line(name: str, work: str, ours: Measured, bound: float) -> dict[str, Any]:
    return against_bound(name, work, ours, bound_cpu_s=bound, slowness=slowness(1))
