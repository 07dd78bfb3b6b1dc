"""vectorbt's side of `bench.backtest`, run by its own interpreter: ``python vectorbt_run.py FOLDER``.

Arrays of symbol x time lie in FOLDER; entries and exits say on which bar's open they act. Its fastest way:
the rust back end, stop and target, records only. Prints one JSON line.
"""

import json
import resource
import sys
import time
from pathlib import Path


def main() -> None:
    """Load, warm up on a few symbols, measure the whole."""
    import numpy as np
    import pandas as pd
    import vectorbt as vbt

    folder = Path(sys.argv[1])
    names = ("open", "high", "low", "close", "entries", "exits")
    data = {name: np.ascontiguousarray(np.load(folder / f"{name}.npy").T) for name in names}
    close = pd.DataFrame(data["close"])

    def go(until: int) -> int:
        cut = {name: values[:, :until] for name, values in data.items()}
        portfolio = vbt.Portfolio.from_signals(
            close.iloc[:, :until], cut["entries"], cut["exits"], price=cut["open"], open=cut["open"],
            high=cut["high"], low=cut["low"], sl_stop=0.03, tp_stop=0.06, fees=0.001, slippage=0.0005,
            stop_entry_price="fillprice", stop_exit_price="stopmarket", freq="1h", init_cash=1.0,
            engine="rust", max_orders=int(cut["entries"].sum()) * 2 + 10,
        )  # fmt: skip
        return len(portfolio.order_records)

    go(10)
    before = resource.getrusage(resource.RUSAGE_SELF)
    base = _rss_mb()
    started = time.perf_counter()
    orders = go(close.shape[1])
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "cpu_s": cpu,
                "wall_s": time.perf_counter() - started,
                "orders": orders,
                "extra_mb": _peak_mb() - base,
            }
        )
    )


def _status(key: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024 / 1e6


def _rss_mb() -> float:
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    return _status("VmRSS")


def _peak_mb() -> float:
    return _status("VmHWM")


if __name__ == "__main__":
    main()
