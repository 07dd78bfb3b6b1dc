"""vectorbt's trades of arrays, run by its own interpreter: ``python vectorbt_trades.py FOLDER``.

FOLDER holds `arrays.npz` (open, high, low, close, entries, exits of bars x symbols; masks say on which bar's
open they act) and `rules.json` (stop, target; null = off). Prints [symbol, entry bar, exit bar, entry price,
exit price, is open] per trade as JSON.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    """Read, run, print."""
    import numpy as np
    import pandas as pd
    import vectorbt as vbt

    folder = Path(sys.argv[1])
    data, rules = np.load(folder / "arrays.npz"), json.loads((folder / "rules.json").read_text())
    stops = {
        name: np.nan if rules[key] is None else rules[key]
        for name, key in (("sl_stop", "stop"), ("tp_stop", "target"))
    }
    portfolio = vbt.Portfolio.from_signals(
        pd.DataFrame(data["close"]), data["entries"], data["exits"], price=data["open"], open=data["open"],
        high=data["high"], low=data["low"], stop_entry_price="fillprice", stop_exit_price="stopmarket",
        upon_long_conflict="exit", accumulate=False, fees=0.0, slippage=0.0, init_cash=1e6, freq="1h",
        **stops,
    )  # fmt: skip
    found = portfolio.trades.records
    rows = [
        [
            int(t.col),
            int(t.entry_idx),
            int(t.exit_idx),
            float(t.entry_price),
            float(t.exit_price),
            int(t.status) == 0,
        ]
        for t in found.itertuples()
    ]
    print(json.dumps(sorted(rows)))


if __name__ == "__main__":
    main()
