"""Make vectorbt's trades on seeded candles anew, for the test that holds our default mode to them.

Only the answers are kept; the candles come from a seed. Needs an environment with vectorbt, of its own (it
cannot share one with this project):

    uv venv VBTENV --python 3.12 && uv pip install --python VBTENV/bin/python vectorbt==1.2.0
    .venv/bin/python scripts/vectorbt_expected.py VBTENV/bin/python
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = ROOT / "tests" / "trading" / "backtest" / "vectorbt"
SYMBOLS, BARS = 6, 1_500
Arrays = dict[str, NDArray[np.float64] | NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class PeerSet:
    """One data set; `stop` and `target` are fractions of the entry, None = off."""

    name: str
    seed: int
    stop: float | None
    target: float | None
    has_exits: bool


SETS = (
    PeerSet("levels", 3, 0.08, 0.10, has_exits=False),
    PeerSet("signals", 5, None, None, has_exits=True),
    PeerSet("tight", 7, 0.01, 0.02, has_exits=True),
)


def arrays(of: PeerSet) -> Arrays:
    """Return the set's bars x symbols: opens of whole cents, so that levels are whole ticks of 1e-4.

    One bar in forty opens away from the close before it, so that levels are jumped over.
    """
    draw = np.random.default_rng(of.seed)
    shape = (BARS, SYMBOLS)
    jump = np.where(draw.random(shape) < 1 / 40, draw.normal(0, 0.03, shape), 0.0)
    steps = draw.normal(0, 0.006, shape)
    close = 100 * np.exp(np.cumsum(steps + jump, axis=0))
    opened = np.round(close / np.exp(steps), 2)
    close = np.round(close, 2)
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    return {
        "open": opened,
        "high": np.round(top * (1 + 0.004 * draw.random(shape)), 4),
        "low": np.round(bottom * (1 - 0.004 * draw.random(shape)), 4),
        "close": close,
        "entries": _mask(draw, shape, 1 / 25),
        "exits": _mask(draw, shape, 1 / 30 if of.has_exits else 0.0),
    }


def _mask(draw: np.random.Generator, shape: tuple[int, int], share: float) -> NDArray[np.bool_]:
    mask = draw.random(shape) < share
    mask[0] = False  # it says on which bar's open it acts: something must have said so before
    return mask


def main() -> None:
    """Run vectorbt on every set and write its trades."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        raise SystemExit(2)
    EXPECTED.mkdir(exist_ok=True)
    for of in SETS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            np.savez(folder / "arrays.npz", **arrays(of))
            (folder / "rules.json").write_text(json.dumps({"stop": of.stop, "target": of.target}))
            command = [sys.argv[1], str(ROOT / "scripts" / "vectorbt_trades.py"), name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        trades = json.loads(done.stdout.splitlines()[-1])
        lines = ",\n".join("  " + json.dumps(trade) for trade in trades)
        columns = '["symbol", "entry", "exit", "entry_price", "exit_price", "is_open"]'
        (EXPECTED / f"{of.name}.json").write_text(
            f'{{\n "columns": {columns},\n "trades": [\n{lines}\n ]\n}}\n'
        )
        print(f"{of.name}: {len(trades)} trades")


if __name__ == "__main__":
    main()
