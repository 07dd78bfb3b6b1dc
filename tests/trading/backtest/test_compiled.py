"""Compilation: what a second process may not do again, what is said of it, and what numba must not drop."""

import subprocess
import sys

import numpy as np
from numba import njit

from trading.backtest.compiled import lean
from trading.backtest.compiling import compilations

RUN = """
import numpy as np, polars as pl
from trading.backtest.compiling import compilations
with compilations() as count:
    from trading.backtest.candle_file import candle_file
    from trading.backtest.grid import GridJob, run_grid
    from trading.backtest.replay import Mode, replay
    from trading.backtest.strategy_file import parse_strategy
    close = 50 + np.sin(np.arange(400) / 5)
    bars = {"open": close, "high": close + 0.1, "low": close - 0.1, "close": close, "volume": 1e6}
    frame = pl.DataFrame({"symbol": "A/USDT", "ts": np.arange(400) * 3_600_000, **bars})
    text = '[entry]\\nwhen = "rsi_14 < 40"\\n[risk]\\nstoploss = 0.02\\n[stake]\\namount = 10'
    rules = parse_strategy(text)
    candles = candle_file(frame)
    for mode in Mode:
        for slots in (0, 2):
            assert replay(candles, rules, mode, slots=slots).trades.height
    run_grid(GridJob(candles, [rules]))
    print(count())
"""


def _compiled_in_a_new_process() -> int:
    done = subprocess.run([sys.executable, "-c", RUN], check=True, capture_output=True, text=True)
    return int(done.stdout.splitlines()[-1])


def test_a_second_process_compiles_nothing() -> None:
    """All loops of `sluice backtest` and of a grid come from the disk's cache, whatever ran before."""
    _compiled_in_a_new_process()
    assert _compiled_in_a_new_process() == 0


def test_compiling_is_told_once_and_counted() -> None:
    """Two functions compiled: one word of it, a count of two; what is compiled already counts nothing."""
    told: list[str] = []
    functions = [njit(lambda x: x + 1), njit(lambda x: x + 2)]
    with compilations(lambda: told.append("compiling")) as count:
        for function in functions * 2:
            function(1)
        assert count() == 2
    assert told == ["compiling"]


def test_lean_functions_count_no_references() -> None:
    """What `lean` is for: arrays taken out of a tuple are not counted in and out.

    It rests on numba's option `_nrt`, which is not documented. If this fails after an upgrade of numba, do
    as docs/decisions/0028 says; results do not depend on it, only speed does.
    """

    def walked(arrays: tuple[np.ndarray, np.ndarray], n: int) -> float:
        own = arrays[0]
        total = 0.0
        for k in range(n):
            if k % 3 == 1:
                own = arrays[k % 2]
            total += own[k]
        return total

    signature = "float64(UniTuple(float64[::1], 2), int64)"
    counted, plain = njit(signature)(walked), lean(signature)(walked)
    assert any("NRT_incref" in text for text in counted.inspect_llvm().values())
    assert not any("NRT_incref" in text for text in plain.inspect_llvm().values())
    assert plain((np.ones(4), np.ones(4)), 4) == counted((np.ones(4), np.ones(4)), 4) == 4.0


def test_a_backtest_starts_without_pandas() -> None:
    """pandas costs a CPU second and no array needs it; TA-Lib's package would import it."""
    asked = "import sys, trading.backtest.replay; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_talib_imported_later_wraps_the_same_functions() -> None:
    """Who imports the package after us gets all of it, and we still get the bare functions."""
    asked = (
        "import numpy as np; from trading.indicators.families.engine import plain; x = np.random.rand(50);"
        "before = plain('RSI')(x, 14); import talib, pandas as pd;"
        "after, series = plain('RSI')(x, 14), talib.RSI(pd.Series(x), 14);"
        "print(np.array_equal(before, after, equal_nan=True),"
        " np.array_equal(before, series.to_numpy(), equal_nan=True))"
    )
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"]
