"""Mode freqtrade, held trade for trade to what freqtrade itself answered on the same candles.

The answers are kept; the candles are made anew by the embedded exchange's generator.
`scripts/freqtrade_expected.py` makes the answers again.
"""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from trading.backtest.candle_file import candle_file, read_markets
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy_file import read_strategy

_HERE = Path(__file__).parent / "freqtrade"
_SCRIPT = Path(__file__).parents[3] / "scripts" / "freqtrade_expected.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("freqtrade_expected", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PEER = _load()


@pytest.mark.parametrize("of", PEER.SETS, ids=[of.name for of in PEER.SETS])
def test_every_trade_is_freqtrade_s(of, tmp_path: Path) -> None:
    """Symbol, times, rates, amount and reason of every trade are equal: the list of differences is empty.

    freqtrade rounds money to eight decimals before it divides, so profit ratios may differ by 1e-9.
    """
    frame, rules = PEER.candles(of)
    expected = json.loads((_HERE / f"{of.name}.json").read_text())
    assert str(frame.hash_rows(seed=0).sum()) == expected["candles"], "the generator has changed: make anew"
    (tmp_path / "markets.json").write_text(json.dumps(rules))
    ours = replay(
        candle_file(frame),
        read_strategy(_HERE / f"{of.name}.toml"),
        Mode.FREQTRADE,
        fee=PEER.FEE,
        slots=of.slots,
        markets=read_markets(tmp_path / "markets.json"),
    ).trades
    theirs = pl.DataFrame(expected["trades"], schema=expected["columns"], orient="row").select(
        symbol="pair",
        open_ts=pl.col("open_date").str.to_datetime(time_zone="UTC").cast(pl.Datetime("ms", "UTC")),
        close_ts=pl.col("close_date").str.to_datetime(time_zone="UTC").cast(pl.Datetime("ms", "UTC")),
        exit_reason=pl.col("exit_reason").replace("trailing_stop_loss", "trailing_stop"),
        **{name: pl.col(name) for name in ("open_rate", "close_rate", "amount", "profit_ratio")},
    )
    key = ["symbol", "open_ts"]
    ours, theirs = ours.sort(key), theirs.sort(key)
    exact = ["symbol", "open_ts", "close_ts", "exit_reason", "open_rate", "close_rate", "amount"]
    both = ours.join(theirs, on=key, how="full", suffix="_theirs")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_theirs")) for name in exact)
    assert both.filter(differs).is_empty(), both.filter(differs).select(sorted(both.columns))
    # Money of eight decimals: the same but for a tie of the ninth, which is then one unit apart.
    apart = (both["profit_ratio"] - both["profit_ratio_theirs"]).abs()
    assert (apart * both["amount"] * both["open_rate"]).max() < 1.1e-8
    assert (apart < 1e-12).mean() > 0.95
    assert len(ours) == len(theirs) >= 200
